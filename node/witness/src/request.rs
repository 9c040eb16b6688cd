//! One request of HTTP/1.1, read within bounds of size and time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use wattle_ledger::log::witness::REQUEST_BYTES_MAX;

/// Bytes of a request's line and headers.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// From a request's first byte to its last.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two requests of a connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A request as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// The path, without a query.
    pub path: String,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the connection ends after the answer.
    pub close: bool,
}

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The peer has ended the connection between two requests, or was silent for too long.
    #[error("the connection has ended")]
    Ended,
    /// The connection failed in the middle, or took too long.
    #[error("the request was not received")]
    Io(#[from] io::Error),
    /// It is not HTTP/1.1, or something of it that is not served; the status says which.
    #[error("{reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Why.
        reason: &'static str,
    },
}

/// The head of a request.
struct Head {
    method: String,
    path: String,
    length: usize,
    close: bool,
    expects_continue: bool,
    bytes: usize,
}

/// Where requests come from: a connection that can be told how long to wait.
pub trait Connection: Read + Write {
    /// Bounds the next read.
    ///
    /// # Errors
    /// If the system refuses.
    fn wait_at_most(&mut self, timeout: Duration) -> io::Result<()>;
}

impl Connection for TcpStream {
    fn wait_at_most(&mut self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))
    }
}

