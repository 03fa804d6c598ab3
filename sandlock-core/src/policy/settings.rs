//! The one table of settings. Flags, keywords, documentation and readers all derive from it.

use super::value::{
    append, append_some, insert, list, list_some, replace, scalar, state, switch, table,
};
use super::{Data, Input, Policy, Problems};

/// How often a setting takes a value, and what a second one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Any number of values; a further one is appended.
    List,
    /// One value; a further one replaces it.
    Scalar,
    /// On or off; a flag of this shape takes no value.
    Switch,
    /// Keys with values, `KEY=VALUE` as text; a further value for a key replaces it.
    Map,
}

/// One setting, with its names on every surface.
#[derive(Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Dotted path, as in TOML.
    pub path: &'static str,
    /// Verb of [`PolicyBuilder`](super::PolicyBuilder).
    pub builder: &'static str,
    /// Keyword in Python.
    pub python: &'static str,
    /// Long flag of the command line, without dashes.
    pub flag: &'static str,
    /// Short flag.
    pub short: Option<char>,
    /// How values add up.
    pub shape: Shape,
    /// What a value is, in capitals.
    pub value: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// A value as TOML.
    pub example: &'static str,
    /// The same value as text, for flags and [`Policy::set`].
    pub text: &'static str,
    pub(crate) read: fn(&mut Policy, &str, Input<'_>) -> Problems,
    /// What is read back to what the policy has, its default too; `None` if no value is.
    pub(crate) write: fn(&Policy) -> Option<Data>,
}

impl Setting {
    /// The setting at a dotted path.
    pub fn find(path: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.path == path)
    }

    /// The map that holds a key at `path`, and the key: `process.env.LANG`.
    pub(crate) fn find_map_holding(path: &str) -> Option<(&'static Setting, &str)> {
        SETTINGS.iter().filter(|setting| setting.shape == Shape::Map).find_map(|setting| {
            let key = path.strip_prefix(setting.path)?.strip_prefix('.')?;
            Some((setting, key))
        })
    }

    /// The last part of the path, which is the key in the section.
    pub(crate) fn key(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, key)| key)
    }

    /// The first part of the path.
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(section, _)| section)
    }
}

