//! Reads the sections of State Hubs.

use serde_json::Map;
use toml::{Spanned, Value};

use super::{File, program};
use crate::config::HubWiring;
use crate::config::format::{MethodWord, Section};
use crate::connector::hub::settings::{Bodies, Methods, Settings};
use crate::error::FileError;
use crate::http::Method;
use crate::text;

/// Answers on their way at a time, where the wiring does not say.
const HUB_CONCURRENCY: usize = 8;

impl File<'_> {
    pub(super) fn hub<K>(
        &self,
        name: &Spanned<String>,
        section: &Section<K>,
        warnings: &mut Vec<FileError>,
    ) -> Result<HubWiring, FileError> {
        let url = self.required(&section.url, "url", name)?;
        self.check_url(name, url, warnings)?;
        let agent = self.required(&section.agent, "agent", name)?;
        let shown = text::one_line(agent.get_ref(), 320);
        if shown.is_empty() || shown != *agent.get_ref() {
            return Err(self.wrong(&agent.span(), "the agent has no name, or one with hidden characters"));
        }
        let token = section.token.as_ref().map(|token| self.secret("token", token)).transpose()?;
        let paths = section.paths.clone().map(Spanned::into_inner).unwrap_or_default();
        let fields = section.fields.clone().map(Spanned::into_inner).unwrap_or_default();
        let default = Settings::new(url.get_ref(), agent.get_ref());
        let flag = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|flag| *flag.get_ref());
        Ok(HubWiring {
            token,
            paths: paths.over(default.paths, |key, path| self.check_hub_path(key, path))?,
            methods: methods(section, default.methods),
            fields: fields.over(default.fields, |key, field| self.check_hub_field(key, field))?,
            bodies: self.bodies(section)?,
            dedupes: flag(&section.dedupes),
            can_find: flag(&section.can_find),
            thread_tail: flag(&section.thread_tail),
            acts_on_mentions: flag(&section.acts_on_mentions),
            page: self.count(&section.page, "page", 1..=1000, default.page)?,
            concurrency: self.count(&section.concurrency, "concurrency", 1..=64, HUB_CONCURRENCY)?,
            timeout_seconds: self.timeout_seconds(section, default.timeout.as_secs())?,
            url: default.url,
            agent: default.agent,
        })
    }

    fn bodies<K>(&self, section: &Section<K>) -> Result<Bodies, FileError> {
        let stored = section.bodies.as_ref().map(Spanned::get_ref);
        let body = |body: Option<&Option<Spanned<Value>>>| match body.and_then(Option::as_ref) {
            None => Ok(Map::new()),
            Some(body) => match program::json(body.get_ref()) {
                Some(serde_json::Value::Object(object)) => Ok(object),
                Some(_) | None => Err(self
                    .wrong(&body.span(), "what else is sent is not a table")
                    .with_hint("write it as `{ name = \"value\" }`")),
            },
        };
        Ok(Bodies {
            send: body(stored.map(|stored| &stored.send))?,
            read: body(stored.map(|stored| &stored.read))?,
            progress: body(stored.map(|stored| &stored.progress))?,
        })
    }

    fn check_hub_path(&self, key: &str, path: &Spanned<String>) -> Result<(), FileError> {
        let hole = match key {
            "read" => Some("{id}"),
            "thread" => Some("{thread_id}"),
            _ => None,
        };
        let text = path.get_ref();
        let segments: Vec<&str> = text.split('/').skip(1).collect();
        let holes = segments.iter().filter(|segment| segment.contains(['{', '}']));
        let what = if !text.starts_with('/') {
            format!("the path `{key}` does not start with `/`")
        } else if segments.iter().any(|segment| {
            matches!(*segment, "" | "." | "..")
                || segment.contains(|c: char| "?#%\\".contains(c) || !c.is_ascii_graphic())
        }) {
            format!("the path `{key}` holds more than plain segments")
        } else if holes.copied().ne(hole) {
            match hole {
                Some(hole) => format!("the path `{key}` does not hold the segment `{hole}` once"),
                None => format!("the path `{key}` has nothing to put into braces"),
            }
        } else {
            return Ok(());
        };
        Err(self.wrong(&path.span(), what))
    }

    fn check_hub_field(&self, key: &str, field: &Spanned<String>) -> Result<(), FileError> {
        let name = field.get_ref();
        if !name.is_empty() && text::one_line(name, 100) == *name {
            return Ok(());
        }
        Err(self.wrong(&field.span(), format!("the field `{key}` has no name, or no plain one")))
    }
}

/// Returns how a hub's calls are made.
fn methods<K>(section: &Section<K>, default: Methods) -> Methods {
    let stored = section.methods.as_ref().map(|methods| methods.get_ref().clone()).unwrap_or_default();
    let method = |word: Option<MethodWord>, default| match word {
        None => default,
        Some(MethodWord::Post) => Method::Post,
        Some(MethodWord::Put) => Method::Put,
        Some(MethodWord::Patch) => Method::Patch,
    };
    Methods {
        send: method(stored.send, default.send),
        read: method(stored.read, default.read),
        progress: method(stored.progress, default.progress),
    }
}
