//! What the caller said: data only, the same for every surface.
//!
//! A [`Policy`] holds no callback, no descriptor and no running state, and knows no kernel. Every
//! surface (builder, TOML, dotted paths, flags) goes through [`SETTINGS`]: one table, one reader,
//! one parser per value.

mod builder;
mod reader;
mod settings;
mod value;

pub use builder::PolicyBuilder;
pub use settings::{SETTINGS, Setting, Shape};
pub use value::capability::Capability;
pub use value::env::EnvName;
pub use value::net_rule::{NetRule, Ports};
pub use value::protection::{Protection, ProtectionMode};
pub use value::selector::Selector;
pub use value::size::ByteSize;
pub use value::timeout::Timeout;
pub use value::unix_rule::UnixRule;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Problem, Result};
use crate::text::one_line;

/// What a program may do, as the caller said it.
///
/// No rule means no access: the default policy grants no path and no network.
///
/// # Examples
///
/// ```
/// use sandlock::Policy;
///
/// let mut policy = Policy::from_toml("[fs]\nread = [\"/usr\"]")?;
/// policy.set("limits.open_files", "64")?;
/// assert_eq!(Policy::from_toml(&policy.to_toml()?)?, policy);
/// # Ok::<(), sandlock::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "toml::Table")]
#[non_exhaustive]
pub struct Policy {
    /// Paths it may use.
    pub fs: Fs,
    /// Networks it may reach.
    pub net: Net,
    /// Resources it may use up.
    pub limits: Limits,
    /// How the program is started.
    pub process: Process,
    /// System calls refused beyond the base deny list, or lifted from it.
    pub syscalls: Syscalls,
    /// What to do about protections that this kernel lacks; strict where nothing is said.
    pub protections: BTreeMap<Protection, ProtectionMode>,
}

/// Section `fs`: grants of paths.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Fs {
    /// `fs.read`
    pub read: Vec<PathBuf>,
    /// `fs.read_if_exists`
    pub read_if_exists: Vec<PathBuf>,
    /// `fs.write`
    pub write: Vec<PathBuf>,
    /// `fs.write_if_exists`
    pub write_if_exists: Vec<PathBuf>,
}

/// Section `net`: grants of networks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Net {
    /// `net.allow`
    pub allow: Vec<NetRule>,
    /// `net.unix`
    pub unix: Vec<UnixRule>,
}

/// Section `limits`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Limits {
    /// `limits.open_files`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// `limits.file_size`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<ByteSize>,
    /// `limits.timeout`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timeout>,
}

/// Section `process`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Process {
    /// `process.env`
    #[serde(serialize_with = "value::env::serialize")]
    pub env: BTreeMap<EnvName, OsString>,
    /// `process.clean_env`
    pub clean_env: bool,
    /// `process.cwd`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// `process.keep_capabilities`
    pub keep_capabilities: Vec<Capability>,
    /// `process.core_dumps`
    pub core_dumps: bool,
    /// `process.manage_tasks`
    pub manage_tasks: bool,
}

/// Section `syscalls`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Syscalls {
    /// `syscalls.deny`
    pub deny: Vec<Selector>,
    /// `syscalls.allow`
    pub allow: Vec<Selector>,
    /// `syscalls.only`; empty means that the mode is off
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<Selector>,
}

impl Policy {
    /// A builder with one verb per setting.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// The policy that `text` describes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`], with every problem of the text: what is not TOML, what no setting is
    /// named like, what no setting takes.
    pub fn from_toml(text: &str) -> Result<Policy> {
        let mut policy = Policy::default();
        policy.merge_toml(text)?;
        Ok(policy)
    }

    /// Lays `text` over this policy: lists append, everything else replaces.
    ///
    /// # Errors
    ///
    /// As [`from_toml`](Policy::from_toml); the policy is then unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::Policy;
    ///
    /// let mut policy = Policy::from_toml("fs.read = [\"/usr\"]\nlimits.open_files = 64")?;
    /// policy.merge_toml("fs.read = [\"/opt\"]\nlimits.open_files = 128")?;
    /// assert_eq!(policy.fs.read.len(), 2);
    /// assert_eq!(policy.limits.open_files, Some(128));
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn merge_toml(&mut self, text: &str) -> Result<()> {
        let table =
            text.parse::<toml::Table>().map_err(|error| reader::unreadable(text, &error))?;
        self.change(|policy| reader::read_table(policy, &table))
    }

