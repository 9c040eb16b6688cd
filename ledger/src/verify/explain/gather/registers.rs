//! Registers of the point's meters: read, corrected, and started anew.

use crate::event::{Action, EventBody, Reading};
use crate::keys::PublicKey;
use crate::registration::{Meter, MeterId, Role};
use crate::state::registers::{Break, Ratio};
use crate::verify::explain::gather::Gathered;
use crate::verify::explain::{Correction, RegisterRead, Restart, RestartKind};
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::WattHours;

impl Gathered {
    /// An event that may be about registers of the point's meters.
    pub(super) fn register_event(&mut self, entry: u64, body: &EventBody, outcome: &[u16]) {
        let author = body.author;
        match &body.action {
            Action::SubmitReadings(readings) => {
                let Some(Role::Meter(meter)) = self.roles.get(&author).copied() else {
                    return;
                };
                if !self.wanted.contains(&meter) {
                    return;
                }
                for (place, reading) in readings.iter().enumerate() {
                    if outcome.get(place) == Some(&0) {
                        self.read(entry, author, meter, reading);
                    }
                }
            }
            action if outcome == [0] => self.registrar_s(entry, author, action),
            _ => {}
        }
    }

    fn read(&mut self, entry: u64, signer: PublicKey, meter: MeterId, reading: &Reading) {
        let read = RegisterRead {
            interval: reading.interval,
            register: reading.register,
            entry,
            signer,
            corrects: None,
        };
        // The same register once more changes nothing.
        let key = (meter, reading.interval);
        self.registers.entry(key).or_insert(read);
    }

    /// What the registrar was allowed to say of a register.
    fn registrar_s(&mut self, entry: u64, signer: PublicKey, action: &Action) {
        match action {
            Action::RegisterMeter(meter) if self.wanted.contains(&meter.id) => {
                self.registered(entry, signer, meter);
            }
            Action::CorrectReading {
                meter,
                interval,
                register,
                ..
            } => {
                let Some(read) = self.registers.get_mut(&(*meter, *interval)) else {
                    return;
                };
                if read.register != *register {
                    let first = read.corrects.unwrap_or(Correction {
                        register: read.register,
                        entry: read.entry,
                        signer: read.signer,
                    });
                    *read = RegisterRead {
                        interval: *interval,
                        register: *register,
                        entry,
                        signer,
                        corrects: Some(first),
                    };
                }
            }
            Action::ResetRegister {
                meter,
                interval,
                last,
                start,
            } => {
                let ratio = self.breaks.of(*meter).at(*interval).ratio;
                let at = (*meter, *interval);
                self.restarted(entry, at, (*last, *start, ratio), RestartKind::Reset);
            }
            Action::ReplaceMeter {
                meter,
                interval,
                last,
                start,
                ratio,
                key,
            } => {
                let at = (*meter, *interval);
                self.roles.insert(*key, Role::Meter(*meter));
                self.restarted(entry, at, (*last, *start, *ratio), RestartKind::Replaced);
            }
            Action::SetRatio {
                meter,
                from,
                register,
                ratio,
            } => {
                let at = (*meter, *from);
                self.restarted(
                    entry,
                    at,
                    (*register, *register, *ratio),
                    RestartKind::Ratio,
                );
            }
            _ => {}
        }
    }

    fn registered(&mut self, entry: u64, signer: PublicKey, meter: &Meter) {
        let start = RegisterRead {
            interval: meter.from.minus(1),
            register: meter.register,
            entry,
            signer,
            corrects: None,
        };
        self.registers.insert((meter.id, start.interval), start);
        self.meters.push((entry, meter.clone()));
    }

    fn restarted(
        &mut self,
        entry: u64,
        (meter, interval): (MeterId, DeliveryInterval),
        (last, start, ratio): (WattHours, WattHours, Ratio),
        kind: RestartKind,
    ) {
        if !self.wanted.contains(&meter) {
            return;
        }
        self.breaks
            .set(meter, interval, Break { last, start, ratio });
        let restart = Restart {
            kind,
            interval,
            last,
            start,
            ratio,
            entry,
        };
        self.restarts.insert((meter, interval), restart);
    }
}
