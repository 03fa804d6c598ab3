//! Handlers that fail, or take too long.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use sandlock::{
    Error, ErrorKind, HandlerCtx, HandlerOptions, Launch, NotifAction, Observer, ObserverOptions,
    OnError, Reason, Sandbox, Stdio, TaskError, Verdict,
};

use crate::asked::{
    Gate, Notes, Verdicts, WAYS, line, lines, prints, refusing, returning, sandbox,
};
use crate::calls::{Calls, calls};
use crate::harness::{GUEST, read_to_end};

fn uname() -> Calls {
    calls! { uname([0u8; 390]) }
}

/// A handler that panics.
fn panicking(_: &HandlerCtx<'_>) -> NotifAction {
    panic!("out of {}", "ideas")
}

fn named() -> HandlerOptions {
    HandlerOptions::new().name("judge")
}

/// The failure of a handler named `judge` on uname that ended a run.
fn expect_ended(error: &Error, message: &str) {
    assert_eq!(error.kind(), ErrorKind::Handler, "{error}");
    let failure = error.handler_error().unwrap();
    assert_eq!((failure.syscall.name(), failure.handler.as_str()), ("uname", "judge"));
    assert!(failure.message.contains(message), "{failure:?}");
    let text = error.to_string();
    assert!(["uname", "judge", message].iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn a_panic_of_a_handler_ends_the_run_with_an_error() {
    let sandbox = sandbox().add_handler_with("uname", panicking, named()).unwrap();
    let launch = || Launch::new([GUEST]).args(uname().action("calls"));
    expect_ended(&sandbox.run(launch()).unwrap_err(), "out of ideas");
    let interactive = launch().interactive().stdout(Stdio::captured());
    expect_ended(&sandbox.run(interactive).unwrap_err(), "out of ideas");
    // A program that was executed and failed meanwhile, or one that did not get that far.
    expect_ended(&sandbox.spawn(launch()).and_then(|child| child.wait()).unwrap_err(), "ideas");
    // The twin: other calls.
    assert_eq!(line(&sandbox, &calls! { getuid() }).split(' ').nth(1), Some("ok"));
}

#[test]
fn a_panic_takes_the_whole_tree_along() {
    let sandbox = sandbox().add_handler("getppid", panicking).unwrap();
    let number = libc::SYS_getppid.to_string();
    let action = ["family-calls", number.as_str()];
    let child = sandbox.spawn(Launch::new([GUEST]).args(action).stdout(Stdio::piped())).unwrap();
    let printed = read_to_end(child.stdout().unwrap());
    assert_eq!(printed.matches("orphan ok").count(), 3, "{printed}");
    assert!(!printed.contains("goes on"), "{printed}");
    assert_eq!(child.wait().unwrap_err().kind(), ErrorKind::Handler);
}

#[test]
fn a_panic_with_something_that_is_no_text_is_told_too() {
    let strange = |_: &HandlerCtx<'_>| -> NotifAction { std::panic::panic_any(7) };
    let sandbox = sandbox().add_handler_with("uname", strange, named()).unwrap();
    let launch = Launch::new([GUEST]).args(uname().action("calls"));
    expect_ended(&sandbox.run(launch).unwrap_err(), "panicked");
}

#[test]
fn an_error_number_that_there_is_not_is_a_failure() {
    for errno in [0, -1, 4096, i32::MIN, i32::MAX] {
        let sandbox = sandbox().add_handler_with("uname", refusing(errno), named()).unwrap();
        let launch = || Launch::new([GUEST]).args(uname().action("calls"));
        expect_ended(&sandbox.run(launch()).unwrap_err(), &errno.to_string());
        let denying = self::sandbox()
            .add_handler_with(
                "uname",
                refusing(errno),
                named().on_error(OnError::Deny(libc::EXDEV)),
            )
            .unwrap();
        let output = denying.run(launch()).unwrap();
        assert_eq!(output.stdout(), b"uname EXDEV\n");
        assert_eq!(output.handler_errors().len(), 1);
    }
}

#[test]
fn a_panic_can_mean_a_refusal_of_the_call_alone() {
    let denying = named().on_error(OnError::Deny(libc::EXDEV));
    let sandbox = sandbox().add_handler_with("uname", panicking, denying).unwrap();
    let twice = calls! { uname([0u8; 390]); uname([0u8; 390]); getpid() };
    for way in WAYS {
        let (output, printed) = way.run(&sandbox, &twice.action("calls"));
        assert!(output.success());
        assert_eq!(printed.matches("uname EXDEV\n").count(), 2, "{printed}");
        let errors = output.handler_errors();
        assert_eq!(errors.len(), 2, "{errors:?}");
        for error in errors {
            assert_eq!((error.syscall.name(), error.handler.as_str()), ("uname", "judge"));
            assert!(error.message.contains("out of ideas"), "{error}");
        }
    }
}

#[test]
fn a_handler_behind_one_that_failed_is_not_asked() {
    let notes = Notes::new();
    let denying = HandlerOptions::new().on_error(OnError::Deny(libc::EXDEV));
    let sandbox = sandbox()
        .add_handler_with("uname", panicking, denying)
        .unwrap()
        .add_handler("uname", notes.taken(|_| ()))
        .unwrap();
    assert_eq!(line(&sandbox, &uname()), "uname EXDEV");
    assert_eq!(notes.take(), []);
}

#[test]
fn the_first_hundred_failures_are_listed_and_the_rest_is_counted() {
    let denying = HandlerOptions::new().on_error(OnError::Deny(libc::EXDEV));
    let sandbox = sandbox().add_handler_with("getppid", refusing(0), denying).unwrap();
    let calls = (0..130).fold(Calls::default(), |calls, _| calls.then("getppid", &[]));
    let output = sandbox.run(Launch::new([GUEST]).args(calls.action("calls"))).unwrap();
    assert_eq!((output.handler_errors().len(), output.handler_errors_dropped()), (100, 30));
    // A run begins without any.
    let output = sandbox.run([GUEST, "exit", "0"]).unwrap();
    assert_eq!((output.handler_errors().len(), output.handler_errors_dropped()), (0, 0));
}

/// Panics where it is told to.
struct Panicking {
    at_call: bool,
}

impl Observer for Panicking {
    fn call(&self, _: &HandlerCtx<'_>) {
        assert!(!self.at_call, "at the call");
    }

    fn verdict(&self, _: &HandlerCtx<'_>, _: &Verdict<'_>) {
        assert!(self.at_call, "at the verdict");
    }
}

#[test]
fn an_observer_that_panics_is_skipped_and_listed_and_the_run_goes_on() {
    for at_call in [true, false] {
        let notes = Notes::new();
        let sandbox = sandbox()
            .add_observer_with("uname", Panicking { at_call }, ObserverOptions::new().name("judge"))
            .unwrap()
            .add_observer("uname", Verdicts(notes.clone()))
            .unwrap();
        for way in WAYS {
            let (output, printed) = way.run(&sandbox, &uname().action("calls"));
            assert!(output.success());
            assert_eq!(printed, "uname ok 0\n");
            let [error] = output.handler_errors() else { panic!("{:?}", output.handler_errors()) };
            let place = if at_call { "at the call" } else { "at the verdict" };
            assert!(error.handler == "judge" && error.message.contains(place), "{error}");
            assert_eq!(notes.take(), ["uname: Continue by policy"]);
        }
    }
}

#[test]
fn options_that_mean_nothing_are_rejected() {
    let options = [
        HandlerOptions::new().pooled(Duration::ZERO),
        HandlerOptions::new().pooled(Duration::from_secs(4000)),
        HandlerOptions::new().on_error(OnError::Deny(0)),
        HandlerOptions::new().on_error(OnError::Deny(4096)),
    ];
    for options in options {
        let error = sandbox().add_handler_with("uname", refusing(1), options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registration, "{error}");
    }
    for name in ["", "policy", "tasks"] {
        let error =
            sandbox().add_handler_with("uname", refusing(1), HandlerOptions::new().name(name));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Registration, "{name:?}");
        let options = ObserverOptions::new().name(name);
        assert!(sandbox().add_observer_with("uname", Verdicts(Notes::new()), options).is_err());
    }
}

fn pooled(deadline: Duration) -> HandlerOptions {
    named().pooled(deadline)
}

const LONG: Duration = Duration::from_secs(600);

#[test]
fn a_pooled_handler_that_answers_in_time_works() {
    let sandbox = sandbox().add_handler_with("getppid", returning(77), pooled(LONG)).unwrap();
    let action = calls! { getppid(); getppid() }.action("calls");
    for way in WAYS {
        let (output, printed) = way.run(&sandbox, &action);
        assert!(output.success() && output.handler_errors().is_empty());
        assert_eq!(printed, "getppid ok 77\ngetppid ok 77\n", "{way:?}");
    }
}

/// One that takes as long as the gate is closed.
fn waiting(gate: &Gate) -> impl sandlock::Handler {
    let gate = gate.clone();
    move |_: &HandlerCtx<'_>| {
        gate.pass();
        NotifAction::ReturnValue(1)
    }
}