/// Reads requests of one connection; what follows a request is kept for the next.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    /// The next request.
    ///
    /// # Errors
    /// Any [`RequestError`]; the connection is of no use after it.
    pub fn next(&mut self, stream: &mut impl Connection) -> Result<Request, RequestError> {
        if self.bytes.is_empty() {
            stream.wait_at_most(IDLE_TIMEOUT)?;
            match self.read_some(stream) {
                Ok(0) | Err(_) => return Err(RequestError::Ended),
                Ok(_) => {}
            }
        }
        let until = Instant::now() + REQUEST_TIMEOUT;
        let head = loop {
            if let Some(head) = parse_head(&self.bytes)? {
                break head;
            }
            self.read_more(stream, until)?;
        };
        self.bytes.drain(..head.bytes);
        if head.expects_continue && self.bytes.len() < head.length {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        while self.bytes.len() < head.length {
            self.read_more(stream, until)?;
        }
        let rest = self.bytes.split_off(head.length);
        Ok(Request {
            method: head.method,
            path: head.path,
            body: std::mem::replace(&mut self.bytes, rest),
            close: head.close,
        })
    }

    fn read_more(
        &mut self,
        stream: &mut impl Connection,
        until: Instant,
    ) -> Result<(), RequestError> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        stream.wait_at_most(left)?;
        match self.read_some(stream)? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            _ => Ok(()),
        }
    }

    fn read_some(&mut self, stream: &mut impl Connection) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        let count = loop {
            match stream.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.bytes.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

/// The head, once all of it is there.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, RequestError> {
    let refused = |status, reason| RequestError::Refused { status, reason };
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head_bytes = match request.parse(bytes) {
        Ok(httparse::Status::Complete(bytes)) if bytes <= HEAD_BYTES_MAX => bytes,
        Ok(httparse::Status::Partial) if bytes.len() <= HEAD_BYTES_MAX => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {
            return Err(refused(431, "the request's headers are too large"));
        }
        Err(_) => return Err(refused(400, "this is not a request of HTTP/1.1")),
    };
    let (Some(method), Some(target), Some(version)) =
        (request.method, request.path, request.version)
    else {
        return Err(refused(400, "this is not a request of HTTP/1.1"));
    };
    let mut length = None;
    let mut close = version == 0;
    let mut expects_continue = false;
    for header in request.headers.iter() {
        let name = header.name.to_ascii_lowercase();
        let value = header.value.trim_ascii();
        match name.as_str() {
            // A proxy and this reader must never disagree where a request ends.
            "transfer-encoding" => {
                return Err(refused(411, "a body needs a Content-Length"));
            }
            "content-length" => {
                let bytes = std::str::from_utf8(value).ok().filter(|text| {
                    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
                });
                let bytes = bytes.and_then(|text| text.parse::<usize>().ok());
                if length.is_some() || bytes.is_none() {
                    return Err(refused(400, "the Content-Length is not one number"));
                }
                length = bytes;
            }
            "connection" => close |= value.eq_ignore_ascii_case(b"close"),
            "expect" => expects_continue = value.eq_ignore_ascii_case(b"100-continue"),
            _ => {}
        }
    }
    let length = length.unwrap_or(0);
    if length > REQUEST_BYTES_MAX {
        return Err(refused(413, "the body is longer than any request"));
    }
    let path = target.split('?').next().unwrap_or_default();
    Ok(Some(Head {
        method: method.to_owned(),
        path: path.to_owned(),
        length,
        close,
        expects_continue,
        bytes: head_bytes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A peer that sends this in pieces, and what was written to it.
    struct Peer {
        sends: Cursor<Vec<u8>>,
        piece: usize,
        gets: Vec<u8>,
    }

    impl Peer {
        fn sending(text: &str, piece: usize) -> Peer {
            Peer {
                sends: Cursor::new(text.as_bytes().to_vec()),
                piece,
                gets: Vec::new(),
            }
        }
    }

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.piece.min(buffer.len());
            self.sends.read(&mut buffer[..piece])
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.gets.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Connection for Peer {
        fn wait_at_most(&mut self, _timeout: Duration) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn requests_are_read_one_after_the_other() {
        let text = "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\n\r\nold 0\
                    GET /x?y HTTP/1.1\r\nConnection: close\r\n\r\n";
        for piece in [1, 7, 4096] {
            let mut peer = Peer::sending(text, piece);
            let mut reader = Reader::default();
            let first = reader.next(&mut peer).unwrap();
            assert_eq!(
                (first.method.as_str(), first.path.as_str(), first.close),
                ("POST", "/add-checkpoint", false)
            );
            assert_eq!(first.body, b"old 0");
            let second = reader.next(&mut peer).unwrap();
            assert_eq!((second.path.as_str(), second.close), ("/x", true));
            assert!(matches!(reader.next(&mut peer), Err(RequestError::Ended)));
            assert!(peer.gets.is_empty());
        }
    }

    #[test]
    fn a_client_that_asks_first_is_told_to_go_on() {
        let text = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab";
        let mut peer = Peer::sending(text, 1);
        assert_eq!(Reader::default().next(&mut peer).unwrap().body, b"ab");
        assert!(peer.gets.starts_with(b"HTTP/1.1 100 "));
    }

    #[test]
    fn what_could_be_read_two_ways_or_is_too_long_is_refused() {
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(HEAD_BYTES_MAX));
        let endless = format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(2 * HEAD_BYTES_MAX));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(100));
        let post = |headers: &str| format!("POST / HTTP/1.1\r\n{headers}\r\n\r\nab");
        for (text, expected) in [
            ("\u{0}\r\n\r\n".to_owned(), 400),
            ("GET /\r\n\r\n".to_owned(), 400),
            (long, 431),
            (endless, 431),
            (many, 431),
            (post("Transfer-Encoding: chunked"), 411),
            (post("Content-Length: 2\r\nContent-Length: 2"), 400),
            (post("Content-Length: +2"), 400),
            (post("Content-Length: 2, 2"), 400),
            (post("Content-Length: 99999999999999999999999"), 400),
            (post("Content-Length: 65537"), 413),
        ] {
            let mut peer = Peer::sending(&text, 4096);
            match Reader::default().next(&mut peer) {
                Err(RequestError::Refused { status, .. }) => assert_eq!(status, expected, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        let mut cut = Peer::sending("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", 4096);
        assert!(matches!(
            Reader::default().next(&mut cut),
            Err(RequestError::Io(_))
        ));
    }
}
