//! Signals that somebody sends to the command go on to the program.

use std::sync::Arc;

use nix::sys::signal::{SigSet, Signal};
use sandlock::Child;

use crate::diagnostics::Failure;

/// What a user, a shell or a supervisor sends to end something.
const PASSED_ON: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// The signals, blocked: they are waited for instead.
pub(crate) struct Signals(SigSet);

impl Signals {
    /// Blocks the signals, in this thread and all that it starts from now on. The program starts
    /// with none blocked.
    pub(crate) fn block() -> Result<Signals, Failure> {
        let set: SigSet = PASSED_ON.into_iter().collect();
        set.thread_block()
            .map_err(|errno| Failure::new(format!("cannot block signals: {}", errno.desc())))?;
        Ok(Signals(set))
    }

    /// Passes each signal on to `child`, until this process ends.
    pub(crate) fn pass_on(self, child: Arc<Child>) {
        std::thread::spawn(move || {
            while let Ok(signal) = self.0.wait() {
                // A program that has ended needs none any more. One that is stopped hears nothing
                // before it goes on.
                let passed = child.signal(signal as i32);
                let heard = if signal == Signal::SIGINT { Ok(()) } else { child.resume() };
                if passed.and(heard).is_err() {
                    // Whoever sent it wants an end. Where even that is refused, nothing is left.
                    child.kill().ok();
                }
            }
        });
    }
}
