//! Reads `[notify]`.

use toml::Spanned;

use super::File;
use crate::config::format::StoredNotify;
use crate::config::{NotifyWiring, Quiet};
use crate::error::FileError;

impl File<'_> {
    pub(super) fn notify(
        &self,
        stored: &StoredNotify,
        default: &StoredNotify,
    ) -> Result<NotifyWiring, FileError> {
        Ok(NotifyWiring {
            enabled: stored.enabled.or(default.enabled).unwrap_or(true),
            quiet: stored.quiet.as_ref().map(|quiet| self.quiet(quiet)).transpose()?,
            open: match &stored.open {
                Some(open) if open.get_ref().is_empty() => Vec::new(),
                Some(open) => self.program("open", open)?,
                None => ["xdg-open", "drafts"].map(str::to_owned).to_vec(),
            },
            command: stored.command.as_ref().map(|command| self.command(command)).transpose()?,
        })
    }

    fn quiet(&self, stored: &Spanned<String>) -> Result<Quiet, FileError> {
        Quiet::parse(stored.get_ref()).ok_or_else(|| {
            self.wrong(&stored.span(), "`quiet` is no span of a day").with_hint("write it as \"22:00-07:00\"")
        })
    }
}
