//! Runs whose calls a thread of the library answers.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use sandlock::{ErrorKind, HandlerCtx, HandlerOptions, Launch, NotifAction, Reason, Sandbox};

use super::{
    Fork, PATIENCE, all_ended, ended, expect_quiet, is_readable, launch, next_line, sandbox,
};
use crate::asked::{Gate, Notes, refusing, returning};
use crate::calls::{Calls, calls};
use crate::harness::{GUEST, alone, eventually, here};

fn calling(calls: &Calls) -> Launch {
    Launch::new([GUEST]).args(calls.action("calls"))
}

/// A handler of getppid(2) that notes who asks and then waits for the gate.
fn waiting() -> (Sandbox, Notes<u32>, Gate) {
    let (asked, gate) = (Notes::new(), Gate::default());
    let (noted, passed) = (asked.clone(), gate.clone());
    let wait = move |cx: &HandlerCtx<'_>| {
        noted.note(cx.pid());
        passed.pass();
        NotifAction::ReturnValue(7)
    };
    (sandbox().add_handler("getppid", wait).unwrap(), asked, gate)
}

fn is_there(pid: u32) -> bool {
    // SAFETY: takes numbers; signal 0 is none.
    unsafe { libc::kill(pid.cast_signed(), 0) == 0 }
}

#[test]
fn many_runs_with_handlers_are_driven_by_one_loop() {
    let sandbox = sandbox().add_handler("getppid", returning(7)).unwrap();
    let sandbox = sandbox
        .add_handler_with("getuid", returning(8), HandlerOptions::new().pooled(PATIENCE))
        .unwrap();
    let launch = calling(&calls! { getppid(); getuid() });
    let mut runs: Vec<_> = (0..12).map(|_| sandbox.run_polled(&launch).unwrap()).collect();
    for output in all_ended(&mut runs) {
        assert_eq!(output.unwrap().stdout(), b"getppid ok 7\ngetuid ok 8\n");
    }
}

#[test]
fn who_advances_does_not_wait_for_a_handler() {
    let (sandbox, asked, gate) = waiting();
    let mut run = sandbox.run_polled(calling(&calls! { getppid() })).unwrap();
    eventually(|| asked.count() == 1);
    expect_quiet(&mut run, "the program waits for its answer");
    // The gate would close for ever if this waited.
    assert!(run.advance().unwrap().is_none());
    gate.open();
    assert_eq!(ended(&mut run).unwrap().stdout(), b"getppid ok 7\n");
}

/// Kills the tree of a program whose handler waits, and demands that the handler's end is what is
/// waited for then, and told.
fn expect_the_handlers_end_to_be_told(meanwhile: impl FnOnce() -> Option<Fork>) {
    let (sandbox, asked, gate) = waiting();
    let mut run = sandbox.run_polled(calling(&calls! { getppid() })).unwrap();
    eventually(|| asked.count() == 1);
    let program = asked.take()[0];
    let _held = meanwhile();
    assert!(is_there(program));
    run.kill().unwrap();
    eventually(|| !is_there(program));
    expect_quiet(&mut run, "the handler goes on");
    gate.open();
    assert!(is_readable(&run, PATIENCE), "the handler's end is no event");
    assert_eq!(ended(&mut run).unwrap().reason(), Reason::Killed);
    assert!(!is_readable(&run, Duration::ZERO));
}

#[test]
fn the_end_of_a_handler_that_outlives_the_tree_wakes_the_loop() {
    expect_the_handlers_end_to_be_told(|| None);
}

/// It has a copy of whatever the handler's thread closes.
#[test]
fn the_end_of_a_handler_wakes_the_loop_also_where_the_host_has_forked_meanwhile() {
    if !alone(here!()) {
        return;
    }
    expect_the_handlers_end_to_be_told(|| Some(Fork::new()));
}

/// Somebody outside of the tree was handed an end of a pipe.
#[test]
fn what_others_do_to_the_streams_of_a_tree_that_has_ended_wakes_nobody() {
    if !alone(here!()) {
        return;
    }
    let (sandbox, asked, gate) = waiting();
    let launch = calling(&calls! { getppid() }).input(vec![b'x'; 1 << 20]);
    let mut run = sandbox.run_polled(launch).unwrap();
    eventually(|| asked.count() == 1);
    let program = asked.take()[0];
    let stream = |number| format!("/proc/{program}/fd/{number}");
    let mut writer = File::options().write(true).open(stream(1)).unwrap();
    let mut reader = File::open(stream(0)).unwrap();
    // The twin: while the tree is there, it does.
    expect_quiet(&mut run, "the program waits for its answer");
    writer.write_all(b"before\n").unwrap();
    assert!(is_readable(&run, PATIENCE));
    expect_quiet(&mut run, "what was written has been taken");
    run.kill().unwrap();
    eventually(|| !is_there(program));
    expect_quiet(&mut run, "the handler goes on");
    writer.write_all(b"after\n").unwrap();
    std::io::Read::read_exact(&mut reader, &mut [0; 65536]).unwrap();
    expect_quiet(&mut run, "the tree has ended");
    gate.open();
    assert_eq!(ended(&mut run).unwrap().stdout(), b"before\n");
}

