//! Certificates and carbon from the command line, through the real binaries and a park of one node.

use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use wattle_client::{Author, Outcome, keyfile};
use wattle_ledger::event::{Action, Reading};
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::WattHours;
use wattle_testnet::drive::{self, Tally};
use wattle_testnet::keyring::Signer;
use wattle_testnet::park::{client, wait_for};
use wattle_testnet::profile::MeterKind;

use crate::one_node_park::OneNodePark;

/// A workshop with a roof, and offices, both without the pool.
struct Fixture {
    park: OneNodePark,
    /// The roof exports 6 kWh there, and the offices use 5.
    interval: DeliveryInterval,
}

/// Places in the bundled lists.
const OFFICES: usize = 3;
const WORKSHOP: usize = 5;

impl Fixture {
    fn started() -> Fixture {
        // Readings have 15 seconds until their settlement, on a busy machine too.
        let park = OneNodePark::started_at(12, 240);
        for (name, signer) in [
            ("offices.pem", Signer::Tenant(OFFICES)),
            ("workshop.pem", Signer::Tenant(WORKSHOP)),
            ("registrar.pem", Signer::Registrar),
            ("regulator.pem", Signer::Regulator),
        ] {
            let path = park.folder.path().join(name);
            keyfile::write(&path, &park.keyring.seed(&signer), None).unwrap();
        }
        let soon = DeliveryInterval::containing(park.park.now()).plus(3);
        let fixture = Fixture {
            interval: soon.max(park.profile.first_interval.plus(1)),
            park,
        };
        let from = fixture.interval.0;
        let activate = format!("registrar rules activate certificates --from #{from}");
        fixture.done("registrar.pem", &activate);
        for (key, place) in [("offices.pem", OFFICES), ("workshop.pem", WORKSHOP)] {
            let point = fixture.point(place);
            fixture.done(key, &format!("pool set --point {point} --leave"));
        }
        fixture.read();
        fixture
    }

    fn point(&self, place: usize) -> u32 {
        self.park.profile.points[place].point.0
    }

    fn wattle(&self, key: &str, line: &str) -> Output {
        self.park.run(key, line)
    }

