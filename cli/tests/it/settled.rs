//! `statement explain` and `what-if` on a recorded day.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::registration::MeterId;
use wattle_ledger::state::registers::Ratio;
use wattle_ledger::state::runs::Standing;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::entries::Entries;
use wattle_ledger::verify::explain::{Amount, Basis, Fate, RestartKind, explain};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::{Money, Price, WattHours};

use super::day::{Day, FIRST, INTERVALS, POINTS};
use super::program::{Ended, wattle};

/// A recorded day with its export on disk.
struct Recorded {
    folder: tempfile::TempDir,
    day: Day,
}

fn day() -> &'static Recorded {
    static DAY: OnceLock<Recorded> = OnceLock::new();
    DAY.get_or_init(|| Recorded::of(Day::recorded()))
}

/// The day in a month that is closed.
fn closed() -> &'static Recorded {
    static DAY: OnceLock<Recorded> = OnceLock::new();
    DAY.get_or_init(|| Recorded::of(Day::closed()))
}

impl Recorded {
    fn of(day: Day) -> Recorded {
        let folder = tempfile::tempdir().unwrap();
        day.write(&day.leaves, &folder.path().join("export"));
        let policy = day.genesis.policy().to_string();
        fs::write(folder.path().join("policy"), policy).unwrap();
        Recorded { folder, day }
    }

    fn export(&self) -> PathBuf {
        self.folder.path().join("export")
    }

    fn run(&self, export: &Path, line: &str) -> Ended {
        let policy = self.folder.path().join("policy");
        let (export, policy) = (export.to_str().unwrap(), policy.to_str().unwrap());
        let words: Vec<&str> = line
            .split_whitespace()
            .map(|word| match word {
                "EXPORT" => export,
                "POLICY" => policy,
                word => word,
            })
            .collect();
        wattle(&self.folder.path().join("unused"), &words)
    }

    fn what_if(&self, flags: &str) -> Value {
        let line = format!("what-if --export EXPORT --policy POLICY --json {flags}");
        self.run(&self.export(), &line).succeeded().json()
    }

    /// An export whose first settled line with a credit says a nano-yuan more.
    fn forged(&self, name: &str) -> (PathBuf, u64, PointId, DeliveryInterval) {
        let mut leaves = self.day.leaves.clone();
        for (index, bytes) in leaves.iter_mut().enumerate() {
            let mut entry = Entry::decode(bytes).unwrap();
            if let Entry::Derived {
                fact:
                    Fact::PointSettled {
                        interval,
                        point,
                        line,
                        postings,
                        ..
                    },
                ..
            } = &mut entry
                && let Some((_, amount)) = postings.first_mut()
            {
                amount.0 += 1;
                line.credit = Money(line.credit.0 + 1);
                let (point, interval) = (*point, *interval);
                *bytes = entry.encode();
                let folder = self.folder.path().join(name);
                self.day.write(&leaves, &folder);
                return (folder, index as u64, point, interval);
            }
        }
        panic!("nothing was settled")
    }
}

#[test]
fn entries_are_streamed_in_order_and_are_the_recording_s() {
    let day = day();
    let directory = Directory::new(day.export());
    let entries = Entries::open(&directory).unwrap();
    assert_eq!(entries.checkpoint().size(), day.day.leaves.len() as u64);
    let mut count = 0;
    for (place, entry) in entries.enumerate() {
        let entry = entry.unwrap();
        assert_eq!(entry.index, place as u64);
        assert_eq!(entry.entry.encode(), day.day.leaves[place]);
        count += 1;
    }
    assert_eq!(count, day.day.leaves.len());
}

#[test]
fn entries_end_with_one_error_where_a_bundle_lacks() {
    let day = day();
    let export = day.folder.path().join("short");
    day.day.write(&day.day.leaves, &export);
    fs::remove_file(export.join("tile/entries/001")).unwrap();
    let directory = Directory::new(export);
    let entries: Vec<_> = Entries::open(&directory).unwrap().collect();
    assert_eq!(entries.len(), 257, "256 entries and the error");
    let error = entries.last().unwrap().as_ref().unwrap_err();
    assert!(error.to_string().contains("from 256 on"), "{error}");
}

