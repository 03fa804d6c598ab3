//! Settings as data: the one form that TOML, JSON and the values of a host's language are read from.

use std::ffi::{OsStr, OsString};

use serde::ser::{Error as _, Serialize, Serializer};

use super::Problems;
use crate::error::Problem;
use crate::text::one_line;

/// A value of a setting, or a table of settings, before anybody has looked whether it fits.
///
/// # Examples
///
/// ```
/// use sandlock::{Data, Policy};
///
/// let limits = Data::Table(vec![("open_files".into(), Data::Integer(64))]);
/// let mut policy = Policy::default();
/// policy.merge_data([("limits".into(), limits)])?;
/// assert_eq!(policy.limits.open_files, Some(64));
/// # Ok::<(), sandlock::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text. Paths and environment variables take any bytes but NUL, all else is UTF-8.
    Text(OsString),
    /// Values one after the other.
    List(Vec<Data>),
    /// Values by name, in this order.
    Table(Vec<(OsString, Data)>),
    /// What no setting takes, as a message calls it: `the datetime 1979-05-27`.
    Other(String),
}

impl Data {
    /// The value and its type, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Data::Bool(value) => format!("the boolean {value}"),
            Data::Integer(value) => format!("the integer {value}"),
            Data::Float(value) => format!("the float {}", toml::Value::Float(*value)),
            Data::Text(text) => format!("\"{}\"", one_line(text)),
            Data::List(_) => "a list".to_owned(),
            Data::Table(_) => "a table".to_owned(),
            Data::Other(what) => what.clone(),
        }
    }

    /// What in this value at `place` neither TOML nor JSON can hold.
    pub(crate) fn beyond_toml(&self, place: &str) -> Problems {
        match self {
            Data::Text(text) => not_utf8(text, place).into_iter().collect(),
            Data::List(values) => {
                let places = (0..).map(|index| format!("{place}[{index}]"));
                let values = values.iter().zip(places);
                values.flat_map(|(value, place)| value.beyond_toml(&place)).collect()
            }
            Data::Table(entries) => {
                entries.iter().flat_map(|(name, value)| beyond_toml(name, value, place)).collect()
            }
            Data::Other(what) => vec![Problem::new(place, format!("is {what}"))],
            Data::Bool(_) | Data::Integer(_) | Data::Float(_) => Problems::new(),
        }
    }
}

/// That of one entry of a table at `place`.
fn beyond_toml(name: &OsStr, value: &Data, place: &str) -> Problems {
    let place = format!("{place}.{}", one_line(name));
    let mut problems = value.beyond_toml(&place);
    problems.extend(not_utf8(name, place));
    problems
}

fn not_utf8(text: &OsStr, place: impl Into<String>) -> Option<Problem> {
    let problem = || Problem::new(place, "is not UTF-8, which TOML and JSON cannot hold");
    text.to_str().is_none().then(problem)
}

impl From<toml::Value> for Data {
    fn from(value: toml::Value) -> Self {
        match value {
            toml::Value::Boolean(value) => Data::Bool(value),
            toml::Value::Integer(value) => Data::Integer(value),
            toml::Value::Float(value) => Data::Float(value),
            toml::Value::String(text) => Data::Text(text.into()),
            toml::Value::Array(values) => Data::List(values.into_iter().map(Data::from).collect()),
            toml::Value::Table(table) => Data::Table(entries(table).collect()),
            toml::Value::Datetime(time) => Data::Other(format!("the datetime {time}")),
        }
    }
}

/// What a TOML table holds.
pub(crate) fn entries(table: toml::Table) -> impl Iterator<Item = (OsString, Data)> {
    table.into_iter().map(|(name, value)| (name.into(), value.into()))
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Data::Bool(value) => serializer.serialize_bool(*value),
            Data::Integer(value) => serializer.serialize_i64(*value),
            Data::Float(value) => serializer.serialize_f64(*value),
            Data::Text(text) => serializer.serialize_str(written(text)?),
            Data::List(values) => serializer.collect_seq(values),
            Data::Table(entries) => {
                let entries = entries.iter().map(|(name, value)| Ok((written(name)?, value)));
                serializer.collect_map(entries.collect::<Result<Vec<_>, _>>()?)
            }
            Data::Other(what) => Err(S::Error::custom(format!("cannot write {what}"))),
        }
    }
}