#[test]
fn a_pooled_handler_that_is_late_is_a_refusal_and_listed() {
    let (gate, verdicts) = (Gate::default(), Notes::new());
    let sandbox = sandbox()
        .add_handler_with("getppid", waiting(&gate), pooled(Duration::from_millis(50)))
        .unwrap()
        .add_observer("getppid", Verdicts(verdicts.clone()))
        .unwrap();
    for way in WAYS {
        // It returns although the handler has not.
        let (output, printed) = way.run(&sandbox, &calls! { getppid() }.action("calls"));
        assert!(output.success());
        assert_eq!(printed, "getppid EPERM\n", "{way:?}");
        let [error] = output.handler_errors() else { panic!("{:?}", output.handler_errors()) };
        assert!(error.handler == "judge" && error.message.contains("deadline"), "{error}");
        assert_eq!(verdicts.take(), ["getppid: Refused(1) by judge"]);
    }
    gate.open();
}

#[test]
fn what_a_late_handler_says_afterwards_changes_nothing() {
    let (gate, notes) = (Gate::default(), Notes::new());
    let (handlers_gate, noting) = (gate.clone(), notes.clone());
    let late = move |cx: &HandlerCtx<'_>| {
        handlers_gate.pass();
        noting.note((cx.is_waiting(), cx.read_child_mem(cx.args()[0], 1).is_err()));
        NotifAction::KillSandbox
    };
    let opening = gate.clone();
    let open = move |_: &HandlerCtx<'_>| {
        opening.open();
        NotifAction::ReturnValue(5)
    };
    let sandbox = sandbox()
        .add_handler_with("getppid", late, pooled(Duration::from_millis(50)))
        .unwrap()
        .add_handler("uname", open)
        .unwrap();
    let calls = calls! { getppid("text") }.then("uname", &[0.into()]);
    let output =
        sandbox.run(Launch::new([GUEST]).args(calls.then("getpid", &[]).action("calls"))).unwrap();
    assert_eq!(output.reason(), Reason::Exited);
    assert!(output.stdout().starts_with(b"getppid EPERM\nuname ok 5\ngetpid ok"));
    crate::harness::eventually(|| notes.count() == 1);
    assert_eq!(notes.take(), [(false, true)]);
}

