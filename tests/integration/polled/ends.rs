//! Every way in which a run ends, and the whole tree with it.

use std::io::{PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use sandlock::{ErrorKind, Launch, Polled, Reason, Sandbox};

use super::{
    PATIENCE, ended, expect_quiet, is_at_its_end, is_readable, launch, next_line, sandbox, script,
};
use crate::asked::continuing;
use crate::harness::{GUEST, alone, here, read_to_end};
use crate::lifecycle::in_a_fork;

/// A program with three descendants that do what they can to survive, and what is at its end when the
/// last of them is gone.
fn family(sandbox: &Sandbox) -> (Polled, PipeReader) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let launch = Launch::new([GUEST, "family"]).stdout(OwnedFd::from(writer));
    let mut run = sandbox.run_polled(launch).unwrap();
    while next_line(&mut run, &mut reader) != "family ok\n" {}
    (run, reader)
}

fn handled() -> Sandbox {
    sandbox().add_handler("getppid", continuing()).unwrap()
}

/// Nobody of it has anything to say, and all are there.
fn expect_alive(run: &mut Polled, tree: &mut PipeReader) {
    assert!(run.advance().unwrap().is_none());
    assert!(!is_readable(&*tree, Duration::from_millis(50)), "it has ended");
}

#[test]
fn killing_ends_the_tree_and_is_told() {
    if !alone(here!()) {
        return;
    }
    for sandbox in [sandbox(), handled()] {
        let (mut run, mut tree) = family(&sandbox);
        expect_alive(&mut run, &mut tree);
        run.kill().unwrap();
        run.kill().unwrap();
        let output = ended(&mut run).unwrap();
        assert_eq!((output.reason(), output.signal()), (Reason::Killed, Some(libc::SIGKILL)));
        drop(run);
        assert!(is_at_its_end(&mut tree));
    }
}

#[test]
fn killing_what_has_ended_changes_nothing() {
    let mut run = sandbox().run_polled(launch(&["exit", "5"])).unwrap();
    // It says nothing, so that its end is the first event.
    assert!(is_readable(&run, PATIENCE));
    run.kill().unwrap();
    let output = ended(&mut run).unwrap();
    assert_eq!((output.reason(), output.code()), (Reason::Exited, Some(5)));
    run.kill().unwrap();
    assert_eq!(run.advance().unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn a_run_that_is_killed_at_once_ends() {
    for sandbox in [sandbox(), handled()] {
        for _ in 0..50 {
            let mut run = sandbox.run_polled(launch(&["hang"])).unwrap();
            run.kill().unwrap();
            assert_eq!(ended(&mut run).unwrap().reason(), Reason::Killed);
        }
    }
}

#[test]
fn dropping_ends_the_tree_and_waits_until_it_is_gone() {
    if !alone(here!()) {
        return;
    }
    for sandbox in [sandbox(), handled()] {
        let (mut run, mut tree) = family(&sandbox);
        expect_alive(&mut run, &mut tree);
        drop(run);
        assert!(is_at_its_end(&mut tree));
    }
}

#[test]
fn dropping_at_any_moment_ends_the_tree() {
    if !alone(here!()) {
        return;
    }
    for sandbox in [sandbox(), handled()] {
        for round in 0..40 {
            let (mut tree, stderr) = std::io::pipe().unwrap();
            let launch = script("cat; exec sleep 1000").input(vec![b'x'; 1 << 20]).stderr(stderr);
            let mut run = sandbox.run_polled(launch).unwrap();
            for _ in 0..round * 4 {
                assert!(run.advance().unwrap().is_none());
            }
            drop(run);
            assert!(is_at_its_end(&mut tree), "round {round}");
        }
    }
}

#[test]
fn a_timeout_ends_the_tree_and_keeps_the_output_so_far() {
    let limit = Duration::from_millis(300);
    let begun = Instant::now();
    let text = "echo begun; sleep 1000 & exec sleep 1000";
    let mut run = sandbox().run_polled(script(text).timeout(limit)).unwrap();
    let output = ended(&mut run).unwrap();
    assert!(begun.elapsed() >= limit);
    assert_eq!((output.reason(), output.stdout()), (Reason::Timeout, &b"begun\n"[..]));
    assert!(output.usage().wall >= limit);
    // The twin has the time.
    let mut run = sandbox().run_polled(script("echo begun").timeout(PATIENCE)).unwrap();
    assert_eq!(ended(&mut run).unwrap().reason(), Reason::Exited);
}

/// The clock is not that of the one who drives.
#[test]
fn a_timeout_ends_the_tree_also_while_nobody_advances() {
    if !alone(here!()) {
        return;
    }
    let (mut tree, stdout) = std::io::pipe().unwrap();
    let hang = launch(&["hang"]).stdout(stdout).timeout(Duration::from_millis(300));
    let mut run = sandbox().run_polled(&hang).unwrap();
    // The host and the launch have no more copies than the run.
    drop(hang);
    assert!(is_readable(&run, PATIENCE));
    assert_eq!(ended(&mut run).unwrap().reason(), Reason::Timeout);
    drop(run);
    assert!(is_at_its_end(&mut tree));
}

#[test]
fn advancing_after_the_end_is_an_error() {
    let mut run = sandbox().run_polled(launch(&["exit", "0"])).unwrap();
    assert!(ended(&mut run).unwrap().success());
    for _ in 0..2 {
        let error = run.advance().unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, None));
        assert!(error.to_string().contains("has ended"), "{error}");
    }
}

