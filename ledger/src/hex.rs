//! Lower-case hexadecimal, the one text form of every hash, key and signature.
//!
//! The decoder takes lower-case digits only, so that each value has exactly one spelling and two
//! texts can be compared without decoding them.

use std::fmt;

/// Why a text is not the lower-case hexadecimal form that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// The text has another number of digits than the value needs.
    #[error("expected {expected} hexadecimal digits, found {found}; copy the whole value")]
    Length {
        /// Digits that the value needs.
        expected: usize,
        /// Bytes that the text has.
        found: usize,
    },
    /// The text has an odd number of digits, so its last byte is half missing.
    #[error("{found} hexadecimal digits do not make whole bytes; copy the whole value")]
    Odd {
        /// Bytes that the text has.
        found: usize,
    },
    /// A character is not one of `0`–`9`, `a`–`f`.
    #[error("character {position} is not a lower-case hexadecimal digit (0-9, a-f)")]
    Digit {
        /// Position of the offending byte, counted from one.
        position: usize,
    },
}

/// Writes `bytes` as lower-case hexadecimal.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    write(&mut text, bytes).expect("writing to a String cannot fail");
    text
}

/// Reads bytes of any length from lower-case hexadecimal.
///
/// # Errors
/// [`HexError::Odd`] and [`HexError::Digit`].
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return Err(HexError::Odd {
            found: digits.len(),
        });
    }
    let mut bytes = vec![0; digits.len() / 2];
    fill(digits, &mut bytes)?;
    Ok(bytes)
}

/// Reads exactly `N` bytes from lower-case hexadecimal.
///
/// # Errors
/// [`HexError::Length`] and [`HexError::Digit`].
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return Err(HexError::Length {
            expected: N * 2,
            found: digits.len(),
        });
    }
    let mut bytes = [0; N];
    fill(digits, &mut bytes)?;
    Ok(bytes)
}

pub(crate) fn write(out: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.write_char(char::from(DIGITS[usize::from(byte >> 4)]))?;
        out.write_char(char::from(DIGITS[usize::from(byte & 15)]))?;
    }
    Ok(())
}

fn fill(digits: &[u8], bytes: &mut [u8]) -> Result<(), HexError> {
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = nibble(digits, i * 2)? << 4 | nibble(digits, i * 2 + 1)?;
    }
    Ok(())
}

fn nibble(digits: &[u8], at: usize) -> Result<u8, HexError> {
    match digits[at] {
        digit @ b'0'..=b'9' => Ok(digit - b'0'),
        digit @ b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(HexError::Digit { position: at + 1 }),
    }
}

/// Gives a tuple struct over `[u8; N]` its text forms: `Display`, `FromStr` and serde as
/// lower-case hexadecimal, and `Debug` as the type's name around the same digits.
macro_rules! hex_text {
    ($name:ident) => {
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::hex::write(f, &self.0)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                $crate::hex::write(f, &self.0)?;
                f.write_str(")")
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::hex::HexError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::hex::decode_array(text).map(Self)
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                let text = <String as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use hex_text;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_are_written_in_lower_case_with_leading_zeros() {
        assert_eq!(encode(&[0x00, 0x0a, 0xff]), "000aff");
        assert_eq!(encode(&[]), "");
    }

    #[test]
    fn other_spellings_of_a_value_are_refused() {
        assert_eq!(decode("0A"), Err(HexError::Digit { position: 2 }));
        assert_eq!(decode("0x"), Err(HexError::Digit { position: 2 }));
        assert_eq!(decode("é"), Err(HexError::Digit { position: 1 }));
        assert_eq!(decode("abc"), Err(HexError::Odd { found: 3 }));
        assert_eq!(
            decode_array::<2>("abc"),
            Err(HexError::Length {
                expected: 4,
                found: 3
            })
        );
        assert_eq!(
            decode_array::<2>("abcg"),
            Err(HexError::Digit { position: 4 })
        );
    }

    proptest! {
        #[test]
        fn every_value_has_exactly_one_spelling(text in ".{0,40}", bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
