//! HTTP around a witness: a thread for each connection, of which there are few.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::request::{Reader, Request, RequestError};
use crate::witness::{Answer, Witness, say};

/// Connections at a time; a further one is closed at once.
const CONNECTIONS_MAX: usize = 64;
/// Requests of one connection; after them it is closed, so that others get a place.
const REQUESTS_PER_CONNECTION_MAX: usize = 1_000;
/// An answer that is not taken within this time is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes taken from a client after he was refused; whoever sends more may lose the answer.
const DRAIN_BYTES_MAX: usize = 256 * 1024;
/// Waited for the next of them.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// After a failed accept (mostly: too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A witness that listens.
pub struct Server {
    listener: TcpListener,
    witness: Arc<Witness>,
}

impl Server {
    /// Listens; port 0 takes a free one.
    ///
    /// # Errors
    /// If the address cannot be used.
    pub fn bind(address: SocketAddr, witness: Witness) -> io::Result<Server> {
        Ok(Server {
            listener: TcpListener::bind(address)?,
            witness: Arc::new(witness),
        })
    }

    /// The witness that it serves.
    pub fn witness(&self) -> Arc<Witness> {
        Arc::clone(&self.witness)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the process ends. It may end at any moment: what was answered is on disk.
    pub fn run(&self) -> ! {
        let open = Arc::new(AtomicUsize::new(0));
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) => {
                    say(format_args!("a connection was not accepted: {error}"));
                    std::thread::sleep(ACCEPT_PAUSE);
                    continue;
                }
            };
            if open.load(Ordering::Acquire) >= CONNECTIONS_MAX {
                continue;
            }
            open.fetch_add(1, Ordering::AcqRel);
            let place = Place(Arc::clone(&open));
            let witness = Arc::clone(&self.witness);
            let started = std::thread::Builder::new()
                .name("witness".to_owned())
                .spawn(move || {
                    let _place = place;
                    // Whoever hung up is not answered.
                    let _ = serve(stream, &witness);
                });
            if let Err(error) = started {
                say(format_args!("a connection was not served: {error}"));
            }
        }
    }
}

/// A connection's place, given back however its thread ends.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn serve(mut stream: TcpStream, witness: &Witness) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let mut reader = Reader::default();
    for number in 1..=REQUESTS_PER_CONNECTION_MAX {
        let request = match reader.next(&mut stream) {
            Ok(request) => request,
            Err(RequestError::Refused { status, reason }) => {
                write(&mut stream, &Answer::text(status, reason), true, true)?;
                return drain(stream);
            }
            Err(_) => return Ok(()),
        };
        let close = request.close || number == REQUESTS_PER_CONNECTION_MAX;
        let answer = answer(witness, &request);
        write(&mut stream, &answer, close, request.method != "HEAD")?;
        if close {
            break;
        }
    }
    Ok(())
}

fn answer(witness: &Witness, request: &Request) -> Answer {
    let log = || request.path.strip_prefix('/')?.strip_suffix("/checkpoint");
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/add-checkpoint") => witness.add_checkpoint(&request.body, now()),
        ("GET" | "HEAD", "/v1/witness") => Answer {
            status: 200,
            content_type: "application/json",
            body: serde_json::to_vec(&witness.status()).expect("a status is plain JSON"),
        },
        ("GET" | "HEAD", _) if log().is_some() => witness.checkpoint(log().unwrap_or_default()),
        (_, "/add-checkpoint" | "/v1/witness") => Answer::text(405, "this path has another method"),
        _ => Answer::text(
            404,
            "a witness has /add-checkpoint, /<log>/checkpoint, /v1/witness",
        ),
    }
}

fn write(stream: &mut TcpStream, answer: &Answer, close: bool, body: bool) -> io::Result<()> {
    let reason = match answer.status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        _ => "Internal Server Error",
    };
    let connection = if close { "Connection: close\r\n" } else { "" };
    let mut bytes = format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{connection}\r\n",
        answer.status,
        answer.content_type,
        answer.body.len()
    )
    .into_bytes();
    if body {
        bytes.extend_from_slice(&answer.body);
    }
    stream.write_all(&bytes)
}

/// Takes what a refused client is still sending, for a while: closing over unread bytes resets the
/// connection, and the client may lose the answer.
fn drain(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(DRAIN_TIMEOUT))?;
    let mut piece = [0; 8 * 1024];
    let mut left = DRAIN_BYTES_MAX;
    while left > 0 {
        match stream.read(&mut piece)? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}

/// Seconds since 1970 by the wall clock; 0 for a clock set before that.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
