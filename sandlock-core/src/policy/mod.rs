//! What the caller said: data only, the same for every surface.
//!
//! A [`Policy`] holds no callback, no descriptor and no running state, and knows no kernel. Every
//! surface (builder, TOML, keywords, dotted paths, flags) goes through [`SETTINGS`]: one table, one
//! reader, one parser per value.

mod builder;
mod data;
mod reader;
mod settings;
mod value;
mod writer;

pub use builder::PolicyBuilder;
pub use data::Data;
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

use serde::Deserialize;

use crate::error::{Error, Problem, Result};

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
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq)]
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
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Net {
    /// `net.allow`
    pub allow: Vec<NetRule>,
    /// `net.unix`
    pub unix: Vec<UnixRule>,
}

/// Section `limits`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// `limits.open_files`
    pub open_files: Option<u64>,
    /// `limits.file_size`
    pub file_size: Option<ByteSize>,
    /// `limits.timeout`
    pub timeout: Option<Timeout>,
}

/// Section `process`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Process {
    /// `process.env`
    pub env: BTreeMap<EnvName, OsString>,
    /// `process.clean_env`
    pub clean_env: bool,
    /// `process.cwd`
    pub cwd: Option<PathBuf>,
    /// `process.keep_capabilities`
    pub keep_capabilities: Vec<Capability>,
    /// `process.core_dumps`
    pub core_dumps: bool,
    /// `process.manage_tasks`
    pub manage_tasks: bool,
}

/// Section `syscalls`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Syscalls {
    /// `syscalls.deny`
    pub deny: Vec<Selector>,
    /// `syscalls.allow`
    pub allow: Vec<Selector>,
    /// `syscalls.only`; empty means that the mode is off
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
    /// [`ErrorKind::Policy`](crate::ErrorKind::Policy), with every problem of the text: what is not
    /// TOML, what no setting is named like, what no setting takes.
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
        self.merge_data(data::entries(table))
    }

    /// Lays `table` over this policy: sections of settings, as in TOML.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`](crate::ErrorKind::Policy), with every problem; the policy is then
    /// unchanged.
    pub fn merge_data(&mut self, table: impl IntoIterator<Item = (OsString, Data)>) -> Result<()> {
        let entries = table.into_iter();
        self.change(|policy| {
            entries.flat_map(|(name, data)| reader::read_entry(policy, &name, &data)).collect()
        })
    }

    /// Lays settings with the names of Python's keywords over this policy.
    ///
    /// # Errors
    ///
    /// As [`merge_data`](Policy::merge_data).
    #[doc(hidden)]
    pub fn merge_keywords(
        &mut self,
        settings: impl IntoIterator<Item = (String, Data)>,
    ) -> Result<()> {
        let settings = settings.into_iter();
        self.change(|policy| {
            settings.flat_map(|(name, data)| reader::read_keyword(policy, &name, &data)).collect()
        })
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
    /// [`ErrorKind::Policy`](crate::ErrorKind::Policy) when no setting has this path or it does not
    /// take this value; the policy is then unchanged.
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

    /// The mode of `protection`: what the policy says, or strict.
    pub fn mode(&self, protection: Protection) -> ProtectionMode {
        self.protections.get(&protection).copied().unwrap_or_default()
    }
}

impl TryFrom<toml::Table> for Policy {
    type Error = Error;

    fn try_from(table: toml::Table) -> Result<Policy> {
        let mut policy = Policy::default();
        policy.merge_data(data::entries(table))?;
        Ok(policy)
    }
}

/// Where a value came from: data, or the text of a flag or a dotted path.
pub(crate) enum Input<'a> {
    Data(&'a Data),
    Text(&'a OsStr),
}

/// What reading one setting found wrong, with paths relative to the setting.
pub(crate) type Problems = Vec<Problem>;
