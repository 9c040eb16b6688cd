//! Numbers and bytes as the C2SP formats spell them: one spelling for each value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hash::Hash;

/// Reads an ASCII decimal without sign or leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    // `parse` refuses the empty text and what does not fit; alone, it would take "+1" and "01".
    (canonical && digits).then(|| text.parse().ok()).flatten()
}

/// Writes standard base64 with padding (RFC 4648, section 4).
pub(super) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64. Missing padding and stray bits after the last byte are refused.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads a hash from its 44 characters of base64.
pub(super) fn decode_hash(text: &str) -> Option<Hash> {
    decode_base64(text)?.try_into().ok().map(Hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_spellings_of_a_number_are_refused() {
        for text in [
            "",
            "01",
            "00",
            "+1",
            "-0",
            " 1",
            "1 ",
            "1_0",
            "٣",
            "18446744073709551616",
        ] {
            assert_eq!(parse_decimal(text), None, "{text:?}");
        }
        assert_eq!(parse_decimal("0"), Some(0));
        assert_eq!(parse_decimal("18446744073709551615"), Some(u64::MAX));
    }

    #[test]
    fn other_spellings_of_bytes_are_refused() {
        for text in ["QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "Q-==", "QQ==QQ=="] {
            assert_eq!(decode_base64(text), None, "{text:?}");
        }
        assert_eq!(decode_base64("QQ=="), Some(b"A".to_vec()));
    }

    proptest! {
        #[test]
        fn what_parses_is_written_back_to_the_same_text(text in "[0-9A-Za-z+/=]{0,12}") {
            if let Some(number) = parse_decimal(&text) {
                prop_assert_eq!(number.to_string(), &*text);
            }
            if let Some(bytes) = decode_base64(&text) {
                prop_assert_eq!(encode_base64(&bytes), text);
            }
        }
    }
}
