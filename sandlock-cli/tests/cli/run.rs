//! `sandlock run`: exit statuses, words and policies.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{GRANTS, SANDLOCK, command, run, sandlock, text};

#[test]
fn the_programs_own_status_is_passed_on() {
    assert_eq!(run(&[], &["true"]).printed(), "");
    for status in [1, 7, 124, 255] {
        let ended = run(&[], &["sh", "-c", &format!("exit {status}")]);
        assert_eq!((ended.status, ended.stderr.as_str()), (status, ""));
    }
}

#[test]
fn a_signal_is_128_and_its_number() {
    for (signal, status) in [("TERM", 143), ("KILL", 137), ("SEGV", 139)] {
        let ended = run(&[], &["sh", "-c", &format!("kill -{signal} $$")]);
        assert_eq!((ended.status, ended.stderr.as_str()), (status, ""), "{signal}");
    }
}

#[test]
fn a_timeout_is_124_and_ends_the_program() {
    let start = Instant::now();
    let ended = run(&["--timeout", "200ms"], &["sleep", "300"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (124, ""));
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_eq!(run(&["--timeout", "300"], &["sleep", "0"]).status, 0);
}

#[test]
fn a_file_that_is_no_program_is_126() {
    let ended = run(&["--fs-read", "/etc/passwd"], &["/etc/passwd"]);
    assert!(ended.error(126).contains("\"/etc/passwd\": Permission denied"), "{ended:?}");
    let ended = run(&[], &["/usr"]);
    assert!(ended.error(126).contains("\"/usr\""), "{ended:?}");
    assert_eq!(run(&[], &["/usr/bin/true"]).status, 0);
}

#[test]
fn a_policy_that_lets_nothing_start_is_126_and_names_the_grant() {
    let ended = sandlock(["run", "--", "true"]);
    let error = ended.error(126);
    assert!(error.starts_with("fs.read: does not cover /"), "{error}");
    assert!(error.contains("(hint: ") && error.contains("fs.read of"), "{error}");
    assert_eq!(run(&[], &["true"]).status, 0);
}

#[test]
fn a_command_that_is_nowhere_is_127() {
    for missing in ["no-such-command", "/no/such/command", "./no-such-command"] {
        let ended = run(&[], &[missing]);
        assert!(ended.error(127).contains(&format!("\"{missing}\"")), "{ended:?}");
    }
    assert_eq!(run(&[], &["sh", "-c", "exit 0"]).status, 0);
}

#[test]
fn a_missing_grant_is_125_unless_it_may_be_missing() {
    let ended = run(&["--fs-read", "/no/such/path"], &["true"]);
    let error = ended.error(125);
    assert!(error.starts_with("fs.read[1]: /no/such/path: No such file"), "{error}");
    assert_eq!(run(&["--fs-read-if-exists", "/no/such/path"], &["true"]).status, 0);
}

#[test]
fn a_directory_that_is_none_is_125() {
    let ended = run(&["--cwd", "/etc/passwd"], &["true"]);
    assert!(ended.error(125).starts_with("process.cwd: /etc/passwd: "), "{ended:?}");
    assert_eq!(run(&["--cwd", "/usr"], &["pwd"]).printed(), "/usr\n");
}

#[test]
fn an_empty_command_is_125() {
    let ended = run(&[], &[""]);
    assert_eq!(ended.error(125), "the command is empty");
}

#[test]
fn words_behind_the_command_are_its_own() {
    let words = ["--", "--fs-read", "-t", "--help", "--no-such-flag", "-", "--x=y", ""];
    let expected = words.join(" ") + "\n";
    let echo = [&["echo"], &words[..]].concat();
    assert_eq!(run(&[], &echo).printed(), expected);
    let without_dashes = [&["run"], &GRANTS[..], &echo].concat();
    assert_eq!(sandlock(without_dashes).printed(), expected);
}

#[test]
fn words_behind_two_dashes_are_no_flags() {
    let ended = run(&[], &["--no-such-flag"]);
    assert!(ended.error(127).contains("\"--no-such-flag\""), "{ended:?}");
    let ended = run(&[], &["--", "true"]);
    assert!(ended.error(127).contains("\"--\""), "{ended:?}");
}

#[test]
fn the_streams_of_the_caller_are_the_programs() {
    let mut child = command(SANDLOCK)
        .args([&["run"], &GRANTS[..], &["sh", "-c", "cat; echo error >&2"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"input").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"input"[..], &b"error\n"[..]));
}

#[test]
fn only_granted_files_can_be_read_and_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "inside").unwrap();
    let (directory, file) = (text(directory.path()), text(&file));
    let read = |flags: &[&str]| run(flags, &["cat", file]);
    assert_eq!(read(&["-r", directory]).printed(), "inside");
    assert_eq!(read(&[]).status, 1);
    let write = |flags: &[&str]| run(flags, &["sh", "-c", &format!("echo more >>'{file}'")]).status;
    assert_ne!(write(&["-r", directory]), 0);
    assert_eq!(write(&["-w", directory]), 0);
    assert_eq!(fs::read_to_string(file).unwrap(), "insidemore\n");
}

#[test]
fn paths_are_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(OsStr::from_bytes(b"not \xff utf-8"));
    fs::write(&file, "read").unwrap();
    let mut granted: Vec<OsString> = vec!["run".into()];
    granted.extend(GRANTS.map(OsString::from));
    let mut refused = granted.clone();
    granted.extend(["--fs-read".into(), file.clone().into_os_string()]);
    for arguments in [&mut granted, &mut refused] {
        arguments.extend(["--".into(), "cat".into(), file.clone().into_os_string()]);
    }
    assert_eq!(sandlock(granted).printed(), "read");
    let ended = command(SANDLOCK).args(refused).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn variables_are_added_and_taken_away() {
    let print = ["sh", "-c", "echo $LANG $EXTRA"];
    let run = |flags: &[&str]| {
        let arguments = [&["run"], &GRANTS[..], flags, &["--"], &print].concat();
        let mut command = command(SANDLOCK);
        let output = command.args(arguments).env("EXTRA", "extra").env("LANG", "C").output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(run(&[]), "C extra\n");
    assert_eq!(run(&["--clean-env"]), "C\n");
    assert_eq!(run(&["--clean-env", "--env", "EXTRA=a=b"]), "C a=b\n");
}

#[test]
fn nothing_is_printed_about_what_a_policy_weakens() {
    assert_eq!(run(&["--net-allow", "*", "--net-unix", "*"], &["true"]).printed(), "");
}
