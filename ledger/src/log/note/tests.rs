//! Tests of notes and verifier keys.

use super::*;
use crate::keys::{KeyError, SignatureError, SigningKey};
use crate::log::golden;
use proptest::prelude::*;

const SPEC_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const SPEC_NOTE: &str = "This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
";

#[test]
fn vector_of_the_specification_verifies() {
    let key = SPEC_VKEY.parse::<VerifierKey>().unwrap();
    assert_eq!((key.name(), key.id()), ("example.com/foo", 0x530d_903a));
    assert_eq!(key.kind(), SignatureType::Ed25519);
    assert_eq!(key.to_string(), SPEC_VKEY);

    let note = SPEC_NOTE.parse::<Note>().unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.to_string(), SPEC_NOTE);
    let [signature] = note.signatures() else {
        panic!("one line")
    };
    assert_eq!(key.verify(note.text(), signature), Ok(None));
    assert_eq!(
        key.verify("This is an example message!\n", signature),
        Err(NoteVerifyError::Signature(SignatureError))
    );
}

#[test]
fn verifier_keys_and_signatures_equal_the_golden_text() {
    let log = golden::log_key();
    let kinds = [
        (
            golden::ORIGIN,
            SignatureType::Ed25519,
            log.public(),
            golden::LOG_VKEY,
        ),
        (
            golden::COSIGNER,
            SignatureType::Cosignature,
            golden::cosigner_key().public(),
            golden::COSIGNER_VKEY,
        ),
    ];
    for (name, kind, key, text) in kinds {
        let key = VerifierKey::new(name, kind, key).unwrap();
        assert_eq!(key.to_string(), text);
        assert_eq!(text.parse(), Ok(key));
    }
    let signature = sign(golden::CHECKPOINT, golden::ORIGIN, &log).unwrap();
    assert!(golden::NOTE.contains(&format!("\n{signature}\n")));
}

#[test]
fn text_ends_at_the_last_blank_line() {
    let line = SPEC_NOTE.lines().last().unwrap();
    for text in [
        "\n",
        "a\n",
        "a\n\nb\n",
        "a\n\n",
        "\n\n\n",
        "\u{2014} looks like a line\n",
    ] {
        let mut note = Note::unsigned(text).unwrap();
        note.add(NoteSignature::parse_line(line).unwrap()).unwrap();
        let parsed = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(parsed.text(), text);
        assert_eq!(parsed, note);
    }
}

#[test]
fn lines_of_unknown_keys_are_kept() {
    let foreign = "\u{2014} someone AAAAAAE=";
    let note = format!("{SPEC_NOTE}{foreign}\n").parse::<Note>().unwrap();
    assert_eq!(note.signatures().len(), 2);
    assert_eq!(note.signatures()[1].to_string(), foreign);
    let key = SPEC_VKEY.parse::<VerifierKey>().unwrap();
    let judged = key.verify(note.text(), &note.signatures()[1]);
    assert_eq!(judged, Err(NoteVerifyError::OtherKey));
}

#[test]
fn malformed_lines_are_named_by_their_number() {
    let dash = '\u{2014}';
    for (line, problem) in [
        ("".to_owned(), LineError::Start),
        ("- a AAAAAAE=".to_owned(), LineError::Start),
        (format!("{dash}a AAAAAAE="), LineError::Start),
        (format!("{dash} a"), LineError::Parts),
        (
            format!("{dash}  AAAAAAE="),
            LineError::Name(NameError::Empty),
        ),
        (
            format!("{dash} a+b AAAAAAE="),
            LineError::Name(NameError::Character),
        ),
        (
            format!("{dash} a\u{3000}b AAAAAAE="),
            LineError::Name(NameError::Character),
        ),
        (format!("{dash} a  AAAAAAE="), LineError::Base64),
        (format!("{dash} a AAAAAAE= "), LineError::Base64),
        (format!("{dash} a AAAAAAF="), LineError::Base64),
        (format!("{dash} a AAAAAAE"), LineError::Base64),
        (format!("{dash} a AAAAAA=="), LineError::TooShort),
        (format!("{dash} a AAAA"), LineError::TooShort),
    ] {
        assert_eq!(NoteSignature::parse_line(&line), Err(problem), "{line:?}");
        if !line.is_empty() {
            let note = format!("{SPEC_NOTE}{line}\n");
            assert_eq!(
                note.parse::<Note>(),
                Err(NoteError::Line { line: 4, problem })
            );
        }
    }
}

