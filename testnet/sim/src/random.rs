//! Random numbers from a seed, one stream for each concern.
//!
//! Streams are named, so that one more draw in one place does not move all others, and a change
//! of the workload leaves a seed's network as it was.

/// A stream of numbers: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// The stream of a seed for one concern.
    pub fn new(seed: u64, concern: &str) -> Stream {
        let mut state = seed ^ 0x5851_f42d_4c95_7f2d;
        for byte in concern.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut stream = Stream { state };
        stream.bits();
        stream
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = self.state;
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number below `end`.
    ///
    /// # Panics
    /// If `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "there is no number below 0");
        self.bits() % end
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// Whether something happens that does so in `per_mille` of 1,000 cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of the items.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[usize::try_from(self.below(items.len() as u64)).expect("an index in memory")]
    }

    /// 32 bytes for a key.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_seed_and_concern() {
        let draw = |seed, concern| {
            let mut stream = Stream::new(seed, concern);
            [stream.bits(), stream.bits()]
        };
        assert_eq!(draw(1, "network"), draw(1, "network"));
        assert_ne!(draw(1, "network"), draw(2, "network"));
        assert_ne!(draw(1, "network"), draw(1, "crashes"));
    }

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut stream = Stream::new(3, "test");
        let draws: Vec<u64> = (0..1_000).map(|_| stream.between(5, 9)).collect();
        assert!((5..=9).all(|value| draws.contains(&value)));
        assert!(draws.iter().all(|value| (5..=9).contains(value)));
        assert!(!stream.chance(0) && stream.chance(1_000));
    }
}