    #[track_caller]
    fn done(&self, key: &str, line: &str) -> Value {
        let output = self.wattle(key, &format!("{line} --json"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[track_caller]
    fn refused(&self, key: &str, line: &str, rule: &str) {
        let output = self.wattle(key, line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{line}: {stderr}");
        assert!(stderr.contains(rule), "{line}: {stderr}");
    }

    /// Meters of both points sign their registers once the interval is over.
    fn read(&self) {
        let tally = Tally::default();
        let end = self.interval.end().plus_millis(60_000);
        drive::wait_until(&self.park.park, end.0, &tally);
        let client = client(&[self.park.park.nodes()[0].url().to_owned()]).unwrap();
        let id = self.park.park.genesis().park();
        let places = [self.point(OFFICES), self.point(WORKSHOP)];
        for (place, meter) in self.park.profile.meters.iter().enumerate() {
            if !places.contains(&meter.point.0) {
                continue;
            }
            let energy = match (meter.point.0 == places[1], meter.meter) {
                (true, MeterKind::Pv) => 7_000,
                (true, MeterKind::Load) => 1_000,
                (false, MeterKind::Load) => 5_000,
                _ => 0,
            };
            let readings = [(self.interval.minus(1), 0), (self.interval, energy)];
            let readings = readings.map(|(interval, register)| Reading {
                interval,
                register: WattHours(register),
            });
            let key = self.park.keyring.key(&Signer::Meter(place));
            let mut author = Author::fetch(&client, id, key).unwrap();
            let event = author.sign(Action::SubmitReadings(readings.to_vec()), end);
            let outcome = client.submit(&event, Duration::from_secs(60)).unwrap();
            let Outcome::Committed(outcome) = outcome else {
                panic!("the readings stayed pending");
            };
            assert_eq!(outcome.first_refusal(), None, "{:?}", meter.meter);
        }
    }

    /// An export has what is sealed, so that everything recorded so far must be.
    fn wait_for_seal(&self) {
        let client = client(&[self.park.park.nodes()[0].url().to_owned()]).unwrap();
        let recorded = client.status().unwrap().tree_size;
        wait_for("a seal", Duration::from_secs(60), || {
            let sealed = client.status()?.sealed;
            Ok(sealed.filter(|sealed| sealed.size >= recorded).map(|_| ()))
        })
        .unwrap();
    }

    fn list(&self, key: &str) -> Value {
        let interval = self.interval.0;
        self.done(
            key,
            &format!("certificate list --from #{interval} --to #{interval}"),
        )
    }
}

#[test]
fn certificates_move_and_cover_use_from_the_command_line() {
    let fixture = Fixture::started();
    let list = wait_for("certificates", Duration::from_secs(60), || {
        let list = fixture.list("workshop.pem");
        let is_there = list["certificates"][0]["is_provisional"] == false;
        Ok(is_there.then_some(list))
    })
    .unwrap();
    let id = list["certificates"][0]["certificate"].as_str().unwrap();
    let (workshop, offices) = (fixture.point(WORKSHOP), fixture.point(OFFICES));
    assert_eq!(id, format!("{workshop}-{}", fixture.interval.0));
    assert_eq!(list["certificates"][0]["quantity"], 6_000, "{list}");

    move_and_use(&fixture, id, offices);
    private_to_whom_they_concern(&fixture, id);
    reports(&fixture, offices);
    fixture.park.park.stop().unwrap();
}

fn move_and_use(fixture: &Fixture, id: &str, offices: u32) {
    let transfer = format!("certificate transfer {id} --to offices --quantity");
    fixture.refused(
        "workshop.pem",
        &format!("{transfer} 7kWh"),
        "certificate_short",
    );
    fixture.done("workshop.pem", &format!("{transfer} 5kWh"));
    let uncovered = fixture.list("offices.pem")["uncovered"].clone();
    assert_eq!(uncovered[0]["quantity"], 5_000, "{uncovered}");

    let cancel = format!("certificate cancel {id} --quantity");
    let used = format!("--point {offices}");
    fixture.done("offices.pem", &format!("{cancel} 4kWh {used}"));
    fixture.refused(
        "offices.pem",
        &format!("{cancel} 2kWh {used}"),
        "certificate_short",
    );
    fixture.done(
        "workshop.pem",
        &format!("{cancel} 300Wh --beneficiary fair"),
    );
    let withdraw =
        format!("registrar certificate withdraw {id} --holder workshop --quantity 200Wh");
    fixture.done("registrar.pem", &format!("{withdraw} --reason misread"));
    let link = format!(
        "registrar certificate link --point {} --month 2026-01 --units 1 --number GEC-1",
        fixture.point(WORKSHOP)
    );
    fixture.refused("registrar.pem", &link, "month_not_rolled_up");
    let policy = "registrar certificate policy --energytag --yield";
    fixture.done("registrar.pem", &format!("{policy} 0.9"));
    fixture.refused(
        "registrar.pem",
        &format!("{policy} 0"),
        "certificate_policy",
    );
    fixture.done("registrar.pem", "registrar certificate policy --cn");
}

fn private_to_whom_they_concern(fixture: &Fixture, id: &str) {
    let shown = fixture.done("workshop.pem", &format!("certificate show {id}"));
    for (field, expected) in [
        ("held", 6_000),
        ("cancelled", 4_300),
        ("withdrawn", 200),
        ("expired", 0),
        ("holding", 500),
    ] {
        assert_eq!(shown[field], expected, "{field}: {shown}");
    }
    let offices = fixture.done("offices.pem", &format!("certificate show {id}"));
    assert_eq!(offices["holding"], 1_000);
    let other = fixture.wattle(
        "offices.pem",
        &format!(
            "certificate list --participant workshop --from #{0} --to #{0}",
            fixture.interval.0
        ),
    );
    assert!(!other.status.success(), "a tenant sees his own alone");
    let text = fixture.wattle("workshop.pem", &format!("certificate show {id}"));
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("no Chinese GEC"), "{text}");
}

fn reports(fixture: &Fixture, offices: u32) {
    let folder = fixture.park.folder.path();
    let out = folder.join("export");
    let out = out.to_str().unwrap();
    fixture.wait_for_seal();
    fixture.done("regulator.pem", &format!("log export --out {out}"));
    let policy = fixture.park.park.folder().join("policy");
    let export = format!("--export {out} --policy {}", policy.to_str().unwrap());

    let matched = format!("certificate match --point {offices} {export}");
    let report = fixture.done("regulator.pem", &matched);
    assert_eq!(report["total"]["claimed"], 4_000, "{report}");
    let hours = report["hours"].as_array().unwrap();
    let hour = hours.iter().find(|hour| hour["claimed"] == 4_000).unwrap();
    assert_eq!(hour["matched"], 4_000, "{hour}");
    let text = fixture.wattle("regulator.pem", &matched);
    assert!(String::from_utf8_lossy(&text.stdout).contains("matched share"));

    let carbon = fixture.done("regulator.pem", &format!("carbon report {export}"));
    assert_eq!(carbon["factors"][0]["year"], 2022, "{carbon}");
    let rows = carbon["participants"].as_array().unwrap();
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    let number = |value: &Value| value.as_i64().unwrap();
    let offices = &row("offices")["use"];
    let rest = number(&offices["taken"]) - 4_000 - number(&offices["received"]);
    assert_eq!(number(&offices["rest"]), rest, "{offices}");
    // The workshop gave its certificates away and has nothing of them.
    let workshop = row("workshop");
    assert_eq!(workshop["use"]["claimed"], 0);
    assert_eq!(workshop["use"]["own"], 1_000, "{workshop}");
    assert_eq!(workshop["elsewhere"]["transferred"], 5_000);
    assert_eq!(workshop["elsewhere"]["declared"], 300);
    let sum: i64 = rows.iter().map(|row| number(&row["use"]["rest"])).sum();
    assert_eq!(number(&carbon["park"]["rest"]), sum);
    let text = fixture.wattle("regulator.pem", &format!("carbon report {export}"));
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(
        text.contains("2022") && text.contains("Shanghai ETS"),
        "{text}"
    );
}