#[test]
fn in_a_forked_process_a_run_is_somebody_elses() {
    if !alone(here!()) {
        return;
    }
    for sandbox in [sandbox(), handled()] {
        let (stdin, mut tell) = std::io::pipe().unwrap();
        let mut theirs = Some(sandbox.run_polled(launch(&["echo"]).stdin(stdin)).unwrap());
        in_a_fork(|| {
            let mut run = theirs.take().unwrap();
            for error in [run.advance().unwrap_err(), run.kill().unwrap_err()] {
                assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, Some(libc::ECHILD)));
            }
            drop(run);
            // Its own are its own.
            let mut own = sandbox.run_polled(launch(&["exit", "3"])).unwrap();
            assert_eq!(ended(&mut own).unwrap().code(), Some(3));
            let mut own = sandbox.run_polled(launch(&["hang"])).unwrap();
            own.kill().unwrap();
            assert_eq!(ended(&mut own).unwrap().reason(), Reason::Killed);
        });
        let mut run = theirs.take().unwrap();
        expect_quiet(&mut run, "the copy has left it alone");
        tell.write_all(b"abc").unwrap();
        drop(tell);
        let output = ended(&mut run).unwrap();
        assert_eq!((output.code(), output.stdout()), (Some(0), &b"abc"[..]));
    }
}

#[test]
fn the_tree_ends_with_the_thread_that_began_it_and_not_before() {
    if !alone(here!()) {
        return;
    }
    let (over, until_over) = std::sync::mpsc::channel::<()>();
    let (send, receive) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        send.send(family(&sandbox())).unwrap();
        until_over.recv().unwrap_err();
    });
    let (mut run, mut tree) = receive.recv().unwrap();
    // Whichever thread drives it.
    expect_alive(&mut run, &mut tree);
    drop(over);
    thread.join().unwrap();
    let output = ended(&mut run).unwrap();
    assert_eq!((output.reason(), output.signal()), (Reason::Signaled, Some(libc::SIGKILL)));
    drop(run);
    assert!(is_at_its_end(&mut tree));
}

#[test]
fn where_handlers_answer_the_tree_outlives_the_thread_that_began_it() {
    if !alone(here!()) {
        return;
    }
    let begin = || family(&handled());
    let (mut run, mut tree) = std::thread::spawn(begin).join().unwrap();
    expect_alive(&mut run, &mut tree);
    drop(run);
    assert!(is_at_its_end(&mut tree));
}

/// In another process, whose end is that of the thread that began the run.
#[test]
fn the_tree_ends_with_its_host() {
    if !alone(here!()) {
        return;
    }
    for sandbox in [sandbox(), handled()] {
        let (tree, output) = std::io::pipe().unwrap();
        let mut output = Some(output);
        in_a_fork(|| {
            let launch = launch(&["family"]).stdout(output.take().unwrap());
            std::mem::forget(sandbox.run_polled(launch).unwrap());
        });
        drop(output);
        read_to_end(tree);
    }
}

/// FIXME: the kernel tells a keeper of the end of a thread, and that one goes on as another program. In a
/// thread of the library's (`spawn`), or in any other of the host's, exec ends the tree at once.
#[test]
fn a_host_that_executes_another_program_where_it_began_keeps_the_tree_until_that_ends() {
    if !alone(here!()) {
        return;
    }
    let sandbox = sandbox();
    let (mut tree, output) = std::io::pipe().unwrap();
    let (stdin, hold) = std::io::pipe().unwrap();
    let (words, stderr) = std::io::pipe().unwrap();
    // SAFETY: the copy goes on alone, and leaves as another program.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let launch = Launch::new([GUEST, "family"]).stdout(OwnedFd::from(output));
        std::mem::forget(sandbox.run_polled(launch).unwrap());
        drop(hold);
        let mut other = std::process::Command::new("sh");
        let other = other.args(["-c", "echo >&2; read line"]).stdin(stdin).stderr(stderr);
        panic!("{}", std::os::unix::process::CommandExt::exec(other));
    }
    drop((output, stdin, stderr));
    let mut printed = String::new();
    while !printed.contains("family ok\n") {
        let mut byte = [0];
        assert_eq!(tree.read(&mut byte).unwrap(), 1, "{printed}");
        printed.push(char::from(byte[0]));
    }
    assert!(is_readable(&words, PATIENCE), "the other program has begun");
    assert!(!is_readable(&tree, Duration::from_millis(50)), "the tree has ended");
    drop(hold);
    read_to_end(tree);
    // SAFETY: the copy is a child of this process that nobody else waits for.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
}