#[test]
fn every_kind_of_interval_is_explained_to_the_last_nano_yuan() {
    let day = day();
    let directory = Directory::new(day.export());
    let (mut orders, mut pooled, mut certified) = (0, 0, 0);
    for step in (0..96).step_by(11).chain([50, 21, 49]) {
        for point in 1..=POINTS {
            let interval = FIRST.plus(step);
            let explained = explain(&directory, PointId(point), interval).unwrap();
            assert_eq!(
                explained.differences,
                Vec::<String>::new(),
                "{point} {step}"
            );
            let sum: i64 = explained.amounts.iter().map(|one| one.amount.0).sum();
            assert_eq!(Money(sum), explained.credit);
            for amount in &explained.amounts {
                assert_eq!(amount.quantity.cost(amount.price), Some(amount.amount));
            }
            orders += explained.orders.len();
            pooled += usize::from(explained.line.pool.need.0 > 0);
            certified += explained.deliveries.len();
        }
    }
    assert!(
        orders > 10 && pooled > 5 && certified > 5,
        "{orders} {pooled} {certified}"
    );
}

#[test]
fn every_interval_of_a_closed_month_is_explained_by_both_runs() {
    let day = closed();
    let directory = Directory::new(day.export());
    let (mut adjusted, mut kept, mut by_others) = (0, 0, 0);
    for step in (0..98).step_by(7).chain([20, 24, 29, 45, 52, 60, 75, 76]) {
        for point in 1..=POINTS {
            let explained = explain(&directory, PointId(point), FIRST.plus(step)).unwrap();
            let none = Vec::<String>::new();
            assert_eq!(explained.differences, none, "{point} {step}");
            let sum = |amounts: &[Amount]| Money(amounts.iter().map(|one| one.amount.0).sum());
            assert_eq!(sum(&explained.amounts), explained.credit);
            assert_eq!(explained.standing, Standing::Final);
            let Some(adjustment) = explained.adjustment else {
                kept += 1;
                continue;
            };
            adjusted += 1;
            by_others += u64::from(adjustment.meters.is_empty());
            let before = adjustment.before.unwrap();
            assert_eq!(sum(&before.amounts), before.credit);
            let posted: i64 = adjustment.postings.iter().map(|(_, sum)| sum.0).sum();
            assert_eq!(before.credit.0 + posted, explained.credit.0);
            assert!(!adjustment.meters.is_empty() || !adjustment.others.is_empty());
        }
    }
    assert!(
        adjusted > 30 && kept > 20 && by_others > 0,
        "{adjusted} {kept} {by_others}"
    );
}

