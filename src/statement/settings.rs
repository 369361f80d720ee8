//! SET and SHOW of settings.
//!
//! Few settings exist, because few things have two right values. Those that clients of PostgreSQL
//! set when they connect are accepted where the only legal value is what the engine does anyway.
//! Invariant: SET of an unknown name is an error, not a silent no-op.

use std::time::Duration;

use arena_tr_parser::ast::{Ident, Literal};
use arena_tr_types::{DataType, Interval, SqlState, Value};

use super::Context;
use crate::durable::Durability;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::session::Outcome;

/// A setting: name, default, the values it may take (empty: any), what it means.
struct Setting {
    name: &'static str,
    default: &'static str,
    allowed: &'static [&'static str],
    about: &'static str,
}

/// The setting of the database, not of a session.
const HISTORY_RETENTION: &str = "history_retention";

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
        name: HISTORY_RETENTION,
        default: "0",
        allowed: &[],
        about: "how long FOR SYSTEM_TIME AS OF can ask for what a commit has changed, in the whole \
                database until it is closed; 0: not at all",
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
    pub(super) fn set(
        &mut self,
        cx: &Context<'_>,
        name: &Ident,
        value: &Literal,
    ) -> Result<Outcome> {
        let setting = find(name)?;
        let text = match value {
            Literal::String(text) | Literal::Number(text) => text.clone(),
            Literal::Bool(value) => if *value { "on" } else { "off" }.to_owned(),
            _ => return Err(invalid(setting, "that", name)),
        };
        let lower = text.to_lowercase();
        if setting.name == HISTORY_RETENTION {
            return set_retention(cx, (setting, name), &lower);
        }
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
    pub(super) fn get(&self, engine: &Engine, name: &Ident) -> Result<String> {
        Ok(self.value(engine, find(name)?))
    }

    fn value(&self, engine: &Engine, setting: &Setting) -> String {
        if setting.name == HISTORY_RETENTION {
            return retention_text(engine.history.retention());
        }
        let changed = self.changed.iter().find(|(n, _)| *n == setting.name);
        changed.map_or_else(|| setting.default.to_owned(), |(_, value)| value.clone())
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
    pub(super) fn all(&self, engine: &Engine) -> Vec<[String; 3]> {
        let row = |s: &Setting| [s.name.to_owned(), self.value(engine, s), s.about.to_owned()];
        SETTINGS.iter().map(row).collect()
    }
}

/// SET history_retention.
fn set_retention(
    cx: &Context<'_>,
    (setting, name): (&Setting, &Ident),
    text: &str,
) -> Result<Outcome> {
    if cx.in_block() {
        return Err(Error::unsupported("SET history_retention in a transaction").at(name.span));
    }
    let mut engine = cx.db.engine();
    let retention = match text {
        "default" => engine.options.history_retention,
        "off" => None,
        _ => {
            let wrong = || {
                invalid(setting, text, name)
                    .with_hint("a length of time without months: '10 minutes'; 0 for none")
            };
            let value = Value::parse(text, &DataType::Interval).map_err(|_| wrong())?;
            let Value::Interval(Interval { months: 0, days, micros }) = value else {
                return Err(wrong());
            };
            let days = i64::from(days).checked_mul(MICROS_PER_DAY);
            let micros = days.and_then(|days| days.checked_add(micros)).ok_or_else(wrong)?;
            Some(Duration::from_micros(u64::try_from(micros).map_err(|_| wrong())?))
        }
    };
    engine.set_history_retention(retention);
    Ok(Outcome::tag("SET"))
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A length of time as it can be set; 0 for none.
fn retention_text(retention: Option<Duration>) -> String {
    let Some(retention) = retention else { return "0".to_owned() };
    let micros = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
    let days = i32::try_from(micros / MICROS_PER_DAY).unwrap_or(i32::MAX);
    let micros = micros.saturating_sub(i64::from(days) * MICROS_PER_DAY);
    Value::Interval(Interval { months: 0, days, micros }).to_string()
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
