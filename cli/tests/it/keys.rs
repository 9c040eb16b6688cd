//! Key files: OpenSSL reads them, and bad ones are refused with what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::program::{passphrase_file, wattle};

#[test]
fn new_key_is_encrypted_private_and_shown_again() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = passphrase_file(folder.path(), "correct-horse");
    let made = wattle(
        folder.path(),
        &["key", "new", "--passphrase-file", &passphrase],
    )
    .succeeded();
    let public = made.stdout.trim();
    assert_eq!(public.len(), 64, "{made:?}");
    assert!(made.stderr.contains("registrar"), "{made:?}");
    let file = folder.path().join("key.pem");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
        "{text}"
    );

    let words = ["key", "show", "--json", "--passphrase-file", &passphrase];
    let shown = wattle(folder.path(), &words).succeeded().json();
    assert_eq!(shown["key"], public);

    let again = wattle(
        folder.path(),
        &["key", "new", "--passphrase-file", &passphrase],
    );
    again.failed(1, "never overwritten");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn openssl_reads_the_key_and_finds_the_same_public_half() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: there is no openssl on this machine");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let passphrase = passphrase_file(folder.path(), "correct-horse");
    let made = wattle(
        folder.path(),
        &["key", "new", "--passphrase-file", &passphrase],
    )
    .succeeded();
    let file = folder.path().join("key.pem");
    let output = Command::new("openssl")
        .args(["pkey", "-pubout", "-outform", "DER", "-passin"])
        .arg(format!("file:{passphrase}"))
        .arg("-in")
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    // SubjectPublicKeyInfo of RFC 8410 ends with the 32 bytes of the key.
    let key = &output.stdout[output.stdout.len() - 32..];
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, made.stdout.trim());
}

#[test]
fn key_that_openssl_made_is_used() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: there is no openssl on this machine");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    let status = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(&file)
        .status()
        .unwrap();
    assert!(status.success());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let shown = wattle(folder.path(), &["key", "show"]).succeeded();
    assert_eq!(shown.stdout.trim().len(), 64);
}

#[test]
fn bad_key_files_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let right = passphrase_file(folder.path(), "correct-horse");
    let wrong = passphrase_file(folder.path(), "wrong-horse");
    wattle(folder.path(), &["key", "new", "--passphrase-file", &right]).succeeded();
    let file = folder.path().join("key.pem");
    let show = |words: &[&str]| {
        let words: Vec<&str> = ["key", "show", "--no-input"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        wattle(folder.path(), &words)
    };
    show(&["--passphrase-file", &wrong]).failed(1, "passphrase does not decrypt");
    show(&[]).failed(1, "--passphrase-file FILE");
    show(&["--key", "/nonexistent/key.pem"]).failed(1, "caused by: No such file");
    let folder_as_file = folder.path().to_str().unwrap();
    show(&["--key", folder_as_file]).failed(1, folder_as_file);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let ended = show(&["--passphrase-file", &right]).failed(1, "mode 640");
    assert!(ended.stderr.contains("next: chmod 600 "), "{ended:?}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&right, fs::Permissions::from_mode(0o644)).unwrap();
    show(&["--passphrase-file", &right]).failed(1, "chmod 600");

    let garbage = folder.path().join("garbage.pem");
    fs::write(&garbage, "not a key\n").unwrap();
    fs::set_permissions(&garbage, fs::Permissions::from_mode(0o600)).unwrap();
    show(&["--key", garbage.to_str().unwrap()]).failed(1, "is not a PKCS#8 Ed25519 private key");
}
