//! One request of the private protocol: several messages, answered by one byte.
//!
//! `length of all (u32, little-endian) ‖ for each message: its length (u32) ‖ its bytes`. The
//! answer says only that the frame arrived, so that the next one may follow: frames do not
//! overtake each other, and a peer that does not read is noticed.

use super::MESSAGE_BYTES_MAX;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use libp2p::request_response;
use std::io;

/// What a message takes up in a frame beside its bytes.
pub(super) const FRAME_OVERHEAD_BYTES: usize = 4;
/// One message of the greatest length always fits.
const FRAME_BYTES_MAX: usize = MESSAGE_BYTES_MAX + FRAME_OVERHEAD_BYTES;
/// The protocol's name; another version is another protocol.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/wattle/peer/0");

/// Reads and writes frames, bounded before anything is allocated.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FrameCodec;

/// That a frame arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrived;

impl request_response::Codec for FrameCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<Vec<u8>>;
    type Response = Arrived;

    async fn read_request<T>(
        &mut self,
        _protocol: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<Vec<u8>>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut length = [0; 4];
        io.read_exact(&mut length).await?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(malformed("a frame is longer than it may be"));
        }
        let mut bytes = vec![0; length];
        io.read_exact(&mut bytes).await?;
        parse(&bytes)
    }

    async fn read_response<T>(
        &mut self,
        _protocol: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Arrived>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut byte = [0; 1];
        io.read_exact(&mut byte).await?;
        Ok(Arrived)
    }

    async fn write_request<T>(
        &mut self,
        _protocol: &StreamProtocol,
        io: &mut T,
        messages: Vec<Vec<u8>>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&encode(&messages)).await?;
        io.close().await
    }

    async fn write_response<T>(
        &mut self,
        _protocol: &StreamProtocol,
        io: &mut T,
        _arrived: Arrived,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&[0]).await?;
        io.close().await
    }
}

fn encode(messages: &[Vec<u8>]) -> Vec<u8> {
    let prefix = |length: usize| {
        u32::try_from(length)
            .expect("a frame has at most 256 KiB")
            .to_le_bytes()
    };
    let total: usize = messages
        .iter()
        .map(|message| message.len() + FRAME_OVERHEAD_BYTES)
        .sum();
    let mut bytes = prefix(total).to_vec();
    for message in messages {
        bytes.extend(prefix(message.len()));
        bytes.extend(message);
    }
    bytes
}

fn parse(mut rest: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let cut_off = || malformed("a frame ends inside a message");
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(cut_off)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (message, after) = after.split_at_checked(length).ok_or_else(cut_off)?;
        messages.push(message.to_vec());
        rest = after;
    }
    Ok(messages)
}

fn malformed(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::request_response::Codec as _;

    fn read(bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let mut source = futures::io::Cursor::new(bytes.to_vec());
        futures::executor::block_on(FrameCodec.read_request(&PROTOCOL, &mut source))
    }

    #[test]
    fn frames_are_read_as_they_were_written() {
        let messages = vec![vec![1, 2, 3], Vec::new(), vec![9; 1000]];
        assert_eq!(read(&encode(&messages)).unwrap(), messages);
        assert_eq!(read(&encode(&[])).unwrap(), Vec::<Vec<u8>>::new());
        let longest = vec![vec![5; MESSAGE_BYTES_MAX]];
        assert_eq!(read(&encode(&longest)).unwrap(), longest);
    }

    #[test]
    fn wrong_lengths_are_refused_before_anything_is_allocated() {
        let error = read(&u32::MAX.to_le_bytes()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut cut_off = encode(&[vec![1, 2, 3]]);
        cut_off[4] = 9;
        assert_eq!(
            read(&cut_off).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        let short = &encode(&[vec![1, 2, 3]])[..8];
        assert_eq!(
            read(short).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }
}