fn written<E: serde::ser::Error>(text: &OsStr) -> Result<&str, E> {
    text.to_str().ok_or_else(|| E::custom(format!("\"{}\" is not UTF-8", one_line(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use std::os::unix::ffi::OsStrExt;

    const ODD: &[u8] = b"/\xff";

    fn odd() -> Data {
        Data::Text(OsStr::from_bytes(ODD).to_owned())
    }

    fn keywords(settings: impl IntoIterator<Item = (&'static str, Data)>) -> Vec<String> {
        let mut policy = Policy::default();
        let settings = settings.into_iter().map(|(name, data)| (name.to_owned(), data));
        let error = policy.merge_keywords(settings).unwrap_err();
        assert_eq!(policy, Policy::default());
        error.problems().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn paths_and_variables_take_any_bytes() {
        let name = OsStr::from_bytes(b"N\xff").to_owned();
        let mut policy = Policy::default();
        policy
            .merge_keywords([
                ("fs_readable".to_owned(), Data::List(vec![odd()])),
                ("cwd".to_owned(), odd()),
                ("env".to_owned(), Data::Table(vec![(name.clone(), odd())])),
            ])
            .unwrap();
        assert_eq!(policy.fs.read[0].as_os_str().as_bytes(), ODD);
        assert_eq!(policy.process.cwd.as_ref().unwrap().as_os_str().as_bytes(), ODD);
        let (variable, value) = policy.process.env.first_key_value().unwrap();
        assert_eq!((variable.as_ref(), value.as_bytes()), (name.as_os_str(), ODD));
        let error = policy.to_toml().unwrap_err();
        let places: Vec<_> = error.problems().iter().map(|p| p.setting.as_str()).collect();
        let variable = r"process.env.N\xff";
        assert_eq!(places, ["fs.read[0]", variable, variable, "process.cwd"]);
    }

    #[test]
    fn all_other_texts_say_that_bytes_are_none_of_theirs() {
        for name in ["net_allow", "net_unix", "keep_capabilities", "deny_syscalls"] {
            let [problem] = &keywords([(name, Data::List(vec![odd()]))])[..] else { panic!() };
            assert!(problem.contains(r#"[0]: expected "#), "{problem}");
            assert!(problem.contains(r#"found "/\xff""#), "{problem}");
        }
        for name in ["max_open_files", "max_file_size", "timeout", "clean_env"] {
            let [problem] = &keywords([(name, odd())])[..] else { panic!() };
            assert!(problem.ends_with(r#"found "/\xff""#), "{problem}");
        }
    }

    #[test]
    fn every_problem_has_its_dotted_path() {
        let other = || Data::Other("an object of type Foo".to_owned());
        let problems = keywords([
            ("fs_readable", Data::List(vec![Data::Integer(1), Data::Text("/usr".into())])),
            ("fs_writable", Data::Text("/tmp".into())),
            ("max_open_files", Data::Bool(true)),
            ("timeout", other()),
            ("env", Data::Table(vec![("A".into(), Data::Float(1.0)), ("B\0".into(), other())])),
            ("cwd", Data::Text("/a\0".into())),
            ("protections", Data::List(vec![])),
            ("only_syscalls", Data::List(vec![])),
            ("shell", Data::Table(vec![])),
        ]);
        assert_eq!(
            problems,
            [
                "fs.read[0]: expected a path, found the integer 1",
                "fs.write: expected a list, found \"/tmp\"",
                "limits.open_files: expected a whole number above zero, found the boolean true",
                "limits.timeout: expected a time like 30, 1.5, 500ms or 2m, found an object of type Foo",
                "process.env.A: expected a text, found the float 1.0",
                "process.env.B\\u{0}: the name of a variable cannot be empty or hold `=` or NUL",
                "process.cwd: a path cannot hold a NUL byte",
                "protections: expected a table, found a list",
                "syscalls.only: must not be empty",
                "shell: unknown setting",
            ]
        );
    }

    #[test]
    fn names_of_sections_and_settings_can_be_no_text() {
        let name = || OsStr::from_bytes(b"\xff").to_owned();
        let fs = Data::Table(vec![(name(), odd())]);
        let error = Policy::default().merge_data([("fs".into(), fs), (name(), odd())]).unwrap_err();
        assert_eq!(error.to_string(), r"fs.\xff: unknown setting; \xff: unknown setting");
    }

    #[test]
    fn a_date_is_what_no_setting_takes() {
        let error = Policy::from_toml("process.cwd = 1979-05-27").unwrap_err();
        assert_eq!(
            error.to_string(),
            "process.cwd: expected a path, found the datetime 1979-05-27"
        );
    }
}
