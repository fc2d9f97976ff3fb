//! Zlib streams (RFC 1950), as git's objects are packed.

use std::cell::RefCell;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// The bytes of a block of the disk: up to one, a file takes as much whether it is compressed or not.
const BLOCK: usize = 4096;

/// The bytes that a stream has beside what it keeps as it is: two at its head, five of a stored block, and a
/// checksum.
const FRAME: usize = 11;

/// Returns the parts as one compressed stream, for a pack.
pub(super) fn for_pack(parts: &[&[u8]]) -> io::Result<Vec<u8>> {
    thread_local! {
        static FAST: Encoder = encoder(Compression::fast());
    }
    FAST.with_borrow_mut(|encoder| stream(encoder, parts))
}

/// Returns the parts as one stream that will be a file of its own: compressed where that saves a block.
pub(super) fn for_file(parts: &[&[u8]]) -> io::Result<Vec<u8>> {
    thread_local! {
        static STORED: Encoder = encoder(Compression::none());
    }
    if parts.iter().map(|part| part.len()).sum::<usize>() > BLOCK - FRAME {
        return for_pack(parts);
    }
    STORED.with_borrow_mut(|encoder| stream(encoder, parts))
}

/// Each thread keeps one, which begins anew with each stream: making one takes longer than an object of ours.
type Encoder = RefCell<ZlibEncoder<Vec<u8>>>;

fn encoder(level: Compression) -> Encoder {
    RefCell::new(ZlibEncoder::new(Vec::new(), level))
}

fn stream(encoder: &mut ZlibEncoder<Vec<u8>>, parts: &[&[u8]]) -> io::Result<Vec<u8>> {
    for part in parts {
        encoder.write_all(part)?;
    }
    encoder.reset(Vec::new())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::ZlibDecoder;

    use super::*;

    #[test]
    fn each_stream_is_whole_and_knows_nothing_of_the_last() {
        let long: Vec<u8> = (0..300_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for stream in [for_pack, for_file] {
            let first = stream(&[b"blob 5\0", b"again"]).unwrap();
            for parts in [&[&long[..]][..], &[], &[b"blob 5\0", b"again"], &[&long[..BLOCK]]] {
                let packed = stream(parts).unwrap();
                let mut back = Vec::new();
                ZlibDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
                assert_eq!(back, parts.concat());
            }
            assert_eq!(stream(&[b"blob 5\0again"]).unwrap(), first);
        }
    }

    #[test]
    fn what_is_not_compressed_takes_no_block_more() {
        for length in [0, 1, BLOCK - FRAME] {
            let kept = for_file(&[&b"blob"[..length.min(4)], &vec![b'x'; length - length.min(4)]]).unwrap();
            assert_eq!(kept.len(), length + FRAME);
        }
        for length in [BLOCK - FRAME + 1, BLOCK, BLOCK + 1] {
            assert!(for_file(&[&vec![b'x'; length]]).unwrap().len() < 100, "{length}");
        }
    }
}
