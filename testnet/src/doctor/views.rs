//! Doctored views: what somebody could make of one participant's view, who makes the view without
//! the nodes' keys, or with them.
//!
//! Each class has the claim that must fail. What a view cannot show is not among them: the last
//! event of a key left out, or an entry of the park that nothing else in the view calls for.

use std::collections::BTreeSet;

use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::registration::{ParticipantId, Role};
use wattle_ledger::verify::claim::{Claim, Status};
use wattle_ledger::verify::view::{ViewReport, verify_view};
use wattle_ledger::view::{Header, PartWriter, Record, gather, make, parse_part, part_path};

use super::{Doctored, Files, Numbers, Surgery};

/// A doctored view with the claim that must fail; none: any.
#[derive(Debug)]
pub struct DoctoredView {
    /// What was done, and the result.
    pub doctored: Doctored,
    /// What must fail.
    pub claim: Option<Claim>,
}

/// Leaves of a view with their indices.
type Leaves = Vec<(u64, Vec<u8>)>;

impl Surgery {
    /// One participant's view of the honest export.
    ///
    /// # Panics
    /// If there is no such participant, or the export cannot be read.
    #[must_use]
    pub fn view(&self, participant: ParticipantId) -> Files {
        self.view_of(&self.files, participant)
    }

    fn view_of(&self, files: &Files, participant: ParticipantId) -> Files {
        let mut view = Files(Default::default());
        make(files, participant, &mut |_| {}, &mut |path, bytes| {
            view.0.insert(path.to_owned(), bytes.to_vec());
            Ok(())
        })
        .expect("the honest export has a view of each participant");
        view
    }

    /// The verifier's report on a view.
    #[must_use]
    pub fn judge_view(&self, view: &Files) -> ViewReport {
        verify_view(view, &self.policy, &mut |_| {})
    }

    /// Whether a doctored view is found out by the claim that it should fail.
    #[must_use]
    pub fn is_view_found(&self, view: &DoctoredView) -> bool {
        let report = self.judge_view(&view.doctored.files);
        let failed: Vec<&str> = report
            .report
            .claims
            .iter()
            .filter(|finding| finding.status == Status::Failed)
            .map(|finding| finding.claim)
            .collect();
        match view.claim {
            Some(claim) => failed.contains(&claim.name()),
            None => !failed.is_empty(),
        }
    }

    /// A doctored view of a seed; none where it came out honest, or had nothing to doctor so.
    #[must_use]
    pub fn doctored_view(&self, seed: u64) -> Option<DoctoredView> {
        let mut numbers = Numbers::from_seed(seed);
        let count = self.participants().len();
        let participant = self.participants()[numbers.below(count)];
        let honest = self.view(participant);
        let doctored = match numbers.below(3) {
            0 => self.changed_file(&honest, &mut numbers),
            1 => self.changed_leaves(participant, &honest, &mut numbers)?,
            _ => self.signed_anew(participant, &mut numbers)?,
        };
        (doctored.doctored.files != honest).then_some(doctored)
    }

    fn participants(&self) -> Vec<ParticipantId> {
        let registry = gather(&self.files).expect("the honest export can be read");
        registry.participants().map(|(id, _)| id).collect()
    }

    fn changed_file(&self, honest: &Files, numbers: &mut Numbers) -> DoctoredView {
        let mut files = honest.clone();
        let what = change_file(&mut files, numbers);
        DoctoredView {
            doctored: Doctored { what, files },
            claim: None,
        }
    }

