//! Loose objects, each a file of its own: those that we write, and those that a power cut left without their
//! content, or without the end of it.
//!
//! git and libgit2 take the file of an object for the object: an empty one is never written again, and
//! libgit2 reads one that ends too soon for ever. It must never delete what somebody could still read.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::{Decompress, FlushDecompress, Status};

use super::deflate;
use super::landing::{KEPT, remove};
use super::{Repository, Result, unreadable_io, unwritable_io};
use crate::id::ObjectId;

/// The file of an object that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file.
    pub path: PathBuf,
    /// There is nothing in it; otherwise it ends too soon.
    pub is_empty: bool,
}

/// Returns the loose objects that cannot be read, whatever the reason may be.
///
/// Nobody is writing them: an object gets its name when it is whole. Reads every loose object, so it is
/// for after a start of the machine, and for whoever looks for what is wrong.
pub fn broken(repository: &Repository) -> Result<Vec<Broken>> {
    let objects = repository.git_dir().join("objects");
    let mut found = Vec::new();
    for shard in 0..=255u8 {
        let folder = objects.join(format!("{shard:02x}"));
        let listing = match fs::read_dir(&folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable_io(&folder, &error)),
        };
        for file in listing {
            let path = file.map_err(|error| unreadable_io(&folder, &error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.len() != 38 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                continue;
            }
            match look(&path) {
                Ok(Some(is_empty)) => found.push(Broken { path, is_empty }),
                Ok(None) => {}
                // Packed by somebody meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable_io(&path, &error)),
            }
        }
    }
    Ok(found)
}

/// Takes broken objects out of git's way, and says what was done, a sentence for each: what has no content
/// goes, the rest of another is kept with us.
pub fn put_away(repository: &Repository, objects: &[Broken]) -> Result<Vec<String>> {
    let own = repository.own_dir();
    fs::create_dir_all(&own).map_err(|error| unwritable_io(&own, &error))?;
    let put = |Broken { path, is_empty }: &Broken| {
        if *is_empty {
            remove(path)?;
            return Ok(format!("removed the empty object {}, which a power cut left", path.display()));
        }
        let names = [path.parent().and_then(Path::file_name), path.file_name()];
        let id: String = names.into_iter().flatten().filter_map(|name| name.to_str()).collect();
        let kept = own.join(format!("{KEPT}{id}"));
        fs::rename(path, &kept).map_err(|error| unwritable_io(path, &error))?;
        Ok(format!("moved the object {} to {}: it ends too soon", path.display(), kept.display()))
    };
    objects.iter().map(put).collect()
}

/// Writes an object as a file of its own, which is whole before it has its name; durable with the next flush.
///
/// libgit2 would look through the packs anew, twice, for each object that is new.
pub(super) fn write(repository: &Repository, id: ObjectId, kind: &str, bytes: &[u8]) -> Result<()> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let path = path_of(repository, id);
    let written = packed(kind, bytes).and_then(|packed| {
        let (aside, file) = create_aside(&repository.git_dir().join("objects"), &COUNT)?;
        let written = write_as(file, &aside, &path, &packed);
        if written.is_err() {
            // Nobody takes it for an object.
            let _ = fs::remove_file(&aside);
        }
        written
    });
    written.map_err(|error| unwritable_io(&path, &error))
}

/// Makes a file that nobody else writes; one that is there may be a living process's, for in another
/// container there are the same numbers.
fn create_aside(objects: &Path, count: &AtomicUsize) -> io::Result<(PathBuf, File)> {
    loop {
        // `git gc` removes what is named like this and was left.
        let name = format!("tmp_obj_{}_{}", process::id(), count.fetch_add(1, Ordering::Relaxed));
        let aside = objects.join(name);
        match File::options().write(true).create_new(true).mode(0o444).open(&aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            file => return file.map(|file| (aside, file)),
        }
    }
}

fn write_as(mut file: File, aside: &Path, path: &Path, packed: &[u8]) -> io::Result<()> {
    file.write_all(packed)?;
    match fs::rename(aside, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            fs::rename(aside, path)
        }
        renamed => renamed,
    }
}

/// Packs an object as its file has it: the type and the length, then the content, as a zlib stream.
fn packed(kind: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    deflate::for_file(&[format!("{kind} {}\0", bytes.len()).as_bytes(), bytes])
}

fn path_of(repository: &Repository, id: ObjectId) -> PathBuf {
    let name = id.to_string();
    repository.git_dir().join("objects").join(&name[..2]).join(&name[2..])
}

/// Removes the loose file of an object if it is empty; tells whether it was.
pub fn remove_if_empty(repository: &Repository, id: ObjectId) -> Result<bool> {
    let path = path_of(repository, id);
    let is_empty = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.len() == 0);
    if is_empty {
        remove(&path)?;
    }
    Ok(is_empty)
}

/// Tells whether the file of an object is broken, and then whether it is empty.
fn look(path: &Path) -> io::Result<Option<bool>> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    if metadata.len() == 0 {
        return Ok(Some(true));
    }
    Ok(ends_too_soon(File::open(path)?)?.then_some(false))
}

/// Tells whether a zlib stream (RFC 1950), which each loose object is, has no end.
///
/// One that is wrong in another way is read as an error by everybody, and is left to `git fsck`.
fn ends_too_soon(mut packed: impl Read) -> io::Result<bool> {
    let mut stream = Decompress::new(true);
    let (mut input, mut output) = ([0; 16 * 1024], [0; 64 * 1024]);
    loop {
        let read = packed.read(&mut input)?;
        let mut rest = &input[..read];
        loop {
            let (taken, given) = (stream.total_in(), stream.total_out());
            match stream.decompress(rest, &mut output, FlushDecompress::None) {
                Ok(Status::StreamEnd) | Err(_) => return Ok(false),
                Ok(Status::Ok | Status::BufError) => {}
            }
            let taken = usize::try_from(stream.total_in() - taken).unwrap_or(rest.len());
            rest = &rest[taken..];
            // It gives more of what it has taken only while there is room for it.
            if taken == 0 && stream.total_out() == given {
                break;
            }
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_of_an_object_is_seen_and_no_whole_one() {
        for length in [0, 1, 100, 70_000, 300_000] {
            let content: Vec<u8> =
                (0..length).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            let packed = packed("blob", &content).unwrap();
            assert!(!ends_too_soon(&packed[..]).unwrap(), "{length}");
            for end in [packed.len() - 1, packed.len() - 4, packed.len() / 2, 3, 1] {
                assert!(ends_too_soon(&packed[..end]).unwrap(), "{length} cut at {end}");
            }
        }
        assert!(!ends_too_soon(&b"this is no stream at all"[..]).unwrap());
    }

    #[test]
    fn two_processes_of_one_number_write_files_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let made = [0, 1].map(|_| create_aside(folder.path(), &AtomicUsize::new(0)).unwrap());
        let write = |(path, mut file): (PathBuf, File), text: &str| {
            file.write_all(text.as_bytes()).unwrap();
            path
        };
        let [one, two] = made;
        let paths = [write(one, "one"), write(two, "two")];
        assert_eq!(paths.map(|path| fs::read_to_string(path).unwrap()), ["one", "two"]);
    }
}
