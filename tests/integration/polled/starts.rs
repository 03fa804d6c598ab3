//! What is started, and what cannot be.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use sandlock::{ErrorKind, Launch, Polled, Sandbox, Stdio, Step};

use super::{PATIENCE, ended, expect_quiet, is_readable, launch, sandbox};
use crate::asked::continuing;
use crate::harness::{GUEST, again, alone, eventually, here};
use crate::scene::Scene;
use crate::soak::Census;

fn script_file(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// `tool` in both folders, of which one may be read.
fn tools() -> Scene {
    let scene = Scene::new();
    script_file(&scene.path("hidden/tool"), "#!/bin/sh\necho hidden\n");
    script_file(&scene.path("granted/tool"), "#!/bin/sh\nread line\necho granted $line\n");
    scene
}

fn tool(folders: &[std::path::PathBuf]) -> Launch {
    let search = std::env::join_paths(folders).unwrap();
    Launch::new(["tool"]).env("PATH", search).input("word\n")
}

#[test]
fn a_command_that_may_not_be_executed_is_passed_over_for_the_next_one_in_path() {
    let scene = tools();
    let (hidden, granted) = (scene.path("hidden"), scene.path("granted"));
    let plain = Sandbox::new(scene.reads_granted().build().unwrap()).unwrap();
    let handled = plain.clone().add_handler("execve", continuing()).unwrap();
    for sandbox in [plain, handled] {
        let printed = |folders: &[_]| {
            let output = ended(&mut sandbox.run_polled(tool(folders)).unwrap()).unwrap();
            String::from_utf8(output.stdout().to_vec()).unwrap()
        };
        let both = [hidden.clone(), granted.clone()];
        assert_eq!(printed(&both), "granted word\n");
        let many: Vec<_> =
            std::iter::repeat_n(hidden.clone(), 20).chain([granted.clone()]).collect();
        assert_eq!(printed(&many), "granted word\n");
        // Where there is no other one, why the first could not be.
        let only = tool(std::slice::from_ref(&hidden));
        let error = ended(&mut sandbox.run_polled(&only).unwrap()).unwrap_err();
        assert_eq!(error, sandbox.run(&only).unwrap_err());
        assert_eq!((error.kind(), error.step()), (ErrorKind::CannotExecute, Some(Step::Execute)));
        assert_eq!(error.setting(), Some("fs.read"));
    }
    // The twin: where both may be read, the first one is it.
    let all = Sandbox::new(scene.reads_all().build().unwrap()).unwrap();
    let output = ended(&mut all.run_polled(tool(&[hidden, granted])).unwrap()).unwrap();
    assert_eq!(output.stdout(), b"hidden\n");
}

#[test]
fn what_is_known_before_a_start_is_told_when_the_run_is_begun() {
    let sandbox = sandbox();
    let begun = |launch: Launch| {
        let error = sandbox.run_polled(&launch).map(drop).unwrap_err();
        assert_eq!(error, sandbox.run(launch).unwrap_err());
        error.kind()
    };
    assert_eq!(begun(Launch::new(["no-such-command"])), ErrorKind::NotFound);
    assert_eq!(begun(Launch::new(["/no/such/command"])), ErrorKind::NotFound);
    assert_eq!(begun(Launch::new(["/etc/passwd"])), ErrorKind::CannotExecute);
    assert_eq!(begun(Launch::new([""])), ErrorKind::Command);
    assert_eq!(begun(launch(&["echo"]).stdin(Stdio::captured())), ErrorKind::Command);
    assert_eq!(begun(launch(&["echo"]).timeout(Duration::ZERO)), ErrorKind::Command);
    assert_eq!(begun(launch(&["echo"]).env("A=B", "c")), ErrorKind::Command);
    assert_eq!(begun(launch(&["echo"]).cwd("/no/such/place")), ErrorKind::Command);
    for piped in [
        launch(&["echo"]).stdin(Stdio::piped()),
        launch(&["echo"]).stdout(Stdio::piped()),
        launch(&["echo"]).stderr(Stdio::piped()),
    ] {
        assert_eq!(begun(piped), ErrorKind::Command);
    }
}

#[test]
fn what_the_kernel_says_to_a_start_is_told_by_the_one_who_advances() {
    let scene = Scene::new();
    script_file(&scene.path("granted/tool"), "of no format");
    script_file(&scene.path("hidden/tool"), "#!/bin/sh\n");
    let sandbox = Sandbox::new(scene.reads_granted().build().unwrap()).unwrap();
    for (path, errno) in [("granted/tool", libc::ENOEXEC), ("hidden/tool", libc::EACCES)] {
        let launch = Launch::new([scene.path(path)]);
        let error = ended(&mut sandbox.run_polled(&launch).unwrap()).unwrap_err();
        assert_eq!((error.step(), error.errno()), (Some(Step::Execute), Some(errno)));
        assert_eq!(error, sandbox.run(launch).unwrap_err());
    }
}

fn limit_descriptors(most: u64) {
    // SAFETY: the kernel reads and writes one structure; this process is the test's own.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = most;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

/// Wherever in a start it is that there are no more.
#[test]
fn a_host_without_descriptors_gets_an_error_and_keeps_what_it_has() {
    if !alone(here!()) {
        return;
    }
    let begun = Census::take();
    let plain = sandbox();
    let handled = plain.clone().add_handler("getppid", continuing()).unwrap();
    let both = [plain, handled];
    let drive = |sandbox: &Sandbox| {
        let mut run = sandbox.run_polled(launch(&["echo"]).input("abc"))?;
        ended(&mut run)
    };
    both.iter().for_each(|sandbox| assert!(drive(sandbox).unwrap().success()));
    let before = begun.with_descriptors_of(&Census::take());
    for sandbox in &both {
        let (mut failed, mut room) = (0, 3);
        loop {
            limit_descriptors(room);
            let driven = drive(sandbox);
            limit_descriptors(1000);
            before.expect_again();
            match driven {
                Ok(output) => {
                    assert_eq!(output.stdout(), b"abc");
                    break;
                }
                Err(error) => {
                    let errno = error.errno();
                    assert!([libc::EMFILE, libc::EBADF].contains(&errno.unwrap()), "{error}");
                }
            }
            (failed, room) = (failed + 1, room + 1);
        }
        assert!(failed > 8, "{failed}");
    }
}

/// The process group in the foreground of this process's terminal.
fn foreground() -> i32 {
    // SAFETY: takes a number.
    unsafe { libc::tcgetpgrp(0) }
}

fn is_lent() -> bool {
    // SAFETY: takes nothing.
    foreground() != unsafe { libc::getpgrp() }
}

/// A program that does not end by itself, and its number.
fn begin_interactive() -> (Polled, i32) {
    let launch = Launch::new([GUEST, "hang"]).interactive();
    let run = sandbox().run_polled(launch).unwrap();
    eventually(is_lent);
    let program = foreground();
    let name = format!("/proc/{program}/comm");
    eventually(|| std::fs::read_to_string(&name).unwrap() == "guest\n");
    (run, program)
}

fn is_stopped(program: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{program}/stat")).unwrap().contains(") T ")
}

fn signal(program: i32, signal: i32) {
    // SAFETY: takes numbers; the program is this test's own.
    assert_eq!(unsafe { libc::kill(program, signal) }, 0);
}

/// There is no shell here that would let this process go on: so the program goes on at once.
#[test]
fn an_interactive_program_that_is_stopped_is_dealt_with_by_the_loop() {
    if again(here!(), &["terminal"]).is_some() {
        return;
    }
    let (mut run, program) = begin_interactive();
    for _ in 0..3 {
        expect_quiet(&mut run, "it hangs");
        signal(program, libc::SIGTSTP);
        eventually(|| is_stopped(program));
        assert!(is_readable(&run, PATIENCE), "that it has stopped is no event");
        assert!(run.advance().unwrap().is_none());
        eventually(|| !is_stopped(program));
        assert!(is_lent());
    }
    signal(program, libc::SIGTERM);
    assert_eq!(ended(&mut run).unwrap().signal(), Some(libc::SIGTERM));
    assert!(!is_lent());
}

#[test]
fn the_foreground_comes_back_from_an_interactive_run_on_every_way_out() {
    if again(here!(), &["terminal"]).is_some() {
        return;
    }
    let (mut run, _) = begin_interactive();
    run.kill().unwrap();
    assert!(ended(&mut run).is_ok() && !is_lent());
    drop(begin_interactive());
    assert!(!is_lent());
    let limited = launch(&["hang"]).interactive().timeout(Duration::from_millis(100));
    assert!(ended(&mut sandbox().run_polled(limited).unwrap()).is_ok() && !is_lent());
    let wrong = Launch::new(["/etc/passwd"]).interactive();
    assert!(sandbox().run_polled(wrong).is_err() && !is_lent());
}