    /// The maker of a view holds no key of a node, but chooses what is in it.
    fn changed_leaves(
        &self,
        participant: ParticipantId,
        honest: &Files,
        numbers: &mut Numbers,
    ) -> Option<DoctoredView> {
        let mut leaves = leaves_of(honest);
        let at = 1 + numbers.below(leaves.len() - 1);
        let index = leaves[at].0;
        let (what, claim) = match numbers.below(6) {
            0 => {
                let byte = numbers.below(leaves[at].1.len());
                leaves[at].1[byte] ^= 1;
                (format!("leaf {index} changed"), None)
            }
            1 => {
                let all: BTreeSet<u64> = leaves.iter().map(|(index, _)| *index).collect();
                let next = index + 1;
                let is_free = next < self.leaves() as u64 && !all.contains(&next);
                is_free.then(|| leaves[at].0 = next)?;
                (
                    format!("leaf {index} at the next place"),
                    Some(Claim::BytesToRoot),
                )
            }
            2 => {
                let others = (0..self.leaves() as u64)
                    .filter(|other| leaves.iter().all(|(own, _)| own != other));
                let others: Vec<u64> = others.collect();
                let other = others[numbers.below(others.len())];
                let place = leaves.partition_point(|(own, _)| *own < other);
                let leaf = self.recording.leaves()[usize::try_from(other).ok()?].clone();
                leaves.insert(place, (other, leaf));
                (format!("another's leaf {other} put in"), Some(Claim::Form))
            }
            3 => {
                let place = pick(&leaves, numbers, |fact| {
                    matches!(fact, Fact::PointSettled { .. })
                })?;
                let (index, _) = leaves.remove(place);
                (
                    format!("settlement {index} left out"),
                    Some(Claim::Settlement),
                )
            }
            4 => {
                let place = pick(
                    &leaves,
                    numbers,
                    |fact| matches!(fact, Fact::OrderClosed { filled, .. } if filled.0 > 0),
                )?;
                let (index, _) = leaves.remove(place);
                (format!("trade {index} left out"), Some(Claim::Trades))
            }
            _ => {
                let place = self.event_between(participant, &leaves, numbers)?;
                let (index, _) = leaves.remove(place);
                (
                    format!("own event {index} left out"),
                    Some(Claim::Sequences),
                )
            }
        };
        let files = with_leaves(honest, participant, &leaves);
        Some(DoctoredView {
            doctored: Doctored { what, files },
            claim,
        })
    }

    /// Whoever holds the node's keys signs a log with another figure, and makes a view of it.
    fn signed_anew(
        &self,
        participant: ParticipantId,
        numbers: &mut Numbers,
    ) -> Option<DoctoredView> {
        let mut leaves = self.recording.leaves().to_vec();
        let own: Vec<usize> = (0..leaves.len())
            .filter(|place| settles(&leaves[*place], participant))
            .collect();
        let place = own[numbers
            .below(own.len().max(1))
            .min(own.len().checked_sub(1)?)];
        let mut entry = Entry::decode(&leaves[place]).expect("an honest leaf is an entry");
        let Entry::Derived {
            fact: Fact::PointSettled { line, postings, .. },
            ..
        } = &mut entry
        else {
            return None;
        };
        let (what, claim) = match numbers.below(2) {
            0 => {
                postings.first_mut()?.1.0 += 1;
                (format!("a posting of leaf {place} raised"), Claim::Journal)
            }
            _ => {
                line.contracted.0 += 1;
                (
                    format!("the contract of leaf {place} raised"),
                    Claim::Trades,
                )
            }
        };
        leaves[place] = entry.encode();
        let export = Files(self.recording.resigned(&leaves));
        let files = self.view_of(&export, participant);
        Some(DoctoredView {
            doctored: Doctored {
                what: format!("{what}, all signed anew"),
                files,
            },
            claim: Some(claim),
        })
    }

    /// An event of one of the participant's own keys that another of the same key follows.
    fn event_between(
        &self,
        participant: ParticipantId,
        leaves: &Leaves,
        numbers: &mut Numbers,
    ) -> Option<usize> {
        let registry = gather(&self.files).expect("the honest export can be read");
        let events: Vec<(usize, _)> = leaves
            .iter()
            .enumerate()
            .filter_map(|(place, (_, leaf))| match Entry::decode(leaf) {
                Ok(Entry::Event { signed, .. }) => {
                    let event = SignedEvent::parse(&signed).expect("an honest event parses");
                    Some((place, event.body().author))
                }
                _ => None,
            })
            .collect();
        let is_own = |role: Option<Role>| match role {
            Some(Role::Tenant(other) | Role::Delegate(other)) => other == participant,
            Some(Role::Meter(_)) => true,
            _ => false,
        };
        let between: Vec<usize> = events
            .iter()
            .filter(|(place, author)| {
                is_own(registry.role(author))
                    && events
                        .iter()
                        .any(|(later, other)| later > place && other == author)
            })
            .map(|(place, _)| *place)
            .collect();
        (!between.is_empty()).then(|| between[numbers.below(between.len())])
    }
}

