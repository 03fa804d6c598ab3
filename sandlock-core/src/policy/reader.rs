//! Reads TOML tables and texts into a [`Policy`], through the settings table alone.

use std::ffi::OsStr;

use super::settings::{SETTINGS, Setting};
use super::{Input, Policy, Problems};
use crate::error::{Error, ErrorKind, Problem};
use crate::text::one_line;

/// Reads every setting of `table`; the problems say what could not be read.
pub(crate) fn read_table(policy: &mut Policy, table: &toml::Table) -> Problems {
    let mut problems = Problems::new();
    for (name, value) in table {
        if let Some(setting) = Setting::find(name) {
            problems.extend((setting.read)(policy, setting.path, Input::Toml(value)));
        } else if !is_section(name) {
            problems.push(unknown(name));
        } else if let Some(section) = value.as_table() {
            problems.extend(read_section(policy, name, section));
        } else {
            problems.push(Problem::new(name, "expected a table of settings"));
        }
    }
    problems
}

fn read_section(policy: &mut Policy, section: &str, table: &toml::Table) -> Problems {
    let mut problems = Problems::new();
    for (name, value) in table {
        let path = format!("{section}.{name}");
        match Setting::find(&path) {
            Some(setting) => {
                problems.extend((setting.read)(policy, setting.path, Input::Toml(value)));
            }
            None => problems.push(unknown(&path)),
        }
    }
    problems
}

/// Why `text` is no table of settings.
pub(crate) fn unreadable(text: &str, error: &toml::de::Error) -> Error {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    // TOML that is valid but for the size of a number is about a setting.
    if error.message().starts_with("invalid type: integer")
        && let Some(setting) = setting_at(before)
    {
        return Error::policy(vec![Problem::new(setting, "is a number beyond 64 bits")]);
    }
    let line = 1 + before.matches('\n').count();
    let message = error.message().replace('\n', ", ");
    Error::new(ErrorKind::Policy, format!("line {line}: not valid TOML: {message}"))
}

/// The path of the setting whose value begins where `before` ends.
fn setting_at(before: &str) -> Option<&'static str> {
    let mut lines = before.lines().rev();
    let (key, _) = lines.next()?.split_once('=')?;
    let section = lines.find_map(|line| line.trim().strip_prefix('[')?.strip_suffix(']'));
    let path = section.map_or(key.trim().to_owned(), |section| format!("{section}.{}", key.trim()));
    Setting::find(&path).map(|setting| setting.path)
}

/// Reads `text` into the setting at `path`.
pub(crate) fn read_text(policy: &mut Policy, path: &str, text: &OsStr) -> Problems {
    if let Some(setting) = Setting::find(path) {
        return (setting.read)(policy, setting.path, Input::Text(text));
    }
    match Setting::find_map_holding(path) {
        Some((setting, key)) => {
            let mut pair = std::ffi::OsString::from(key);
            pair.push("=");
            pair.push(text);
            (setting.read)(policy, setting.path, Input::Text(&pair))
        }
        None => vec![unknown(path)],
    }
}

fn is_section(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.section() == name && setting.path != name)
}

fn unknown(path: &str) -> Problem {
    /// Enough for a slip or two; less alike is no help.
    const ALIKE: f64 = 0.7;
    let likeness = |setting: &Setting| strsim::normalized_damerau_levenshtein(setting.path, path);
    let nearest = SETTINGS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let message = match nearest.filter(|setting| likeness(setting) >= ALIKE) {
        Some(setting) => format!("unknown setting; did you mean {}?", setting.path),
        None => "unknown setting".to_owned(),
    };
    Problem::new(one_line(path), message)
}
