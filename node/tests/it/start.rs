use crate::park::{Park, free_port, wattled};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_port_in_use_is_named() {
    let mut park = Park::new(1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let free = format!("127.0.0.1:{}", free_port());
    for (api, p2p, key) in [
        (&address, &free, "api_listen"),
        (&free, &address, "p2p_listen"),
    ] {
        park.configs[0].api_listen = api.clone();
        park.configs[0].p2p_listen = p2p.clone();
        park.write_config(&park.configs[0]);
        let (code, text) = park.start_failing(1);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(&address) && text.contains(key), "{text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[test]
fn a_data_folder_in_use_is_named() {
    let park = Park::new(1);
    let _running = park.start(1);
    let mut config = park.configs[0].clone();
    config.p2p_listen = "127.0.0.1:0".to_owned();
    park.write_config(&config);
    let (code, text) = park.start_failing(1);
    assert_eq!(code, Some(1));
    assert!(text.contains("is in use by another process"), "{text}");
}

#[test]
fn a_data_folder_of_another_park_is_refused_and_not_changed() {
    let park = Park::new(1);
    assert!(park.start(1).terminate().success());
    // Another park with the same keys: only the store can tell.
    let mut body = park.genesis.body().clone();
    body.name = "other".to_owned();
    let other = wattle_ledger::genesis::Genesis::sign(&body, &park.registrar).unwrap();
    fs::write(park.path("genesis"), other.signed()).unwrap();
    let (code, text) = park.start_failing(1);
    assert_eq!(code, Some(1));
    assert!(text.contains(&park.id().to_string()), "{text}");
    assert!(text.contains(&other.park().to_string()), "{text}");
    assert!(text.contains("a data folder of its own"), "{text}");
    fs::write(park.path("genesis"), park.genesis.signed()).unwrap();
    assert!(park.start(1).terminate().success());

    // Another park with other keys.
    let stranger = Park::new(1);
    fs::write(park.path("genesis"), stranger.genesis.signed()).unwrap();
    let (code, text) = park.start_failing(1);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("is not the one that the genesis names"),
        "{text}"
    );
}

#[test]
fn what_is_wrong_with_a_configuration_is_named() {
    let park = Park::new(2);
    let path = park.config_path(1);
    let good = fs::read_to_string(&path).unwrap();
    let cases = [
        (
            "node = 1",
            "node = 9",
            "node 9 is neither in the genesis nor in a registration, only 1, 2",
        ),
        ("node = 1", "nod = 1", "nod"),
        ("node = 1", "node = \"one\"", "node"),
        (
            "api_listen = \"127.0.0.1:0\"",
            "api_listen = \"here\"",
            "\"here\" is not an address",
        ),
        (
            "speed = 1",
            "speed = 0",
            "clock.speed is 0; it must be between 1 and 10000",
        ),
        ("tick_ms = 20", "tick_ms = 0", "raft.tick_ms"),
        (
            "heartbeat_ticks = 3",
            "heartbeat_ticks = 10",
            "raft.election_ticks must be more than",
        ),
        ("node = 2", "node = 3", "peers has no address of node 2"),
        (
            "node = 2",
            "node = 1",
            "peers names node 1, which is this node itself",
        ),
        (
            "genesis = \"genesis\"",
            "genesis = \"network.key\"",
            "is not a genesis of a park",
        ),
        (
            "genesis = \"genesis\"",
            "genesis = \"nowhere\"",
            "cannot read",
        ),
        (
            "network_key = \"network.key\"",
            "network_key = \"node-1/keys/log.pem\"",
            "network key",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(good.contains(from), "{from} is not in\n{good}");
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let (code, text) = park.start_failing(1);
        assert_eq!(code, Some(1), "{to}: {text}");
        assert!(text.contains(expected), "{to}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    fs::write(&path, good).unwrap();
    let key = park.path("node-1/keys/log.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, text) = park.start_failing(1);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("has mode 644") && text.contains("chmod 600"),
        "{text}"
    );
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let run = |arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_wattled");
        std::process::Command::new(binary)
            .args(arguments)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(run(&["run"]), Some(2));
    assert_eq!(run(&["walk"]), Some(2));
    assert_eq!(run(&["run", "--config", "x", "--fast"]), Some(2));
    assert_eq!(run(&["--version"]), Some(0));
    let missing = wattled(std::path::Path::new("nowhere.toml"))
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(1));
}

#[test]
fn damaged_data_stops_the_node_before_it_says_anything() {
    use crate::park::{participant, submit};
    let park = Park::new(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    // Enough leaves for one full bundle, which is then changed.
    for number in 1..=130 {
        submit(&client, &mut registrar, participant(number));
    }
    assert!(node.terminate().success());
    let bundle = park.path("node-1/history/tile/entries/000");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[40] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let (code, text) = park.start_failing(1);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("tile/entries/000 exists with another content"),
        "{text}"
    );
}
