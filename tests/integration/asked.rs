//! Handlers as tests register them, and what they note.

use std::ffi::OsString;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use sandlock::{
    Handler, HandlerCtx, Launch, NotifAction, Observer, Output, PolicyBuilder, Sandbox, Stdio,
    Verdict,
};

use crate::calls::Calls;
use crate::harness::{GUEST, policy, read_to_end};

/// A sandbox in which the guest can start.
pub(crate) fn sandbox() -> Sandbox {
    sandbox_of(policy())
}

pub(crate) fn sandbox_of(policy: PolicyBuilder) -> Sandbox {
    Sandbox::new(policy.build().unwrap()).unwrap()
}

/// A handler that answers this error number.
pub(crate) fn refusing(errno: i32) -> impl Handler {
    move |_: &HandlerCtx<'_>| NotifAction::Errno(errno)
}

/// A handler that lets everything through.
pub(crate) fn continuing() -> impl Handler {
    |_: &HandlerCtx<'_>| NotifAction::Continue
}

/// A handler that answers this value.
pub(crate) fn returning(value: i64) -> impl Handler {
    move |_: &HandlerCtx<'_>| NotifAction::ReturnValue(value)
}

/// What was noted, in order.
#[derive(Default)]
pub(crate) struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Notes<T> {
    fn clone(&self) -> Self {
        Notes(Arc::clone(&self.0))
    }
}

impl<T> Notes<T> {
    pub(crate) fn new() -> Self {
        Notes(Arc::new(Mutex::new(Vec::new())))
    }

    pub(crate) fn note(&self, note: T) {
        self.0.lock().unwrap().push(note);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// All so far, which are forgotten.
    pub(crate) fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl<T: Send + 'static> Notes<T> {
    /// A handler that notes what `look` sees, and lets the call through.
    pub(crate) fn taken(
        &self,
        look: impl Fn(&HandlerCtx<'_>) -> T + Send + Sync + 'static,
    ) -> impl Handler {
        let notes = self.clone();
        move |cx: &HandlerCtx<'_>| {
            notes.note(look(cx));
            NotifAction::Continue
        }
    }
}

/// An observer that notes verdicts, as `call: outcome by whom`.
pub(crate) struct Verdicts(pub(crate) Notes<String>);

impl Observer for Verdicts {
    fn call(&self, _: &HandlerCtx<'_>) {}

    fn verdict(&self, cx: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        self.0.note(format!("{}: {:?} by {}", cx.syscall(), verdict.outcome, verdict.by));
    }
}

/// Something that is waited for.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open, which must come in time.
    pub(crate) fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        let limit = Duration::from_secs(60);
        let (open, _) = self.0.1.wait_timeout_while(open, limit, |open| !*open).unwrap();
        assert!(*open, "nobody has opened it");
    }
}

/// How a program is run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Run,
    Interactive,
    Spawn,
}

pub(crate) const WAYS: [Way; 3] = [Way::Run, Way::Interactive, Way::Spawn];

impl Way {
    /// Runs the guest this way; how it ended and what it printed.
    pub(crate) fn run(self, sandbox: &Sandbox, action: &[OsString]) -> (Output, String) {
        let launch = Launch::new([GUEST]).args(action);
        let captured = |output: Output| {
            let printed = String::from_utf8_lossy(output.stdout()).into_owned();
            (output, printed)
        };
        match self {
            Way::Run => captured(sandbox.run(launch).unwrap()),
            // As `run_interactive`, but for where the text goes.
            Way::Interactive => {
                captured(sandbox.run(launch.interactive().stdout(Stdio::captured())).unwrap())
            }
            Way::Spawn => {
                let child = sandbox.spawn(launch.stdout(Stdio::piped())).unwrap();
                let printed = read_to_end(child.stdout().unwrap());
                (child.wait().unwrap(), printed)
            }
        }
    }
}

/// What the guest prints about `calls`, each on its line.
pub(crate) fn lines(sandbox: &Sandbox, calls: &Calls) -> Vec<String> {
    let action = calls.action("calls");
    prints(sandbox, &action).lines().map(str::to_owned).collect()
}

/// What the guest prints about one call.
pub(crate) fn line(sandbox: &Sandbox, calls: &Calls) -> String {
    lines(sandbox, calls).pop().unwrap()
}

/// What the guest prints, which must succeed.
pub(crate) fn prints(sandbox: &Sandbox, action: &[impl AsRef<std::ffi::OsStr>]) -> String {
    let output = sandbox.run(Launch::new([GUEST]).args(action)).unwrap();
    let printed = String::from_utf8_lossy(output.stdout());
    let errors = String::from_utf8_lossy(output.stderr());
    assert!(output.success(), "{output:?} {printed} {errors}");
    printed.trim_end().to_owned()
}
