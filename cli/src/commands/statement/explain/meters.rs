//! What the meters say: registers with the entries and keys behind them.

use std::io;

use wattle_ledger::state::registers::Ratio;
use wattle_ledger::verify::explain::{Basis, MeterUsed, RegisterRead, Restart, RestartKind};

use super::{Page, short};
use crate::commands::statement::meter_name;

/// A ratio as it is written on a type plate.
fn ratio(ratio: Ratio) -> String {
    format!("{}/{}", ratio.numerator, ratio.denominator)
}

impl Page<'_, '_> {
    fn register(&mut self, read: &RegisterRead) -> io::Result<()> {
        let end = read.interval.next();
        let at = self.at(end);
        let corrects = match read.corrects {
            Some(first) => format!(
                ", instead of {} (entry {}, signed by {})",
                first.register,
                first.entry,
                short(&first.signer)
            ),
            None => String::new(),
        };
        writeln!(
            self.writer,
            "      register {} at {at}: entry {}, signed by {}{corrects}",
            read.register,
            read.entry,
            short(&read.signer)
        )
    }

    fn restart(&mut self, restart: &Restart) -> io::Result<()> {
        let at = self.at(restart.interval);
        let what = match restart.kind {
            RestartKind::Reset => "register reset",
            RestartKind::Replaced => "meter replaced",
            RestartKind::Ratio => "ratio changed",
        };
        writeln!(
            self.writer,
            "      {what} in the quarter from {at} on: {} was its last, {} its first, from there \
             on times {} (entry {})",
            restart.last,
            restart.start,
            ratio(restart.ratio),
            restart.entry
        )
    }

    fn registers(
        &mut self,
        meter: &MeterUsed,
        before: &RegisterRead,
        after: &RegisterRead,
    ) -> io::Result<()> {
        self.register(before)?;
        for restart in &meter.restarts {
            self.restart(restart)?;
        }
        self.register(after)
    }

    pub(super) fn meter(&mut self, meter: &MeterUsed) -> io::Result<()> {
        let name = format!("meter {} ({})", meter.meter, meter_name(meter.kind));
        match &meter.basis {
            Basis::Readings { before, after } => {
                let (high, low) = (after.register, before.register);
                if !meter.restarts.is_empty() {
                    let energy = meter.energy;
                    writeln!(
                        self.writer,
                        "  {name}: {energy} over registers that start anew"
                    )?;
                } else if meter.ratio == Ratio::ONE {
                    writeln!(self.writer, "  {name}: {high} − {low} = {}", meter.energy)?;
                } else {
                    let by = ratio(meter.ratio);
                    let energy = meter.energy;
                    writeln!(
                        self.writer,
                        "  {name}: ({high} − {low}) times {by} = {energy}"
                    )?;
                }
                self.registers(meter, before, after)
            }
            Basis::KnownGap {
                before,
                after,
                total,
                intervals,
                weight,
                weights,
            } => {
                writeln!(
                    self.writer,
                    "  {name}: SUBSTITUTE {}. Readings lack, but the registers around the gap of \
                     {intervals} intervals are known;\n      their difference of {total} is spread \
                     by the week before: {} of {} parts fall to this interval.",
                    meter.energy, weight.0, weights.0
                )?;
                self.registers(meter, before, after)
            }
            Basis::OpenGapNothing => writeln!(
                self.writer,
                "  {name}: SUBSTITUTE {}. A reading lacks and no later one was known at \
                 settlement; what would favor the point counts as nothing.",
                meter.energy
            ),
            Basis::OpenGapMost { of } => {
                let at = self.at(*of);
                writeln!(
                    self.writer,
                    "  {name}: SUBSTITUTE {}. A reading lacks and no later one was known at \
                     settlement; this is the most of the same quarter on the seven days before, \
                     that of {at}.",
                    meter.energy
                )
            }
            Basis::OpenGapRating { rated_w } => writeln!(
                self.writer,
                "  {name}: SUBSTITUTE {}. A reading lacks, and so does the history; this is the \
                 meter's rating of {rated_w} W for a quarter of an hour.",
                meter.energy
            ),
        }
    }
}
