//! Values of settings: one parser each, for TOML and for text alike.

pub(crate) mod capability;
pub(crate) mod env;
pub(crate) mod net_rule;
mod number;
mod path;
pub(crate) mod protection;
pub(crate) mod selector;
pub(crate) mod size;
pub(crate) mod timeout;
pub(crate) mod unix_rule;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::settings::Setting;
use super::{Input, Problems};
use crate::error::Problem;
use crate::text::one_line;

/// A value that a setting takes.
pub(crate) trait Value: Sized {
    /// What a user would write, for the message when something else is given.
    const EXPECTED: &'static str;

    /// Reads the text of a flag, a dotted path, or a TOML string.
    fn from_text(text: &OsStr) -> Result<Self, String>;

    /// Reads a TOML value; most are strings.
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value.as_str() {
            Some(text) => Self::from_text(OsStr::new(text)),
            None => Err(format!("expected {}, found {}", Self::EXPECTED, describe(value))),
        }
    }

    /// Reads either.
    fn from_input(input: &Input<'_>) -> Result<Self, String> {
        match input {
            Input::Toml(value) => Self::from_toml(value),
            Input::Text(text) => Self::from_text(text),
        }
    }
}

/// Values are parsed as in a policy: their own text in, and the message for a user out.
macro_rules! from_str {
    ($($type:ty),*) => {$(
        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Value::from_text(OsStr::new(text))
            }
        }
    )*};
}

from_str!(
    capability::Capability,
    env::EnvName,
    net_rule::NetRule,
    protection::ProtectionMode,
    protection::Protection,
    selector::Selector,
    size::ByteSize,
    timeout::Timeout,
    unix_rule::UnixRule
);

/// Appends one text, or every element of a TOML list.
pub(crate) fn append<T: Value>(list: &mut Vec<T>, path: &str, input: Input<'_>) -> Problems {
    let Input::Toml(value) = input else {
        return read(&input, path, |value| list.push(value));
    };
    let Some(elements) = value.as_array() else {
        let message = format!("expected a list, found {}", describe(value));
        return vec![Problem::new(path, message)];
    };
    let mut problems = Problems::new();
    for (index, element) in elements.iter().enumerate() {
        let place = format!("{path}[{index}]");
        problems.extend(read(&Input::Toml(element), &place, |value| list.push(value)));
    }
    problems
}

/// As [`append`], for a list that means something else when it is empty.
pub(crate) fn append_some<T: Value>(list: &mut Vec<T>, path: &str, input: Input<'_>) -> Problems {
    if let Input::Toml(toml::Value::Array(elements)) = &input
        && elements.is_empty()
    {
        return vec![Problem::new(path, "must not be empty")];
    }
    append(list, path, input)
}

/// Replaces the value.
pub(crate) fn replace<T: Value>(slot: &mut Option<T>, path: &str, input: Input<'_>) -> Problems {
    read(&input, path, |value| *slot = Some(value))
}

/// Turns a switch on or off.
pub(crate) fn switch(slot: &mut bool, path: &str, input: Input<'_>) -> Problems {
    read(&input, path, |value| *slot = value)
}

/// Inserts one `KEY=VALUE`, or every entry of a TOML table.
pub(crate) fn insert<K, V>(map: &mut BTreeMap<K, V>, path: &str, input: Input<'_>) -> Problems
where
    K: Value + Ord,
    V: Value,
{
    match input {
        Input::Text(text) => {
            let bytes = text.as_bytes();
            let Some(equals) = bytes.iter().position(|&byte| byte == b'=') else {
                let pair = Setting::find(path).map_or("KEY=VALUE", |setting| setting.value);
                let message = format!("expected {pair}, found \"{}\"", one_line(text));
                return vec![Problem::new(path, message)];
            };
            let key = OsStr::from_bytes(&bytes[..equals]);
            let value = Input::Text(OsStr::from_bytes(&bytes[equals + 1..]));
            insert_entry(map, path, key, &value)
        }
        Input::Toml(value) => {
            let Some(table) = value.as_table() else {
                let message = format!("expected a table, found {}", describe(value));
                return vec![Problem::new(path, message)];
            };
            let entries = table.iter();
            entries
                .flat_map(|(key, v)| insert_entry(map, path, OsStr::new(key), &Input::Toml(v)))
                .collect()
        }
    }
}

fn insert_entry<K, V>(
    map: &mut BTreeMap<K, V>,
    path: &str,
    key: &OsStr,
    value: &Input<'_>,
) -> Problems
where
    K: Value + Ord,
    V: Value,
{
    let place = format!("{path}.{}", one_line(key));
    match K::from_text(key) {
        Ok(key) => read(value, &place, |value| {
            map.insert(key, value);
        }),
        Err(message) => vec![Problem::new(place, message)],
    }
}

/// Reads one value and hands it to `store`, or says what is wrong with it.
fn read<T: Value>(input: &Input<'_>, place: &str, store: impl FnOnce(T)) -> Problems {
    match T::from_input(input) {
        Ok(value) => {
            store(value);
            Problems::new()
        }
        Err(message) => vec![Problem::new(place, message)],
    }
}

/// What is wrong with `text` as a value of this type, if anything is.
pub(crate) fn check<T: Value>(place: &str, text: impl AsRef<OsStr>) -> Option<Problem> {
    T::from_text(text.as_ref()).err().map(|message| Problem::new(place, message))
}

/// A text that must be UTF-8, because everything it could mean is.
pub(crate) fn utf8<'a>(text: &'a OsStr, expected: &str) -> Result<&'a str, String> {
    text.to_str().ok_or_else(|| format!("expected {expected}, found \"{}\"", one_line(text)))
}

/// A TOML value and its type, for messages.
pub(crate) fn describe(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => format!("\"{text}\""),
        toml::Value::Array(_) => "a list".to_owned(),
        toml::Value::Table(_) => "a table".to_owned(),
        other => format!("the {} {other}", other.type_str()),
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        match text.as_bytes() {
            b"true" => Ok(true),
            b"false" => Ok(false),
            _ => Err(format!("expected true or false, found \"{}\"", one_line(text))),
        }
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| format!("expected true or false, found {}", describe(value)))
    }
}
