//! Signals that somebody sends to the command go on to the program, and what a terminal sent to the
//! program alone reaches those who wait for the command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, killpg, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, getpgrp, tcgetpgrp};
use sandlock::{Child, Output};

use crate::diagnostics::Failure;

/// What a user, a shell or a supervisor sends to end something.
const PASSED_ON: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// The signals, blocked: they are read instead.
pub(crate) struct Signals {
    fd: SignalFd,
    came: Arc<Came>,
}

/// Which ways signals came.
#[derive(Default)]
struct Came {
    from_terminal: AtomicBool,
    from_somebody: AtomicBool,
}

/// What is left to do when the program has ended.
pub(crate) struct Aftermath(Arc<Came>);

impl Signals {
    /// Blocks the signals, in this thread and all that it starts from now on. The program starts
    /// with none blocked.
    pub(crate) fn block() -> Result<Signals, Failure> {
        let failed = |errno: nix::errno::Errno| {
            Failure::new(format!("cannot block signals: {}", errno.desc()))
        };
        let set: SigSet = PASSED_ON.into_iter().collect();
        set.thread_block().map_err(failed)?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC).map_err(failed)?;
        Ok(Signals { fd, came: Arc::default() })
    }

    /// Passes each signal on to `child`, until this process ends.
    pub(crate) fn pass_on(self, child: Arc<Child>) -> Result<Aftermath, Failure> {
        let came = Arc::clone(&self.came);
        let pass_on = move || {
            while let Ok(Some(info)) = self.fd.read_signal() {
                self.came.pass_on(&child, info.ssi_signo.cast_signed(), info.ssi_code);
            }
        };
        std::thread::Builder::new()
            .spawn(pass_on)
            .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
        Ok(Aftermath(came))
    }
}

impl Came {
    fn pass_on(&self, child: &Child, signal: i32, code: i32) {
        // The terminal sends to a whole group. It is the program's too, or we would not be told.
        if code == libc::SI_KERNEL {
            self.from_terminal.store(true, Ordering::Release);
            return;
        }
        self.from_somebody.store(true, Ordering::Release);
        let passed = child.signal(signal);
        // A program that is stopped hears nothing before it goes on.
        let heard = if signal == libc::SIGINT { Ok(()) } else { child.resume() };
        if passed.and(heard).is_err() {
            // Whoever sent it wants an end. Where even that is refused, nothing is left to do.
            child.kill().ok();
        }
    }
}

impl Aftermath {
    /// Ends this process as Ctrl-C or Ctrl-\ has ended the program: shells and scripts that wait for
    /// us look at that. Returns for every other end.
    pub(crate) fn end_alike(&self, output: &Output) {
        let signal = match output.signal() {
            Some(libc::SIGINT) => Signal::SIGINT,
            Some(libc::SIGQUIT) => Signal::SIGQUIT,
            _ => return,
        };
        if self.0.from_somebody.load(Ordering::Acquire) {
            return;
        }
        if !self.0.from_terminal.load(Ordering::Acquire) {
            if !has_foreground() {
                return;
            }
            // The terminal has sent it to the program's group alone, in our place: the rest of our
            // group would have got it.
            killpg(getpgrp(), signal).ok();
        }
        // No dump of ours: the program has ended that way, not we.
        setrlimit(Resource::RLIMIT_CORE, 0, 0).ok();
        SigSet::from(signal).thread_unblock().ok();
        raise(signal).ok();
    }
}

/// Whether we are in the foreground of a terminal with all that we have, so that the program was
/// there in our place.
fn has_foreground() -> bool {
    let ours: nix::Result<Pid> = Ok(getpgrp());
    tcgetpgrp(std::io::stdin()) == ours
        && tcgetpgrp(std::io::stdout()) == ours
        && tcgetpgrp(std::io::stderr()) == ours
}
