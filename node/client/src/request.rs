//! How a request for something private is signed.
//!
//! Three headers go with a `GET`: `wattle-key` (the public key), `wattle-time` (milliseconds of
//! park time) and `wattle-signature`, the key's Ed25519 signature over
//! `"wattle/request/v0\n" ‖ park id (32 bytes) ‖ method ‖ " " ‖ path and query ‖ "\n" ‖ time as
//! decimal digits`. A node accepts times within [`WINDOW_MS`] of real time before or after its own
//! clock: on a park clock that runs n times as fast, n times as many milliseconds of park time.
//! What was asked for can be asked for again within the window by whoever sees the headers; they
//! give no right to change anything.

use std::fmt;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::{PublicKey, Signature, SigningKey};
use wattle_market::interval::Timestamp;

/// Prefix of the signed message.
pub const REQUEST_DOMAIN: &[u8] = b"wattle/request/v0\n";
/// Header with the public key, in hexadecimal.
pub const KEY_HEADER: &str = "wattle-key";
/// Header with the time, in decimal milliseconds of park time.
pub const TIME_HEADER: &str = "wattle-time";
/// Header with the signature, in hexadecimal.
pub const SIGNATURE_HEADER: &str = "wattle-signature";
/// How far the time may be from the node's clock: ten minutes of real time, in milliseconds.
pub const WINDOW_MS: u64 = 600_000;

/// A key with which one reads what is private in a park.
#[derive(Clone)]
pub struct Credentials {
    /// The park; a signature is good for no other.
    pub park: Hash,
    /// The key of a tenant, registrar, treasurer, regulator or node.
    pub key: SigningKey,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Credentials(of {})", self.key.public())
    }
}

impl Credentials {
    /// Signs a request for `target` (path and query) at a park time.
    pub fn sign(&self, method: &str, target: &str, time: Timestamp) -> SignedRequest {
        let signature = self.key.sign(&message(&self.park, method, target, time));
        SignedRequest {
            key: self.key.public(),
            time,
            signature,
        }
    }
}

/// What the three headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedRequest {
    /// Who asks.
    pub key: PublicKey,
    /// When, in park time.
    pub time: Timestamp,
    /// Over the request's message.
    pub signature: Signature,
}

/// Why three headers do not let a request pass. The sentences are for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A header is missing.
    #[error("this is private: send the headers wattle-key, wattle-time and wattle-signature")]
    Unsigned,
    /// A header has another form.
    #[error("the header {0} is malformed; use a current client")]
    Malformed(&'static str),
    /// The signature does not verify.
    #[error("the request's signature does not verify; check the park id, the key and the clock")]
    BadSignature,
    /// The time is too far from the node's clock.
    #[error("the request's time is more than ten minutes off; the node's park time is {now} ms")]
    OutsideWindow {
        /// The node's clock.
        now: u64,
    },
}

impl SignedRequest {
    /// The headers, in the order of this module's constants.
    pub fn headers(&self) -> [(&'static str, String); 3] {
        [
            (KEY_HEADER, self.key.to_string()),
            (TIME_HEADER, self.time.0.to_string()),
            (SIGNATURE_HEADER, self.signature.to_string()),
        ]
    }

    /// Reads the headers; `header` looks one up by its name.
    pub fn from_headers<'a>(
        header: impl Fn(&'static str) -> Option<&'a str>,
    ) -> Result<SignedRequest, RequestError> {
        let value = |name| header(name).ok_or(RequestError::Unsigned);
        let (key, time) = (value(KEY_HEADER)?, value(TIME_HEADER)?);
        let signature = value(SIGNATURE_HEADER)?;
        Ok(SignedRequest {
            key: key
                .parse()
                .map_err(|_| RequestError::Malformed(KEY_HEADER))?,
            time: Timestamp(
                time.parse()
                    .map_err(|_| RequestError::Malformed(TIME_HEADER))?,
            ),
            signature: signature
                .parse()
                .map_err(|_| RequestError::Malformed(SIGNATURE_HEADER))?,
        })
    }

    /// Checks signature and time; `now` is the node's park time, `speed` its clock's.
    pub fn verify(
        &self,
        park: &Hash,
        method: &str,
        target: &str,
        now: Timestamp,
        speed: u32,
    ) -> Result<(), RequestError> {
        let window = WINDOW_MS.saturating_mul(u64::from(speed));
        if self.time.0.abs_diff(now.0) > window {
            return Err(RequestError::OutsideWindow { now: now.0 });
        }
        self.key
            .verify(&message(park, method, target, self.time), &self.signature)
            .map_err(|_| RequestError::BadSignature)
    }
}

/// The bytes that are signed.
pub fn message(park: &Hash, method: &str, target: &str, time: Timestamp) -> Vec<u8> {
    let text = format!("{method} {target}\n{}", time.0);
    [REQUEST_DOMAIN, &park.0, text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn credentials() -> Credentials {
        Credentials {
            park: Hash([3; 32]),
            key: SigningKey::from_seed(&[5; 32]),
        }
    }

    #[test]
    fn message_equals_the_written_out_bytes() {
        let mut expected = b"wattle/request/v0\n".to_vec();
        expected.extend([3; 32]);
        expected.extend(b"GET /v1/balance?participant=7\n1700000000000");
        let target = "/v1/balance?participant=7";
        assert_eq!(message(&Hash([3; 32]), "GET", target, NOW), expected);
    }

    #[test]
    fn headers_lead_back_to_the_request() {
        let signed = credentials().sign("GET", "/v1/balance", NOW);
        let headers = signed.headers();
        let find = |name| {
            headers
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| v.as_str())
        };
        assert_eq!(SignedRequest::from_headers(find), Ok(signed));
        assert_eq!(
            SignedRequest::from_headers(|_| None),
            Err(RequestError::Unsigned)
        );
    }

    #[test]
    fn another_target_park_or_method_does_not_verify() {
        let park = Hash([3; 32]);
        let signed = credentials().sign("GET", "/v1/balance", NOW);
        assert_eq!(signed.verify(&park, "GET", "/v1/balance", NOW, 1), Ok(()));
        let bad = Err(RequestError::BadSignature);
        assert_eq!(signed.verify(&park, "GET", "/v1/balance?", NOW, 1), bad);
        assert_eq!(signed.verify(&park, "POST", "/v1/balance", NOW, 1), bad);
        assert_eq!(
            signed.verify(&Hash([4; 32]), "GET", "/v1/balance", NOW, 1),
            bad
        );
    }

    #[test]
    fn window_is_ten_minutes_of_real_time() {
        let park = Hash([3; 32]);
        let signed = credentials().sign("GET", "/", NOW);
        let late = NOW.plus_millis(WINDOW_MS + 1);
        let outside = Err(RequestError::OutsideWindow { now: late.0 });
        assert_eq!(signed.verify(&park, "GET", "/", late, 1), outside);
        assert_eq!(signed.verify(&park, "GET", "/", late, 2), Ok(()));
        assert_eq!(
            signed.verify(&park, "GET", "/", NOW.minus_millis(WINDOW_MS), 1),
            Ok(())
        );
    }
}