#[test]
fn a_handler_that_waits_in_the_pool_stalls_nobody_else() {
    const CALLS: i64 = 1000;
    let gate = Gate::default();
    let (seen, opening) = (AtomicUsize::new(0), gate.clone());
    let fast = move |_: &HandlerCtx<'_>| {
        // Only when all have been answered may the slow one go on.
        if seen.fetch_add(1, SeqCst) + 1 == CALLS as usize {
            opening.open();
        }
        NotifAction::ReturnValue(1)
    };
    let sandbox = sandbox()
        .add_handler_with("getppid", waiting(&gate), pooled(LONG))
        .unwrap()
        .add_handler("getuid", fast)
        .unwrap();
    let [slow, fast] = [libc::SYS_getppid, libc::SYS_getuid].map(|number| number.to_string());
    let action = ["beside", slow.as_str(), fast.as_str(), "1000"];
    let printed = prints(&sandbox, &action);
    assert!(printed.contains("slow ok 1") && printed.contains("fast ok 1000"), "{printed}");
}

/// As many as there are threads wait inside, and the others for them.
#[test]
fn more_calls_than_the_pool_has_threads_are_all_answered() {
    const THREADS: usize = 16;
    let (gate, inside) = (Gate::default(), AtomicUsize::new(0));
    let wait = move |_: &HandlerCtx<'_>| {
        if inside.fetch_add(1, SeqCst) + 1 == THREADS {
            gate.open();
        }
        gate.pass();
        NotifAction::ReturnValue(1)
    };
    let sandbox = sandbox().add_handler_with("getppid", wait, pooled(LONG)).unwrap();
    let number = libc::SYS_getppid.to_string();
    let output = sandbox.run([GUEST, "crowd", "64", &number]).unwrap();
    assert_eq!(String::from_utf8_lossy(output.stdout()), "crowd ok 64\n");
    assert!(output.handler_errors().is_empty(), "{:?}", output.handler_errors());
}

