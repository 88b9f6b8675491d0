//! A chunked body, as its bytes come.

use bytes::{Buf, BytesMut};
use httparse::{InvalidChunkSize, Status};

use super::channel::MAX_HEAD;

/// Where in a chunked body the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// At the line with the size of a chunk.
    Size,
    /// In a chunk, with so many bytes left.
    Data(u64),
    /// At the line break behind a chunk.
    Break,
    /// In the lines behind the last chunk, of which so many bytes were read.
    Trailers(usize),
    /// Behind the body.
    End,
}

/// A size with its extensions takes no more; sizes are short.
const LONGEST_SIZE: usize = 16 << 10;

/// Moves what it can from `read` to `body`. False if it needs more to go on, or nothing at the end.
pub(super) fn step(chunk: &mut Chunk, read: &mut BytesMut, body: &mut BytesMut) -> Result<bool, &'static str> {
    match *chunk {
        Chunk::Size => match httparse::parse_chunk_size(read) {
            Ok(Status::Complete((line, size))) => {
                read.advance(line);
                *chunk = if size == 0 { Chunk::Trailers(0) } else { Chunk::Data(size) };
                Ok(true)
            }
            Ok(Status::Partial) if read.len() > LONGEST_SIZE => Err("the size of a chunk does not end"),
            Ok(Status::Partial) => Ok(false),
            Err(InvalidChunkSize) => Err("the size of a chunk is not a number"),
        },
        Chunk::Data(left) => {
            let here = read.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            body.extend_from_slice(&read.split_to(here));
            let left = left - here as u64;
            *chunk = if left == 0 { Chunk::Break } else { Chunk::Data(left) };
            Ok(here > 0)
        }
        Chunk::Break => match **read {
            [b'\r', b'\n', ..] => {
                read.advance(2);
                *chunk = Chunk::Size;
                Ok(true)
            }
            [] | [b'\r'] => Ok(false),
            _ => Err("a chunk is longer than its size"),
        },
        Chunk::Trailers(before) => match read.iter().position(|byte| *byte == b'\n') {
            _ if before + read.len() > MAX_HEAD => Err("the lines behind the body are too long"),
            Some(end) => {
                let line = read.split_to(end + 1);
                let empty = matches!(&*line, b"\r\n" | b"\n");
                *chunk = if empty { Chunk::End } else { Chunk::Trailers(before + line.len()) };
                Ok(true)
            }
            None => Ok(false),
        },
        Chunk::End => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In pieces of so many bytes.
    fn read(text: &str, piece: usize) -> Result<(Chunk, String, String), &'static str> {
        let (mut chunk, mut read, mut body) = (Chunk::Size, BytesMut::new(), BytesMut::new());
        for piece in text.as_bytes().chunks(piece) {
            read.extend_from_slice(piece);
            while step(&mut chunk, &mut read, &mut body)? {}
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((chunk, text(&body), text(&read)))
    }

    #[test]
    fn a_body_in_pieces_of_any_size_is_put_together() {
        let whole = "4\r\nWiki\r\n6;name=\"x\"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nX-Sum: 1\r\n\r\nnext";
        for piece in 1..=whole.len() {
            let (chunk, body, _) = read(whole, piece).unwrap();
            assert_eq!((chunk, body.as_str()), (Chunk::End, "Wikipedia in \r\n\r\nchunks."), "{piece}");
        }
        assert_eq!(read(whole, whole.len()).unwrap().2, "next");
        assert_eq!(read("0\r\n\r\n", 1).unwrap().0, Chunk::End);
    }

    #[test]
    fn what_is_no_chunk_is_an_error_and_what_does_not_end_is_not_whole() {
        for text in ["x\r\n", "4\r\nWikipedia\r\n", "-1\r\n", "FFFFFFFFFFFFFFFFF\r\n"] {
            assert!(read(text, text.len()).is_err(), "{text}");
        }
        assert!(read(&format!("4;{}", "x".repeat(20_000)), 1000).is_err());
        assert!(read(&format!("0\r\n{}", "x: y\r\n".repeat(20_000)), 1000).is_err());
        for text in ["", "4\r\nWi", "4\r\nWiki\r", "4\r\nWiki\r\n0\r\n"] {
            assert_ne!(read(text, 1).unwrap().0, Chunk::End, "{text}");
        }
    }
}
