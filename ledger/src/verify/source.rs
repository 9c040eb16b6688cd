//! Where an export's bytes come from.

use std::io;

/// A source of an export's files, by their C2SP paths.
pub trait Source {
    /// A file's bytes; none if there is no such file.
    ///
    /// # Errors
    /// If it cannot be read, or is longer than `bytes_max` (`InvalidData`).
    fn read(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>>;

    /// The paths of all files, relative, with `/`.
    ///
    /// # Errors
    /// If they cannot be listed.
    fn list(&self) -> io::Result<Vec<String>>;
}
