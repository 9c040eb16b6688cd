//! Private keys on disk: PKCS#8 (RFC 5958, RFC 8410) in PEM.
//!
//! With a passphrase the file is encrypted by PBES2 (RFC 8018): scrypt with N = 2^14, r = 8, p = 1,
//! the most that OpenSSL reads without being told otherwise, and AES-256-CBC. `openssl pkey -in
//! FILE -pubout` reads both forms. The public key is left out of the file, since older OpenSSL
//! refuses the version of PKCS#8 that has room for it.

use crate::durable;
use ed25519_dalek::pkcs8::KeypairBytes;
use pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use wattle_ledger::keys::SigningKey;
use zeroize::Zeroizing;

/// A key file is shorter than this; a longer one is no key file and is not read.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// Why a key file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// A key is never overwritten.
    #[error("{path} exists already and is never overwritten; choose another file name")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the key file {path}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the key file {path}; check the folder and its permissions")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others than the owner may read the file.
    #[error(
        "the key file {path} has mode {mode:03o} and others may read it; run: chmod 600 {path}"
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not a PKCS#8 key in PEM.
    #[error("{path} is not a PKCS#8 Ed25519 private key in PEM: {reason}")]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file is encrypted and no passphrase was given.
    #[error("the key file {path} is encrypted; give its passphrase")]
    PassphraseNeeded {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase does not decrypt the file.
    #[error("the passphrase does not decrypt {path}; check it and try again")]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// An empty passphrase protects nothing.
    #[error("the passphrase is empty; give one, or none to store the key unencrypted")]
    EmptyPassphrase,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a new key: {0}")]
    Random(String),
}

/// Makes a new key and stores it, encrypted where there is a passphrase.
///
/// # Errors
/// [`KeyFileError::Exists`] and whatever keeps the file from being written.
pub fn generate(path: &Path, passphrase: Option<&str>) -> Result<SigningKey, KeyFileError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|error| KeyFileError::Random(error.to_string()))?;
    write(path, &seed, passphrase)?;
    Ok(SigningKey::from_seed(&seed))
}

/// Stores the key of a seed (RFC 8032, section 5.1.5).
///
/// # Errors
/// [`KeyFileError::Exists`] and whatever keeps the file from being written.
pub fn write(path: &Path, seed: &[u8; 32], passphrase: Option<&str>) -> Result<(), KeyFileError> {
    let pair = KeypairBytes {
        secret_key: *seed,
        public_key: None,
    };
    let pem = match passphrase {
        Some("") => return Err(KeyFileError::EmptyPassphrase),
        Some(passphrase) => pair.to_pkcs8_encrypted_pem(passphrase, LineEnding::LF),
        None => pair.to_pkcs8_pem(LineEnding::LF),
    };
    let pem = pem.map_err(|error| KeyFileError::Random(error.to_string()))?;
    durable::create(path, pem.as_bytes()).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists {
            path: path.to_owned(),
        },
        _ => KeyFileError::Write {
            path: path.to_owned(),
            source,
        },
    })
}

/// Whether the key file is encrypted, so that one knows to ask for a passphrase.
///
/// # Errors
/// As [`read`], but for the passphrase.
pub fn is_encrypted(path: &Path) -> Result<bool, KeyFileError> {
    let text = read_text(path)?;
    Ok(text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
}

/// Reads a key; the passphrase is only used where the file is encrypted.
///
/// # Errors
/// A [`KeyFileError`] that says what to do next.
pub fn read(path: &Path, passphrase: Option<&str>) -> Result<SigningKey, KeyFileError> {
    Ok(SigningKey::from_seed(&*read_seed(path, passphrase)?))
}

/// Reads a key's seed, for a library that has a key type of its own.
///
/// # Errors
/// As [`read`].
pub fn read_seed(
    path: &Path,
    passphrase: Option<&str>,
) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let text = read_text(path)?;
    let not_a_key = |error: pkcs8::Error| KeyFileError::NotAKey {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    if !text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        let pair = KeypairBytes::from_pkcs8_pem(&text).map_err(not_a_key)?;
        return Ok(Zeroizing::new(pair.secret_key));
    }
    let Some(passphrase) = passphrase else {
        return Err(KeyFileError::PassphraseNeeded {
            path: path.to_owned(),
        });
    };
    match KeypairBytes::from_pkcs8_encrypted_pem(&text, passphrase) {
        Ok(pair) => Ok(Zeroizing::new(pair.secret_key)),
        // A wrong key mostly breaks the padding, and else yields bytes that are no key; the
        // outer form was sound if the error lies in what was decrypted.
        Err(_) if has_sound_envelope(&text) => Err(KeyFileError::WrongPassphrase {
            path: path.to_owned(),
        }),
        Err(error) => Err(not_a_key(error)),
    }
}

