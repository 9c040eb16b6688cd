//! An honest export passes; every doctored one fails at the right claim and entry.

use crate::it::park::{ALICE, BOB, FIRST, Park, key, order, write_export};
use std::fs;
use std::path::{Path, PathBuf};
use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::Action;
use wattle_ledger::log::policy::Policy;
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::verify::claim::{Claim, Report, Status};
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;
use wattle_market::order::Side;
use wattle_market::units::{Money, WattHours};

/// A park with trades, settlements, certificates and more than one bundle, ending with a seal.
fn lived() -> Park {
    let mut park = Park::peopled();
    for step in 0..12 {
        let at = |mut item: wattle_ledger::event::OrderItem| {
            item.interval = FIRST.plus(step);
            Action::PlaceOrders(vec![item])
        };
        assert_eq!(
            park.submit(ALICE, at(order(1, Side::Sell, 4_000, 500_000))),
            [0]
        );
        assert_eq!(
            park.submit(BOB, at(order(2, Side::Buy, 4_000, 600_000))),
            [0]
        );
    }
    let mut registers = [0i64; 4];
    for step in 0..12 {
        for (register, step) in registers.iter_mut().zip([1_000, 6_000, 6_000, 10]) {
            *register += step;
        }
        park.read_all(FIRST.plus(step), registers);
    }
    park.advance_to(FIRST.plus(11).settlement_due());
    assert!(
        park.leaves.len() > 256,
        "more than one bundle: {}",
        park.leaves.len()
    );
    park
}

struct Export {
    folder: tempfile::TempDir,
    policy: Policy,
}

impl Export {
    fn of(park: &Park) -> Export {
        let folder = tempfile::tempdir().unwrap();
        let policy = Policy::parse(&park.export(folder.path())).unwrap();
        Export { folder, policy }
    }