/// Without a panic: with a reason in words, or with what the context does not say.
#[test]
fn a_handler_can_say_that_it_has_failed() {
    let fail = |_: &HandlerCtx<'_>| NotifAction::Fail("no answer today".into());
    let other = |cx: &HandlerCtx<'_>| -> Result<NotifAction, TaskError> {
        match cx.syscall().name() {
            "uname" => Err(TaskError::other("no answer today")),
            _ => Ok(NotifAction::Continue),
        }
    };
    let launch = || Launch::new([GUEST]).args(uname().action("calls"));
    let failing = sandbox().add_handler_with("uname", fail, named()).unwrap();
    expect_ended(&failing.run(launch()).unwrap_err(), "no answer today");
    let failing = sandbox().add_handler_with("uname", other, named()).unwrap();
    expect_ended(&failing.run(launch()).unwrap_err(), "no answer today");
    let denying = named().on_error(OnError::Deny(libc::EXDEV));
    let denying = sandbox().add_handler_with("uname", fail, denying).unwrap();
    let output = denying.run(launch()).unwrap();
    assert_eq!(output.stdout(), b"uname EXDEV\n");
    assert_eq!(output.handler_errors()[0].message, "no answer today");
}

#[test]
fn a_pooled_handler_fails_as_others_do() {
    let sandbox = sandbox().add_handler_with("uname", panicking, pooled(LONG)).unwrap();
    let launch = Launch::new([GUEST]).args(uname().action("calls"));
    expect_ended(&sandbox.run(launch).unwrap_err(), "out of ideas");
    let denying = pooled(LONG).on_error(OnError::Deny(libc::EXDEV));
    let sandbox = self::sandbox().add_handler_with("uname", panicking, denying).unwrap();
    assert_eq!(line(&sandbox, &uname()), "uname EXDEV");
}

#[test]
fn what_stands_behind_a_pooled_handler_is_asked_afterwards() {
    let notes = Notes::new();
    let (first, second, third) = (notes.clone(), notes.clone(), notes.clone());
    let sandbox = sandbox()
        .add_handler("getppid", first.taken(|_| "first"))
        .unwrap()
        .add_handler_with("getppid", second.taken(|_| "pooled"), pooled(LONG))
        .unwrap()
        .add_handler("getppid", third.taken(|_| "third"))
        .unwrap()
        .add_handler("getppid", returning(9))
        .unwrap();
    assert_eq!(lines(&sandbox, &calls! { getppid() }), ["getppid ok 9"]);
    assert_eq!(notes.take(), ["first", "pooled", "third"]);
}

/// The program's time is over while a handler waits: the run returns all the same.
#[test]
fn a_timeout_ends_a_run_whose_pooled_handler_waits() {
    let gate = Gate::default();
    let sandbox = sandbox().add_handler_with("getppid", waiting(&gate), pooled(LONG)).unwrap();
    let begun = Instant::now();
    let launch = Launch::new([GUEST]).args(calls! { getppid() }.action("calls"));
    let output = sandbox.run(launch.timeout(Duration::from_millis(300))).unwrap();
    assert_eq!(output.reason(), Reason::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(30));
    gate.open();
}

#[test]
fn a_child_that_is_killed_while_a_handler_waits_ends() {
    let (gate, notes) = (Gate::default(), Notes::new());
    let (waiting, noting) = (gate.clone(), notes.clone());
    let handler = move |_: &HandlerCtx<'_>| {
        noting.note(());
        waiting.pass();
        NotifAction::Continue
    };
    let sandbox: Sandbox = sandbox().add_handler_with("getppid", handler, pooled(LONG)).unwrap();
    let child =
        sandbox.spawn(Launch::new([GUEST]).args(calls! { getppid() }.action("calls"))).unwrap();
    crate::harness::eventually(|| notes.count() == 1);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
    gate.open();
}

