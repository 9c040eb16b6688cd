//! SHA-256, the only hash function of the ledger.

use bincode::{Decode, Encode};
use sha2::{Digest as _, Sha256};

use crate::hex::hex_text;

/// A SHA-256 digest. Its text form is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Encode, Decode)]
pub struct Hash(pub [u8; 32]);

/// The order of 32 bytes as they stand. Values that anybody compares differ in their first eight
/// nearly always, and these are one number: a search goes through many.
macro_rules! ordered_bytes {
    ($name:ident) => {
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                let first = |bytes: &[u8; 32]| {
                    let first = bytes.first_chunk().expect("32 bytes begin with eight");
                    u64::from_be_bytes(*first)
                };
                let by_first = first(&self.0).cmp(&first(&other.0));
                by_first.then_with(|| self.0.cmp(&other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}
pub(crate) use ordered_bytes;

ordered_bytes!(Hash);

impl Hash {
    /// 32 zero bytes: "no hash here", such as the park id that genesis is signed with. It is not
    /// the digest of anything known.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

hex_text!(Hash);

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// SHA-256 (FIPS 180-4) over `parts` joined without any separator. Who hashes parts of variable
/// length puts lengths or a domain string between them.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let length = parts.iter().map(|part| part.len()).sum();
    // Nearly all that is hashed is short: it is laid out and hashed in one call.
    if length <= SHORTEST {
        return of_blocks::<2>(parts, length);
    }
    if length <= SHORT {
        return of_blocks::<4>(parts, length);
    }
    if length <= LONG {
        return of_blocks::<8>(parts, length);
    }
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// The longest messages of two, four and eight blocks: one bit and their length come after them.
const SHORTEST: usize = 2 * 64 - 9;
const SHORT: usize = 4 * 64 - 9;
const LONG: usize = 8 * 64 - 9;

/// SHA-256 over a message that fits so many blocks with its padding.
fn of_blocks<const BLOCKS: usize>(parts: &[&[u8]], length: usize) -> Hash {
    let mut blocks = [[0; 64]; BLOCKS];
    let flat = blocks.as_flattened_mut();
    let mut end = 0;
    for part in parts {
        flat[end..end + part.len()].copy_from_slice(part);
        end += part.len();
    }
    flat[length] = 0x80;
    let used = (length + 9).div_ceil(64);
    let bits = 8 * length as u64;
    flat[used * 64 - 8..used * 64].copy_from_slice(&bits.to_be_bytes());
    digest(&blocks[..used])
}

/// SHA-256 over bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub struct RunningHash(Sha256);

impl RunningHash {
    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them.
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

/// Initial state of SHA-256 (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// SHA-256 over one byte and two hashes, which is what trees hash most: the same digest as
/// [`sha256`]'s, with its padding known beforehand.
pub fn sha256_pair(domain: u8, left: &Hash, right: &Hash) -> Hash {
    let mut blocks = [[0; 64]; 2];
    blocks[0][0] = domain;
    blocks[0][1..33].copy_from_slice(&left.0);
    blocks[0][33..].copy_from_slice(&right.0[..31]);
    blocks[1][0] = right.0[31];
    // One bit after the message, and its length of 65 bytes, in bits, at the end.
    blocks[1][1] = 0x80;
    blocks[1][56..].copy_from_slice(&(65u64 * 8).to_be_bytes());
    digest(&blocks)
}

/// The digest of a message that is padded to whole blocks.
fn digest(blocks: &[[u8; 64]]) -> Hash {
    let mut state = INITIAL;
    sha2::block_api::compress256(&mut state, blocks);
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    Hash(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pair_has_the_digest_of_its_bytes(domain: u8, left: [u8; 32], right: [u8; 32]) {
            let expected = sha256(&[&[domain], &left, &right]);
            prop_assert_eq!(sha256_pair(domain, &Hash(left), &Hash(right)), expected);
        }

        /// Also where the first bytes are the same, which only who chooses keys brings about.
        #[test]
        fn hashes_have_the_order_of_their_bytes(
            left: [u8; 32],
            other: [u8; 32],
            same in 0usize..=32,
        ) {
            let mut right = other;
            right[..same].copy_from_slice(&left[..same]);
            prop_assert_eq!(Hash(left).cmp(&Hash(right)), left.cmp(&right));
        }
    }

    #[test]
    fn a_message_of_any_length_and_cut_has_its_digest() {
        let bytes: Vec<u8> = (0..2 * LONG).map(|i| (i % 251) as u8).collect();
        for length in 0..bytes.len() {
            let message = &bytes[..length];
            let expected = Hash(Sha256::digest(message).into());
            assert_eq!(sha256(&[message]), expected, "{length}");
            let (first, second) = message.split_at(length / 3);
            assert_eq!(sha256(&[first, &[], second]), expected, "{length}");
        }
    }

    #[test]
    fn digest_equals_the_published_vectors() {
        // FIPS 180-4 example values for "" and "abc".
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&[]).to_string(), empty);
        assert_eq!(sha256(&[b"abc"]).to_string(), abc);
        assert_eq!(sha256(&[b"a", b"", b"bc"]).to_string(), abc);
    }

    #[test]
    fn every_text_form_is_lower_case_hex() {
        let digest = sha256(&[b"abc"]);
        let hex = digest.to_string();
        assert_eq!(format!("{digest:?}"), format!("Hash({hex})"));
        assert_eq!(
            serde_json::to_string(&digest).unwrap(),
            format!("\"{hex}\"")
        );
        assert_eq!(
            serde_json::from_str::<Hash>(&format!("\"{hex}\"")).unwrap(),
            digest
        );
        assert!(hex.to_uppercase().parse::<Hash>().is_err());
    }

    #[test]
    fn binary_form_is_the_bare_bytes() {
        let digest = sha256(&[b"abc"]);
        let config = bincode::config::legacy();
        let bytes = bincode::encode_to_vec(digest, config).unwrap();
        assert_eq!(bytes, digest.0);
        assert_eq!(
            bincode::decode_from_slice(&bytes, config).unwrap(),
            (digest, 32)
        );
    }
}
