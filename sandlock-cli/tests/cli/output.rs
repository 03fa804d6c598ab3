//! Help, version, and outputs that take nothing.

use std::fs::File;
use std::process::Stdio;

use crate::harness::{Ended, SANDLOCK, command, sandlock};

#[test]
fn the_version_is_the_workspaces() {
    let expected = concat!("sandlock ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(sandlock(["--version"]).printed(), expected);
}

#[test]
fn help_is_a_result_and_names_every_flag() {
    let help = sandlock(["run", "--help"]);
    for setting in sandlock::SETTINGS {
        assert!(help.printed().contains(&format!("--{}", setting.flag)), "{}", setting.flag);
    }
    for command in ["run", "explain", "check", "profile"] {
        assert!(sandlock(["--help"]).printed().contains(&format!("\n  {command} ")));
        assert!(sandlock([command, "--help"]).printed().contains("Usage: sandlock "));
    }
}

#[test]
fn a_reader_that_went_away_is_not_an_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = command(SANDLOCK).arg("--help").stdout(writer).stderr(Stdio::piped()).output();
    assert_eq!(Ended::from(ended.unwrap()).printed(), "");
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = command(SANDLOCK).arg("--help").stdout(full).stderr(Stdio::piped()).output();
    let ended = Ended::from(ended.unwrap());
    assert_eq!(ended.error(125), "cannot write to standard output: No space left on device");
}

#[test]
fn an_error_that_cannot_be_written_leaves_the_status() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = command(SANDLOCK).arg("--no-such-flag").stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(125));
}
