//! Values cut into records that sled keeps in its own file.
//!
//! A value's key is followed by the record's number in two bytes, big-endian, so that its records
//! lie side by side and in order.

use super::VALUE_BYTES_MAX;

/// Cuts a value into records; how many there are is what removes it again.
pub(super) fn insert(key: &[u8], value: &[u8], changes: &mut sled::Batch) -> usize {
    assert!(!value.is_empty(), "an empty value would leave no record");
    let chunks = value.chunks(VALUE_BYTES_MAX);
    let records = chunks.len();
    for (number, chunk) in chunks.enumerate() {
        changes.insert(record_key(key, number), chunk);
    }
    records
}

/// Removes a value of so many records.
pub(super) fn remove(key: &[u8], records: usize, changes: &mut sled::Batch) {
    for number in 0..records {
        changes.remove(record_key(key, number));
    }
}

/// Reads a value of so many records; `None` where one is missing.
pub(super) fn read(
    key: &[u8],
    records: usize,
    database: &sled::Db,
) -> Result<Option<Vec<u8>>, sled::Error> {
    let mut value = Vec::new();
    for number in 0..records {
        match database.get(record_key(key, number))? {
            Some(chunk) => value.extend_from_slice(&chunk),
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

fn record_key(key: &[u8], number: usize) -> Vec<u8> {
    let number = u16::try_from(number).expect("a value has at most 128 KiB, so 32 records");
    [key, &number.to_be_bytes()].concat()
}

/// A value put together again.
#[derive(Debug)]
pub(super) struct Value {
    /// Its key, without a record's number.
    pub(super) key: Vec<u8>,
    /// The value.
    pub(super) value: Vec<u8>,
    /// Its records.
    pub(super) records: usize,
}

/// Puts values together as their records come in order.
#[derive(Debug, Default)]
pub(super) struct Joined {
    values: Vec<Value>,
}

impl Joined {
    /// The next record; an error says what is wrong with it.
    pub(super) fn add(&mut self, key: &[u8], chunk: &[u8]) -> Result<(), &'static str> {
        let (key, number) = key
            .split_last_chunk::<2>()
            .ok_or("a record's key is too short")?;
        let number = usize::from(u16::from_be_bytes(*number));
        let last = self.values.last_mut().filter(|last| last.key == key);
        match last {
            Some(last) if last.records == number => {
                last.value.extend_from_slice(chunk);
                last.records += 1;
                Ok(())
            }
            None if number == 0 => {
                self.values.push(Value {
                    key: key.to_vec(),
                    value: chunk.to_vec(),
                    records: 1,
                });
                Ok(())
            }
            _ => Err("a record of a longer value is missing"),
        }
    }

    /// All values, in the order of their keys.
    pub(super) fn finish(self) -> Vec<Value> {
        self.values
    }
}
