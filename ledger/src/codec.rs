//! The one encoding of everything that is signed, hashed or stored.
//!
//! bincode 2 with `config::legacy()`: fixed-width little-endian integers, `u32` enum variants and
//! `u64` lengths, so that a value has exactly one encoding and another language needs a page to
//! read it. Every decode has a byte limit, because a length prefix comes from a stranger, and no
//! trailing byte is accepted. Nothing outside this file calls bincode.

use crate::limits::DECODE_BYTES_MAX;

/// What can be wrong with bytes that should be a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes are not an encoding of the type: too short, a variant that does not exist, a
    /// length past the limit or text that is not UTF-8.
    #[error("the bytes are not a valid encoding: {reason}")]
    Malformed {
        /// What the decoder said.
        reason: String,
    },
    /// The value ended before the bytes did.
    #[error("{extra} bytes follow the value")]
    TrailingBytes {
        /// How many bytes were left over.
        extra: usize,
    },
}

/// Encodes a value.
pub fn encode<T: bincode::Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, bincode::config::legacy())
        .expect("encoding into memory fails for no type of this package")
}

/// Encodes a value behind what a buffer holds already, for who encodes many.
pub fn encode_onto<T: bincode::Encode>(value: &T, bytes: &mut Vec<u8>) {
    bincode::encode_into_std_write(value, bytes, bincode::config::legacy())
        .expect("encoding into memory fails for no type of this package");
}

/// Decodes a value that takes up all of `bytes`.
pub fn decode<T: bincode::Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    decode_within::<T, DECODE_BYTES_MAX>(bytes)
}

/// Decodes a value that takes up all of `bytes`, with a limit of its own: for files that hold
/// several values.
pub fn decode_within<T: bincode::Decode<()>, const BYTES_MAX: usize>(
    bytes: &[u8],
) -> Result<T, CodecError> {
    let config = bincode::config::legacy().with_limit::<BYTES_MAX>();
    let (value, used) =
        bincode::decode_from_slice(bytes, config).map_err(|error| CodecError::Malformed {
            reason: error.to_string(),
        })?;
    if used != bytes.len() {
        return Err(CodecError::TrailingBytes {
            extra: bytes.len() - used,
        });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_byte_is_refused() {
        let mut bytes = encode(&7u64);
        assert_eq!(decode::<u64>(&bytes), Ok(7));
        bytes.push(0);
        assert_eq!(
            decode::<u64>(&bytes),
            Err(CodecError::TrailingBytes { extra: 1 })
        );
    }

    #[test]
    fn a_huge_length_is_refused_without_allocating() {
        let bytes = u64::MAX.to_le_bytes();
        assert!(matches!(
            decode::<Vec<u8>>(&bytes),
            Err(CodecError::Malformed { .. })
        ));
        assert!(matches!(
            decode::<Vec<u64>>(&bytes),
            Err(CodecError::Malformed { .. })
        ));
    }

    #[test]
    fn integers_are_fixed_width_little_endian() {
        assert_eq!(encode(&(1u16, 2u32)), [1, 0, 2, 0, 0, 0]);
        assert_eq!(encode(&Some(true)), [1, 1]);
        assert_eq!(encode(&vec![5u8]), [1, 0, 0, 0, 0, 0, 0, 0, 5]);
        let mut bytes = vec![9];
        encode_onto(&(1u16, 2u32), &mut bytes);
        assert_eq!(bytes, [9, 1, 0, 2, 0, 0, 0]);
    }
}
