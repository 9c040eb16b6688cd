//! A statement with its sums: by day, by kind of posting, and from balance to balance.

use std::collections::BTreeMap;

use serde::Serialize;
use wattle_client::Client;
use wattle_client::api::{ChargeKind, Posting, SettledLine, Standing, Statement};
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::DeliveryInterval;
use wattle_market::settlement::PostingKind;
use wattle_market::units::Money;

use crate::failure::{Exit, Failure};
use crate::moment;
use crate::park::Park;

/// Intervals asked for at once: a day, so that no answer grows too long with many points.
const INTERVALS_AT_ONCE: u64 = DeliveryInterval::PER_DAY;
/// How often a statement is read again because something was settled meanwhile.
const ATTEMPTS: usize = 10;

/// Sums over settled lines, in Wh and nano-yuan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Sums {
    pub(super) lines: u64,
    /// Lines with a substitute.
    pub(super) substituted: u64,
    pub(super) used: i128,
    pub(super) surplus: i128,
    pub(super) received: i128,
    pub(super) from_grid: i128,
    /// What the initial runs posted.
    pub(super) initial: i128,
    /// What the final runs posted beyond it.
    pub(super) adjusted: i128,
    /// Both together.
    pub(super) credit: i128,
    pub(super) grid_alone: i128,
    /// How many lines stand how.
    pub(super) standings: BTreeMap<Standing, u64>,
}

/// A participant's account over a period. The sums are of the statement's lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    #[serde(flatten)]
    pub(super) statement: Statement,
    pub(super) park: String,
    pub(super) name: String,
    pub(super) utc_offset_minutes: i16,
    /// The closing balance less funds and settlements of the period.
    pub(super) opening: i128,
    /// Deposits less withdrawals of the period.
    pub(super) funds: i128,
    /// What months that closed with the period moved beside their energy, by kind.
    #[serde(rename = "charges_by_kind")]
    pub(super) charges: BTreeMap<ChargeKind, i128>,
    /// What the account held once the period was settled.
    pub(super) closing: i128,
    /// Postings of the period's initial runs by kind.
    pub(super) initial_by_kind: BTreeMap<PostingKind, i128>,
    /// Differences that its final runs posted, by kind.
    pub(super) adjusted_by_kind: BTreeMap<PostingKind, i128>,
    /// Both together.
    pub(super) by_kind: BTreeMap<PostingKind, i128>,
    /// By day of the park's clock.
    pub(super) days: BTreeMap<String, Sums>,
    /// Over all days.
    pub(super) total: Sums,
}

/// What postings sum to.
fn posted<'a>(postings: impl IntoIterator<Item = &'a Posting>) -> i128 {
    let amounts = postings.into_iter();
    amounts.map(|posting| i128::from(posting.amount.0)).sum()
}

impl Sums {
    /// One line, if its postings are what its figures say: the initial run's sum to its credit,
    /// the final run's to what its credit differs by.
    pub(super) fn of(settled: &SettledLine) -> Option<Sums> {
        let run = settled.last()?;
        let line = &run.line;
        let (need, received) = (i128::from(line.need.0), i128::from(line.received.0));
        let credit = i128::from(line.credit.0);
        let of_initial = settled.initial.as_ref();
        let initial = of_initial.map_or(0, |run| posted(&run.postings));
        let claimed = of_initial.map_or(0, |run| i128::from(run.line.credit.0));
        let adjusted = settled.adjusted.as_ref();
        let adjusted = adjusted.map_or(0, |run| posted(&run.postings));
        let sums = Sums {
            lines: 1,
            substituted: u64::from(!run.substituted.is_empty()),
            used: i128::from(line.load.0),
            surplus: i128::from(line.surplus.0),
            received,
            from_grid: need - received,
            initial,
            adjusted,
            credit,
            grid_alone: i128::from(line.grid_alone.0),
            standings: BTreeMap::from([(settled.standing, 1)]),
        };
        (initial == claimed && initial + adjusted == credit).then_some(sums)
    }

