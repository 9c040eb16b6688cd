use crate::park::{Node, Park, participant, submit};
use wattle_client::api::Problem;
use wattle_client::{Client, ClientError, Credentials};
use wattle_ledger::event::Action;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::log::tiles::{TileKind, TilePath};
use wattle_ledger::registration::{ParticipantId, Role};
use wattle_market::interval::Timestamp;
use wattle_market::units::Money;

fn tenant(number: u8) -> SigningKey {
    SigningKey::from_seed(&[100 + number; 32])
}

fn status_of(error: ClientError) -> u16 {
    match error {
        ClientError::Problem(problem) => problem.status,
        other => panic!("{other}"),
    }
}

#[test]
fn everyone_sees_his_own_and_offices_see_all() {
    let park = Park::new(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    for number in [1, 2] {
        submit(&client, &mut registrar, participant(number));
        let key = tenant(u8::try_from(number).unwrap()).public();
        let role = Role::Tenant(ParticipantId(number));
        submit(&client, &mut registrar, Action::AddKey { key, role });
    }
    let mut treasurer = park.author(&client, &park.treasurer);
    let amount = Money(5 * Money::YUAN.0);
    let reference = "BANK-1".to_owned();
    let deposit = Action::Deposit {
        participant: ParticipantId(1),
        amount,
        reference,
    };
    submit(&client, &mut treasurer, deposit);

    let (one, two) = (ParticipantId(1), ParticipantId(2));
    let bundle = TilePath::new(TileKind::Entries, 0, 1).unwrap();
    let as_reader = |key: &SigningKey| node.client().with_credentials(park.credentials(key));
    let anyone = node.client();
    assert_eq!(status_of(anyone.balance(one).unwrap_err()), 401);
    assert_eq!(status_of(anyone.tile(&bundle).unwrap_err()), 401);

    let first = as_reader(&tenant(1));
    assert_eq!(first.balance(one).unwrap().balance, amount);
    assert_eq!(status_of(first.balance(two).unwrap_err()), 403);
    assert_eq!(status_of(first.entries(0, 1).unwrap_err()), 403);
    assert_eq!(status_of(first.tile(&bundle).unwrap_err()), 403);
    assert_eq!(
        status_of(
            as_reader(&SigningKey::from_seed(&[55; 32]))
                .balance(one)
                .unwrap_err()
        ),
        403
    );

    let receipt =
        wattle_client::keyfile::read(&park.path("node-1/keys/receipt.pem"), None).unwrap();
    for key in [&park.regulator, &park.registrar, &park.treasurer, &receipt] {
        let office = as_reader(key);
        assert_eq!(office.balance(one).unwrap().balance, amount);
        let entries = office.entries(0, 1_000).unwrap().entries;
        assert_eq!(entries[0].kind, "genesis");
        let moved = entries
            .iter()
            .find(|entry| entry.kind == "funds_moved")
            .unwrap();
        assert_eq!(moved.participant, Some(one));
        assert_eq!(moved.value["fact"]["amount"], amount.0);
    }
    check_statement(&first, one, amount);
    check_signatures(&park, &node);
}

fn check_statement(client: &Client, participant: ParticipantId, amount: Money) {
    let now = client.status().unwrap().log_time_ms;
    let interval = wattle_market::interval::DeliveryInterval::containing(now);
    let statement = client
        .statement(participant, interval.minus(2), interval.plus(2))
        .unwrap();
    assert_eq!(statement.lines, []);
    assert_eq!(statement.funds.len(), 1);
    assert_eq!(statement.funds[0].amount, amount);
}

fn check_signatures(park: &Park, node: &Node) {
    let target = "/v1/balance?participant=1";
    let now = node.status().park_time_ms;
    let ask = |credentials: &Credentials, signed_target: &str, time: Timestamp| {
        let mut request = ureq::get(format!("{}{target}", node.url()));
        for (name, value) in credentials.sign("GET", signed_target, time).headers() {
            request = request.header(name, value);
        }
        let mut response = request
            .config()
            .http_status_as_error(false)
            .build()
            .call()
            .unwrap();
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().unwrap();
        (status, serde_json::from_str::<Problem>(&text).ok())
    };
    let good = park.credentials(&tenant(1));
    assert_eq!(ask(&good, target, now).0, 200);
    let other_park = Credentials {
        park: Hash([8; 32]),
        key: tenant(1),
    };
    let hour = 3_600_000;
    for (status, problem) in [
        ask(&good, "/v1/balance?participant=2", now),
        ask(&other_park, target, now),
        ask(&good, target, now.minus_millis(hour)),
        ask(&good, target, now.plus_millis(hour)),
    ] {
        assert_eq!(
            (status, problem.unwrap().name.as_str()),
            (401, "unauthorized")
        );
    }
}
