//! Flags, profiles as layers, and how mistakes in them are told.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Ended, run, sandlock, text};

/// The policy that `flags` describe.
fn policy(flags: &[&str]) -> Value {
    sandlock([&["explain", "--json"], flags].concat()).json()["policy"].clone()
}

fn explain(flags: &[&str]) -> Ended {
    sandlock([&["explain"], flags].concat())
}

#[test]
fn usage_errors_are_one_line_and_125() {
    for arguments in [
        &[][..],
        &["no-such-command"],
        &["--no-such-flag"],
        &["run"],
        &["run", "--no-such-flag", "true"],
        &["run", "--fs-raed", "/usr", "true"],
        &["run", "--fs-read"],
        &["run", "--max-open-files"],
        &["explain", "argument"],
        &["check", "argument"],
        &["profile"],
        &["profile", "no-such-command"],
        &["profile", "show"],
    ] {
        let ended = sandlock(arguments);
        assert!(ended.error(125).contains(" (hint: "), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "");
    }
    assert_eq!(run(&["--clean-env"], &["true"]).status, 0);
    let negative = sandlock(["run", "--max-file-size", "-1", "true"]);
    assert!(negative.error(125).starts_with("limits.file_size: "), "{negative:?}");
}

#[test]
fn a_mistyped_flag_is_told_the_right_one() {
    let ended = sandlock(["run", "--fs-raed", "/usr", "true"]);
    assert!(ended.error(125).contains("--fs-raed") && ended.error(125).contains("'--fs-read'"));
}

#[test]
fn a_wrong_value_is_125_and_names_the_setting() {
    for (flag, wrong, right, setting) in [
        ("--max-file-size", "9P", "9T", "limits.file_size: "),
        ("--max-open-files", "0", "64", "limits.open_files: "),
        ("--timeout", "0", "1h", "limits.timeout: "),
        ("--net-allow", "udp://:53", "tcp://:53", "net.allow: "),
        ("--net-unix", "/run/x", "*", "net.unix: "),
        ("--env", "A", "A=", "process.env: "),
        ("--keep-capability", "flying", "net_raw", "process.keep_capabilities: "),
        ("--deny-syscall", "opena", "openat2", "syscalls.deny: "),
        ("--protection", "fs_refer=maybe", "fs_refer=strict", "protections.fs_refer: "),
        ("--fs-read", "", "/usr", "fs.read: "),
    ] {
        let ended = run(&[flag, wrong], &["true"]);
        assert!(ended.error(125).starts_with(setting), "{ended:?}");
        assert_eq!(run(&[flag, right], &["true"]).printed(), "", "{flag} {right}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_125() {
    let ended = run(&["--only-syscall", "@memory"], &["true"]);
    assert!(ended.error(125).starts_with("syscalls.only: must list execve"), "{ended:?}");
    explain(&["--only-syscall", "@memory", "--only-syscall", "execve"]).printed();
}

#[test]
fn every_problem_is_reported_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let profile = directory.path().join("wrong.toml");
    fs::write(&profile, "limits.memry = 1\nfs.read = [7]").unwrap();
    let profile = text(&profile);
    let ended = run(
        &[
            "--status-fd",
            "2147483647",
            "-p",
            profile,
            "-p",
            "/no/such.toml",
            "--max-file-size",
            "9P",
            "--fs-read",
            "",
            "--fs-write",
            "",
        ],
        &["true"],
    );
    assert_eq!(ended.status, 125);
    let errors = ended.errors();
    let expected = [
        "--status-fd: ",
        &format!("{profile}: fs.read[0]: "),
        &format!("{profile}: limits.memry: "),
        "profile /no/such.toml: No such file",
        "fs.read: ",
        "fs.write: ",
        "limits.file_size: ",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error} is not {expected}");
    }
}

#[test]
fn every_missing_path_is_reported_at_once() {
    let ended = run(&["-r", "/no/such", "-w", "/nor/such"], &["true"]);
    assert_eq!((ended.status, ended.errors().len()), (125, 2), "{ended:?}");
}

#[test]
fn an_error_is_one_line_whatever_is_in_a_name() {
    let ended = run(&["-r", "/no\nsuch\u{1b}[31m"], &["true"]);
    assert!(ended.error(125).contains("/no\\nsuch\\u{1b}[31m"), "{ended:?}");
}

#[test]
fn profiles_are_laid_over_each_other_and_flags_over_them() {
    let directory = tempfile::tempdir().unwrap();
    let [one, two] = ["one.toml", "two"].map(|name| directory.path().join(name));
    fs::write(&one, "fs.read = ['/one']\nlimits = { open_files = 1, file_size = '1K' }").unwrap();
    fs::write(&two, "fs.read = ['/two']\nlimits.open_files = 2\nprocess.env.A = 'two'").unwrap();
    let (one, two) = (text(&one), text(&two));
    let limits = |flags: &[&str]| policy(flags)["limits"].clone();

    assert_eq!(limits(&["-p", one]), json!({ "open_files": 1, "file_size": 1024 }));
    assert_eq!(limits(&["-p", one, "-p", two])["open_files"], 2);
    assert_eq!(limits(&["-p", two, "--profile", one])["open_files"], 1);
    assert_eq!(limits(&["--max-open-files", "3", "-p", one])["open_files"], 3);
    let flags = ["-p", one, "-r", "/flag", "--env", "A=flag", "-p", two, "--env", "B=flag"];
    let all = policy(&flags);
    assert_eq!(all["fs"]["read"], json!(["/one", "/two", "/flag"]));
    assert_eq!(all["process"]["env"], json!({ "A": "flag", "B": "flag" }));
}

#[test]
fn a_profile_holds_in_a_run() {
    let directory = tempfile::tempdir().unwrap();
    let profile = directory.path().join("limits.toml");
    fs::write(&profile, "limits.open_files = 23").unwrap();
    let print = ["sh", "-c", "ulimit -n"];
    assert_eq!(run(&["-p", text(&profile)], &print).printed(), "23\n");
    let both = ["-p", text(&profile), "--max-open-files", "22"];
    assert_eq!(run(&both, &print).printed(), "22\n");
}

#[test]
fn a_profile_with_mistakes_is_an_error_that_names_the_file_and_the_place() {
    let directory = tempfile::tempdir().unwrap();
    let profile = directory.path().join("profile.toml");
    for (content, expected) in [
        (&b"fs.read = ['/usr']\nfs.reed = []"[..], "fs.reed: unknown setting"),
        (b"\n[fs\n", "line 2: not valid TOML"),
        (b"# \xff", "is not UTF-8 text at byte 2"),
    ] {
        fs::write(&profile, content).unwrap();
        let ended = explain(&["-p", text(&profile)]);
        let error = ended.error(125);
        assert!(error.contains(text(&profile)) && error.contains(expected), "{error}");
    }
    fs::write(&profile, "fs.read = ['/usr']").unwrap();
    explain(&["-p", text(&profile)]).printed();
    let ended = explain(&["-p", text(directory.path())]);
    assert!(ended.error(125).ends_with(": Is a directory"), "{ended:?}");
}
