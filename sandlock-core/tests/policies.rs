//! The corpus of policies in `tests/policies`, which every surface must read alike.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use sandlock::{ErrorKind, Host, Plan, Policy, SETTINGS};

/// Names and texts of the files of one folder of the corpus.
fn corpus(folder: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/policies").join(folder);
    let entries = fs::read_dir(&folder).unwrap();
    let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{}", folder.display());
    files
        .iter()
        .map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn valid_policies_are_read_planned_and_written_back() {
    for (name, text) in corpus("valid") {
        let policy = Policy::from_toml(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(Policy::from_toml(&policy.to_toml().unwrap()).unwrap(), policy, "{name}");
        Plan::new(&policy, &Host::fake(7)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn invalid_policies_are_refused_with_every_error_they_announce() {
    for (name, text) in corpus("invalid") {
        let error = Policy::from_toml(&text).expect_err(&name);
        assert_eq!(error.kind(), ErrorKind::Policy, "{name}");
        let expected: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("# error: ")).collect();
        assert!(!expected.is_empty(), "{name} announces nothing");
        let problems: Vec<String> = match error.problems() {
            [] => vec![error.to_string()],
            problems => problems.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(problems.len(), expected.len(), "{name}: {problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{name}: {problem}");
        }
    }
}

#[test]
fn what_toml_cannot_hold_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let bytes = std::ffi::OsStr::from_bytes(b"/\xff");
    let policy = Policy::builder().fs_read("/usr").fs_read(bytes).env("A", bytes).build().unwrap();
    let error = policy.to_toml().unwrap_err();
    let places: Vec<_> = error.problems().iter().map(|problem| problem.setting.clone()).collect();
    assert_eq!(places, ["fs.read[1]", "process.env.A"]);
}

#[test]
fn values_are_parsed_alone_as_in_a_policy() {
    use sandlock::{
        ByteSize, Capability, EnvName, NetRule, Protection, ProtectionMode, Selector, Timeout,
    };
    assert_eq!("1K".parse::<ByteSize>().unwrap().bytes(), 1024);
    assert_eq!("CAP_KILL".parse::<Capability>().unwrap().name(), "kill");
    assert_eq!("if-available".parse::<ProtectionMode>(), Ok(ProtectionMode::IfAvailable));
    assert_eq!("net_tcp".parse::<Protection>(), Ok(Protection::NetTcp));
    assert_eq!("*".parse::<NetRule>(), Ok(NetRule::Any));
    assert_eq!("@debug".parse::<Selector>().unwrap().to_string(), "@debug");
    assert_eq!("2m".parse::<Timeout>().unwrap().duration().as_secs(), 120);
    assert!("a=b".parse::<EnvName>().is_err());
}

#[test]
fn a_policy_that_cannot_be_read_changes_nothing() {
    let mut policy = Policy::from_toml("fs.read = [\"/usr\"]").unwrap();
    let before = policy.clone();
    assert!(policy.merge_toml("fs.read = [\"/opt\"]\nlimits.open_files = 0").is_err());
    assert!(policy.set("limits.timeout", "never").is_err());
    assert_eq!(policy, before);
    policy.merge_toml("fs.read = [\"/opt\"]").unwrap();
    assert_eq!(policy.fs.read, [PathBuf::from("/usr"), PathBuf::from("/opt")]);
}

#[test]
fn a_path_that_is_not_utf8_is_held_and_refused_only_by_toml() {
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"/tmp/\xff");
    let policy = Policy::builder().fs_read(odd).build().unwrap();
    assert_eq!(policy.fs.read, [PathBuf::from(odd)]);
    assert_eq!(policy.to_toml().unwrap_err().kind(), ErrorKind::Policy);
}

proptest! {
    #[test]
    fn no_text_of_any_setting_panics(index in 0..SETTINGS.len(), text in any::<Vec<u8>>()) {
        use std::os::unix::ffi::OsStrExt;
        let mut policy = Policy::default();
        if policy.set(SETTINGS[index].path, std::ffi::OsStr::from_bytes(&text)).is_err() {
            prop_assert_eq!(policy, Policy::default());
        }
    }

    #[test]
    fn what_is_accepted_as_text_survives_toml(
        index in 0..SETTINGS.len(),
        text in "[0-9a-zA-Z.:/*@=,_-]{0,12}",
    ) {
        let mut policy = Policy::default();
        if policy.set(SETTINGS[index].path, &text).is_ok() {
            let toml = policy.to_toml().unwrap();
            prop_assert_eq!(Policy::from_toml(&toml).unwrap(), policy, "{}", toml);
        }
    }
}
