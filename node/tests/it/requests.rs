use crate::park::{Node, PATIENCE, Park, participant, submit};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use wattle_client::api::{EventState, Problem};
use wattle_client::{Author, ClientError, Outcome};
use wattle_ledger::event::SignedEvent;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::limits::EVENT_BYTES_MAX;
use wattle_market::interval::Timestamp;

/// A request as it stands, and the status and body of the answer.
fn raw(node: &Node, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(node.http_addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The node may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    (
        status.unwrap_or_else(|| panic!("no status in {answer:?}")),
        body.unwrap(),
    )
}

fn post(node: &Node, query: &str, body: &[u8]) -> (u16, String) {
    let head = format!(
        "POST /v1/events{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    raw(node, &[head.as_bytes(), body].concat())
}

fn get(node: &Node, target: &str) -> (u16, String) {
    let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    raw(node, request.as_bytes())
}

fn problem(text: &str) -> Problem {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

#[test]
fn bad_events_are_refused_by_name_and_leave_no_leaf() {
    let park = Park::new(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    submit(&client, &mut registrar, participant(1));
    let before = node.status().tree_size;

    let sign = |key: &SigningKey, sequence, park_id| -> SignedEvent {
        Author::new(park_id, key.clone(), sequence).sign(participant(2), Timestamp(0))
    };
    let id = park.id();
    let stranger = SigningKey::from_seed(&[77; 32]);
    let mut flipped = sign(&park.registrar, 2, id).bytes().to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let other_park = wattle_ledger::hash::Hash([9; 32]);
    let cases: [(&str, Vec<u8>, u16, u16); 8] = [
        ("malformed_event", Vec::new(), 400, 1),
        ("malformed_event", vec![0xff; 500], 400, 1),
        ("event_too_large", vec![0; EVENT_BYTES_MAX + 1], 413, 2),
        ("bad_signature", flipped, 422, 3),
        (
            "bad_signature",
            sign(&park.registrar, 2, other_park).bytes().to_vec(),
            422,
            3,
        ),
        (
            "unknown_key",
            sign(&stranger, 1, id).bytes().to_vec(),
            422,
            4,
        ),
        (
            "wrong_sequence",
            sign(&park.registrar, 5_000, id).bytes().to_vec(),
            409,
            6,
        ),
        (
            "sequence_used",
            sign(&park.registrar, 1, id).bytes().to_vec(),
            409,
            7,
        ),
    ];
    for (name, body, status, code) in cases {
        let (found, text) = post(&node, "?wait_ms=5000", &body);
        let problem = problem(&text);
        assert_eq!(
            (found, problem.code, problem.name.as_str()),
            (status, Some(code), name)
        );
        assert!(problem.detail.ends_with('.'), "{}", problem.detail);
    }
    let refused = client
        .submit(&sign(&park.registrar, 1, id), PATIENCE)
        .unwrap_err();
    assert!(
        matches!(&refused, ClientError::Refused(r) if r.code == 7),
        "{refused}"
    );
    assert_eq!(node.status().tree_size, before);
    // A rule's refusal of something that was well signed is recorded.
    let mut registrar = park.author(&client, &park.registrar);
    let event = registrar.sign(participant(1), Timestamp(0));
    let Outcome::Committed(outcome) = client.submit(&event, PATIENCE).unwrap() else {
        panic!("pending")
    };
    let (place, item) = outcome.first_refusal().unwrap();
    assert_eq!((place, item.name.as_str()), (0, "id_taken"));
    submit(&client, &mut registrar, participant(2));
}

#[test]
fn bad_requests_get_a_problem_document() {
    let park = Park::new(1);
    let node = park.start(1);
    let cases = [
        ("/nothing", 404, "not_found"),
        ("/v1/book", 400, "malformed_request"),
        ("/v1/book?interval=x", 400, "malformed_request"),
        ("/v1/book?interval=1&interval=2", 400, "malformed_request"),
        ("/v1/book?interval=1&hidden=2", 400, "malformed_request"),
        ("/v1/prices?from=2&to=1", 400, "malformed_request"),
        (
            "/v1/prices?from=0&to=18446744073709551615",
            400,
            "malformed_request",
        ),
        ("/v1/keys/zz", 400, "malformed_request"),
        ("/v1/events/0", 400, "malformed_request"),
        ("/v1/balance?participant=1", 401, "unauthorized"),
        ("/checkpoint/-1", 400, "malformed_request"),
        ("/checkpoint/7777", 404, "not_found"),
        ("/tile/0/0", 404, "not_found"),
        ("/tile/0/../../keys/log.pem", 404, "not_found"),
        ("/tile/0/%2e%2e/keys", 404, "not_found"),
        ("/tile/5/000", 404, "not_found"),
        ("/tile/entries/000", 401, "unauthorized"),
    ];
    for (target, status, name) in cases {
        let (found, text) = get(&node, target);
        assert_eq!(
            (found, problem(&text).name.as_str()),
            (status, name),
            "{target}"
        );
    }
    let unknown = format!("/v1/keys/{}", SigningKey::from_seed(&[7; 32]).public());
    assert_eq!(get(&node, &unknown).0, 404);
    let delete = b"DELETE /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let (status, text) = raw(&node, delete);
    assert_eq!(
        (status, problem(&text).name.as_str()),
        (405, "method_not_allowed")
    );
    let long = format!("GET /?{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000));
    assert!([414, 431].contains(&raw(&node, long.as_bytes()).0));
    assert_eq!(raw(&node, b"nonsense\r\n\r\n").0, 400);
    assert_eq!(get(&node, "/livez"), (200, "ok\n".to_owned()));
}

#[test]
fn clients_that_send_slowly_or_hang_up_do_not_hold_up_others() {
    let park = Park::new(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(node.http_addr()).unwrap();
        stream
            .write_all(b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n")
            .unwrap();
        slow.push(stream);
    }
    let start = Instant::now();
    submit(&client, &mut registrar, participant(1));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "took {:?}",
        start.elapsed()
    );
    // Clients that hang up right after sending cannot know whether they were heard; who then sends
    // the same bytes again gets one outcome, and the event acted once.
    let event = registrar.sign(participant(2), Timestamp(0));
    for _ in 0..20 {
        let mut stream = TcpStream::connect(node.http_addr()).unwrap();
        let head = format!(
            "POST /v1/events?wait_ms=9000 HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            event.bytes().len()
        );
        let _ = stream.write_all(&[head.as_bytes(), event.bytes()].concat());
    }
    let Outcome::Committed(outcome) = client.submit(&event, PATIENCE).unwrap() else {
        panic!("pending")
    };
    assert_eq!(outcome.first_refusal(), None);
    assert_eq!(
        client.event(&event.hash()).unwrap(),
        EventState::Committed(outcome)
    );
    submit(&client, &mut registrar, participant(3));
    assert_eq!(client.registry().unwrap().participants.len(), 3);
    drop(slow);
}

#[test]
fn health_and_metrics_tell_the_truth() {
    let park = Park::new(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    submit(&client, &mut registrar, participant(1));
    let (status, text) = get(&node, "/readyz?verbose");
    assert_eq!(status, 200, "{text}");
    for check in ["leader", "applied", "disk", "clock"] {
        assert!(text.contains(&format!("[+] {check}: ok\n")), "{text}");
    }
    let (_, text) = get(&node, "/metrics");
    for line in [
        "wattle_raft_is_leader 1",
        "wattle_alarms_total 0",
        "wattle_events_promised 0",
    ] {
        assert!(
            text.contains(&format!("\n{line}\n")),
            "{line} is not in\n{text}"
        );
    }
    let leaves = node.status().tree_size;
    assert!(
        text.contains(&format!("\nwattle_log_leaves {leaves}\n")),
        "{text}"
    );
}
