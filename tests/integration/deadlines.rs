//! Handlers that answer after their deadline.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use sandlock::{
    Child, ErrorKind, HandlerCtx, HandlerOptions, Launch, NotifAction, Observer, Outcome, Sandbox,
    Stdio, Verdict,
};

use crate::harness::policy;

const PATIENCE: Duration = Duration::from_secs(30);

/// Tells what became of each call.
struct Outcomes(Mutex<Sender<Outcome>>);

impl Observer for Outcomes {
    fn call(&self, _: &HandlerCtx<'_>) {}

    fn verdict(&self, _: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        self.0.lock().unwrap().send(verdict.outcome).unwrap();
    }
}

/// A handler that panics when it is told to.
struct Scene {
    child: Child,
    panic_now: Sender<()>,
    outcomes: Receiver<Outcome>,
    has_panicked: Receiver<()>,
}

impl Scene {
    fn new(deadline: Duration) -> Scene {
        let (panic_now, told) = channel();
        let (panicked, has_panicked) = channel();
        let (outcome, outcomes) = channel();
        let both = Mutex::new((told, panicked));
        let handler = move |_: &HandlerCtx<'_>| -> NotifAction {
            let (told, panicked) = &*both.lock().unwrap();
            told.recv_timeout(PATIENCE).unwrap();
            // Heard when the panic is over: it is the payload that is dropped then.
            std::panic::panic_any(Told(panicked.clone()));
        };
        let options = HandlerOptions::new().name("late").pooled(deadline);
        let sandbox = Sandbox::new(policy().build().unwrap())
            .unwrap()
            .add_observer("uname", Outcomes(Mutex::new(outcome)))
            .unwrap()
            .add_handler_with("uname", handler, options)
            .unwrap();
        // The shell goes on when its input ends.
        let launch = Launch::new(["sh", "-c", "uname; cat"]).stdin(Stdio::piped());
        let child = sandbox.spawn(launch).unwrap();
        Scene { child, panic_now, outcomes, has_panicked }
    }
}

struct Told(Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

#[test]
fn a_handler_that_fails_after_its_deadline_fails_nothing_else() {
    let scene = Scene::new(Duration::from_millis(500));
    let outcome = scene.outcomes.recv_timeout(PATIENCE).unwrap();
    assert_eq!(outcome, Outcome::Refused(libc::EPERM));
    scene.panic_now.send(()).unwrap();
    scene.has_panicked.recv_timeout(PATIENCE).unwrap();
    let output = scene.child.wait().unwrap();
    assert!(output.success(), "{output:?}");
    let messages: Vec<_> = output.handler_errors().iter().map(|error| &error.message).collect();
    assert_eq!(messages, ["missed its deadline"]);
}

#[test]
fn the_same_failure_within_its_deadline_ends_the_run() {
    let scene = Scene::new(PATIENCE);
    scene.panic_now.send(()).unwrap();
    scene.has_panicked.recv_timeout(PATIENCE).unwrap();
    let error = scene.child.wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Handler);
    assert_eq!(scene.outcomes.recv_timeout(PATIENCE).unwrap(), Outcome::Killed);
}
