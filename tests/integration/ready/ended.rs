//! Observers are told of the end of a run.

use std::sync::Arc;
use std::time::Duration;

use sandlock::{
    HandlerCtx, HandlerOptions, Launch, NotifAction, Observer, ObserverOptions, Reason, Verdict,
};

use crate::asked::{Notes, WAYS, sandbox};
use crate::calls::calls;
use crate::harness::GUEST;

/// Notes what it is told.
struct Told(Notes<&'static str>);

impl Observer for Told {
    fn call(&self, _: &HandlerCtx<'_>) {
        self.0.note("call");
    }

    fn verdict(&self, _: &HandlerCtx<'_>, _: &Verdict<'_>) {
        self.0.note("verdict");
    }

    fn ended(&self) {
        self.0.note("ended");
    }
}

#[test]
fn the_end_is_told_once_behind_the_last_verdict_and_before_the_run_returns() {
    let notes = Notes::new();
    let sandbox = sandbox().add_observer("uname", Told(notes.clone())).unwrap();
    for way in WAYS {
        way.run(&sandbox, &calls! { uname([0u8; 390]) }.action("calls"));
        assert_eq!(notes.take(), ["call", "verdict", "ended"], "{way:?}");
        // A run without such a call ends, too.
        way.run(&sandbox, &calls! { getuid() }.action("calls"));
        assert_eq!(notes.take(), ["ended"], "{way:?}");
    }
}

#[test]
fn each_registration_is_told_however_it_is_held() {
    let notes = Notes::new();
    let shared = Arc::new(Told(notes.clone()));
    let boxed: Box<dyn Observer> = Box::new(Told(notes.clone()));
    let sandbox = sandbox()
        .add_observer("uname", Arc::clone(&shared))
        .unwrap()
        .add_observer("getppid", shared)
        .unwrap()
        .add_observer("getppid", boxed)
        .unwrap();
    assert!(sandbox.run([GUEST, "exit", "0"]).unwrap().success());
    assert_eq!(notes.take(), ["ended"; 3]);
}

#[test]
fn the_end_is_told_however_it_came() {
    let notes = Notes::new();
    let killing = |_: &HandlerCtx<'_>| NotifAction::KillSandbox;
    let failing = |_: &HandlerCtx<'_>| -> NotifAction { panic!("for this test") };
    let sandbox = sandbox()
        .add_observer("uname", Told(notes.clone()))
        .unwrap()
        .add_handler("getppid", killing)
        .unwrap()
        .add_handler("getuid", failing)
        .unwrap();
    let calls = |calls: &crate::calls::Calls| Launch::new([GUEST]).args(calls.action("calls"));
    let killed = sandbox.run(calls(&calls! { getppid() })).unwrap();
    assert_eq!((killed.reason(), notes.take()), (Reason::Killed, vec!["ended"]));
    assert!(sandbox.run(calls(&calls! { getuid() })).is_err());
    assert_eq!(notes.take(), ["ended"]);
    let late = Launch::new([GUEST, "hang"]).timeout(Duration::from_millis(20));
    assert_eq!(sandbox.run(late).unwrap().reason(), Reason::Timeout);
    assert_eq!(notes.take(), ["ended"]);
    drop(sandbox.spawn([GUEST, "hang"]).unwrap());
    assert_eq!(notes.take(), ["ended"]);
}

#[test]
fn calls_that_a_pool_answers_are_told_before_the_end() {
    let notes = Notes::new();
    let pooled = HandlerOptions::new().pooled(Duration::from_secs(60));
    let sandbox = sandbox()
        .add_observer("getppid", Told(notes.clone()))
        .unwrap()
        .add_handler_with("getppid", |_: &HandlerCtx<'_>| NotifAction::Continue, pooled)
        .unwrap();
    let call = libc::SYS_getppid.to_string();
    assert!(sandbox.run([GUEST, "crowd", "30", &call]).unwrap().success());
    let told = notes.take();
    assert_eq!(told.iter().filter(|told| **told == "verdict").count(), 30);
    assert_eq!(told.last(), Some(&"ended"));
}

/// Panics at the end.
struct Panicking;

impl Observer for Panicking {
    fn call(&self, _: &HandlerCtx<'_>) {}

    fn ended(&self) {
        panic!("at the end");
    }
}

#[test]
fn an_observer_that_panics_at_the_end_is_listed_and_the_others_are_told() {
    let notes = Notes::new();
    let options = ObserverOptions::new().name("judge");
    let sandbox = sandbox()
        .add_observer_with("uname", Panicking, options)
        .unwrap()
        .add_observer("uname", Told(notes.clone()))
        .unwrap();
    for way in WAYS {
        let (output, _) = way.run(&sandbox, &calls! { getuid() }.action("calls"));
        assert!(output.success());
        let [error] = output.handler_errors() else { panic!("{:?}", output.handler_errors()) };
        assert_eq!(error.to_string(), "handler judge of uname: panicked: at the end");
        assert_eq!(notes.take(), ["ended"]);
    }
}
