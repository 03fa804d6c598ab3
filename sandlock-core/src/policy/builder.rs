//! Verbs that build a policy, one per setting.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use super::value::protection::{Protection, ProtectionMode};
use super::{EnvName, Policy, Problems};
use crate::error::{Error, Problem, Result};

/// Builds a [`Policy`]; problems are collected and reported together by
/// [`build`](PolicyBuilder::build).
///
/// # Examples
///
/// ```
/// use sandlock::Policy;
///
/// let policy = Policy::builder().fs_read("/usr").net_allow("tcp://:443").build()?;
/// let error = Policy::builder().net_allow("tcp://:0").max_file_size("9P").build().unwrap_err();
/// assert_eq!(error.problems().len(), 2);
/// # Ok::<(), sandlock::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct PolicyBuilder {
    policy: Policy,
    problems: Problems,
}

/// Verbs that pass one text on to the setting of the same subject.
macro_rules! verbs {
    ($($(#[$doc:meta])* $verb:ident => $setting:literal;)*) => {
        impl PolicyBuilder {
            $(
                $(#[$doc])*
                pub fn $verb(self, value: impl AsRef<OsStr>) -> Self {
                    self.set($setting, value)
                }
            )*
        }

        #[cfg(test)]
        pub(super) const TEXT_VERBS: &[(&str, &str)] = &[$((stringify!($verb), $setting)),*];
    };
}

verbs! {
    /// Appends to `fs.read`: read, list and execute at and below a path.
    fs_read => "fs.read";
    /// Appends to `fs.read_if_exists`.
    fs_read_if_exists => "fs.read_if_exists";
    /// Appends to `fs.write`: create, change and remove below a path.
    fs_write => "fs.write";
    /// Appends to `fs.write_if_exists`.
    fs_write_if_exists => "fs.write_if_exists";
    /// Appends to `net.allow`: `*` or `tcp://:443`.
    net_allow => "net.allow";
    /// Appends to `net.unix`: `*`.
    net_unix => "net.unix";
    /// Sets `process.cwd`.
    cwd => "process.cwd";
    /// Appends to `process.keep_capabilities`.
    keep_capability => "process.keep_capabilities";
}

impl PolicyBuilder {
    /// Sets any setting by its dotted path, as [`Policy::set`] does.
    pub fn set(mut self, setting: &str, value: impl AsRef<OsStr>) -> Self {
        if let Err(error) = self.policy.set(setting, value) {
            self.problems.extend_from_slice(error.problems());
        }
        self
    }

    fn with_problem(mut self, problem: Problem) -> Self {
        self.problems.push(problem);
        self
    }

    /// Sets `limits.open_files`: descriptors per process.
    pub fn max_open_files(self, number: u64) -> Self {
        self.set("limits.open_files", number.to_string())
    }

    /// Sets `limits.file_size`: bytes, as a number or as text like `64M`.
    pub fn max_file_size(self, size: impl ToString) -> Self {
        self.set("limits.file_size", size.to_string())
    }

    /// Sets `limits.timeout`: wall clock of a run.
    pub fn timeout(self, limit: Duration) -> Self {
        let seconds = format!("{}.{:09}", limit.as_secs(), limit.subsec_nanos());
        self.set("limits.timeout", seconds)
    }

    /// Adds to `process.env`.
    pub fn env(self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref();
        if let Err(reason) = EnvName::checked(name) {
            // The text of the setting would divide it elsewhere.
            return self.with_problem(Problem::new("process.env", reason));
        }
        let mut pair = OsString::from(name);
        pair.push("=");
        pair.push(value);
        self.set("process.env", pair)
    }

    /// Sets `process.clean_env`.
    pub fn clean_env(self, on: bool) -> Self {
        self.set("process.clean_env", on.to_string())
    }

    /// Sets `process.core_dumps`.
    pub fn core_dumps(self, on: bool) -> Self {
        self.set("process.core_dumps", on.to_string())
    }

    /// Sets `process.manage_tasks`.
    pub fn manage_tasks(self, on: bool) -> Self {
        self.set("process.manage_tasks", on.to_string())
    }

    /// Appends to `syscalls.deny`: names and @groups.
    pub fn deny_syscalls(self, names: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        names.into_iter().fold(self, |builder, name| builder.set("syscalls.deny", name))
    }

    /// Appends to `syscalls.allow`: names and @groups.
    pub fn allow_syscalls(self, names: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        names.into_iter().fold(self, |builder, name| builder.set("syscalls.allow", name))
    }

    /// Appends to `syscalls.only`: names and @groups, at least one.
    pub fn only_syscalls(mut self, names: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut names = names.into_iter().peekable();
        if names.peek().is_none() {
            // Without a name the mode would be off, the opposite of what was said.
            self.problems.push(Problem::new("syscalls.only", "must not be empty"));
        }
        names.fold(self, |builder, name| builder.set("syscalls.only", name))
    }

    /// Sets what to do where the kernel lacks `protection`.
    pub fn protection(self, protection: Protection, mode: ProtectionMode) -> Self {
        self.set("protections", format!("{protection}={mode}"))
    }

    /// Lays a TOML text over what was said so far.
    pub fn toml(mut self, text: &str) -> Self {
        if let Err(error) = self.policy.merge_toml(text) {
            match error.problems() {
                [] => self.problems.push(Problem::new("toml", error.to_string())),
                problems => self.problems.extend_from_slice(problems),
            }
        }
        self
    }

    /// The policy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`](crate::ErrorKind::Policy) with every problem of every verb.
    pub fn build(self) -> Result<Policy> {
        if self.problems.is_empty() { Ok(self.policy) } else { Err(Error::policy(self.problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SETTINGS;
    use super::*;

    #[test]
    fn every_setting_has_its_verb() {
        let typed = [
            ("max_open_files", Policy::builder().max_open_files(256)),
            ("max_file_size", Policy::builder().max_file_size(64 << 20)),
            ("timeout", Policy::builder().timeout(Duration::from_millis(1500))),
            ("env", Policy::builder().env("LANG", "C")),
            ("clean_env", Policy::builder().clean_env(true)),
            ("core_dumps", Policy::builder().core_dumps(true)),
            ("manage_tasks", Policy::builder().manage_tasks(true)),
            ("deny_syscalls", Policy::builder().deny_syscalls(["@file-metadata"])),
            ("allow_syscalls", Policy::builder().allow_syscalls(["ptrace"])),
            ("only_syscalls", Policy::builder().only_syscalls(["@processes"])),
            (
                "protection",
                Policy::builder().protection(Protection::FsIoctlDev, ProtectionMode::Off),
            ),
        ];
        for setting in SETTINGS {
            if let Some((_, builder)) = typed.iter().find(|(verb, _)| *verb == setting.builder) {
                let mut expected = Policy::default();
                expected.set(setting.path, setting.text).unwrap();
                assert_eq!(builder.clone().build().unwrap(), expected, "{}", setting.path);
            } else {
                let verb = (setting.builder, setting.path);
                assert!(TEXT_VERBS.contains(&verb), "no verb for {}", setting.path);
            }
        }
        assert_eq!(typed.len() + TEXT_VERBS.len(), SETTINGS.len());
    }

    #[test]
    fn problems_of_all_verbs_are_reported_together() {
        let error = Policy::builder()
            .fs_read("")
            .max_open_files(0)
            .deny_syscalls(["opena", "@nope"])
            .only_syscalls([""; 0])
            .toml("[limits]\nmemry = 1")
            .toml("not toml")
            .build()
            .unwrap_err();
        let settings: Vec<_> = error.problems().iter().map(|p| p.setting.as_str()).collect();
        assert_eq!(
            settings,
            [
                "fs.read",
                "limits.open_files",
                "syscalls.deny",
                "syscalls.deny",
                "syscalls.only",
                "limits.memry",
                "toml"
            ]
        );
    }
}
