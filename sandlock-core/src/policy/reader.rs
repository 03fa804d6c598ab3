//! Reads data and texts into a [`Policy`], through the settings table alone.

use std::ffi::{OsStr, OsString};

use super::settings::{SETTINGS, Setting};
use super::{Data, Input, Policy, Problems};
use crate::error::{Error, ErrorKind, Problem};
use crate::text::one_line;

/// Reads the entry `name` of a table in the shape of TOML: a setting by its path, or a section.
pub(crate) fn read_entry(policy: &mut Policy, name: &OsStr, data: &Data) -> Problems {
    if let Some(setting) = name.to_str().and_then(Setting::find) {
        return (setting.read)(policy, setting.path, Input::Data(data));
    }
    match data {
        _ if !is_section(name) => vec![unknown(name, |setting| setting.path)],
        Data::Table(entries) => read_section(policy, name, entries),
        _ => vec![Problem::new(one_line(name), "expected a table of settings")],
    }
}

fn read_section(policy: &mut Policy, section: &OsStr, entries: &[(OsString, Data)]) -> Problems {
    let read = |(name, data): &(OsString, Data)| {
        let mut path = section.to_owned();
        path.push(".");
        path.push(name);
        match path.to_str().and_then(Setting::find) {
            Some(setting) => (setting.read)(policy, setting.path, Input::Data(data)),
            None => vec![unknown(&path, |setting| setting.path)],
        }
    };
    entries.iter().flat_map(read).collect()
}

/// Reads `data` into the setting that Python calls `keyword`.
pub(crate) fn read_keyword(policy: &mut Policy, keyword: &str, data: &Data) -> Problems {
    match SETTINGS.iter().find(|setting| setting.python == keyword) {
        Some(setting) => (setting.read)(policy, setting.path, Input::Data(data)),
        None => vec![unknown(OsStr::new(keyword), |setting| setting.python)],
    }
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
            let mut pair = OsString::from(key);
            pair.push("=");
            pair.push(text);
            (setting.read)(policy, setting.path, Input::Text(&pair))
        }
        None => vec![unknown(OsStr::new(path), |setting| setting.path)],
    }
}

fn is_section(name: &OsStr) -> bool {
    SETTINGS.iter().any(|setting| setting.section() == name && setting.path != name)
}

/// The names of settings on one surface.
type Names = fn(&Setting) -> &'static str;

/// There is no setting `name` where settings have these names.
fn unknown(name: &OsStr, names: Names) -> Problem {
    let name = one_line(name);
    let message = match nearest(&name, names) {
        Some(setting) => format!("unknown setting; did you mean {}?", names(setting)),
        None => "unknown setting".to_owned(),
    };
    Problem::new(name, message)
}

/// The setting that has the name on another surface, or else the one with the likest name.
fn nearest(name: &str, names: Names) -> Option<&'static Setting> {
    /// Enough for a slip or two; less alike is no help.
    const ALIKE: f64 = 0.7;
    let words = |name: &str| name.replace(['.', '-'], "_");
    let is_elsewhere = |setting: &&Setting| {
        let Setting { path, builder, python, flag, .. } = setting;
        [path, builder, python, flag].iter().any(|other| words(other) == words(name))
    };
    let likeness = |setting: &Setting| strsim::normalized_damerau_levenshtein(names(setting), name);
    let likest = || SETTINGS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let elsewhere = SETTINGS.iter().find(is_elsewhere);
    elsewhere.or_else(|| likest().filter(|setting| likeness(setting) >= ALIKE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said about an unknown `name`, in data of the shape of TOML and by keyword.
    fn said(name: &str) -> [String; 2] {
        let mut policy = Policy::default();
        let table = policy.merge_data([(name.into(), Data::Bool(true))]).unwrap_err();
        let keyword = policy.merge_keywords([(name.to_owned(), Data::Bool(true))]).unwrap_err();
        [table.to_string(), keyword.to_string()]
    }

    #[test]
    fn a_name_of_another_surface_leads_to_the_one_of_this() {
        for (name, path, keyword) in [
            ("fs_read", "fs.read", "fs_readable"),
            ("limits_open_files", "limits.open_files", "max_open_files"),
            ("deny-syscall", "syscalls.deny", "deny_syscalls"),
        ] {
            let unknown = |known| format!("{name}: unknown setting; did you mean {known}?");
            assert_eq!(said(name), [unknown(path), unknown(keyword)]);
        }
        let [table, _] = said("fs_readable");
        assert_eq!(table, "fs_readable: unknown setting; did you mean fs.read?");
        let mut policy = Policy::default();
        let dotted = policy.merge_keywords([("fs.read".to_owned(), Data::Bool(true))]).unwrap_err();
        assert_eq!(dotted.to_string(), "fs.read: unknown setting; did you mean fs_readable?");
    }

    #[test]
    fn a_slip_leads_to_the_name_and_nonsense_to_none() {
        let keyword = |name| said(name)[1].clone();
        assert!(keyword("fs_readble").ends_with("did you mean fs_readable?"));
        assert!(keyword("max_open_file").ends_with("did you mean max_open_files?"));
        assert!(keyword("clean-env").ends_with("did you mean clean_env?"));
        assert_eq!(said("shell"), ["shell: unknown setting", "shell: unknown setting"]);
    }
}
