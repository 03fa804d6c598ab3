//! `--status-fd`: one line of JSON about the end, on a descriptor that the program does not get.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Ended, GRANTS, SANDLOCK, command, text};

/// Runs `sandlock run` by a shell that first applies `redirections`, with `$STATUS` as a path.
fn run_redirected(redirections: &str, status: &Path, flags: &[&str], program: &[&str]) -> Ended {
    let script = format!("exec \"$0\" \"$@\" {redirections}");
    let mut shell = command("sh");
    shell.env("STATUS", status).args(["-c", &script, SANDLOCK, "run"]).args(GRANTS);
    shell.args(flags).arg("--").args(program).output().unwrap().into()
}

/// Runs `program` and returns how it ended, with what descriptor 3 got.
fn run(flags: &[&str], program: &[&str]) -> (Ended, String) {
    let directory = tempfile::tempdir().unwrap();
    let status = directory.path().join("status");
    let flags = [flags, &["--status-fd", "3"]].concat();
    let ended = run_redirected("3>\"$STATUS\"", &status, &flags, program);
    (ended, fs::read_to_string(status).unwrap())
}

/// The one line, as JSON.
fn parse(line: &str) -> Value {
    assert_eq!(line.find('\n'), Some(line.len() - 1), "{line:?}");
    serde_json::from_str(line).unwrap()
}

/// What differs with the way a program ended.
fn end(status: &Value) -> Value {
    json!([status["v"], status["exit_code"], status["signal"], status["reason"]])
}

#[test]
fn an_exit_is_told() {
    let (ended, line) = run(&[], &["sh", "-c", "exit 7"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (7, ""));
    assert_eq!(end(&parse(&line)), json!([1, 7, null, "exited"]));
}

#[test]
fn a_signal_is_told() {
    let (ended, line) = run(&[], &["sh", "-c", "kill -TERM $$"]);
    assert_eq!(ended.status, 143);
    assert_eq!(end(&parse(&line)), json!([1, null, 15, "signaled"]));
}

#[test]
fn a_timeout_is_told() {
    let (ended, line) = run(&["-t", "0.2"], &["sleep", "300"]);
    assert_eq!(ended.status, 124);
    let status = parse(&line);
    assert_eq!(end(&status), json!([1, null, 9, "timeout"]));
    let wall = status["usage"]["wall"].as_f64().unwrap();
    assert!((0.2..60.0).contains(&wall), "{wall}");
}

#[test]
fn usage_and_enforcement_are_told() {
    let (_, line) = run(&["--net-unix", "*"], &["true"]);
    let status = parse(&line);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(&status),
        [
            "enforcement",
            "exit_code",
            "handler_errors",
            "handler_errors_dropped",
            "reason",
            "signal",
            "stderr_dropped",
            "stdout_dropped",
            "usage",
            "v",
        ]
    );
    let counts = ["stdout_dropped", "stderr_dropped", "handler_errors_dropped"];
    assert_eq!(counts.map(|key| &status[key]), [0, 0, 0]);
    assert_eq!(status["handler_errors"], json!([]));
    assert_eq!(keys(&status["usage"]), ["peak_memory", "system", "user", "wall"]);
    for time in ["wall", "user", "system"] {
        assert!(status["usage"][time].is_f64(), "{line}");
    }
    let peak = &status["usage"]["peak_memory"];
    assert!(peak.is_null() || peak.as_u64().unwrap() > 4096, "{line}");
    let weakened = status["enforcement"]["weakened"].as_array().unwrap();
    assert!(weakened.iter().any(|line| line.as_str().unwrap().contains("net.unix")), "{line}");
}

#[test]
fn nothing_is_told_of_a_program_that_was_not_started() {
    let (ended, line) = run(&[], &["no-such-command"]);
    assert_eq!((ended.status, line.as_str()), (127, ""));
}

#[test]
fn the_program_does_not_get_the_descriptor() {
    let (ended, line) = run(&[], &["sh", "-c", "echo leak >&3"]);
    assert_eq!(ended.status, 2, "{ended:?}");
    assert_eq!(end(&parse(&line)), json!([1, 2, null, "exited"]));
    let (ended, _) = run(&[], &["sh", "-c", "echo kept >&1"]);
    assert_eq!(ended.printed(), "kept\n");
}

#[test]
fn standard_descriptors_serve_too() {
    let directory = tempfile::tempdir().unwrap();
    let status = directory.path().join("status");
    let ended = run_redirected("2>\"$STATUS\"", &status, &["--status-fd", "2"], &["true"]);
    assert_eq!(ended.printed(), "");
    let line = fs::read_to_string(status).unwrap();
    assert_eq!(end(&parse(&line)), json!([1, 0, null, "exited"]));
}

#[test]
fn a_descriptor_that_cannot_be_written_is_an_error_before_anything_runs() {
    let directory = tempfile::tempdir().unwrap();
    let [status, proof] = ["status", "proof"].map(|name| directory.path().join(name));
    let grant = ["-w", text(directory.path()), "--status-fd"];
    let touch = ["touch", text(&proof)];
    for (redirections, number, what) in [
        ("9>&-", "9", "--status-fd: descriptor 9 is not open"),
        ("9</dev/null", "9", "--status-fd: descriptor 9 is not open for writing"),
        ("", "2147483647", "--status-fd: descriptor 2147483647 is not open"),
    ] {
        let ended =
            run_redirected(redirections, &status, &[&grant[..], &[number]].concat(), &touch);
        assert_eq!(ended.error(125), what);
        assert!(!proof.exists());
    }
    for number in ["-1", "x", "", "2147483648"] {
        let flag = format!("--status-fd={number}");
        let ended = run_redirected("", &status, &[&grant[..2], &[&flag]].concat(), &touch);
        assert!(ended.error(125).contains("--status-fd"), "{ended:?}");
        assert!(!proof.exists());
    }
    let ended = run_redirected("9>\"$STATUS\"", &status, &[&grant[..], &["9"]].concat(), &touch);
    assert_eq!(ended.printed(), "");
    assert!(proof.exists());
}

#[test]
fn a_status_that_cannot_be_written_is_an_error() {
    let status = Path::new("/dev/full");
    let ended = run_redirected("3>\"$STATUS\"", status, &["--status-fd", "3"], &["true"]);
    assert_eq!(
        ended.error(125),
        "--status-fd: cannot write to descriptor 3: No space left on device"
    );
}