    /// Lets `read` change this policy, which stays as it is if there are problems.
    fn change(&mut self, read: impl FnOnce(&mut Policy) -> Problems) -> Result<()> {
        let mut changed = self.clone();
        let problems = read(&mut changed);
        if !problems.is_empty() {
            return Err(Error::policy(problems));
        }
        *self = changed;
        Ok(())
    }

    /// Sets the setting with the dotted path `setting` from a text: lists and maps append,
    /// everything else replaces. A map takes `KEY=VALUE`, or the key as last part of the path.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`] when no setting has this path or it does not take this value; the
    /// policy is then unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut policy = sandlock::Policy::default();
    /// policy.set("fs.read", "/usr")?;
    /// policy.set("process.env", "LANG=C")?;
    /// policy.set("protections.fs_refer", "if-available")?;
    /// assert!(policy.set("fs.reed", "/usr").is_err());
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn set(&mut self, setting: &str, value: impl AsRef<OsStr>) -> Result<()> {
        self.change(|policy| reader::read_text(policy, setting, value.as_ref()))
    }

    /// This policy as TOML, which [`from_toml`](Policy::from_toml) reads back to an equal policy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`] when a path or a variable is not UTF-8: TOML cannot hold it.
    pub fn to_toml(&self) -> Result<String> {
        self.require_utf8()?;
        toml::to_string(self).map_err(|error| {
            Error::new(ErrorKind::Policy, format!("cannot be written as TOML: {error}"))
        })
    }

    /// What the fields hold that no text could have said.
    pub(crate) fn problems(&self) -> Problems {
        let paths = self.paths();
        let paths = paths.iter().filter_map(|(place, path)| value::check::<PathBuf>(place, path));
        let env = self.variables();
        let env = env.iter().filter_map(|(place, value)| value::check::<OsString>(place, value));
        let files = self.limits.open_files.map(|number| number.to_string());
        let files = files.iter().filter_map(|text| value::check::<u64>("limits.open_files", text));
        paths.chain(env).chain(files).collect()
    }

    /// Refuses what neither TOML nor JSON can hold.
    pub(crate) fn require_utf8(&self) -> Result<()> {
        let texts = self.paths().into_iter().chain(self.variables());
        let problems: Problems = texts
            .filter(|(_, text)| text.to_str().is_none())
            .map(|(place, _)| Problem::new(place, "is not UTF-8, which TOML and JSON cannot hold"))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::policy(problems)) }
    }

    /// Every path with its place.
    fn paths(&self) -> Vec<(String, &OsStr)> {
        let lists = [
            ("fs.read", &self.fs.read),
            ("fs.read_if_exists", &self.fs.read_if_exists),
            ("fs.write", &self.fs.write),
            ("fs.write_if_exists", &self.fs.write_if_exists),
        ];
        let in_lists = lists.into_iter().flat_map(|(setting, paths)| {
            let place = move |index| format!("{setting}[{index}]");
            paths.iter().enumerate().map(move |(index, path)| (place(index), path.as_os_str()))
        });
        let cwd = self.process.cwd.iter();
        in_lists.chain(cwd.map(|path| ("process.cwd".to_owned(), path.as_os_str()))).collect()
    }

    /// The values of all variables with their places, and the names that are no text.
    fn variables(&self) -> Vec<(String, &OsStr)> {
        let variable = |name: &EnvName| format!("process.env.{}", one_line(name));
        let values = self.process.env.iter();
        let values = values.map(|(name, value)| (variable(name), value.as_os_str()));
        let names = self.process.env.keys().map(|name| (variable(name), name.as_ref()));
        values.chain(names.filter(|(_, name)| OsStr::to_str(name).is_none())).collect()
    }

    /// The mode of `protection`: what the policy says, or strict.
    pub fn mode(&self, protection: Protection) -> ProtectionMode {
        self.protections.get(&protection).copied().unwrap_or_default()
    }
}

impl TryFrom<toml::Table> for Policy {
    type Error = Error;

    fn try_from(table: toml::Table) -> Result<Policy> {
        let mut policy = Policy::default();
        policy.change(|policy| reader::read_table(policy, &table))?;
        Ok(policy)
    }
}

/// Where a value came from: a TOML document, or the text of a flag or a dotted path.
pub(crate) enum Input<'a> {
    Toml(&'a toml::Value),
    Text(&'a OsStr),
}

/// What reading one setting found wrong, with paths relative to the setting.
pub(crate) type Problems = Vec<Problem>;
