//! Bytes that were changed a little.

/// Changes bytes at random, the same for the same seed.
#[derive(Debug, Clone)]
pub struct Mutator(u64);

/// Numbers on which parsers break: none, one, the ends of every width.
const EDGES: [u64; 10] = [
    0,
    1,
    0x7f,
    0xff,
    0xffff,
    u32::MAX as u64,
    1 << 40,
    i64::MAX as u64,
    i64::MIN as u64,
    u64::MAX,
];

impl Mutator {
    /// A sequence of changes.
    pub fn new(seed: u64) -> Mutator {
        // SplitMix64 takes any seed.
        Mutator(seed)
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below an end; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// The bytes with one to four changes.
    pub fn change(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        for _ in 0..=self.below(4) {
            self.change_once(&mut changed);
        }
        changed
    }

    fn change_once(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = self.next() as u8,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, self.next() as u8),
            4 => {
                // A part stands there twice.
                let end = (at + 1 + self.below(32)).min(bytes.len());
                let part = bytes[at.min(end)..end].to_vec();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, part);
            }
            _ => self.put_edge_at(bytes, at),
        }
    }

    /// Puts a number at the edge of its width somewhere into the bytes.
    pub fn put_edge(&mut self, bytes: &mut [u8]) {
        let at = self.below(bytes.len());
        self.put_edge_at(bytes, at);
    }

    fn put_edge_at(&mut self, bytes: &mut [u8], at: usize) {
        let edge = EDGES[self.below(EDGES.len())].to_le_bytes();
        let width = 1 << self.below(4);
        for (place, byte) in bytes.iter_mut().skip(at).take(width).enumerate() {
            *byte = edge[place];
        }
    }
}