#[test]
fn malformed_notes_are_refused() {
    let control = |line, character| NoteError::ControlCharacter { line, character };
    for (bytes, error) in [
        (&b""[..], NoteError::NoSignatures),
        (b"text\n", NoteError::NoSignatures),
        (b"text\n\n", NoteError::NoSignatures),
        (b"text\n\xe2\x80\x94 a AAAAAAE=\n", NoteError::NoSignatures),
        (b"text\n\n\xe2\x80\x94 a AAAAAAE=", NoteError::NotEnded),
        (
            b"text\n\n\xe2\x80\x94 a AAAAAAE=\n\n",
            NoteError::NoSignatures,
        ),
        (b"text\r\n\r\nx\r\n", control(1, '\r')),
        (b"text\n\n\xe2\x80\x94 a\tAAAAAAE=\n", control(3, '\t')),
        (b"te\xffxt\n\nx\n", NoteError::NotUtf8 { position: 2 }),
    ] {
        assert_eq!(Note::parse(bytes), Err(error));
    }
    assert_eq!(Note::unsigned("text"), Err(NoteError::TextNotEnded));
    assert_eq!(Note::unsigned(""), Err(NoteError::TextNotEnded));
    let large = vec![b'\n'; MAX_NOTE_BYTES + 1];
    assert!(matches!(
        Note::parse(&large),
        Err(NoteError::TooLarge { .. })
    ));
}

#[test]
fn one_hundred_signatures_are_taken_and_no_more() {
    let mut note = Note::unsigned("text\n").unwrap();
    for id in 0..100 {
        note.add(NoteSignature::new("a", id, vec![1]).unwrap())
            .unwrap();
    }
    assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note.clone()));
    let known = note.signatures()[7].clone();
    assert_eq!(note.add(known), Ok(()));
    assert_eq!(note.signatures().len(), 100);
    let more = NoteSignature::new("a", 100, vec![1]).unwrap();
    assert_eq!(note.add(more.clone()), Err(NoteError::TooManySignatures));
    let text = format!("{note}{more}\n");
    assert_eq!(text.parse::<Note>(), Err(NoteError::TooManySignatures));
}

#[test]
fn altered_verifier_keys_are_refused() {
    use VerifierKeyError as E;
    let weak = format!(
        "a+00000000+{}",
        encode_base64(&[&[1u8, 1][..], &[0; 31]].concat())
    );
    for (text, error) in [
        ("", E::Parts),
        ("example.com/foo+530d903a", E::Parts),
        ("+530d903a+AQ==", E::Name(NameError::Empty)),
        (
            &SPEC_VKEY.replace("foo", "f o"),
            E::Name(NameError::Character),
        ),
        (&SPEC_VKEY.replace("530d903a", "530D903A"), E::Id),
        (&SPEC_VKEY.replace("530d903a", "30d903a"), E::Id),
        (
            &SPEC_VKEY.replace("530d903a", "530d903b"),
            E::WrongId {
                expected: 0x530d_903a,
            },
        ),
        (&format!("{SPEC_VKEY}\n"), E::Base64),
        ("a+530d903a+", E::Base64),
        ("a+530d903a+AQ==", E::Length { found: 0 }),
        ("a+530d903a+BgAA", E::UnknownType(6)),
        (&weak, E::Key(KeyError::Weak)),
    ] {
        assert_eq!(text.parse::<VerifierKey>(), Err(error), "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail_without_panic(bytes: Vec<u8>, text in ".*") {
        let _ = Note::parse(&bytes);
        let _ = NoteSignature::parse_line(&text);
        let _ = text.parse::<VerifierKey>();
    }

    #[test]
    fn what_parses_is_written_back_to_the_same_text(
        text in "(.|\n){0,20}\n\n(\u{2014} [a+ é]{1,3} [A-H]{8}\n){0,3}",
        key in "[a-c+]{0,4}\\+[0-9a-f]{8}\\+[A-E/+]{0,48}=?",
    ) {
        if let Ok(note) = text.parse::<Note>() {
            prop_assert_eq!(note.to_string(), text);
        }
        if let Ok(parsed) = key.parse::<VerifierKey>() {
            prop_assert_eq!(parsed.to_string(), key);
        }
    }

    #[test]
    fn every_key_survives_its_text_form(seed: [u8; 32], name in "[^\\s+\\x00-\\x1f]{1,20}") {
        let key = SigningKey::from_seed(&seed);
        for kind in [SignatureType::Ed25519, SignatureType::Cosignature] {
            let public = VerifierKey::new(name.clone(), kind, key.public()).unwrap();
            prop_assert_eq!(public.to_string().parse(), Ok(public));
        }
        let mut note = Note::unsigned("text\n").unwrap();
        note.add(sign(note.text(), &name, &key).unwrap()).unwrap();
        prop_assert_eq!(note.to_string().parse(), Ok(note));
    }
}
