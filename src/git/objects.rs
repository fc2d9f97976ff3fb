//! Collects objects and writes them at once: one by one while they are few, as a pack when many.
//!
//! Nothing is on the disk before [`Batch::write`], and nothing is durable before the repository's
//! flush. A batch never moves a branch.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha1::{Digest, Sha1};

use super::{GitError, MACHINE_EMAIL, MACHINE_NAME, Repository, Result, to_oid, unwritable};
use super::{deflate, loose};
use super::{landing, lease};
use crate::failpoint::reached;
use crate::id::ObjectId;

/// Objects up to this number are written one by one: git packs them with the rest some day.
const LOOSE_MAX: usize = 24;

/// How the file begins that keeps a pack of ours; our process id follows.
const KEEP: &str = "git-drafts ";

const MODE_FILE: u32 = 0o100_644;
const MODE_FOLDER: u32 = 0o040_000;

/// What becomes of a path: the blob that shall stand there, or nothing.
pub type Changes = BTreeMap<String, Option<ObjectId>>;

/// A tree's entries: mode and object by name, which need not be UTF-8.
type Entries = BTreeMap<Vec<u8>, (u32, ObjectId)>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Commit,
    Tree,
    Blob,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Commit => "commit",
            Kind::Tree => "tree",
            Kind::Blob => "blob",
        }
    }

    /// The type's number in a pack (gitformat-pack).
    fn in_pack(self) -> u8 {
        match self {
            Kind::Commit => 1,
            Kind::Tree => 2,
            Kind::Blob => 3,
        }
    }
}

/// Objects that are to be written together.
pub struct Batch<'r> {
    repository: &'r Repository,
    objects: Vec<(Kind, Vec<u8>)>,
    by_id: HashMap<ObjectId, usize>,
}

impl<'r> Batch<'r> {
    /// Makes an empty batch.
    pub fn new(repository: &'r Repository) -> Self {
        Self { repository, objects: Vec::new(), by_id: HashMap::new() }
    }

    /// Adds a blob.
    pub fn blob(&mut self, bytes: &[u8]) -> ObjectId {
        self.add(Kind::Blob, bytes.to_vec())
    }

    /// Adds the trees that differ from `tree` by `changes`, and returns the new root.
    ///
    /// Folders that become empty go away. Paths are relative, with `/`.
    pub fn tree(&mut self, tree: Option<ObjectId>, changes: &Changes) -> Result<ObjectId> {
        let edited =
            self.edited(tree, changes.iter().map(|(path, blob)| (path.as_str(), *blob)).collect())?;
        Ok(edited.unwrap_or_else(|| self.add(Kind::Tree, Vec::new())))
    }

    /// Adds a commit of the machine's.
    pub fn commit(
        &mut self,
        tree: ObjectId,
        parents: &[ObjectId],
        message: &str,
        now: Timestamp,
    ) -> ObjectId {
        let mut text = format!("tree {tree}\n");
        for parent in parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        let who = format!("{MACHINE_NAME} <{MACHINE_EMAIL}> {} +0000", now.as_second());
        text.push_str(&format!("author {who}\ncommitter {who}\n\n{message}"));
        self.add(Kind::Commit, text.into_bytes())
    }

    /// Writes every object that was added; what is returned is to be held until a branch leads to them.
    pub fn write(self) -> Result<Written> {
        let written = if self.objects.len() <= LOOSE_MAX {
            self.write_loose()?;
            Written { keep: None }
        } else {
            self.write_pack()?
        };
        reached("objects.written");
        Ok(written)
    }

    fn add(&mut self, kind: Kind, bytes: Vec<u8>) -> ObjectId {
        let id = object_id(kind, &bytes);
        self.by_id.entry(id).or_insert_with(|| {
            self.objects.push((kind, bytes));
            self.objects.len() - 1
        });
        id
    }

    fn edited(
        &mut self,
        tree: Option<ObjectId>,
        changes: Vec<(&str, Option<ObjectId>)>,
    ) -> Result<Option<ObjectId>> {
        let mut entries = match tree {
            Some(tree) => self.entries(tree)?,
            None => Entries::new(),
        };
        let mut below: BTreeMap<&str, Vec<(&str, Option<ObjectId>)>> = BTreeMap::new();
        for (path, blob) in changes {
            match (path.split_once('/'), blob) {
                (Some((folder, rest)), blob) => below.entry(folder).or_default().push((rest, blob)),
                (None, Some(id)) => drop(entries.insert(path.into(), (MODE_FILE, id))),
                (None, None) => drop(entries.remove(path.as_bytes())),
            }
        }
        for (folder, changes) in below {
            let known =
                entries.get(folder.as_bytes()).filter(|(mode, _)| *mode == MODE_FOLDER).map(|(_, id)| *id);
            match self.edited(known, changes)? {
                Some(id) => drop(entries.insert(folder.into(), (MODE_FOLDER, id))),
                None => drop(entries.remove(folder.as_bytes())),
            }
        }
        Ok((!entries.is_empty()).then(|| self.add(Kind::Tree, serialized(&entries))))
    }