    fn add(&mut self, other: &Sums) {
        self.lines += other.lines;
        self.substituted += other.substituted;
        self.used += other.used;
        self.surplus += other.surplus;
        self.received += other.received;
        self.from_grid += other.from_grid;
        self.initial += other.initial;
        self.adjusted += other.adjusted;
        self.credit += other.credit;
        self.grid_alone += other.grid_alone;
        for (standing, lines) in &other.standings {
            *self.standings.entry(*standing).or_default() += lines;
        }
    }
}

/// Settlements and funds of a statement together.
fn moved(statement: &Statement) -> i128 {
    let lines = statement.lines.iter();
    let settled = posted(lines.flat_map(SettledLine::postings));
    let funds = statement.funds.iter();
    let charges = statement.charges.iter();
    settled
        + funds.map(|funds| i128::from(funds.amount.0)).sum::<i128>()
        + charges
            .map(|charge| i128::from(charge.amount.0))
            .sum::<i128>()
}

/// Statements of a longer time, a day at a time.
fn each(
    client: &Client,
    participant: ParticipantId,
    (from, to): (DeliveryInterval, DeliveryInterval),
    mut take: impl FnMut(Statement),
) -> Result<(), Failure> {
    let mut first = from;
    while first <= to {
        let last = to.min(first.plus(INTERVALS_AT_ONCE - 1));
        take(client.statement(participant, first, last)?);
        first = last.next();
    }
    Ok(())
}

impl Account {
    /// Reads the period's lines from a node. The closing balance is the park's balance less what
    /// was settled and paid after the period.
    pub(super) fn fetch(
        park: &Park<'_>,
        client: &Client,
        (participant, name): (ParticipantId, String),
        (from, to): (DeliveryInterval, DeliveryInterval),
    ) -> Result<Account, Failure> {
        for _ in 0..ATTEMPTS {
            let balance = client.balance(participant)?.balance;
            let mut statement = Statement::empty(participant, from, to);
            each(client, participant, (from, to), |one| {
                statement.log = one.log;
                statement.lines.extend(one.lines);
                statement.funds.extend(one.funds);
                statement.charges.extend(one.charges);
            })?;
            let now = DeliveryInterval::containing(client.status()?.park_time_ms);
            let mut after = 0;
            each(client, participant, (to.next(), now), |one| {
                after += moved(&one);
            })?;
            if client.balance(participant)?.balance == balance {
                let closing = i128::from(balance.0) - after;
                return Account::of(statement, name, park, closing);
            }
        }
        Err(Failure::new(
            Exit::Failure,
            "the account moved again and again while the statement was read",
            "repeat the command",
        ))
    }

    fn of(
        statement: Statement,
        name: String,
        park: &Park<'_>,
        closing: i128,
    ) -> Result<Account, Failure> {
        let body = park.genesis.body();
        let account = Account::sum(
            statement,
            (body.name.clone(), name),
            body.utc_offset_minutes,
            closing,
        );
        account.ok_or_else(|| {
            Failure::new(
                Exit::Failure,
                "the node's lines do not sum up: postings and credits differ",
                "ask another node with --url, and take an export: wattle log export",
            )
        })
    }

    /// Whether the park has final runs for some of the intervals.
    pub(super) fn has_final_runs(&self) -> bool {
        let standings = self.total.standings.keys();
        standings.into_iter().any(|one| *one != Standing::Only)
    }