/// Every setting, in the order of the documentation.
pub static SETTINGS: &[Setting] = &[
    Setting {
        path: "fs.read",
        builder: "fs_read",
        python: "fs_readable",
        flag: "fs-read",
        short: Some('r'),
        shape: Shape::List,
        value: "PATH",
        doc: "Read, list and execute at and below this path. A missing path is an error. A relative \
              path is relative to the caller's directory, in profiles too, and `~` is a name like \
              any other. Ordinary programs need /usr, /lib, /lib64 and often /etc.",
        example: "[\"/usr\"]",
        text: "/usr",
        read: |policy, path, input| append(&mut policy.fs.read, path, input),
        write: |policy| list(&policy.fs.read),
    },
    Setting {
        path: "fs.read_if_exists",
        builder: "fs_read_if_exists",
        python: "fs_readable_if_exists",
        flag: "fs-read-if-exists",
        short: None,
        shape: Shape::List,
        value: "PATH",
        doc: "The same as fs.read, skipped if the path is missing.",
        example: "[\"/lib64\"]",
        text: "/lib64",
        read: |policy, path, input| append(&mut policy.fs.read_if_exists, path, input),
        write: |policy| list(&policy.fs.read_if_exists),
    },
    Setting {
        path: "fs.write",
        builder: "fs_write",
        python: "fs_writable",
        flag: "fs-write",
        short: Some('w'),
        shape: Shape::List,
        value: "PATH",
        doc: "Everything fs.read grants, and create, change, rename and remove below this path. \
              A missing path is an error. Shells, git and many others write to /dev/null.",
        example: "[\"/tmp/job\"]",
        text: "/tmp/job",
        read: |policy, path, input| append(&mut policy.fs.write, path, input),
        write: |policy| list(&policy.fs.write),
    },
    Setting {
        path: "fs.write_if_exists",
        builder: "fs_write_if_exists",
        python: "fs_writable_if_exists",
        flag: "fs-write-if-exists",
        short: None,
        shape: Shape::List,
        value: "PATH",
        doc: "The same as fs.write, skipped if the path is missing.",
        example: "[\"/dev/shm\"]",
        text: "/dev/shm",
        read: |policy, path, input| append(&mut policy.fs.write_if_exists, path, input),
        write: |policy| list(&policy.fs.write_if_exists),
    },
    Setting {
        path: "net.allow",
        builder: "net_allow",
        python: "net_allow",
        flag: "net-allow",
        short: None,
        shape: Shape::List,
        value: "RULE",
        doc: "`*` lifts every restriction of TCP and UDP, listening included; `tcp://:PORTS` \
              permits outbound TCP connections to these ports of any host and nothing else. Ports \
              are `443`, `80,443`, `8000-8100` or `*`. Names are not resolved under `tcp://`, which \
              takes UDP. Without a rule there are no internet sockets at all.",
        example: "[\"tcp://:443\"]",
        text: "tcp://:443",
        read: |policy, path, input| append(&mut policy.net.allow, path, input),
        write: |policy| list(&policy.net.allow),
    },
    Setting {
        path: "net.unix",
        builder: "net_unix",
        python: "net_unix",
        flag: "net-unix",
        short: None,
        shape: Shape::List,
        value: "PATH",
        doc: "Unix sockets it may connect to. Only `*` is possible so far: every socket that file \
              permissions let it reach, services of the host included; listed as weakened.",
        example: "[\"*\"]",
        text: "*",
        read: |policy, path, input| append(&mut policy.net.unix, path, input),
        write: |policy| list(&policy.net.unix),
    },
    Setting {
        path: "limits.open_files",
        builder: "max_open_files",
        python: "max_open_files",
        flag: "max-open-files",
        short: None,
        shape: Shape::Scalar,
        value: "N",
        doc: "Descriptors that each process may have open (RLIMIT_NOFILE), or the caller's own \
              maximum if that is lower.",
        example: "256",
        text: "256",
        read: |policy, path, input| replace(&mut policy.limits.open_files, path, input),
        write: |policy| scalar(&policy.limits.open_files),
    },
    Setting {
        path: "limits.file_size",
        builder: "max_file_size",
        python: "max_file_size",
        flag: "max-file-size",
        short: None,
        shape: Shape::Scalar,
        value: "SIZE",
        doc: "Largest file it may write (RLIMIT_FSIZE): bytes, or a number with K, M, G or T \
              (powers of 1024). A write beyond it ends the program with SIGXFSZ, or fails with EFBIG \
              where that is ignored; a file that was larger before counts too.",
        example: "\"64M\"",
        text: "64M",
        read: |policy, path, input| replace(&mut policy.limits.file_size, path, input),
        write: |policy| scalar(&policy.limits.file_size),
    },
    Setting {
        path: "limits.timeout",
        builder: "timeout",
        python: "timeout",
        flag: "timeout",
        short: Some('t'),
        shape: Shape::Scalar,
        value: "TIME",
        doc: "Wall clock of the run, after which the whole tree is killed: seconds, or a number \
              with ms, s, m or h.",
        example: "\"1.5s\"",
        text: "1.5",
        read: |policy, path, input| replace(&mut policy.limits.timeout, path, input),
        write: |policy| scalar(&policy.limits.timeout),
    },
    Setting {
        path: "process.env",
        builder: "env",
        python: "env",
        flag: "env",
        short: None,
        shape: Shape::Map,
        value: "K=V",
        doc: "Environment variables added or replaced.",
        example: "{ LANG = \"C\" }",
        text: "LANG=C",
        read: |policy, path, input| insert(&mut policy.process.env, path, input),
        write: |policy| table(&policy.process.env),
    },
    Setting {
        path: "process.clean_env",
        builder: "clean_env",
        python: "clean_env",
        flag: "clean-env",
        short: None,
        shape: Shape::Switch,
        value: "",
        doc: "Start from PATH, HOME, USER, LANG and TERM of the caller only.",
        example: "true",
        text: "true",
        read: |policy, path, input| switch(&mut policy.process.clean_env, path, input),
        write: |policy| state(policy.process.clean_env),
    },
    Setting {
        path: "process.cwd",
        builder: "cwd",
        python: "cwd",
        flag: "cwd",
        short: None,
        shape: Shape::Scalar,
        value: "DIR",
        doc: "Directory the program starts in; the caller's own if unset. It grants nothing.",
        example: "\"/tmp\"",
        text: "/tmp",
        read: |policy, path, input| replace(&mut policy.process.cwd, path, input),
        write: |policy| scalar(&policy.process.cwd),
    },
    Setting {
        path: "process.keep_capabilities",
        builder: "keep_capability",
        python: "keep_capabilities",
        flag: "keep-capability",
        short: None,
        shape: Shape::List,
        value: "NAME",
        doc: "Capabilities of the caller that survive, with or without `CAP_`; by default none \
              do. Listed as weakened.",
        example: "[\"net_bind_service\"]",
        text: "net_bind_service",
        read: |policy, path, input| append(&mut policy.process.keep_capabilities, path, input),
        write: |policy| list(&policy.process.keep_capabilities),
    },
    Setting {
        path: "process.core_dumps",
        builder: "core_dumps",
        python: "core_dumps",
        flag: "core-dumps",
        short: None,
        shape: Shape::Switch,
        value: "",
        doc: "Let it dump core, up to the caller's own maximum (RLIMIT_CORE); off by default.",
        example: "true",
        text: "true",
        read: |policy, path, input| switch(&mut policy.process.core_dumps, path, input),
        write: |policy| state(policy.process.core_dumps),
    },
    Setting {
        path: "process.manage_tasks",
        builder: "manage_tasks",
        python: "manage_tasks",
        flag: "manage-tasks",
        short: None,
        shape: Shape::Switch,
        value: "",
        doc: "Set limits, priorities, affinity and scheduling of its own processes and threads by \
              their ids, as renice, taskset and pthread_setaffinity_np do; otherwise a program may do \
              that to the calling thread alone. A supervisor judges each such call.",
        example: "true",
        text: "true",
        read: |policy, path, input| switch(&mut policy.process.manage_tasks, path, input),
        write: |policy| state(policy.process.manage_tasks),
    },
    Setting {
        path: "syscalls.deny",
        builder: "deny_syscalls",
        python: "deny_syscalls",
        flag: "deny-syscall",
        short: None,
        shape: Shape::List,
        value: "NAME",
        doc: "System calls, or @groups of them, refused with EPERM beyond the base deny list.",
        example: "[\"@file-metadata\"]",
        text: "@file-metadata",
        read: |policy, path, input| append(&mut policy.syscalls.deny, path, input),
        write: |policy| list(&policy.syscalls.deny),
    },
    Setting {
        path: "syscalls.allow",
        builder: "allow_syscalls",
        python: "allow_syscalls",
        flag: "allow-syscall",
        short: None,
        shape: Shape::List,
        value: "NAME",
        doc: "System calls, or @groups of them, lifted from the base deny list; listed as \
              weakened.",
        example: "[\"ptrace\"]",
        text: "ptrace",
        read: |policy, path, input| append(&mut policy.syscalls.allow, path, input),
        write: |policy| list(&policy.syscalls.allow),
    },
    Setting {
        path: "syscalls.only",
        builder: "only_syscalls",
        python: "only_syscalls",
        flag: "only-syscall",
        short: None,
        shape: Shape::List,
        value: "NAME",
        doc: "Allow-list: every call outside it is answered ENOSYS. The base deny list still \
              holds. A dynamic program cannot start without @processes, @memory, @file-io, \
              @file-open, @file-info, @descriptors and @threads. One that forks needs @namespaces \
              (clone) too, a shell @pipes and @signals, Python @random and @descriptor-options \
              (fcntl).",
        example: "[\"@processes\"]",
        text: "@processes",
        read: |policy, path, input| append_some(&mut policy.syscalls.only, path, input),
        write: |policy| list_some(&policy.syscalls.only),
    },
    Setting {
        path: "protections",
        builder: "protection",
        python: "protections",
        flag: "protection",
        short: None,
        shape: Shape::Map,
        value: "NAME=MODE",
        doc: "What to do where the kernel lacks a protection: `strict` (default) is an error, \
              `if-available` runs without it and says so, `off` never uses it. NAME is fs_refer, \
              fs_truncate, fs_ioctl_dev, net_tcp, signal_scope or abstract_unix_scope.",
        example: "{ fs_ioctl_dev = \"off\" }",
        text: "fs_ioctl_dev=off",
        read: |policy, path, input| insert(&mut policy.protections, path, input),
        write: |policy| table(&policy.protections),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Protection, ProtectionMode};
    use std::collections::BTreeSet;

    /// The paths of every leaf that a policy with all examples set serializes to.
    fn serialized_paths() -> BTreeSet<String> {
        let mut policy = Policy::default();
        for setting in SETTINGS {
            policy.set(setting.path, setting.text).unwrap();
        }
        let table: toml::Table = policy.to_toml().unwrap().parse().unwrap();
        let mut paths = BTreeSet::new();
        for (section, value) in &table {
            if Setting::find(section).is_some() {
                paths.insert(section.clone());
                continue;
            }
            for name in value.as_table().unwrap().keys() {
                paths.insert(format!("{section}.{name}"));
            }
        }
        paths
    }

    #[test]
    fn the_table_and_the_policy_type_hold_the_same_settings() {
        let table: BTreeSet<String> = SETTINGS.iter().map(|s| s.path.to_owned()).collect();
        assert_eq!(table, serialized_paths());
    }

    #[test]
    fn names_are_unique_on_every_surface() {
        let names: [fn(&Setting) -> &str; 4] =
            [|s| s.path, |s| s.builder, |s| s.python, |s| s.flag];
        for name in names {
            let unique: BTreeSet<&str> = SETTINGS.iter().map(name).collect();
            assert_eq!(unique.len(), SETTINGS.len());
        }
        let shorts: Vec<char> = SETTINGS.iter().filter_map(|s| s.short).collect();
        assert_eq!(shorts.iter().collect::<BTreeSet<_>>().len(), shorts.len());
    }

    #[test]
    fn every_setting_has_a_sentence_and_an_example_that_changes_the_policy() {
        for setting in SETTINGS {
            assert!(setting.doc.ends_with('.'), "{}", setting.path);
            let text = format!("{} = {}", setting.path, setting.example);
            let policy = Policy::from_toml(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_ne!(policy, Policy::default(), "{text}");
        }
    }

    #[test]
    fn text_and_toml_of_every_example_mean_the_same() {
        for setting in SETTINGS {
            let toml = format!("{} = {}", setting.path, setting.example);
            let mut policy = Policy::default();
            policy.set(setting.path, setting.text).unwrap();
            assert_eq!(policy, Policy::from_toml(&toml).unwrap(), "{}", setting.path);
        }
    }

    #[test]
    fn sentences_name_everything_that_can_be_named() {
        let doc = |path: &str| Setting::find(path).unwrap().doc;
        for protection in Protection::ALL {
            assert!(doc("protections").contains(protection.name()), "{protection}");
        }
        for mode in ProtectionMode::ALL {
            assert!(doc("protections").contains(&format!("`{mode}`")), "{mode}");
        }
        for variable in crate::plan::Environment::KEPT {
            assert!(doc("process.clean_env").contains(variable), "{variable}");
        }
    }

    #[test]
    fn every_setting_survives_toml_and_json() {
        let mut all = Policy::default();
        for setting in SETTINGS {
            let mut one = Policy::default();
            one.set(setting.path, setting.text).unwrap();
            all.set(setting.path, setting.text).unwrap();
            for policy in [&one, &all] {
                assert_eq!(&Policy::from_toml(&policy.to_toml().unwrap()).unwrap(), policy);
                let json = serde_json::to_string(policy).unwrap();
                assert_eq!(&serde_json::from_str::<Policy>(&json).unwrap(), policy, "{json}");
            }
        }
    }
}
