//! Values of settings: one parser each, for data and for text alike.

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
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::settings::Setting;
use super::{Data, Input, Problems};
use crate::error::Problem;
use crate::text::one_line;

/// A value that a setting takes.
pub(crate) trait Value: Sized {
    /// What a user would write, for the message when something else is given.
    const EXPECTED: &'static str;

    /// Reads the text of a flag, a dotted path, or data that is a text.
    fn from_text(text: &OsStr) -> Result<Self, String>;

    /// The text that is read back to this value.
    fn to_text(&self) -> OsString;

    /// Reads data; most is text.
    fn from_data(data: &Data) -> Result<Self, String> {
        match data {
            Data::Text(text) => Self::from_text(text),
            _ => Err(format!("expected {}, found {}", Self::EXPECTED, data.describe())),
        }
    }

    /// The data that is read back to this value.
    fn to_data(&self) -> Data {
        Data::Text(self.to_text())
    }

    /// Reads either.
    fn from_input(input: &Input<'_>) -> Result<Self, String> {
        match input {
            Input::Data(data) => Self::from_data(data),
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

/// Appends one text, or every element of a list.
pub(crate) fn append<T: Value>(list: &mut Vec<T>, path: &str, input: Input<'_>) -> Problems {
    let Input::Data(data) = input else {
        return read(&input, path, |value| list.push(value));
    };
    let Data::List(elements) = data else {
        let message = format!("expected a list, found {}", data.describe());
        return vec![Problem::new(path, message)];
    };
    let mut problems = Problems::new();
    for (index, element) in elements.iter().enumerate() {
        let place = format!("{path}[{index}]");
        problems.extend(read(&Input::Data(element), &place, |value| list.push(value)));
    }
    problems
}

/// As [`append`], for a list that means something else when it is empty.
pub(crate) fn append_some<T: Value>(list: &mut Vec<T>, path: &str, input: Input<'_>) -> Problems {
    if let Input::Data(Data::List(elements)) = &input
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

/// Inserts one `KEY=VALUE`, or every entry of a table.
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
        Input::Data(Data::Table(entries)) => entries
            .iter()
            .flat_map(|(key, value)| insert_entry(map, path, key, &Input::Data(value)))
            .collect(),
        Input::Data(data) => {
            vec![Problem::new(path, format!("expected a table, found {}", data.describe()))]
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

/// What [`append`] reads.
pub(crate) fn list<T: Value>(values: &[T]) -> Option<Data> {
    Some(Data::List(values.iter().map(Value::to_data).collect()))
}

/// What [`append_some`] reads.
pub(crate) fn list_some<T: Value>(values: &[T]) -> Option<Data> {
    if values.is_empty() { None } else { list(values) }
}

/// What [`replace`] reads.
pub(crate) fn scalar<T: Value>(slot: &Option<T>) -> Option<Data> {
    slot.as_ref().map(Value::to_data)
}

/// What [`switch`] reads.
pub(crate) fn state(slot: bool) -> Option<Data> {
    Some(slot.to_data())
}

/// What [`insert`] reads.
pub(crate) fn table<K: Value, V: Value>(map: &BTreeMap<K, V>) -> Option<Data> {
    Some(Data::Table(map.iter().map(|(key, value)| (key.to_text(), value.to_data())).collect()))
}

/// A text that must be UTF-8, because everything it could mean is.
pub(crate) fn utf8<'a>(text: &'a OsStr, expected: &str) -> Result<&'a str, String> {
    text.to_str().ok_or_else(|| format!("expected {expected}, found \"{}\"", one_line(text)))
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

    fn to_text(&self) -> OsString {
        self.to_string().into()
    }

    fn from_data(data: &Data) -> Result<Self, String> {
        match data {
            Data::Bool(value) => Ok(*value),
            _ => Err(format!("expected true or false, found {}", data.describe())),
        }
    }

    fn to_data(&self) -> Data {
        Data::Bool(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read_back<T: Value + PartialEq + std::fmt::Debug>(text: &[u8]) {
        let value = T::from_text(OsStr::from_bytes(text)).unwrap();
        assert_eq!(T::from_text(&value.to_text()).as_ref(), Ok(&value));
        assert_eq!(T::from_data(&value.to_data()), Ok(value));
    }

    #[test]
    fn what_a_value_writes_is_read_back_to_it() {
        is_read_back::<bool>(b"true");
        is_read_back::<bool>(b"false");
        is_read_back::<u64>(b"9223372036854775807");
        is_read_back::<size::ByteSize>(b"1.5K");
        is_read_back::<timeout::Timeout>(b"1.5ms");
        is_read_back::<capability::Capability>(b"CAP_KILL");
        is_read_back::<env::EnvName>(b"A\xff");
        is_read_back::<OsString>(b"\xff");
        is_read_back::<std::path::PathBuf>(b"/\xff");
        is_read_back::<net_rule::NetRule>(b"tcp://*:443,80");
        is_read_back::<selector::Selector>(b"@debug");
        is_read_back::<selector::Selector>(b"openat");
        is_read_back::<unix_rule::UnixRule>(b"*");
        is_read_back::<protection::Protection>(b"net_tcp");
        is_read_back::<protection::ProtectionMode>(b"if-available");
    }
}
