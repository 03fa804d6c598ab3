//! Reads TOML tables and texts into a [`Policy`], through the settings table alone.

use std::ffi::OsStr;

use super::settings::{SETTINGS, Setting};
use super::{Input, Policy, Problems};
use crate::error::Problem;

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
    Problem::new(path, "unknown setting")
}