/// An error that a host would recognise.
#[derive(Debug, PartialEq)]
struct OutOfIdeas(u32);

impl std::fmt::Display for OutOfIdeas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no idea number {}", self.0)
    }
}

impl std::error::Error for OutOfIdeas {}

#[test]
fn the_error_that_a_handler_fails_with_comes_back() {
    let failing = |_: &HandlerCtx<'_>| NotifAction::Fail(Box::new(OutOfIdeas(7)));
    let sandbox = sandbox().add_handler_with("uname", failing, named()).unwrap();
    let error = sandbox.run(Launch::new([GUEST]).args(uname().action("calls"))).unwrap_err();
    expect_ended(&error, "no idea number 7");
    let cause = error.handler_error().unwrap().cause().unwrap();
    assert_eq!(cause.downcast_ref(), Some(&OutOfIdeas(7)));
    // A panic has none.
    let sandbox = self::sandbox().add_handler_with("uname", panicking, named()).unwrap();
    let error = sandbox.run(Launch::new([GUEST]).args(uname().action("calls"))).unwrap_err();
    assert!(error.handler_error().unwrap().cause().is_none());
}

/// In a handler too: what it answers then does not count.
#[test]
fn whoever_says_that_it_has_failed_has() {
    let failing = |cx: &HandlerCtx<'_>| {
        cx.fail(OutOfIdeas(1));
        cx.fail(OutOfIdeas(2));
        NotifAction::ReturnValue(0)
    };
    let denying = named().on_error(OnError::Deny(libc::EXDEV));
    let sandbox = sandbox().add_handler_with("uname", failing, denying).unwrap();
    let output = sandbox.run(Launch::new([GUEST]).args(uname().action("calls"))).unwrap();
    assert_eq!(output.stdout(), b"uname EXDEV\n");
    let [failure] = output.handler_errors() else { panic!("{:?}", output.handler_errors()) };
    assert_eq!(failure.message, "no idea number 1");
    assert_eq!(failure.cause().unwrap().downcast_ref(), Some(&OutOfIdeas(1)));
}

struct FailingObserver;

impl Observer for FailingObserver {
    fn call(&self, cx: &HandlerCtx<'_>) {
        cx.fail("saw nothing");
    }

    fn verdict(&self, cx: &HandlerCtx<'_>, _: &Verdict<'_>) {
        cx.fail(OutOfIdeas(3));
    }
}

#[test]
fn an_observer_that_says_so_has_failed_and_the_call_goes_on() {
    let options = ObserverOptions::new().name("watcher");
    let sandbox = sandbox().add_observer_with("uname", FailingObserver, options).unwrap();
    let output = sandbox.run(Launch::new([GUEST]).args(uname().action("calls"))).unwrap();
    assert_eq!(output.stdout(), b"uname ok 0\n");
    let said: Vec<_> = output.handler_errors().iter().map(ToString::to_string).collect();
    let expected = ["saw nothing", "no idea number 3"]
        .map(|message| format!("handler watcher of uname: {message}"));
    assert_eq!(said, expected);
}

/// What was printed and used until then is not lost.
#[test]
fn a_run_that_a_failure_ends_leaves_its_output() {
    let launch = || Launch::new(["sh", "-c", "echo before; uname -s; echo after"]);
    let run = |sandbox: Sandbox| sandbox.run(launch());
    let spawned = |sandbox: Sandbox| sandbox.spawn(launch()).unwrap().wait();
    let ways: [&dyn Fn(Sandbox) -> Result<sandlock::Output, Error>; 2] = [&run, &spawned];
    for way in ways {
        let error = way(sandbox().add_handler("uname", panicking).unwrap()).unwrap_err();
        let output = error.output().unwrap();
        assert_eq!((output.reason(), output.stdout()), (Reason::Killed, &b"before\n"[..]));
        assert!(output.usage().wall > Duration::ZERO);
        let output = way(sandbox().add_handler("uname", returning(0)).unwrap()).unwrap();
        assert!(output.stdout().ends_with(b"after\n"), "{output:?}");
    }
    let never = sandbox().add_handler("execve", panicking).unwrap().run(launch()).unwrap_err();
    assert_eq!(never.kind(), ErrorKind::Handler);
    assert_eq!(never.output().unwrap().stdout(), b"", "it was not executed");
}
