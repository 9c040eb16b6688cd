//! What the final run made of it, and why.

use std::collections::BTreeMap;
use std::io;

use wattle_ledger::state::runs::Standing;
use wattle_ledger::verify::explain::{Adjustment, Amount, MeterUsed};
use wattle_market::settlement::PostingKind;
use wattle_market::units::Money;

use super::Page;
use crate::commands::statement::{kind_name, meter_name};
use crate::output::Table;

fn sum(amounts: &[Amount], kind: PostingKind) -> i128 {
    let of_kind = amounts.iter().filter(|amount| amount.kind == kind);
    of_kind.map(|amount| i128::from(amount.amount.0)).sum()
}

fn money(sum: i128) -> String {
    i64::try_from(sum).map_or_else(|_| format!("{sum} nCNY"), |sum| Money(sum).to_string())
}

impl Page<'_, '_> {
    /// How far it has come, and what changed since it was first settled.
    pub(super) fn adjustment(&mut self) -> io::Result<()> {
        let of = self.of;
        if let Some(adjustment) = &of.adjustment {
            return self.adjusted(adjustment);
        }
        let sentence = match of.standing {
            Standing::Only => return Ok(()),
            Standing::Provisional => {
                "Provisional: the final run of this interval is still to come."
            }
            Standing::Final => "Final: the final run found the same figures for this point.",
            Standing::Held => {
                "The final run was held up by the rules; what the initial run posted stands."
            }
        };
        writeln!(self.writer, "{sentence}")
    }

    fn adjusted(&mut self, adjustment: &Adjustment) -> io::Result<()> {
        let of = self.of;
        writeln!(
            self.writer,
            "Final: the final run adjusted what the initial run had posted (entry {}). The steps \
             below are the final run's.",
            adjustment.entry
        )?;
        writeln!(self.writer, "\nWhat changed")?;
        for change in &adjustment.meters {
            match &change.before {
                Some(before) => {
                    let line = format!("  {} was, in the initial run:", name(&change.after));
                    writeln!(self.writer, "{line}")?;
                    self.meter(before)?;
                }
                None => writeln!(self.writer, "  {} counts now.", name(&change.after))?,
            }
        }
        if adjustment.meters.is_empty() {
            writeln!(self.writer, "  Nothing at the point's own meters.")?;
        }
        for (point, entry) in &adjustment.others {
            writeln!(
                self.writer,
                "  The energy of {point} is another (entry {entry}), and with it what pool and \
                 park share."
            )?;
        }
        let mut table = Table::new(&["  posting", ">initial run", ">final run", ">difference"]);
        let before = adjustment.before.as_ref();
        let earlier = before.map_or(&[][..], |before| &before.amounts);
        let posted: BTreeMap<_, _> = adjustment.postings.iter().copied().collect();
        for kind in PostingKind::ALL {
            let (was, is) = (sum(earlier, kind), sum(&of.amounts, kind));
            if was != 0 || is != 0 {
                let difference = posted.get(&kind).copied().unwrap_or(Money::ZERO);
                table.row(vec![
                    format!("  {}", kind_name(kind)),
                    money(was),
                    money(is),
                    difference.to_string(),
                ]);
            }
        }
        let all = posted.values().map(|amount| i128::from(amount.0)).sum();
        table.row(vec![
            "  sum".to_owned(),
            before
                .map_or(Money::ZERO, |before| before.credit)
                .to_string(),
            of.credit.to_string(),
            money(all),
        ]);
        table.write(self.writer, "")?;
        if before.is_none() {
            writeln!(
                self.writer,
                "  The initial run was held and had posted nothing."
            )?;
        }
        Ok(())
    }
}

fn name(meter: &MeterUsed) -> String {
    format!("Meter {} ({})", meter.meter, meter_name(meter.kind))
}