    fn entries(&self, tree: ObjectId) -> Result<Entries> {
        match self.by_id.get(&tree) {
            Some(&index) => Ok(parsed(&self.objects[index].1)),
            None => Ok(parsed(&self.repository.read(tree)?)),
        }
    }

    fn write_loose(self) -> Result<()> {
        let odb = self.repository.inner.odb().map_err(|error| unwritable("the object database", &error))?;
        // In this order nothing names an object that is not there yet, wherever it ends.
        for (kind, bytes) in &self.objects {
            let id = object_id(*kind, bytes);
            // A power cut may have left its name without its content, and git takes that for present.
            loose::remove_if_empty(self.repository, id)?;
            // It is not looked for in packs that came meanwhile: then it is there twice, and does no harm.
            if !odb.exists_ext(to_oid(id), git2::OdbLookupFlags::NO_REFRESH) {
                loose::write(self.repository, id, kind.name(), bytes)?;
            }
        }
        Ok(())
    }

    /// Writes a pack of whole objects (gitformat-pack, version 2) and has libgit2 index it.
    fn write_pack(self) -> Result<Written> {
        let failed = |why: String| GitError::Unwritable { what: "a pack".to_owned(), why };
        let count = u32::try_from(self.objects.len()).map_err(|error| failed(error.to_string()))?;
        let mut pack = Vec::with_capacity(self.objects.iter().map(|(_, bytes)| bytes.len() / 2 + 16).sum());
        pack.extend_from_slice(b"PACK");
        pack.extend_from_slice(&2u32.to_be_bytes());
        pack.extend_from_slice(&count.to_be_bytes());
        for (kind, bytes) in &self.objects {
            push_header(&mut pack, *kind, bytes.len());
            pack.extend(deflate::for_pack(&[bytes]).map_err(|error| failed(error.to_string()))?);
        }
        let digest = Sha1::digest(&pack);
        pack.extend_from_slice(&digest);

        let folder = self.repository.git_dir().join("objects/pack");
        std::fs::create_dir_all(&folder).map_err(|error| failed(error.to_string()))?;
        let odb = self.repository.inner.odb().map_err(|error| unwritable("the object database", &error))?;
        let mut indexer = git2::Indexer::new(Some(&odb), &folder, 0o444, false)
            .map_err(|error| unwritable("a pack", &error))?;
        indexer.write_all(&pack).map_err(|error| failed(error.to_string()))?;
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let keep = folder.join(format!("pack-{name}.keep"));
        std::fs::write(&keep, format!("{KEEP}{}\n", std::process::id()))
            .map_err(|error| failed(error.to_string()))?;
        let written = Written { keep: Some(keep) };
        reached("objects.kept");
        indexer.commit().map_err(|error| unwritable("a pack", &error))?;
        odb.refresh().map_err(|error| unwritable("a pack", &error))?;
        Ok(written)
    }
}

/// Objects that are on the disk, and that no branch may lead to yet.
///
/// As long as it lives, `git repack -ad` leaves a new pack alone; without that it would take away a pack
/// in which it finds nothing that any branch leads to.
#[must_use = "what is dropped before a branch moves is not kept from `git repack`"]
pub struct Written {
    keep: Option<PathBuf>,
}

impl Drop for Written {
    fn drop(&mut self) {
        if let Some(keep) = &self.keep
            && let Err(error) = std::fs::remove_file(keep)
        {
            tracing::warn!(%error, "a pack stays kept");
        }
    }
}

/// Removes what a process that died left to keep its packs.
pub fn remove_dead_keeps(repository: &Repository) -> Result<()> {
    let folder = repository.git_dir().join("objects/pack");
    let is_dead = |keep: &Path| {
        let text = std::fs::read_to_string(keep).unwrap_or_default();
        let pid = text.strip_prefix(KEEP).and_then(|pid| pid.trim().parse().ok());
        pid.is_some_and(|pid| !lease::is_git_alive(pid))
    };
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        if path.extension().is_some_and(|extension| extension == "keep") && is_dead(&path) {
            landing::remove(&path)?;
        }
    }
    Ok(())
}