fn has_sound_envelope(pem: &str) -> bool {
    let Ok((label, document)) = pkcs8::SecretDocument::from_pem(pem) else {
        return false;
    };
    label == "ENCRYPTED PRIVATE KEY"
        && pkcs8::EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).is_ok()
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let failed = |source| KeyFileError::Read {
        path: path.to_owned(),
        source,
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    let not_a_key = |reason: &str| KeyFileError::NotAKey {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(not_a_key(
            "it is no file, or longer than a key file ever is",
        ));
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(failed)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| not_a_key("it is not text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn keys_are_read_back_with_and_without_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain.pem");
        let key = generate(&plain, None).unwrap();
        assert_eq!(read(&plain, None).unwrap().public(), key.public());
        assert_eq!(read(&plain, Some("unused")).unwrap().public(), key.public());

        let secret = folder.path().join("secret.pem");
        let key = generate(&secret, Some("correct horse")).unwrap();
        assert!(is_encrypted(&secret).unwrap());
        assert_eq!(
            read(&secret, Some("correct horse")).unwrap().public(),
            key.public()
        );
        let error = read(&secret, Some("wrong horse")).unwrap_err();
        assert!(
            matches!(error, KeyFileError::WrongPassphrase { .. }),
            "{error}"
        );
        let error = read(&secret, None).unwrap_err();
        assert!(
            matches!(error, KeyFileError::PassphraseNeeded { .. }),
            "{error}"
        );
    }

    #[test]
    fn key_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let key = generate(&path, None).unwrap();
        assert!(matches!(
            generate(&path, None),
            Err(KeyFileError::Exists { .. })
        ));
        assert_eq!(read(&path, None).unwrap().public(), key.public());
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "no temporary file may be left");
    }

    #[test]
    fn file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        generate(&path, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path, None).unwrap_err();
            assert!(matches!(error, KeyFileError::TooOpen { .. }), "{error}");
        }
    }

    #[test]
    fn what_is_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        assert!(matches!(read(&path, None), Err(KeyFileError::Read { .. })));
        for content in [
            "",
            "hello",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ] {
            let _ = fs::remove_file(&path);
            durable::create(&path, content.as_bytes()).unwrap();
            let error = read(&path, Some("x")).unwrap_err();
            assert!(
                matches!(error, KeyFileError::NotAKey { .. }),
                "{content:?}: {error}"
            );
        }
    }

    /// Runs `openssl` if there is one; `None` prints why the test says nothing.
    fn openssl(arguments: &[&str]) -> Option<std::process::Output> {
        match std::process::Command::new("openssl")
            .args(arguments)
            .output()
        {
            Ok(output) => Some(output),
            Err(error) => {
                println!("skipped: no openssl on the path ({error})");
                None
            }
        }
    }

    #[test]
    fn openssl_reads_both_forms_and_sees_the_same_public_key() {
        let folder = tempfile::tempdir().unwrap();
        for passphrase in [None, Some("correct horse")] {
            let path = folder.path().join(format!("{}.pem", passphrase.is_some()));
            let key = generate(&path, passphrase).unwrap();
            let password = format!("pass:{}", passphrase.unwrap_or("none"));
            let file = path.to_str().unwrap();
            let arguments = [
                "pkey", "-in", file, "-passin", &password, "-pubout", "-outform", "DER",
            ];
            let Some(output) = openssl(&arguments) else {
                return;
            };
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            // SubjectPublicKeyInfo of RFC 8410 ends in the 32 bytes of the key.
            assert_eq!(
                output.stdout.last_chunk::<32>(),
                Some(key.public().as_bytes())
            );
        }
    }

    #[test]
    fn keys_that_openssl_made_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.pem");
        let file = path.to_str().unwrap();
        let Some(output) = openssl(&["genpkey", "-algorithm", "ed25519", "-out", file]) else {
            return;
        };
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let key = read(&path, None).unwrap();
        let arguments = ["pkey", "-in", file, "-pubout", "-outform", "DER"];
        let output = openssl(&arguments).unwrap();
        assert_eq!(
            output.stdout.last_chunk::<32>(),
            Some(key.public().as_bytes())
        );
    }
}
