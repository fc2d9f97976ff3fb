//! What stands on `main`: at most two files, for a file can be renamed and copied.

use git_drafts::delivery::OnDesk;
use git_drafts::id::ObjectId;

/// A text that a person may approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Text {
    /// As the machine drafted it.
    A,
    /// As a person edited it.
    B,
}

impl Text {
    /// The blob of the file that waits for a person.
    pub fn draft(self) -> ObjectId {
        ObjectId::new(
            [match self {
                Text::A => 1,
                Text::B => 2,
            }; 20],
        )
    }

    /// The blob of the file in which that text is approved.
    pub fn approved(self) -> ObjectId {
        ObjectId::new(
            [match self {
                Text::A => 3,
                Text::B => 4,
            }; 20],
        )
    }

    /// The text of an approved blob.
    pub fn of(blob: ObjectId) -> Self {
        if blob == Text::A.approved() { Text::A } else { Text::B }
    }
}

/// What one file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum File {
    None,
    Draft(Text),
    Approved(Text),
}

/// The tip of `main`.
pub type Files = [File; 2];

fn alone(file: File) -> OnDesk {
    match file {
        File::None => OnDesk::Absent,
        File::Draft(text) => OnDesk::Draft(text.draft()),
        File::Approved(text) => OnDesk::Approved(text.approved()),
    }
}

/// What stands there for the draft's id: two files with one id are none that can be read.
pub fn by_id(files: Files) -> OnDesk {
    match files {
        [File::None, file] | [file, File::None] => alone(file),
        _ => OnDesk::Unreadable,
    }
}

/// What stands there for a file name, for those who take it for the key.
pub fn by_name(files: Files, name: usize) -> OnDesk {
    alone(files[name])
}