#[test]
fn causes_of_an_adjustment_are_named_with_entries_and_keys() {
    let day = closed();
    let directory = Directory::new(day.export());
    let changed = |point, step, meter| {
        let explained = explain(&directory, PointId(point), FIRST.plus(step)).unwrap();
        let adjustment = explained.adjustment;
        let adjustment = adjustment.unwrap_or_else(|| panic!("{point} at {step} stands"));
        let mut changes = adjustment.meters.into_iter();
        let change = changes.find(|change| change.after.meter == MeterId(meter));
        (change.unwrap(), explained.entry)
    };
    // A reading that came late.
    let (late, _) = changed(1, 20, 1);
    assert!(matches!(
        late.before.unwrap().basis,
        Basis::OpenGapRating { .. }
    ));
    assert!(matches!(late.after.basis, Basis::Readings { .. }));
    // A correction by the registrar, with what the meter had signed.
    let (corrected, _) = changed(2, 45, 4);
    let Basis::Readings { after, .. } = corrected.after.basis else {
        panic!("{corrected:?}")
    };
    let first = after.corrects.unwrap();
    assert_eq!(first.register.0 - after.register.0, 333);
    assert_eq!(after.signer, day.day.genesis.body().registrar);
    assert!(first.entry < after.entry);
    assert_eq!(
        corrected.before.unwrap().energy.0 - corrected.after.energy.0,
        333
    );
    // Registers that start anew, each with the registrar's entry.
    for (point, step, meter, kind, ratio) in [
        (4, 60, 11, RestartKind::Reset, Ratio::ONE),
        (3, 75, 8, RestartKind::Replaced, Ratio::ONE),
        (
            1,
            52,
            2,
            RestartKind::Ratio,
            Ratio {
                numerator: 1,
                denominator: 2,
            },
        ),
    ] {
        let (restarted, entry) = changed(point, step, meter);
        assert!(matches!(
            restarted.before.unwrap().basis,
            Basis::OpenGapNothing
        ));
        let [restart] = restarted.after.restarts[..] else {
            panic!("{:?}", restarted.after)
        };
        assert_eq!((restart.kind, restarted.after.ratio), (kind, ratio));
        assert!(restart.entry < entry);
    }
    let text = |point: u32, step: u64| {
        let interval = FIRST.plus(step).0;
        let line = format!(
            "statement explain --export EXPORT --policy POLICY --point {point} --interval #{interval}"
        );
        day.run(&day.export(), &line).succeeded().stdout
    };
    for (point, step, part) in [
        (2, 45, "instead of "),
        (4, 60, "register reset in the quarter from 15:00 on"),
        (3, 75, "meter replaced"),
        (1, 53, "times 1/2"),
        (1, 20, "What changed"),
        (1, 0, "the final run found the same figures"),
    ] {
        let text = text(point, step);
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn whatever_is_said_of_an_order_before_its_gate_is_told() {
    let day = closed();
    let directory = Directory::new(day.export());
    let told = |point, step| {
        let explained = explain(&directory, PointId(point), FIRST.plus(step)).unwrap();
        assert_eq!(explained.differences, Vec::<String>::new());
        explained
    };
    let missed = &told(1, 70).orders[0];
    assert_eq!(
        (missed.quantity, missed.limit),
        (WattHours(3_000), Price(910_000))
    );
    assert_eq!(missed.minimum, Some(WattHours(2_500)));
    assert_eq!(missed.changed_by.len(), 1);
    assert!(missed.missed.is_some());
    assert!(matches!(
        missed.fate,
        Fate::Closed {
            filled: WattHours(0),
            ..
        }
    ));
    let cancelled = &told(1, 71).orders[0];
    let Fate::Cancelled { by_entry } = cancelled.fate else {
        panic!("{cancelled:?}")
    };
    assert!(by_entry > cancelled.entry);
    let evening = told(4, 73).terms;
    assert!(!evening.point.enrolled);
    assert!(evening.schedule_entry > evening.instruction_entry);
    assert_eq!(told(4, 77).terms.schedule_entry, None);
    let interval = FIRST.plus(70).0;
    let line = format!(
        "statement explain --export EXPORT --policy POLICY --point 1 --interval #{interval}"
    );
    let text = day.run(&day.export(), &line).succeeded().stdout;
    for part in [
        "at least 2.500 kWh",
        "changed by entry",
        "left out for its minimum",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn forged_difference_fails() {
    let day = closed();
    let mut leaves = day.day.leaves.clone();
    let (mut found, mut at) = (None, 0);
    for (index, bytes) in leaves.iter_mut().enumerate() {
        let mut entry = Entry::decode(bytes).unwrap();
        if let Entry::Derived {
            fact:
                Fact::PointAdjusted {
                    interval,
                    point,
                    postings,
                    ..
                },
            ..
        } = &mut entry
            && let Some((_, amount)) = postings.first_mut()
        {
            amount.0 += 1;
            found = Some((*interval, *point));
            at = index;
            *bytes = entry.encode();
            break;
        }
    }
    let (interval, point) = found.unwrap();
    let export = day.folder.path().join("forged-difference");
    day.day.write(&leaves, &export);
    let words = format!(
        "statement explain --export EXPORT --trust --point {} --interval #{}",
        point.0, interval.0
    );
    let ended = day.run(&export, &words);
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(ended.stderr.contains(&format!("entry {at}")), "{ended:?}");
    let ended = day.run(&export, "what-if --export EXPORT --trust");
    assert_eq!(ended.code, 1, "{ended:?}");
}

#[test]
fn substitutes_are_explained_by_their_rule() {
    let day = day();
    let directory = Directory::new(day.export());
    let basis = |point, step| {
        let explained = explain(&directory, PointId(point), FIRST.plus(step)).unwrap();
        assert_eq!(explained.differences, Vec::<String>::new());
        let used = explained.meters.iter();
        let used = used.filter(|used| used.kind == wattle_ledger::registration::MeterKind::Load);
        used.map(|used| used.basis.clone()).next().unwrap()
    };
    assert!(matches!(basis(1, 19), Basis::Readings { .. }));
    assert!(
        matches!(basis(1, 20), Basis::OpenGapRating { .. }),
        "no reading within the hour"
    );
    assert!(matches!(
        basis(1, 29),
        Basis::KnownGap { intervals: 11, .. }
    ));
    let gap = basis(2, 40);
    let Basis::KnownGap {
        before,
        after,
        intervals,
        ..
    } = gap
    else {
        panic!("{gap:?}")
    };
    assert_eq!(intervals, 2);
    assert_eq!(after.interval.0 - before.interval.0, 2);
    assert!(after.entry > before.entry);

    let line = format!(
        "statement explain --export EXPORT --policy POLICY --point 1 --interval #{}",
        FIRST.plus(20).0
    );
    let ended = day.run(&day.export(), &line).succeeded();
    assert!(ended.stdout.contains("SUBSTITUTE"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("neither gives nor gets"),
        "{}",
        ended.stdout
    );
}

#[test]
fn explanation_is_text_for_people_and_json_for_programs() {
    let day = day();
    let line = format!(
        "statement explain --export EXPORT --policy POLICY --point 1 --interval #{}",
        FIRST.plus(50).0
    );
    let text = day.run(&day.export(), &line).succeeded().stdout;
    for part in [
        "Step 1.",
        "signed by",
        "Step 7.",
        "Verified: log",
        "is the ledger's",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let json = day
        .run(&day.export(), &format!("{line} --json"))
        .succeeded()
        .json();
    assert_eq!(json["verified"], true);
    assert_eq!(json["differences"], serde_json::json!([]));
    let amounts = json["amounts"].as_array().unwrap().iter();
    let sum: i64 = amounts.map(|one| one["amount"].as_i64().unwrap()).sum();
    assert_eq!(json["credit"], sum);
}

#[test]
fn forged_amount_fails_whether_it_is_verified_or_trusted() {
    let day = day();
    let (export, entry, point, interval) = day.forged("forged");
    let line = format!("--point {} --interval #{}", point.0, interval.0);
    let verified = format!("statement explain --export EXPORT --policy POLICY {line}");
    day.run(&export, &verified).failed(5, "does not verify");
    let trusted = format!("statement explain --export EXPORT --trust {line}");
    let words: Vec<String> = trusted
        .split_whitespace()
        .map(|word| word.replace("EXPORT", export.to_str().unwrap()))
        .collect();
    let ended = wattle(&day.folder.path().join("unused"), &words);
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(ended.stderr.starts_with("NOT VERIFIED"), "{ended:?}");
    assert!(ended.stdout.contains("NOT VERIFIED"), "{ended:?}");
    assert!(
        ended.stdout.contains("RECOMPUTED AND NOT THE SAME"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains(&format!("entry {entry} ")),
        "{ended:?}"
    );
    let ended = day.run(&export, "what-if --export EXPORT --trust");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("does not settle to its leaves"),
        "{ended:?}"
    );
}

#[test]
fn what_is_not_there_is_refused_with_the_reason() {
    let day = day();
    let explain = "statement explain --export EXPORT --policy POLICY";
    for (line, code, reason) in [
        ("--point 77 --interval #1980930", 1, "not registered"),
        ("--point 1 --interval #5", 1, "no settlement of point 1"),
        ("--point 1", 2, "--interval"),
    ] {
        day.run(&day.export(), &format!("{explain} {line}"))
            .failed(code, reason);
    }
    let what_if = "what-if --export EXPORT --policy POLICY";
    for (line, code, reason) in [
        ("--month 2020-01", 1, "no settled interval"),
        ("--export-price 5", 1, "cannot be settled under these terms"),
        ("--feed-in 101", 1, "cannot be settled under these terms"),
        ("--retail-tariff POLICY", 2, "not a tariff"),
        ("--trust", 2, "--policy"),
    ] {
        day.run(&day.export(), &format!("{what_if} {line}"))
            .failed(code, reason);
    }
    day.run(&day.folder.path().join("nowhere"), what_if)
        .failed(1, "cannot read the export");
}

fn participants(answer: &Value) -> Vec<[i64; 4]> {
    let keys = [
        "settled",
        "what_if",
        "grid_alone_settled",
        "grid_alone_what_if",
    ];
    let rows = answer["participants"].as_object().unwrap().values();
    rows.map(|row| keys.map(|key| row[key].as_i64().unwrap()))
        .collect()
}

#[test]
fn nothing_changed_is_the_ledger_to_the_nano_yuan() {
    let day = day();
    let answer = day.what_if("");
    assert_eq!(answer["intervals"], INTERVALS);
    assert_eq!(answer["verified"], true);
    let mut credits: BTreeMap<String, i64> = BTreeMap::new();
    for leaf in &day.day.leaves {
        if let Entry::Derived {
            participant: Some(participant),
            fact: Fact::PointSettled { line, .. },
            ..
        } = Entry::decode(leaf).unwrap()
        {
            *credits.entry(participant.to_string()).or_default() += line.credit.0;
        }
    }
    assert_eq!(credits.len(), 4);
    for (participant, credit) in credits {
        let row = &answer["participants"][&participant];
        assert_eq!(row["settled"], credit);
        assert_eq!(row["what_if"], credit);
        assert_eq!(row["grid_alone_settled"], row["grid_alone_what_if"]);
    }
    for row in answer["park_accounts"].as_object().unwrap().values() {
        assert_eq!(row["settled"], row["what_if"]);
    }
    let noon = FIRST.plus(48).0;
    let part = day.what_if(&format!("--from #{noon} --to #{}", noon + 3));
    assert_eq!(part["intervals"], 4);
}

#[test]
fn closed_month_is_settled_again_on_the_final_figures() {
    let day = closed();
    let answer = day.what_if("");
    assert_eq!(answer["intervals"], 98);
    assert!(answer["adjusted"].as_u64().unwrap() > 20);
    assert_eq!(answer["held"], serde_json::json!([]));
    let mut credits: BTreeMap<String, i64> = BTreeMap::new();
    for leaf in &day.day.leaves {
        let entry = Entry::decode(leaf).unwrap();
        if let Entry::Derived {
            participant: Some(participant),
            fact: Fact::PointSettled { postings, .. } | Fact::PointAdjusted { postings, .. },
            ..
        } = &entry
        {
            let sum: i64 = postings.iter().map(|(_, amount)| amount.0).sum();
            *credits.entry(participant.to_string()).or_default() += sum;
        }
    }
    for (participant, credit) in credits {
        let row = &answer["participants"][&participant];
        assert_eq!(row["settled"], credit);
        assert_eq!(row["what_if"], credit);
    }
    for row in answer["park_accounts"].as_object().unwrap().values() {
        assert_eq!(row["settled"], row["what_if"]);
    }
    let free = day.what_if("--no-pool --no-forward");
    let rows = participants(&free);
    assert!(
        rows.iter()
            .all(|[_, what_if, grid_alone, _]| what_if == grid_alone)
    );
}

#[test]
fn other_terms_move_amounts_as_the_rules_say() {
    let day = day();
    let alone = participants(&day.what_if("--no-pool --no-forward"));
    assert!(
        alone
            .iter()
            .all(|[_, what_if, grid_alone, _]| what_if == grid_alone)
    );
    assert!(alone.iter().any(|[settled, what_if, ..]| settled > what_if));

    let free = day.what_if("--no-forward --wheeling 0");
    let rows = participants(&free);
    assert!(
        rows.iter()
            .all(|[_, what_if, _, grid_alone]| what_if >= grid_alone)
    );
    assert_eq!(
        free["park_accounts"]
            .get("network")
            .map(|row| &row["what_if"]),
        Some(&0.into())
    );

    // With one retail price of 1 CNY/kWh at all times, and feed-in and export the same, there is
    // nothing to gain by the pool.
    let tariff = day.folder.path().join("tariff.toml");
    let text = "[[seasons]]\nranges = [{ from = \"00:00\", until = \"24:00\", band = \"flat\" }]\n\
                prices = { flat = \"1\" }\n";
    fs::write(&tariff, text).unwrap();
    let flags = "--no-forward --feed-in 1 --export-price 1";
    let by_file = day.what_if(&format!("{flags} --retail-tariff {}", tariff.display()));
    let by_flag = day.what_if(&format!("{flags} --retail-flat 1"));
    assert_eq!(by_file["participants"], by_flag["participants"]);
    assert_eq!(by_flag["pool_what_if"], 0);
    let rows = participants(&by_flag);
    assert!(
        rows.iter()
            .all(|[_, what_if, _, grid_alone]| what_if == grid_alone)
    );
}

#[test]
fn market_of_an_export_is_watched() {
    let day = closed();
    let line = "surveillance --export EXPORT --policy POLICY";
    let text = day.run(&day.export(), line).succeeded().stdout;
    for part in [
        "Traded ahead:",
        "Concentration",
        "1 tenant-1",
        "Market halted at the gate: never",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let json = day
        .run(&day.export(), &format!("{line} --json"))
        .succeeded()
        .json();
    assert_eq!(json["verified"], true);
    assert_eq!(json["differences"], serde_json::json!([]));
    // The mill ordered 36 quarters, one that was cancelled and one of nothing; later two more with
    // a minimum, of which one was taken back.
    let mill = &json["conduct"]["1"];
    assert_eq!(mill["placed"], 39);
    assert_eq!(
        (&mill["refused"], &mill["withdrawn"]),
        (&1.into(), &2.into())
    );
    assert_eq!(mill["withdrawn_wh"], 10 + 2_900);
    let traded = json["traded"]["volume"].as_i64().unwrap();
    let mut sold = 0;
    for leaf in &day.day.leaves {
        if let Entry::Derived {
            fact: Fact::OrderClosed { item, filled, .. },
            ..
        } = Entry::decode(leaf).unwrap()
            && item.side == wattle_market::order::Side::Sell
        {
            sold += filled.0;
        }
    }
    assert_eq!(traded, sold);
    let none = day
        .run(&day.export(), &format!("{line} --month 2020-01"))
        .succeeded();
    assert!(
        none.stdout.contains("no order in this period"),
        "{}",
        none.stdout
    );
}