#[test]
fn a_handler_that_fails_is_the_error_of_the_run_with_the_output_so_far() {
    let failing = |_: &HandlerCtx<'_>| NotifAction::Fail("out of ideas".into());
    let named = HandlerOptions::new().name("judge");
    let sandbox = sandbox().add_handler_with("getppid", failing, named).unwrap();
    let mut run =
        sandbox.run_polled(calling(&calls! { getpgid(0); getppid(); getpgid(0) })).unwrap();
    let error = ended(&mut run).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Handler);
    let failure = error.handler_error().unwrap();
    assert_eq!((failure.handler.as_str(), failure.syscall.name()), ("judge", "getppid"));
    let output = error.output().unwrap();
    assert_eq!(output.reason(), Reason::Killed);
    let printed = String::from_utf8_lossy(output.stdout());
    assert!(printed.starts_with("getpgid ok ") && printed.lines().count() == 1, "{printed}");
    assert_eq!(run.advance().unwrap_err().kind(), ErrorKind::Io);
    assert!(!is_readable(&run, Duration::ZERO));
}

#[test]
fn a_handler_that_kills_the_tree_is_the_reason_of_its_end() {
    let kill = |_: &HandlerCtx<'_>| NotifAction::KillSandbox;
    let sandbox = sandbox().add_handler("getppid", kill).unwrap();
    let mut run = sandbox.run_polled(calling(&calls! { getppid() })).unwrap();
    assert_eq!(ended(&mut run).unwrap().reason(), Reason::Killed);
    let mut twin = sandbox.run_polled(calling(&calls! { getpgid(0) })).unwrap();
    assert_eq!(ended(&mut twin).unwrap().reason(), Reason::Exited);
}

#[test]
fn a_handler_that_refuses_the_programs_own_start_is_asked_once() {
    let sandbox = sandbox().add_handler("execve", refusing(libc::ENOENT)).unwrap();
    let mut run = sandbox.run_polled(launch(&["exit", "0"])).unwrap();
    let error = ended(&mut run).unwrap_err();
    assert_eq!(error.errno(), Some(libc::ENOENT));
    assert!(error.hint().unwrap().contains("handler"), "{error}");
}

/// Nobody goes on with the next command in PATH when the run has been killed.
#[test]
fn a_start_that_is_killed_while_it_is_refused_is_the_last_one() {
    let (asked, gate) = (Notes::new(), Gate::default());
    let (noted, passed) = (asked.clone(), gate.clone());
    let refuse = move |_: &HandlerCtx<'_>| {
        noted.note(());
        passed.pass();
        NotifAction::Errno(libc::EACCES)
    };
    let sandbox = sandbox().add_handler("execve", refuse).unwrap();
    let command = || Launch::new(["true"]).env("PATH", "/usr/bin:/bin");
    let mut run = sandbox.run_polled(command()).unwrap();
    eventually(|| asked.count() == 1);
    run.kill().unwrap();
    gate.open();
    // Whichever comes first: a child that has not executed its program is killed a little later.
    match ended(&mut run) {
        Ok(output) => assert_eq!(output.reason(), Reason::Killed),
        Err(error) => assert_eq!(error.errno(), Some(libc::EACCES)),
    }
    assert_eq!(asked.take().len(), 1);
    // The twin: where it goes on.
    let mut run = sandbox.run_polled(command()).unwrap();
    assert_eq!(ended(&mut run).unwrap_err().errno(), Some(libc::EACCES));
    assert_eq!(asked.take().len(), 2);
}

/// Only somebody outside can do that. Their calls are not waited for.
#[test]
fn a_run_whose_keeper_is_killed_ends_although_descendants_live_on() {
    if !alone(here!()) {
        return;
    }
    let plain = sandbox();
    let supervised = plain.clone().add_handler("getppid", returning(7)).unwrap();
    for sandbox in [plain, supervised] {
        let (mut words, stdout) = std::io::pipe().unwrap();
        let mut run = sandbox.run_polled(launch(&["family"]).stdout(stdout)).unwrap();
        let mut members = Vec::new();
        loop {
            let line = next_line(&mut run, &mut words);
            match line.strip_prefix("orphan ok ") {
                Some(pid) => members.push(pid.trim().parse::<i32>().unwrap()),
                None => break,
            }
        }
        assert_eq!(members.len(), 3);
        let keeper = crate::tree::keepers()[0];
        // SAFETY: the keeper of this test's own run.
        assert_eq!(unsafe { libc::kill(keeper, libc::SIGKILL) }, 0);
        let kind = ended(&mut run).map_err(|error| error.kind());
        let lived = members.iter().all(|pid| is_there(pid.cast_unsigned()));
        for pid in members {
            // SAFETY: processes of this test's own run.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        assert_eq!(kind.unwrap_err(), ErrorKind::Io);
        assert!(lived, "nothing of it lived on");
    }
}

/// No thread of the standard library may end like this, but a handler can do it.
#[test]
fn a_handler_that_ends_its_thread_ends_the_run() {
    if !alone(here!()) {
        return;
    }
    let vanish = |_: &HandlerCtx<'_>| -> NotifAction {
        // SAFETY: ends the calling thread, whose stack nobody else uses.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
        NotifAction::Continue
    };
    let sandbox = sandbox().add_handler("getppid", vanish).unwrap();
    let mut run = sandbox.run_polled(calling(&calls! { getppid() })).unwrap();
    assert_eq!(ended(&mut run).unwrap_err().kind(), ErrorKind::Io);
    let mut twin = sandbox.run_polled(launch(&["exit", "3"])).unwrap();
    assert_eq!(ended(&mut twin).unwrap().code(), Some(3));
}