fn settles(leaf: &[u8], of: ParticipantId) -> bool {
    matches!(
        Entry::decode(leaf),
        Ok(Entry::Derived { participant: Some(participant), fact: Fact::PointSettled { .. }, .. })
            if participant == of
    )
}

/// The place of one of the leaves with a fact of a kind.
fn pick(leaves: &Leaves, numbers: &mut Numbers, is: impl Fn(&Fact) -> bool) -> Option<usize> {
    let places: Vec<usize> = leaves
        .iter()
        .enumerate()
        .filter(|(_, (_, leaf))| match Entry::decode(leaf) {
            Ok(Entry::Derived { fact, .. }) => is(&fact),
            _ => false,
        })
        .map(|(place, _)| place)
        .collect();
    (!places.is_empty()).then(|| places[numbers.below(places.len())])
}

fn leaves_of(view: &Files) -> Leaves {
    let parts = (0..).map_while(|number| view.0.get(&part_path(number)));
    let mut leaves = Vec::new();
    for part in parts {
        let records = parse_part(part).expect("an honest view has parts");
        leaves.extend(records.iter().map(|it| (it.index, it.leaf.to_vec())));
    }
    leaves
}

/// The view with other leaves, divided and counted as they should be.
fn with_leaves(view: &Files, participant: ParticipantId, leaves: &Leaves) -> Files {
    let mut files = view.clone();
    files.0.retain(|path, _| !path.starts_with("own/"));
    let mut writer = PartWriter::default();
    let mut parts = Vec::new();
    for (index, leaf) in leaves {
        parts.extend(writer.push(Record {
            index: *index,
            leaf,
        }));
    }
    parts.extend(writer.finish());
    let header = Header {
        participant,
        leaves: leaves.len() as u64,
        parts: parts.len() as u64,
    };
    for (number, part) in (0..).zip(parts) {
        files.0.insert(part_path(number), part);
    }
    files
        .0
        .insert("view".to_owned(), header.to_string().into_bytes());
    files
}

/// Changes, cuts, lengthens or removes one file.
fn change_file(files: &mut Files, numbers: &mut Numbers) -> String {
    let paths: Vec<String> = files.0.keys().cloned().collect();
    let path = paths[numbers.below(paths.len())].clone();
    let bytes = files
        .0
        .get_mut(&path)
        .expect("the path is one of the view's");
    let at = numbers.below(bytes.len());
    match numbers.below(4) {
        0 => {
            bytes[at] ^= 1 << numbers.below(8);
            format!("{path}: a bit of byte {at} flipped")
        }
        1 => {
            bytes.truncate(at);
            format!("{path}: cut to {at} bytes")
        }
        2 => {
            bytes.insert(at, 7);
            format!("{path}: a byte put in at {at}")
        }
        _ => {
            files.0.remove(&path);
            format!("{path}: removed")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_honest_view_holds_and_no_doctored_one_does() {
        let surgery = Surgery::prepare().unwrap();
        for participant in surgery.participants() {
            let view = surgery.view(participant);
            let report = surgery.judge_view(&view);
            assert!(report.holds(), "{:#?}", report.report.claims);
            for (index, leaf) in leaves_of(&view) {
                let place = usize::try_from(index).unwrap();
                assert_eq!(leaf, surgery.recording.leaves()[place]);
            }
        }
        let mut found: BTreeMap<Option<&str>, u32> = BTreeMap::new();
        for seed in 0..400 {
            let Some(view) = surgery.doctored_view(seed) else {
                continue;
            };
            assert!(
                surgery.is_view_found(&view),
                "seed {seed}: {}, by {:?}: {:#?}",
                view.doctored.what,
                view.claim,
                surgery.judge_view(&view.doctored.files).report.claims
            );
            *found.entry(view.claim.map(Claim::name)).or_default() += 1;
        }
        // Every class came up.
        let claims: Vec<Option<&str>> = found.keys().copied().collect();
        let expected = [
            "bytes to root",
            "form",
            "journal",
            "sequences",
            "settlement",
            "trades",
        ];
        assert_eq!(claims[1..], expected.map(Some), "{found:?}");
        assert!(found[&None] > 100, "{found:?}");
    }
}