/// Returns the name that these bytes have as a blob.
pub fn blob_id(bytes: &[u8]) -> ObjectId {
    object_id(Kind::Blob, bytes)
}

fn object_id(kind: Kind, bytes: &[u8]) -> ObjectId {
    let mut digest = Sha1::new();
    digest.update(format!("{} {}\0", kind.name(), bytes.len()));
    digest.update(bytes);
    ObjectId::new(digest.finalize().into())
}

/// Writes an object's type and size the way packs do: three bits of type, then the size from its
/// lowest bits up, four and then seven at a time.
fn push_header(pack: &mut Vec<u8>, kind: Kind, size: usize) {
    let mut rest = size >> 4;
    let mut byte = kind.in_pack() << 4 | (size & 0x0f) as u8;
    while rest > 0 {
        pack.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    pack.push(byte);
}

/// Writes a tree as git does: folders sort as if their names ended in `/`.
fn serialized(entries: &Entries) -> Vec<u8> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|(name, (mode, _))| {
        let mut key = (*name).clone();
        if *mode == MODE_FOLDER {
            key.push(b'/');
        }
        key
    });
    let mut bytes = Vec::new();
    for (name, (mode, id)) in sorted {
        bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
    }
    bytes
}

fn parsed(tree: &[u8]) -> Entries {
    let mut entries = Entries::new();
    let mut rest = tree;
    while let Some(space) = rest.iter().position(|&byte| byte == b' ') {
        let Some(end) = rest.iter().position(|&byte| byte == 0).filter(|&end| end > space) else { break };
        let Some(id) = rest.get(end + 1..end + 21) else { break };
        let mode =
            std::str::from_utf8(&rest[..space]).ok().and_then(|text| u32::from_str_radix(text, 8).ok());
        let id = ObjectId::new(id.try_into().expect("the slice has twenty bytes"));
        entries.insert(rest[space + 1..end].to_vec(), (mode.unwrap_or(0), id));
        rest = &rest[end + 21..];
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: usize) {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        let mut batch = Batch::new(&repository);
        let changes: Changes = (0..count)
            .map(|n| (format!("drafts/{n}.md"), Some(batch.blob(format!("draft {n}").as_bytes()))))
            .collect();
        let tree = batch.tree(None, &changes).unwrap();
        let commit = batch.commit(tree, &[], "draft: test\n", Timestamp::UNIX_EPOCH);
        let _written = batch.write().unwrap();
        repository.flush().unwrap();
        let swap = repository.swap(crate::git::MAIN, None, commit, "test").unwrap();
        assert_eq!(swap, crate::git::Swap::Done);
        let fsck = std::process::Command::new("git")
            .arg("-C")
            .arg(folder.path())
            .args(["fsck", "--strict"])
            .output()
            .unwrap();
        assert!(fsck.status.success(), "{fsck:?}");
        assert_eq!(repository.files_in(commit, "drafts").unwrap().len(), count);
        assert_eq!(repository.file_at(commit, "drafts/0.md").unwrap().unwrap(), b"draft 0");
    }

    #[test]
    fn git_finds_no_fault_with_few_objects_or_with_many() {
        check(1);
        check(LOOSE_MAX);
        check(300);
    }

    #[test]
    fn git_and_libgit2_read_objects_of_every_size() {
        let noise = |size: u32| (0..size).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let sizes = [0, 1, 63, 64, 4074, 4075, 4076, 4095, 4096, 4097, 32_768, 65_536, 100_000, 300_000];
        let contents: Vec<Vec<u8>> = sizes.into_iter().map(noise).collect();
        // As files of their own, and as a pack.
        for others in [0, LOOSE_MAX] {
            let folder = tempfile::tempdir().unwrap();
            let repository = Repository::init(folder.path()).unwrap();
            let mut batch = Batch::new(&repository);
            let blobs: Vec<ObjectId> = contents.iter().map(|content| batch.blob(content)).collect();
            for n in 0..others {
                batch.blob(format!("draft {n}").as_bytes());
            }
            let _written = batch.write().unwrap();
            let git = |arguments: &[&str]| {
                let output = repository.command().args(arguments).output().unwrap();
                assert!(output.status.success(), "{output:?}");
                output.stdout
            };
            let look = || {
                let opened = Repository::open(folder.path()).unwrap();
                for (blob, content) in blobs.iter().zip(&contents) {
                    assert!(opened.read(*blob).unwrap() == *content, "libgit2: {}", content.len());
                    let read = git(&["cat-file", "blob", &blob.to_string()]);
                    assert!(read == *content, "git: {}", content.len());
                }
                git(&["fsck", "--strict", "--no-dangling"]);
            };
            look();
            git(&["repack", "-adq", "--keep-unreachable"]);
            git(&["prune-packed"]);
            look();
        }
    }

    #[test]
    fn small_objects_are_remembered_and_no_more_than_fit() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        let mut batch = Batch::new(&repository);
        let (small, large) = (batch.blob(&[b'x'; 16 * 1024]), batch.blob(&[b'x'; 16 * 1024 + 1]));
        let _written = batch.write().unwrap();
        assert!(repository.read(small).is_ok() && repository.read(large).is_ok());
        std::fs::remove_dir_all(folder.path().join(".git/objects")).unwrap();
        assert!(repository.read(small).is_ok() && repository.read(large).is_err());
        std::fs::create_dir(folder.path().join(".git/objects")).unwrap();
        let mut batch = Batch::new(&repository);
        let blobs: Vec<ObjectId> = (0..300).map(|n| batch.blob(format!("draft {n}").as_bytes())).collect();
        let _written = batch.write().unwrap();
        assert!(blobs.iter().all(|blob| repository.read(*blob).is_ok()));
        assert_eq!(repository.remembered.borrow().len(), 256);
    }

    #[test]
    fn a_repack_takes_nothing_away_before_a_branch_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        let git = |arguments: &[&str]| {
            let mut command = std::process::Command::new("git");
            assert!(command.arg("-C").arg(folder.path()).args(arguments).status().unwrap().success());
        };
        let mut batch = Batch::new(&repository);
        let blobs: Vec<ObjectId> = (0..100).map(|n| batch.blob(format!("draft {n}").as_bytes())).collect();
        let written = batch.write().unwrap();
        git(&["repack", "-adq"]);
        remove_dead_keeps(&repository).unwrap();
        git(&["repack", "-adq"]);
        assert_eq!(repository.read(blobs[99]).unwrap(), b"draft 99");
        drop(written);
        git(&["repack", "-adq"]);
        assert!(Repository::open(folder.path()).unwrap().read(blobs[99]).is_err());
    }

    #[test]
    fn what_keeps_the_pack_of_a_process_that_died_goes() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        let packs = folder.path().join(".git/objects/pack");
        std::fs::create_dir_all(&packs).unwrap();
        let (ours, another) = (packs.join("pack-a.keep"), packs.join("pack-b.keep"));
        std::fs::write(&ours, format!("{KEEP}999999999\n")).unwrap();
        std::fs::write(&another, "fetch-pack 999999999\n").unwrap();
        remove_dead_keeps(&repository).unwrap();
        assert!(!ours.exists() && another.exists());
    }

    #[test]
    fn a_change_touches_nothing_else_not_even_names_that_are_not_utf_8() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        let mut batch = Batch::new(&repository);
        let blob = batch.blob(b"x");
        let odd =
            Entries::from([(b"caf\xe9".to_vec(), (0o100_755, blob)), (b"a".to_vec(), (MODE_FILE, blob))]);
        let before = batch.add(Kind::Tree, serialized(&odd));
        let after =
            batch.tree(Some(before), &Changes::from([("drafts/k.md".to_owned(), Some(blob))])).unwrap();
        let gone = batch.tree(Some(after), &Changes::from([("drafts/k.md".to_owned(), None)])).unwrap();
        assert_ne!(after, before);
        assert_eq!(gone, before);
    }

    #[test]
    fn folders_sort_as_git_sorts_them() {
        let blob = ObjectId::new([1; 20]);
        let entries = Entries::from([
            (b"a".to_vec(), (MODE_FOLDER, blob)),
            (b"a.md".to_vec(), (MODE_FILE, blob)),
            (b"a0".to_vec(), (MODE_FILE, blob)),
        ]);
        let names: Vec<u8> = serialized(&entries);
        let position = |name: &[u8]| names.windows(name.len()).position(|window| window == name).unwrap();
        assert!(position(b"a.md\0") < position(b"40000 a\0") && position(b"40000 a\0") < position(b"a0\0"));
        assert_eq!(parsed(&names), entries);
    }
}
