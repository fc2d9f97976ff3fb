//! Reads the sections of connectors that are programs.

use serde_json::Value as Json;
use toml::{Spanned, Value};

use super::{File, in_order_of, is_variable};
use crate::config::ProgramWiring;
use crate::config::format::Section;
use crate::connector::program::PREFIX;
use crate::error::FileError;

/// The keys of a program that is a connector.
pub const PROGRAM_KEYS: [&str; 10] = [
    "name",
    "command",
    "settings",
    "secrets",
    "environment",
    "dedupes",
    "can_find",
    "thread_tail",
    "acts_on_mentions",
    "timeout_seconds",
];

const PROGRAM_SECONDS: u64 = 60;

/// What a program gets where the wiring does not say.
const PROGRAM_ENVIRONMENT: [&str; 3] = ["HOME", "LANG", "PATH"];

impl File<'_> {
    pub(super) fn connector_program<K>(
        &self,
        name: &Spanned<String>,
        section: &Section<K>,
    ) -> Result<ProgramWiring, FileError> {
        let command = match (&section.name, &section.command) {
            (Some(program), None) => {
                self.check_name(program)?;
                vec![format!("{PREFIX}{}", program.get_ref())]
            }
            (None, Some(command)) => self.command(command)?,
            (Some(program), Some(_)) => {
                return Err(self.wrong(&program.span(), "both `name` and `command` say which program it is"));
            }
            (None, None) => {
                let what = format!("`{}` names no program", name.get_ref());
                let hint = format!("`name = \"nats\"` is the program {PREFIX}nats; or use `command`");
                return Err(self.wrong(&name.span(), what).with_hint(hint));
            }
        };
        let environment = match &section.environment {
            None => PROGRAM_ENVIRONMENT.map(str::to_owned).to_vec(),
            Some(names) if names.get_ref().iter().all(|name| is_variable(name)) => names.get_ref().clone(),
            Some(names) => {
                let what = "`environment` is a list of names in capitals, digits and `_`";
                return Err(self.wrong(&names.span(), what));
            }
        };
        let settings = match &section.settings {
            None => Json::Object(serde_json::Map::new()),
            Some(settings) => json(settings.get_ref()).ok_or_else(|| {
                self.wrong(&settings.span(), "`settings` is not a table of texts, numbers, lists and tables")
            })?,
        };
        let mut secrets = Vec::new();
        for (name, reference) in in_order_of(section.secrets.as_ref().map(Spanned::get_ref)) {
            self.check_name(name)?;
            secrets.push((name.get_ref().clone(), self.secret(name.get_ref(), reference)?));
        }
        let flag = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|flag| *flag.get_ref());
        Ok(ProgramWiring {
            command,
            environment,
            settings,
            secrets,
            dedupes: flag(&section.dedupes),
            can_find: flag(&section.can_find),
            thread_tail: flag(&section.thread_tail),
            acts_on_mentions: flag(&section.acts_on_mentions),
            timeout_seconds: self.timeout_seconds(section, PROGRAM_SECONDS)?,
        })
    }
}

/// Returns a value of TOML as one of JSON: times as texts; none for what JSON cannot say.
pub(super) fn json(value: &Value) -> Option<Json> {
    Some(match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => Json::Number(serde_json::Number::from_f64(*number)?),
        Value::Boolean(flag) => (*flag).into(),
        Value::Datetime(time) => time.to_string().into(),
        Value::Array(values) => Json::Array(values.iter().map(json).collect::<Option<_>>()?),
        Value::Table(table) => Json::Object(
            table.iter().map(|(name, value)| Some((name.clone(), json(value)?))).collect::<Option<_>>()?,
        ),
    })
}
