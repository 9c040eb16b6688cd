//! One Rust source, with its comments, strings and tests told apart from its code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A source file in the forms in which rules read it. All of them have the same lines.
pub(crate) struct Source {
    /// Relative to the checkout.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// Without what stands in strings.
    pub(crate) without_strings: String,
    /// Without strings and comments.
    pub(crate) all_code: String,
    /// Without strings, comments and modules that are only compiled for tests.
    pub(crate) code: String,
    /// Whether the whole file is a test.
    pub(crate) is_test: bool,
}

impl Source {
    pub(crate) fn read(root: &Path, path: &Path) -> Source {
        let text = fs::read_to_string(path).unwrap();
        let relative = path.strip_prefix(root).unwrap();
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        let path = parts.join("/");
        let is_test = path.contains("/tests/");
        Source::new(path, text, is_test)
    }

    fn new(path: String, text: String, is_test: bool) -> Source {
        let without_strings = strip(&text, Comments::Keep);
        let all_code = strip(&text, Comments::Drop);
        let code = without_test_modules(&all_code);
        Source {
            path,
            text,
            without_strings,
            all_code,
            code,
            is_test,
        }
    }

    /// Files of modules that this one declares for tests: `#[cfg(test)] mod name;`.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let mut files = Vec::new();
        for after in self.all_code.split("#[cfg(test)]").skip(1) {
            let Some((head, _)) = after.split_once(';') else {
                continue;
            };
            let mut words = head
                .split_whitespace()
                .skip_while(|word| word.starts_with("pub"));
            let (Some("mod"), Some(name), None) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let stem = self.path.trim_end_matches(".rs");
            let folder = match stem.rsplit_once('/') {
                Some((folder, "lib" | "main")) => folder,
                _ => stem,
            };
            files.push(format!("{folder}/{name}.rs"));
        }
        files
    }
}

/// Whether `word` stands in `line` and is no part of a longer name.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let is_longer = word.ends_with(is_name) && after.is_some_and(is_name);
        !before.is_some_and(is_name) && !is_longer
    })
}

/// The first names of what stands in groups like `std::{fs, io::Read}`.
pub(crate) fn group_members(code: &str, opening: &str) -> BTreeSet<String> {
    let mut members = BTreeSet::new();
    for after in code.split(opening).skip(1) {
        let (mut depth, mut name, mut is_open) = (0, String::new(), true);
        for c in after.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    members.insert(std::mem::take(&mut name));
                    is_open = true;
                }
                c if depth == 0 && is_open && (c.is_alphanumeric() || c == '_') => name.push(c),
                _ if depth == 0 && !name.is_empty() => is_open = false,
                _ => {}
            }
        }
        members.insert(name);
    }
    members.remove("");
    members
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comments {
    Keep,
    Drop,
}

/// Leaves out what stands in strings, and comments where asked to; keeps every line feed.
fn strip(text: &str, comments: Comments) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some(c) = rest.chars().next() {
        let after_name = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let (length, kind) = match c {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), Kind::Comment),
            '/' if rest.starts_with("/*") => (block_comment(rest), Kind::Comment),
            '"' => (string(rest), Kind::Text),
            'r' | 'b' | 'c' if !after_name => match raw_or_byte_string(rest) {
                Some(length) => (length, Kind::Text),
                None => (1, Kind::Code),
            },
            '\'' => match character(rest) {
                Some(length) => (length, Kind::Text),
                None => (1, Kind::Code),
            },
            c => (c.len_utf8(), Kind::Code),
        };
        let (piece, left) = rest.split_at(length);
        let is_kept = match kind {
            Kind::Code => true,
            Kind::Comment => comments == Comments::Keep,
            Kind::Text => false,
        };
        if is_kept {
            out.push_str(piece);
        } else {
            out.extend(piece.chars().filter(|c| *c == '\n'));
        }
        rest = left;
    }
    out
}

enum Kind {
    Code,
    Comment,
    Text,
}

/// Length of the nested comment that `text` begins with.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of the string that `text` begins with.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"` or `b'…'`, if `text` begins with one.
fn raw_or_byte_string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r"]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?;
    let body = &text[prefix.len()..];
    if prefix == "b" && body.starts_with('\'') {
        return character(body).map(|length| length + 1);
    }
    if !prefix.ends_with('r') {
        return body.starts_with('"').then(|| prefix.len() + string(body));
    }
    let hashes = body.chars().take_while(|c| *c == '#').count();
    let inner = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inner.find(&end).map_or(inner.len(), |at| at + end.len());
    Some(prefix.len() + hashes + 1 + length)
}

/// Length of the character literal that `text` begins with; none for a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        let (_, _escaped) = chars.next()?;
        return chars.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    match chars.next() {
        Some((at, '\'')) => Some(at + 1),
        _ => None,
    }
}

/// Blanks `#[cfg(test)]` items that have a body in braces; keeps every line feed.
fn without_test_modules(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = item.find(['{', ';']).map_or(item.len(), |brace| {
            if item[brace..].starts_with(';') {
                brace + 1
            } else {
                brace + braces(&item[brace..])
            }
        });
        out.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

/// Length of the block in braces that `code` begins with.
fn braces(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

#[test]
fn code_is_told_from_comments_strings_and_tests() {
    let text = "use std::{collections::{A, B}, fs, net as n};\n\
        // f64\n\
        /* a /* nested */ HashMap */ fn f<'a>(c: char) -> &'a str { let q = '\"'; \"f32 \\\" x\" }\n\
        const R: &str = r#\"SystemTime \"quoted\" \"#; const B: &[u8] = b\"Instant\";\n\
        let escaped = ['\\'', '\\u{1F600}', b'x']; HashSet;\n\
        #[cfg(test)]\nmod tests { fn t() { async {} } }\n\
        #[cfg(test)]\nmod golden;\nlet Instantly = 1;\n";
    let source = Source::new("ledger/src/log.rs".to_owned(), text.to_owned(), false);
    let code = &source.code;
    for word in [
        "f64",
        "f32",
        "HashMap",
        "SystemTime",
        "Instant",
        "async",
        "quoted",
    ] {
        assert!(!has_word(code, word), "{word} in {code}");
    }
    for word in ["HashSet", "fn", "escaped", "str"] {
        assert!(has_word(code, word), "{word} in {code}");
    }
    assert!(source.all_code.contains("async") && source.without_strings.contains("HashMap"));
    for form in [code, &source.all_code, &source.without_strings] {
        assert_eq!(form.lines().count(), text.lines().count());
    }
    let members = group_members(code, "std::{");
    assert!(
        ["collections", "fs", "net"]
            .iter()
            .all(|name| members.contains(*name))
    );
    assert_eq!(members.len(), 3);
    assert_eq!(source.test_modules(), ["ledger/src/log/golden.rs"]);
}