    /// An export of other leaves, with every hash and signature of the node made anew.
    fn forged(park: &Park, leaves: &[Vec<u8>]) -> Export {
        let export = Export::of(park);
        fs::remove_dir_all(export.folder.path().join("tile")).unwrap();
        write_export(leaves, park.ledger.genesis(), export.folder.path());
        export
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn report(&self) -> Report {
        verify(
            &Directory::new(self.folder.path()),
            &self.policy,
            &mut |_| {},
        )
    }

    #[track_caller]
    fn fails(&self, claim: Claim, entry: Option<u64>) {
        let report = self.report();
        let finding = report
            .claims
            .iter()
            .find(|found| found.claim == claim.name())
            .unwrap();
        assert_eq!(finding.status, Status::Failed, "{:#?}", report.claims);
        assert_eq!(finding.entry, entry, "{finding:?}");
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// The index of the first leaf of a kind.
fn first_of(park: &Park, kind: &str) -> usize {
    let is_kind = |leaf: &Vec<u8>| Entry::decode(leaf).unwrap().kind() == kind;
    park.leaves.iter().position(is_kind).unwrap()
}

/// Changes the fact in the first derived leaf of a kind and forges everything around it.
fn forge_fact(kind: &str, change: impl Fn(&mut Fact)) -> (Export, Option<u64>) {
    let park = lived();
    let index = first_of(&park, kind);
    let mut leaves = park.leaves.clone();
    let mut entry = Entry::decode(&leaves[index]).unwrap();
    let Entry::Derived { fact, .. } = &mut entry else {
        panic!("{kind} is no derived leaf")
    };
    change(fact);
    leaves[index] = entry.encode();
    (Export::forged(&park, &leaves), Some(index as u64))
}

#[test]
fn an_honest_export_passes_every_claim() {
    let park = lived();
    let export = Export::of(&park);
    let report = export.report();
    assert!(report.is_ok(), "{:#?}", report.claims);
    assert_eq!(report.size, park.ledger.size());
    let summary = &report.summary;
    assert_eq!(summary.intervals.len(), 12);
    assert_eq!(summary.total(|tenant| tenant.generated.0), 12 * 6_010);
    assert_eq!(summary.total(|tenant| tenant.sold_forward.0), 12 * 4_000);
    let alice = &summary.participants[&ParticipantId(1)];
    assert_eq!(alice.name, "alice");
    assert_eq!(alice.funds, Money(1_000_000_000_000));
    let account = wattle_ledger::journal::AccountId::Participant(ParticipantId(1));
    let balance = park.ledger.state().accounts.get(account).balance;
    assert_eq!(alice.credit.0 + alice.funds.0, balance.0);
}

#[test]
fn a_flipped_byte_in_any_file_is_found() {
    let park = lived();
    let export = Export::of(&park);
    let bundle = export.path("tile/entries/000");
    for at in [0, 1, 5, 300, fs::read(&bundle).unwrap().len() - 1] {
        flip(&bundle, at);
        assert!(!export.report().is_ok(), "byte {at} of the bundle");
        flip(&bundle, at);
    }
    flip(&export.path("tile/0/000"), 40);
    export.fails(Claim::Tiles, Some(0));
    flip(&export.path("tile/0/000"), 40);
    let checkpoint = export.path("checkpoint");
    for at in 0..fs::read(&checkpoint).unwrap().len() {
        flip(&checkpoint, at);
        assert!(!export.report().is_ok(), "byte {at} of the checkpoint");
        flip(&checkpoint, at);
    }
    assert!(export.report().is_ok());
}

#[test]
fn missing_and_additional_files_are_told() {
    let park = lived();
    let export = Export::of(&park);
    fs::write(export.path("tile/entries/900"), b"ignored").unwrap();
    let report = export.report();
    assert!(report.is_ok());
    assert_eq!(report.not_covered, ["tile/entries/900"]);
    fs::remove_file(export.path("tile/entries/000")).unwrap();
    export.fails(Claim::Form, Some(0));
    fs::remove_file(export.path("checkpoint")).unwrap();
    export.fails(Claim::Form, None);
}

#[test]
fn a_changed_price_fails_trades_although_every_hash_and_seal_was_made_anew() {
    let (export, entry) = forge_fact("order_closed", |fact| {
        let Fact::OrderClosed { price, .. } = fact else {
            unreachable!()
        };
        price.as_mut().unwrap().0 += 1;
    });
    export.fails(Claim::Trades, entry);
    export.fails(Claim::Replay, entry);
}

#[test]
fn a_changed_posting_fails_settlement_and_journal() {
    let (export, entry) = forge_fact("point_settled", |fact| {
        let Fact::PointSettled { postings, .. } = fact else {
            unreachable!()
        };
        postings[0].1.0 += 1;
    });
    export.fails(Claim::Settlement, entry);
    export.fails(Claim::Journal, entry);
}

#[test]
fn a_changed_quantity_fails_the_energy_balance() {
    let (export, entry) = forge_fact("point_settled", |fact| {
        let Fact::PointSettled { line, .. } = fact else {
            unreachable!()
        };
        line.net.0 += 1;
    });
    export.fails(Claim::EnergyBalance, entry);
}

#[test]
fn a_certificate_out_of_nothing_fails() {
    let (export, entry) = forge_fact("certificate_issued", |fact| {
        let Fact::CertificateIssued { quantity, held, .. } = fact else {
            unreachable!()
        };
        *quantity = WattHours(quantity.0 + 1_000);
        *held = WattHours(held.0 + 1_000);
    });
    export.fails(Claim::Certificates, entry);
}

#[test]
fn a_dropped_event_breaks_its_authors_sequence() {
    let park = lived();
    let index = first_of(&park, "event");
    let mut leaves = park.leaves.clone();
    leaves.remove(index);
    let export = Export::forged(&park, &leaves);
    export.fails(Claim::Replay, Some(1));
    assert!(index > 1);
    export.fails(Claim::Sequences, Some(index as u64));
}

#[test]
fn a_truncated_tail_without_a_seal_fails() {
    let park = lived();
    let leaves = &park.leaves[..park.leaves.len() - 1];
    let export = Export::forged(&park, leaves);
    assert!(!export.report().is_ok());
}

#[test]
fn an_event_with_another_signature_fails_author_signatures() {
    let park = lived();
    let index = first_of(&park, "event");
    let mut leaves = park.leaves.clone();
    let mut entry = Entry::decode(&leaves[index]).unwrap();
    let Entry::Event { signed, .. } = &mut entry else {
        unreachable!()
    };
    *signed.last_mut().unwrap() ^= 1;
    leaves[index] = entry.encode();
    let export = Export::forged(&park, &leaves);
    export.fails(Claim::AuthorSignatures, Some(index as u64));
}

#[test]
fn a_wrong_state_root_fails_the_replay() {
    let park = lived();
    let mut leaves = park.leaves.clone();
    let last = leaves.len() - 1;
    leaves[last] = Entry::Seal {
        state_root: wattle_ledger::hash::Hash([9; 32]),
    }
    .encode();
    let export = Export::forged(&park, &leaves);
    export.fails(Claim::Replay, Some(last as u64));
}

#[test]
fn a_checkpoint_without_its_cosignature_fails_the_quorum() {
    let park = lived();
    let export = Export::of(&park);
    let checkpoint = fs::read_to_string(export.path("checkpoint")).unwrap();
    let lines: Vec<&str> = checkpoint.lines().collect();
    let without = lines[..lines.len() - 1].join("\n") + "\n";
    fs::write(export.path("checkpoint"), without).unwrap();
    export.fails(Claim::Quorum, None);
}

#[test]
fn keys_come_from_the_policy_and_not_from_the_export() {
    let park = lived();
    let export = Export::of(&park);
    let origin = park.ledger.genesis().origin();
    let stranger = key(200).public();
    let cosigner = vec![("other".to_owned(), key(201).public())];
    let policy = Policy::for_park(&origin, &[stranger], &cosigner, 1).unwrap();
    let export = Export { policy, ..export };
    export.fails(Claim::LogSignatures, None);
    export.fails(Claim::Quorum, None);
}

#[test]
fn a_line_by_a_key_nobody_knows_fails_form() {
    let park = lived();
    let export = Export::of(&park);
    let checkpoint = export.path("checkpoint");
    let text = fs::read_to_string(&checkpoint).unwrap();
    let line = text.lines().last().unwrap();
    let (_, base64) = line.rsplit_once(' ').unwrap();
    fs::write(&checkpoint, format!("{text}\u{2014} stranger {base64}\n")).unwrap();
    export.fails(Claim::Form, None);
}
