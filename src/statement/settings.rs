//! SET and SHOW of settings.
//!
//! Few settings exist, because few things have two right values. Those that clients of PostgreSQL
//! set when they connect are accepted where the only legal value is what the engine does anyway.
//! Invariant: SET of an unknown name is an error, not a silent no-op.

use arena_tr_parser::ast::{Ident, Literal};
use arena_tr_types::SqlState;

use crate::durable::Durability;
use crate::error::{Error, Result};
use crate::session::Outcome;

/// A setting: name, default, the values it may take (empty: any), what it means.
struct Setting {
    name: &'static str,
    default: &'static str,
    allowed: &'static [&'static str],
    about: &'static str,
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "jit",
        default: "off",
        allowed: &["off"],
        about: "compile hot programs to machine code; only off until the compiler is there",
    },
    Setting {
        name: "durability",
        default: "database",
        allowed: &["database", "sync", "group", "async"],
        about: "when commits are acknowledged: durable by a sync (group: shared with others), or at \
                once (async: a crash loses at most the last 50 ms); database: as it was opened",
    },
    Setting {
        name: "timezone",
        default: "UTC",
        allowed: &["utc", "gmt", "etc/utc"],
        about: "the zone in which TIMESTAMPTZ is read and printed",
    },
    Setting {
        name: "datestyle",
        default: "ISO, MDY",
        allowed: &["iso", "iso, mdy"],
        about: "the form of dates",
    },
    Setting {
        name: "intervalstyle",
        default: "postgres",
        allowed: &["postgres"],
        about: "the form of intervals",
    },
    Setting {
        name: "client_encoding",
        default: "UTF8",
        allowed: &["utf8", "utf-8"],
        about: "the encoding of text",
    },
    Setting {
        name: "standard_conforming_strings",
        default: "on",
        allowed: &["on", "true", "1"],
        about: "backslashes in plain strings are backslashes",
    },
    Setting {
        name: "application_name",
        default: "",
        allowed: &[],
        about: "a name for this session",
    },
    Setting {
        name: "extra_float_digits",
        default: "1",
        allowed: &["0", "1", "2", "3"],
        about: "floats print with as many digits as it takes to read them back",
    },
];

/// The settings of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    changed: Vec<(&'static str, String)>,
}

impl Settings {
    /// SET name = value.
    pub(crate) fn set(&mut self, name: &Ident, value: &Literal) -> Result<Outcome> {
        let setting = find(name)?;
        let text = match value {
            Literal::String(text) | Literal::Number(text) => text.clone(),
            Literal::Bool(value) => if *value { "on" } else { "off" }.to_owned(),
            _ => return Err(invalid(setting, "that", name)),
        };
        let lower = text.to_lowercase();
        let is_default = lower == "default" || lower == setting.default.to_lowercase();
        if !setting.allowed.is_empty() && !is_default && !setting.allowed.contains(&lower.as_str())
        {
            return Err(invalid(setting, &text, name));
        }
        self.changed.retain(|(n, _)| *n != setting.name);
        if lower != "default" {
            self.changed.push((setting.name, text));
        }
        Ok(Outcome::tag("SET"))
    }

    /// The value of a setting.
    pub(crate) fn get(&self, name: &Ident) -> Result<String> {
        let setting = find(name)?;
        let changed = self.changed.iter().find(|(n, _)| *n == setting.name);
        Ok(changed.map_or_else(|| setting.default.to_owned(), |(_, value)| value.clone()))
    }

    /// When this session's commits are acknowledged; `None`: as the database says.
    pub(crate) fn durability(&self) -> Option<Durability> {
        let changed = self.changed.iter().find(|(n, _)| *n == "durability");
        match changed.map(|(_, value)| value.to_lowercase()).as_deref() {
            Some("sync") => Some(Durability::Sync),
            Some("group") => Some(Durability::Group),
            Some("async") => Some(Durability::Async),
            _ => None,
        }
    }

    /// All settings: name, value, meaning.
    pub(crate) fn all(&self) -> Vec<[String; 3]> {
        SETTINGS
            .iter()
            .map(|s| {
                let changed = self.changed.iter().find(|(n, _)| *n == s.name);
                let value = changed.map_or(s.default, |(_, value)| value.as_str());
                [s.name.to_owned(), value.to_owned(), s.about.to_owned()]
            })
            .collect()
    }
}

fn find(name: &Ident) -> Result<&'static Setting> {
    SETTINGS.iter().find(|s| s.name == name.name.to_lowercase()).ok_or_else(|| {
        let known: Vec<&str> = SETTINGS.iter().map(|s| s.name).collect();
        Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("unrecognized configuration parameter \"{}\"", name.name),
        )
        .at(name.span)
        .with_hint(format!("settings: {}", known.join(", ")))
    })
}

fn invalid(setting: &Setting, value: &str, name: &Ident) -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER,
        format!("invalid value for parameter \"{}\": \"{value}\"", setting.name),
    )
    .at(name.span)
    .with_hint(format!("allowed: {}", setting.allowed.join(", ")))
}
