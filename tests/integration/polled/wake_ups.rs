//! When the descriptor is readable: not while nothing happens.

use std::io::Write;
use std::time::Duration;

use sandlock::{ErrorKind, Polled, Reason};

use super::{
    Fork, Loop, PATIENCE, ended, expect_quiet, is_readable, launch, next_line, sandbox, script,
    until_readable,
};
use crate::harness::{alone, here};

/// Nothing will happen to `run` any more: also who does not look is not woken.
fn expect_silent(run: &Polled, what: &str) {
    assert!(!is_readable(run, Duration::ZERO), "{what}");
}

#[test]
fn who_waits_is_woken_by_what_happens_and_by_nothing_else() {
    let (mut words, stderr) = std::io::pipe().unwrap();
    let (stdin, mut tell) = std::io::pipe().unwrap();
    let answers = "echo ready >&2; while read line; do echo $line; echo said >&2; done";
    let mut run = sandbox().run_polled(script(answers).stdin(stdin).stderr(stderr)).unwrap();
    assert_eq!(next_line(&mut run, &mut words), "ready\n");
    expect_quiet(&mut run, "it waits for its input");
    for _ in 0..3 {
        tell.write_all(b"word\n").unwrap();
        assert!(is_readable(&run, PATIENCE), "an output is no event");
        assert_eq!(next_line(&mut run, &mut words), "said\n");
        expect_quiet(&mut run, "it has said a word");
    }
    drop(tell);
    assert!(is_readable(&run, PATIENCE), "the end is no event");
    assert_eq!(ended(&mut run).unwrap().stdout(), b"word\nword\nword\n");
    expect_silent(&run, "the end has been told");
    assert!(run.advance().is_err());
    expect_silent(&run, "the end has been told again");
}

#[test]
fn an_input_that_nobody_reads_wakes_nobody() {
    let mut run = sandbox().run_polled(launch(&["hang"]).input(vec![b'x'; 1 << 20])).unwrap();
    assert!(is_readable(&run, PATIENCE), "room in a pipe is no event");
    expect_quiet(&mut run, "the pipe is full");
    run.kill().unwrap();
    assert_eq!(ended(&mut run).unwrap().reason(), Reason::Killed);
}

/// Whatever becomes of the program's ends of its pipes while it runs.
#[test]
fn a_stream_that_has_ended_wakes_nobody() {
    if !alone(here!()) {
        return;
    }
    for forks in [false, true] {
        for closed in [">&-", "<&-", ">&- <&-", ""] {
            for size in [0, 1000, 1 << 20] {
                let (mut words, stderr) = std::io::pipe().unwrap();
                let text = format!("echo x; exec {closed}; echo closed >&2; exec sleep 1000");
                let launch = script(&text).input(vec![b'x'; size]).stderr(stderr);
                let mut run = sandbox().run_polled(launch).unwrap();
                let fork = forks.then(Fork::new);
                assert_eq!(next_line(&mut run, &mut words), "closed\n");
                let what = format!("{closed:?} with {size} bytes of input, forks: {forks}");
                expect_quiet(&mut run, &what);
                run.kill().unwrap();
                assert_eq!(ended(&mut run).unwrap().stdout(), b"x\n", "{what}");
                expect_silent(&run, &what);
                drop(fork);
            }
        }
    }
}

/// A descriptor is watched as long as anybody has a copy of it.
#[test]
fn a_process_that_was_forked_meanwhile_wakes_nobody() {
    if !alone(here!()) {
        return;
    }
    let sandbox = sandbox();
    let (mut words, stderr) = std::io::pipe().unwrap();
    let reads = script("read line; echo $line; echo read >&2; exec sleep 1000").stderr(stderr);
    let mut run = sandbox.run_polled(reads.input("line\n")).unwrap();
    let first = Fork::new();
    // The input has been written, the output taken, and the copy has both.
    assert_eq!(next_line(&mut run, &mut words), "read\n");
    expect_quiet(&mut run, "it sleeps");
    let second = Fork::new();
    expect_quiet(&mut run, "it sleeps, and there is another copy");
    run.kill().unwrap();
    assert_eq!(ended(&mut run).unwrap().stdout(), b"line\n");
    expect_silent(&run, "it has ended");
    drop((first, second));

    let mut run = sandbox.run_polled(launch(&["hang"])).unwrap();
    let fork = Fork::new();
    drop(fork);
    expect_quiet(&mut run, "the copy has ended, and the program goes on");
}

/// The descriptor of a run that failed is as quiet as that of one that ended.
#[test]
fn a_run_that_failed_wakes_nobody() {
    if !alone(here!()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::write(&program, "of no format").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).unwrap();
    let mut run = sandbox().run_polled(sandlock::Launch::new([&program]).input("abc")).unwrap();
    let _fork = Fork::new();
    assert_eq!(ended(&mut run).unwrap_err().kind(), ErrorKind::CannotExecute);
    expect_silent(&run, "it was not executed");
    assert_eq!(run.advance().unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn who_advances_without_being_woken_loses_nothing_and_is_not_kept() {
    let (mut words, stderr) = std::io::pipe().unwrap();
    let (stdin, tell) = std::io::pipe().unwrap();
    let launch = script("echo 1; echo said >&2; read line; echo 2").stdin(stdin).stderr(stderr);
    let mut run = sandbox().run_polled(launch).unwrap();
    for _ in 0..1000 {
        assert!(run.advance().unwrap().is_none());
    }
    until_readable(&mut run, &words);
    assert_eq!(next_line(&mut run, &mut words), "said\n");
    drop(tell);
    assert_eq!(ended(&mut run).unwrap().stdout(), b"1\n2\n");
}

/// As tokio's loops are.
#[test]
fn a_loop_that_is_told_of_changes_alone_advances_until_there_is_nothing_to_do() {
    let input = vec![b'x'; 4 << 20];
    let plain = sandbox();
    let handled = plain.clone().add_handler("getppid", crate::asked::returning(7)).unwrap();
    for sandbox in [plain, handled] {
        let launch = launch(&["echo"]).input(input.clone()).capture_limit(1000);
        let mut run = sandbox.run_polled(launch).unwrap();
        let epoll = Loop::new();
        epoll.add_for(libc::EPOLLIN | libc::EPOLLET, &run, 0);
        let mut output = None;
        while output.is_none() {
            epoll.ready();
            while output.is_none() && is_readable(&run, Duration::ZERO) {
                output = run.advance().unwrap();
            }
        }
        assert_eq!(output.unwrap().stdout_dropped(), (4 << 20) - 1000);
    }
}
