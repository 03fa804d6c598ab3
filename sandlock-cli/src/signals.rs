//! Signals that somebody sends to the command go on to the program, and an end by Ctrl-C is an end of
//! the command by Ctrl-C.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd::{getpgrp, tcgetpgrp};
use sandlock::{Child, Output};

use crate::diagnostics::Failure;

/// What a user, a shell or a supervisor sends to end something.
const PASSED_ON: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// The signals, blocked: they are read instead.
pub(crate) struct Signals {
    fd: SignalFd,
    /// Whether the program is in our process group, and gets itself what a terminal sends to that.
    shares_group: bool,
    /// What came before there could be a program, and reached nobody else.
    early: Vec<siginfo>,
}

/// What is to be known when the program has ended.
pub(crate) struct Aftermath {
    passed_on: Arc<AtomicBool>,
}

impl Signals {
    /// Blocks the signals, in this thread and all that it starts from now on. The program starts
    /// with none blocked.
    pub(crate) fn block() -> Result<Signals, Failure> {
        let failed = |errno: nix::errno::Errno| {
            Failure::new(format!("cannot block signals: {}", errno.desc()))
        };
        let set: SigSet = PASSED_ON.into_iter().collect();
        set.thread_block().map_err(failed)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&set, flags).map_err(failed)?;
        let shares_group = !has_nothing_but_the_foreground();
        Ok(Signals { fd, shares_group, early: Vec::new() })
    }

    /// Takes what has come, right before the program is started: from then on it gets itself what a
    /// terminal sends to its group.
    pub(crate) fn take_early(&mut self) {
        while let Ok(Some(info)) = self.fd.read_signal() {
            self.early.push(info);
        }
    }

    /// Passes each signal on to `child`, until this process ends.
    pub(crate) fn pass_on(self, child: Arc<Child>) -> Result<Aftermath, Failure> {
        let passed_on = Arc::new(AtomicBool::new(false));
        let aftermath = Aftermath { passed_on: Arc::clone(&passed_on) };
        for info in &self.early {
            pass(info, &child, &passed_on);
        }
        let work = move || {
            while wait_for(&self.fd) {
                while let Ok(Some(info)) = self.fd.read_signal() {
                    let is_theirs = self.shares_group && is_from_terminal(&info);
                    if !is_theirs {
                        pass(&info, &child, &passed_on);
                    }
                }
            }
        };
        std::thread::Builder::new()
            .spawn(work)
            .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
        Ok(aftermath)
    }
}

/// Waits until there is a signal to read; false where that is refused.
fn wait_for(fd: &SignalFd) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    !matches!(poll(&mut fds, PollTimeout::NONE), Err(errno) if errno != nix::errno::Errno::EINTR)
}

/// Whether a key was pressed that sends to a whole group. Not SIGHUP, of which the kernel tells the
/// leader of a session alone that its terminal is gone.
fn is_from_terminal(info: &siginfo) -> bool {
    info.ssi_code == libc::SI_KERNEL && info.ssi_signo.cast_signed() != libc::SIGHUP
}

fn pass(info: &siginfo, child: &Child, passed_on: &AtomicBool) {
    let signal = info.ssi_signo.cast_signed();
    if !is_from_terminal(info) {
        passed_on.store(true, Ordering::Release);
    }
    if child.signal(signal).is_err() {
        // Whoever sent it wants an end. Where even that is refused, nothing is left to do.
        child.kill().ok();
    } else if signal != libc::SIGINT && child.resume().is_err() {
        // A program that is stopped hears nothing before it goes on. Not all of it may do so now.
        child.signal(libc::SIGCONT).ok();
    }
}

impl Aftermath {
    /// Ends this process as Ctrl-C or Ctrl-\ has ended the program: a shell that waits for us ends its
    /// loop then. Returns for every other end.
    pub(crate) fn end_alike(&self, output: &Output) {
        let signal = match output.signal() {
            Some(libc::SIGINT) => Signal::SIGINT,
            Some(libc::SIGQUIT) => Signal::SIGQUIT,
            _ => return,
        };
        if self.passed_on.load(Ordering::Acquire) || !is_in_foreground() {
            return;
        }
        // No dump of ours: the program has ended that way, not we.
        setrlimit(Resource::RLIMIT_CORE, 0, 0).ok();
        SigSet::from(signal).thread_unblock().ok();
        raise(signal).ok();
    }
}

/// Whether we are in the foreground of our terminal, if we have one.
fn is_in_foreground() -> bool {
    File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(terminal) == Ok(getpgrp()))
}

/// Whether the program gets the terminal's foreground in our place, by the rule of
/// [`Launch::interactive`](sandlock::Launch::interactive).
fn has_nothing_but_the_foreground() -> bool {
    let ours = Ok(getpgrp());
    tcgetpgrp(std::io::stdin()) == ours
        && tcgetpgrp(std::io::stdout()) == ours
        && tcgetpgrp(std::io::stderr()) == ours
}