    /// Sums up a statement; none where a line's postings are not its credit.
    pub(super) fn sum(
        mut statement: Statement,
        (park, name): (String, String),
        utc_offset_minutes: i16,
        closing: i128,
    ) -> Option<Account> {
        let mut kinds = [(); 3].map(|()| BTreeMap::new());
        let mut days: BTreeMap<String, Sums> = BTreeMap::new();
        let mut total = Sums::default();
        for settled in &statement.lines {
            for (run, places) in [(&settled.initial, [0, 2]), (&settled.adjusted, [1, 2])] {
                for posting in run.iter().flat_map(|run| &run.postings) {
                    for place in places {
                        let sum: &mut i128 = kinds[place].entry(posting.kind).or_default();
                        *sum += i128::from(posting.amount.0);
                    }
                }
            }
            let (day, _) = moment::day_and_time(settled.interval, utc_offset_minutes);
            let sums = Sums::of(settled)?;
            days.entry(day).or_default().add(&sums);
            total.add(&sums);
        }
        let [initial_by_kind, adjusted_by_kind, by_kind] = kinds;
        let funds = statement.funds.iter();
        let funds: i128 = funds.map(|funds| i128::from(funds.amount.0)).sum();
        let mut charges: BTreeMap<ChargeKind, i128> = BTreeMap::new();
        for charge in &statement.charges {
            *charges.entry(charge.kind).or_default() += i128::from(charge.amount.0);
        }
        statement.credit = Money(i64::try_from(total.credit).ok()?);
        statement.grid_alone = Money(i64::try_from(total.grid_alone).ok()?);
        Some(Account {
            opening: closing
                - funds
                - by_kind.values().sum::<i128>()
                - charges.values().sum::<i128>(),
            charges,
            statement,
            park,
            name,
            utc_offset_minutes,
            closing,
            funds,
            initial_by_kind,
            adjusted_by_kind,
            by_kind,
            days,
            total,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::day::Day;
    use wattle_client::api::{Charge, Funds};
    use wattle_ledger::derived::Fact;
    use wattle_ledger::entry::Entry;
    use wattle_ledger::log::policy::Policy;
    use wattle_ledger::verify::{directory::Directory, verify};
    use wattle_market::interval::Timestamp;

    /// The statement that a node would give, from the leaves of a recorded day.
    fn statement(day: &Day, of: ParticipantId, standing: Standing) -> Statement {
        let mut statement = Statement::empty(of, DeliveryInterval(u64::MAX), DeliveryInterval(0));
        for (leaf, bytes) in day.leaves.iter().enumerate() {
            let Entry::Derived {
                participant, fact, ..
            } = Entry::decode(bytes).unwrap()
            else {
                continue;
            };
            if participant != Some(of) {
                continue;
            }
            if let Fact::FundsMoved { amount } = fact {
                let (leaf, time_ms) = (leaf as u64, Timestamp(1_782_000_000_000));
                statement.funds.push(Funds {
                    leaf,
                    time_ms,
                    amount,
                });
            }
            statement.take(leaf as u64, fact, |_| standing);
        }
        let intervals = statement.lines.iter().map(|line| line.interval);
        statement.from = intervals.clone().min().unwrap();
        statement.to = intervals.max().unwrap();
        statement
    }

    /// A participant's account of a day, and what a verification says was settled and paid in.
    fn of_day(
        day: &Day,
        (of, name): (ParticipantId, &str),
        standing: Standing,
    ) -> (Account, [i128; 2]) {
        let folder = tempfile::tempdir().unwrap();
        day.write(&day.leaves, folder.path());
        let policy = Policy::parse(&day.genesis.policy().to_string()).unwrap();
        let report = verify(&Directory::new(folder.path()), &policy, &mut |_| {});
        assert!(report.is_ok());
        let summed = &report.summary.participants[&of];
        let expected = [summed.credit, summed.funds].map(|sum| i128::from(sum.0));
        let names = ("testnet".to_owned(), name.to_owned());
        let balance = expected[0] + expected[1];
        let account = Account::sum(statement(day, of, standing), names, 480, balance).unwrap();
        (account, expected)
    }

    /// The mill's account of a recorded day.
    pub(in crate::commands::statement) fn recorded(name: &str) -> (Account, [i128; 2]) {
        of_day(&Day::recorded(), (ParticipantId(1), name), Standing::Only)
    }

    #[test]
    fn closed_month_stands_between_opening_and_closing_balance() {
        let (account, [credit, funds]) = recorded("mill");
        let (mut statement, closing) = (account.statement, account.closing);
        let charge = |kind, amount| Charge {
            leaf: 9,
            kind,
            amount: Money(amount),
        };
        statement.charges = vec![
            charge(ChargeKind::Demand, -400),
            charge(ChargeKind::Fees, -30),
            charge(ChargeKind::Cut, -5),
            charge(ChargeKind::Demand, -1_000),
        ];
        assert_eq!(moved(&statement), credit + funds - 1_435);
        let names = (String::new(), String::new());
        let account = Account::sum(statement, names, 480, closing - 1_435).unwrap();
        assert_eq!(account.opening, 0);
        assert_eq!(account.charges[&ChargeKind::Demand], -1_400);
        let mut bytes = Vec::new();
        super::super::write(&mut bytes, &account).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        for part in ["month: demand charges", "-0.000001400 CNY"] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
    }

    #[test]
    fn opening_funds_and_settlements_are_the_closing_balance() {
        let (account, [credit, funds]) = recorded("mill");
        assert!(credit < 0 && funds > 0);
        assert_eq!(account.opening, 0, "the account began with the park");
        assert_eq!(account.funds, funds);
        assert_eq!(account.by_kind.values().sum::<i128>(), credit);
        assert_eq!(account.opening + account.funds + credit, account.closing);
        assert_eq!(account.total.credit, credit);
        let days = account.days.values().map(|day| day.credit);
        assert_eq!(days.sum::<i128>(), credit);
        assert_eq!(account.total.lines, 96);
        assert_eq!(account.days.len(), 1);
    }

    #[test]
    fn line_whose_postings_are_not_its_credit_is_refused() {
        let (account, _) = recorded("mill");
        let mut statement = account.statement;
        let run = statement.lines[3].initial.as_mut().unwrap();
        run.postings[0].amount.0 += 1;
        let names = (String::new(), String::new());
        assert_eq!(Account::sum(statement, names, 480, 0), None);
    }

    #[test]
    fn csv_has_a_line_for_each_interval_whose_amounts_sum_to_the_ledger_s() {
        let (account, [credit, _]) = recorded("mill, \"the old\"");
        let mut bytes = Vec::new();
        super::super::csv::write(&mut bytes, &account).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let sum_of = |name: &str| -> i128 {
            let place = header.iter().position(|column| *column == name).unwrap();
            let cell = |line: &str| line.split(',').nth(place).unwrap().parse::<i128>().unwrap();
            text.lines().skip(1).map(cell).sum()
        };
        assert_eq!(lines.clone().count(), 96);
        assert!(lines.all(|line| line.split(',').count() == header.len()));
        assert_eq!(sum_of("credit_ncny"), credit);
        let kinds = [
            "forward",
            "pool",
            "grid",
            "balancing",
            "wheeling",
            "replacement",
        ];
        let kinds = kinds.map(|kind| sum_of(&format!("{kind}_ncny")));
        assert_eq!(kinds.iter().sum::<i128>(), credit);
        assert_eq!(
            sum_of("need_wh"),
            sum_of("received_wh") + sum_of("from_grid_wh")
        );
        assert_eq!(sum_of("used_wh"), account.total.used);
    }

    #[test]
    fn both_runs_of_a_closed_month_sum_to_the_ledger_s() {
        let day = Day::closed();
        for of in (1..=4).map(ParticipantId) {
            let (account, [credit, funds]) = of_day(&day, (of, "tenant"), Standing::Final);
            let total = &account.total;
            assert_eq!(account.opening, 0, "the account began with the park");
            assert_eq!(
                account.funds + total.initial + total.adjusted,
                account.closing
            );
            assert_eq!((total.credit, account.funds), (credit, funds));
            assert_eq!(
                account.initial_by_kind.values().sum::<i128>(),
                total.initial
            );
            assert_eq!(
                account.adjusted_by_kind.values().sum::<i128>(),
                total.adjusted
            );
            assert_eq!(account.by_kind.values().sum::<i128>(), credit);
            assert_eq!(i128::from(account.statement.credit.0), credit);
            let lines = account.statement.lines.iter();
            let adjusted = lines.filter(|line| line.adjusted.is_some()).count();
            assert!(adjusted > 10, "{of} {adjusted}");
            assert_eq!(total.lines, 98, "a line of both runs counts once");

            let mut text = Vec::new();
            super::super::write(&mut text, &account).unwrap();
            let text = String::from_utf8(text).unwrap();
            for part in ["initial run", "final run: grid", "final\n"] {
                assert!(text.contains(part), "no {part:?} in {text}");
            }
            assert!(!text.contains("provisional"), "{text}");
        }
    }

    #[test]
    fn line_that_can_still_change_is_provisional_in_every_format() {
        let mill = (ParticipantId(1), "mill");
        let (account, _) = of_day(&Day::recorded(), mill, Standing::Provisional);
        let written = |write: fn(&mut dyn std::io::Write, &Account) -> std::io::Result<()>| {
            let mut bytes = Vec::new();
            write(&mut bytes, &account).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let sentence = "96 of 96 lines are provisional";
        assert!(written(super::super::write).contains(sentence));
        let page = written(super::super::html::write);
        assert!(page.contains(sentence) && page.contains("<td class=\"text\">provisional</td>"));
        let csv = written(super::super::csv::write);
        assert_eq!(csv.matches(",provisional,,").count(), 96);
        let json = serde_json::to_value(&account).unwrap();
        assert_eq!(json["lines"][0]["standing"], "provisional");
        assert_eq!(json["total"]["standings"]["provisional"], 96);
    }

    #[test]
    fn every_format_says_which_lines_are_sealed() {
        let (account, _) = recorded("mill");
        let last = account.statement.lines.iter().filter_map(SettledLine::last);
        let last = last.map(|run| run.leaf).max().unwrap();
        let written = |sealed, write: fn(&mut dyn std::io::Write, &Account) -> _| {
            let mut account = account.clone();
            account.statement.log.sealed = sealed;
            let mut bytes = Vec::new();
            let done: std::io::Result<()> = write(&mut bytes, &account);
            done.unwrap();
            String::from_utf8(bytes).unwrap()
        };
        for write in [super::super::write, super::super::html::write] {
            let all = "All lines are sealed";
            assert!(written(last + 1, write).contains(all));
            let text = written(last, write);
            assert!(text.contains("1 of 96 lines are committed") && !text.contains(all));
        }
        let csv = written(last, super::super::csv::write);
        assert!(csv.lines().next().unwrap().ends_with(",stage"), "{csv}");
        assert_eq!(csv.matches(",sealed\n").count(), 95);
        assert_eq!(csv.matches(",committed\n").count(), 1);
    }

    #[test]
    fn final_run_that_posts_other_differences_than_it_claims_is_refused() {
        let mill = (ParticipantId(1), "mill");
        let (account, _) = of_day(&Day::closed(), mill, Standing::Final);
        let mut statement = account.statement;
        let mut lines = statement.lines.iter_mut();
        let run = lines.find_map(|line| line.adjusted.as_mut()).unwrap();
        run.postings[0].amount.0 -= 1;
        let names = (String::new(), String::new());
        assert_eq!(Account::sum(statement, names, 480, 0), None);
    }

    #[test]
    fn page_is_self_contained_and_escapes_names() {
        let (account, _) = recorded("<b>mill</b> & \"co\" '1'");
        let mut bytes = Vec::new();
        super::super::html::write(&mut bytes, &account).unwrap();
        let page = String::from_utf8(bytes).unwrap();
        let name = "&lt;b&gt;mill&lt;/b&gt; &amp; &quot;co&quot; &#39;1&#39;";
        assert_eq!(page.matches(name).count(), 2, "title and heading");
        for part in [
            "<b>mill", "<script", "http://", "https://", "src=", "href=", "url(",
        ] {
            assert!(!page.contains(part), "{part}");
        }
        for part in [
            "prefers-color-scheme:dark",
            "@media print",
            "closing balance",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert_eq!(page.matches("<tr").count(), page.matches("</tr>").count());
        assert_eq!(
            page.matches("<table").count(),
            page.matches("</table>").count()
        );
        // Header and 96 quarters; header, a day and the sum.
        assert!(page.matches("<tr").count() >= 97 + 3);
    }
}
