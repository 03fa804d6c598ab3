//! What runs with handlers leave behind in their host: nothing.

use std::time::Duration;

use sandlock::{
    ErrorKind, HandlerCtx, HandlerOptions, Launch, NotifAction, OnError, Reason, Sandbox, TaskError,
};

use crate::asked::{Notes, Verdicts, continuing, returning, sandbox};
use crate::calls::calls;
use crate::harness::{GUEST, alone, eventually, here};
use crate::soak::Census;

const RUNS: usize = 300;
const LONG: Duration = Duration::from_secs(60);

/// One of each kind: inline, pooled, opening in place, injecting, killing, failing.
fn handled() -> Sandbox {
    let opening = |cx: &HandlerCtx<'_>| -> Result<NotifAction, TaskError> {
        cx.open_for_child(&cx.open_request()?)
    };
    let injecting = |_: &HandlerCtx<'_>| NotifAction::InjectBytes(b"text".to_vec());
    let panicking = |_: &HandlerCtx<'_>| -> NotifAction { std::panic::panic_any(()) };
    let pooled = || HandlerOptions::new().pooled(LONG);
    sandbox()
        .add_handler("openat", opening)
        .unwrap()
        .add_handler_with("getppid", returning(7), pooled())
        .unwrap()
        .add_handler_with("getuid", continuing(), pooled().on_error(OnError::Deny(1)))
        .unwrap()
        .add_handler("getsid", injecting)
        .unwrap()
        .add_handler("getegid", |_: &HandlerCtx<'_>| NotifAction::KillSandbox)
        .unwrap()
        .add_handler("getgid", panicking)
        .unwrap()
        .add_observer("uname", Verdicts(Notes::new()))
        .unwrap()
}

fn one(sandbox: &Sandbox, number: usize) {
    let launch = |calls: &crate::calls::Calls| Launch::new([GUEST]).args(calls.action("calls"));
    match number % 10 {
        0 => {
            let output = sandbox.run(launch(&calls! { getegid() })).unwrap();
            assert_eq!(output.reason(), Reason::Killed);
        }
        1 => {
            let error = sandbox.run(launch(&calls! { getgid() })).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Handler);
        }
        2 => drop(sandbox.spawn([GUEST, "hang"]).unwrap()),
        3 => {
            let hang = Launch::new([GUEST, "hang"]).timeout(Duration::from_millis(3));
            assert_eq!(sandbox.run(hang).unwrap().reason(), Reason::Timeout);
        }
        4 => assert!(sandbox.run(["/no/such/command"]).is_err()),
        5 => {
            let child = sandbox.spawn(launch(&calls! { getppid(); uname([0u8; 390]) })).unwrap();
            assert!(child.wait().unwrap().success());
        }
        _ => {
            let calls = calls! {
                getppid(); getuid(); getsid(0); uname([0u8; 390]);
                openat(libc::AT_FDCWD, "/usr", libc::O_RDONLY)
            };
            let output = sandbox.run(launch(&calls)).unwrap();
            let printed = String::from_utf8_lossy(output.stdout());
            assert!(printed.ends_with("openat ok 4\n"), "{printed}");
        }
    }
}

#[test]
fn three_hundred_runs_with_handlers_leave_the_host_as_it_was() {
    if !alone(here!()) {
        return;
    }
    // Those of the handler are part of it.
    let shown = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<()>() {
            shown(panic);
        }
    }));
    // Before anybody has started a thread: one that has ended is listed for a moment.
    let begun = Census::take();
    let sandbox = handled();
    // What the sandbox itself keeps is there after the first ones.
    (0..10).for_each(|number| one(&sandbox, number));
    let before = begun.with_descriptors_of(&Census::take());
    before.expect_again();
    std::thread::scope(|scope| {
        for half in 0..2 {
            let sandbox = &sandbox;
            scope.spawn(move || (0..RUNS / 2).for_each(|number| one(sandbox, number * 2 + half)));
        }
    });
    before.expect_again();
    // The twin: what is there while it runs is seen.
    let child = sandbox.spawn([GUEST, "hang"]).unwrap();
    let busy = Census::take();
    assert!(busy.threads() > before.threads() && busy.children() > before.children());
    drop(child);
    before.expect_again();
}

/// Whatever was being opened for it then.
#[test]
fn programs_that_are_ended_while_files_are_opened_for_them_leave_no_descriptor() {
    if !alone(here!()) {
        return;
    }
    let begun = Census::take();
    let opening = |cx: &HandlerCtx<'_>| -> Result<NotifAction, TaskError> {
        cx.open_for_child(&cx.open_request()?)
    };
    let sandbox = sandbox().add_handler("openat", opening).unwrap();
    drop(sandbox.spawn([GUEST, "hang"]).unwrap());
    let before = begun.with_descriptors_of(&Census::take());
    for _ in 0..300 {
        // Its libraries are being opened, for some more of them than for others.
        drop(sandbox.spawn([GUEST, "hang"]).unwrap());
    }
    before.expect_again();
}

/// When the run has returned, a late handler still holds its thread.
#[test]
fn a_late_handler_leaves_nothing_behind_when_it_has_ended() {
    if !alone(here!()) {
        return;
    }
    let at_first = Census::take();
    let gate = crate::asked::Gate::default();
    let begun = Notes::new();
    let (passing, beginning) = (gate.clone(), begun.clone());
    let late = move |_: &HandlerCtx<'_>| {
        beginning.note(());
        passing.pass();
        NotifAction::Continue
    };
    let pooled = HandlerOptions::new().pooled(Duration::from_millis(20));
    let sandbox = sandbox().add_handler_with("getppid", late, pooled).unwrap();
    assert!(sandbox.run([GUEST, "exit", "0"]).unwrap().success());
    let before = at_first.with_descriptors_of(&Census::take());
    // A call that is late before a thread has taken it up is not asked about any more.
    while begun.count() < 3 {
        let launch = Launch::new([GUEST]).args(calls! { getppid() }.action("calls"));
        assert_eq!(sandbox.run(launch).unwrap().stdout(), b"getppid EPERM\n");
    }
    eventually(|| Census::take().threads() == before.threads() + begun.count());
    gate.open();
    before.expect_again();
}
