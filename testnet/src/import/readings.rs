//! All readings of a data file, by meter and interval.

use std::collections::BTreeMap;

use wattle_market::interval::DeliveryInterval;

use super::row::{self, Row, parse_row};
use super::{ImportError, ImportFlag, LineReason, METERS_MAX, Stamps};
use crate::profile::{MeterFlag, MeterKind};

/// Names one meter: participant, building, kind. Sorted by point, then kind.
pub(super) type MeterKey = (String, String, MeterKind);

/// All lines of a file, sorted by meter and interval, each value with the line it stood on.
pub(super) struct Readings {
    pub(super) meters: BTreeMap<MeterKey, BTreeMap<DeliveryInterval, i64>>,
    pub(super) flags: Vec<ImportFlag>,
    /// The earliest reading's interval, and midnight before it on its own clock.
    pub(super) earliest: Option<(DeliveryInterval, DeliveryInterval)>,
    /// The latest reading's interval and line.
    pub(super) latest: Option<(DeliveryInterval, u64)>,
}

/// Reads every line, keeping the first value of each interval.
pub(super) fn collect(bytes: &[u8], stamps: Stamps) -> Result<Readings, ImportError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let mut readings = Readings {
        meters: BTreeMap::new(),
        flags: Vec::new(),
        earliest: None,
        latest: None,
    };
    let mut lines = LineCounter {
        bytes,
        position: 0,
        line: 1,
    };
    let mut header_seen = false;
    loop {
        let more = reader
            .read_byte_record(&mut record)
            .expect("bytes in memory have no I/O error, and flexible records no other");
        if !more {
            break;
        }
        let start = record
            .position()
            .expect("a record that was read has a position")
            .byte();
        let line = lines.line_of_record(start);
        let refuse = |reason| ImportError::Line { line, reason };
        if header_seen {
            let row = parse_row(&record, stamps).map_err(refuse)?;
            readings.add(line, row).map_err(refuse)?;
        } else {
            row::check_header(&record).map_err(refuse)?;
            header_seen = true;
        }
    }
    Ok(readings)
}

/// Says on which line a record stands. The reader's own count is one short behind a CRLF, and does
/// not know of blank lines that it passed over.
struct LineCounter<'a> {
    bytes: &'a [u8],
    position: usize,
    line: u64,
}

impl LineCounter<'_> {
    /// The line of the first byte of the record that the reader says begins at `start`, which may
    /// be the end of a line before it. Calls must come with rising `start`.
    fn line_of_record(&mut self, start: u64) -> u64 {
        let start = usize::try_from(start).expect("the bytes are in memory");
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let blank = self.bytes[start..]
            .iter()
            .take_while(|byte| is_line_end(byte))
            .count();
        while self.position < start + blank {
            let byte = self.bytes[self.position];
            let next = self.bytes.get(self.position + 1);
            // The CR of a CRLF ends no line; its LF does.
            if byte == b'\n' || (byte == b'\r' && next != Some(&b'\n')) {
                self.line += 1;
            }
            self.position += 1;
        }
        self.line
    }
}

impl Readings {
    /// Adds one reading; refuses it if it names one meter too many.
    pub(super) fn add(&mut self, line: u64, row: Row) -> Result<(), LineReason> {
        let Row {
            participant,
            building,
            meter,
            interval,
            midnight,
            watt_hours,
        } = row;
        let key = (participant, building, meter);
        if !self.meters.contains_key(&key) && self.meters.len() == METERS_MAX {
            return Err(LineReason::TooManyMeters);
        }
        if self
            .earliest
            .is_none_or(|(earliest, _)| interval < earliest)
        {
            self.earliest = Some((interval, midnight));
        }
        if self.latest.is_none_or(|(latest, _)| interval > latest) {
            self.latest = Some((interval, line));
        }
        let mut flag = |kind| {
            let (participant, building, meter) = key.clone();
            self.flags.push(ImportFlag {
                line: Some(line),
                participant,
                building,
                meter,
                kind,
            });
        };
        let energy = if watt_hours < 0 {
            flag(MeterFlag::NegativeTakenAsZero {
                interval,
                found: watt_hours,
            });
            0
        } else {
            watt_hours
        };
        let first = self
            .meters
            .get(&key)
            .and_then(|values| values.get(&interval))
            .copied();
        if let Some(first) = first {
            flag(MeterFlag::Repeated {
                interval,
                differs: first != energy,
            });
        } else {
            self.meters.entry(key).or_default().insert(interval, energy);
        }
        Ok(())
    }

    /// Removes everything from `end` on and says how many readings that were.
    pub(super) fn cut_off(&mut self, end: DeliveryInterval) -> u64 {
        let mut count = 0;
        for values in self.meters.values_mut() {
            count += values.split_off(&end).len() as u64;
        }
        // A meter that only ever read after the end has nothing to say.
        self.meters.retain(|_, values| !values.is_empty());
        count
    }

    /// Flags each run of intervals of `range` in which a meter has no value.
    pub(super) fn flag_gaps(&mut self, range: std::ops::Range<u64>) {
        for ((participant, building, meter), values) in &self.meters {
            let mut expected = range.start;
            let present = values.keys().map(|interval| interval.0);
            let end = std::iter::once(range.end);
            for found in present
                .filter(|interval| range.contains(interval))
                .chain(end)
            {
                if found > expected {
                    let first = DeliveryInterval(expected);
                    self.flags.push(ImportFlag {
                        line: None,
                        participant: participant.clone(),
                        building: building.clone(),
                        meter: *meter,
                        kind: MeterFlag::Gap {
                            first,
                            intervals: found - expected,
                        },
                    });
                }
                expected = found + 1;
            }
        }
    }

    /// Flags each hour or more in which a load meter that does count read exactly 0.
    pub(super) fn flag_zeros(&mut self) {
        for ((participant, building, meter), values) in &self.meters {
            let counts = values.values().any(|energy| *energy != 0);
            if *meter != MeterKind::Load || !counts {
                continue;
            }
            let mut run: Option<(DeliveryInterval, u64)> = None;
            let mut runs = Vec::new();
            for (interval, energy) in values {
                run = match run {
                    _ if *energy != 0 => {
                        runs.extend(run);
                        None
                    }
                    Some((first, count)) if first.plus(count) == *interval => {
                        Some((first, count + 1))
                    }
                    earlier => {
                        runs.extend(earlier);
                        Some((*interval, 1))
                    }
                };
            }
            runs.extend(run);
            runs.retain(|(_, intervals)| *intervals >= DeliveryInterval::PER_HOUR);
            let flags = runs.into_iter().map(|(first, intervals)| ImportFlag {
                line: None,
                participant: participant.clone(),
                building: building.clone(),
                meter: *meter,
                kind: MeterFlag::Zeros { first, intervals },
            });
            self.flags.extend(flags);
        }
    }
}
