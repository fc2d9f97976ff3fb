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
    /// As the machine drafted it anew.
    C,
    /// As a person edited that.
    D,
}

const TEXTS: [Text; 4] = [Text::A, Text::B, Text::C, Text::D];

impl Text {
    /// The blob of the file that waits for a person.
    pub fn draft(self) -> ObjectId {
        ObjectId::new([1 + self as u8; 20])
    }

    /// The blob of the file in which that text is approved.
    pub fn approved(self) -> ObjectId {
        ObjectId::new([11 + self as u8; 20])
    }

    /// The text of an approved blob.
    pub fn of(blob: ObjectId) -> Self {
        *TEXTS.iter().find(|text| text.approved() == blob).expect("the blob of a text")
    }

    /// Tells whether it stands in the file of the redraft.
    pub fn is_redraft(self) -> bool {
        matches!(self, Text::C | Text::D)
    }

    /// As a person edits it.
    pub fn edited(self) -> Self {
        if self.is_redraft() { Text::D } else { Text::B }
    }

    /// The path of its file, as the machine names it.
    pub fn path(self) -> &'static str {
        if self.is_redraft() { "drafts/kqzmwvst-2.md" } else { "drafts/kqzmwvst.md" }
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
