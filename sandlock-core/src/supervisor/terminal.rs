//! The caller's terminal, lent to an interactive program.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::sys::signal::{SigmaskHow, Signal, kill, raise};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgid, getpgrp, getppid, getsid, tcgetpgrp, tcsetpgrp};

use crate::error::Result;
use crate::sys::mask::Mask;
use crate::sys::signal::{self, Disposition};

/// A terminal whose foreground group the caller's is, unless a program has been given that place.
pub(crate) struct Foreground {
    terminal: OwnedFd,
    group: Pid,
    modes: Option<Termios>,
    /// Whether the program's group is in the foreground.
    lent: bool,
}

impl Foreground {
    /// The terminal of this process; `None` if it has none or is in the background.
    pub(crate) fn of_this_process() -> Option<Foreground> {
        let flags = libc::O_NOCTTY | libc::O_CLOEXEC;
        let terminal =
            File::options().read(true).write(true).custom_flags(flags).open("/dev/tty").ok()?;
        let group = getpgrp();
        if tcgetpgrp(&terminal) != Ok(group) {
            return None;
        }
        let modes = tcgetattr(&terminal).ok();
        // The program takes the place itself, before it is executed.
        Some(Foreground { terminal: terminal.into(), group, modes, lent: true })
    }

    /// The terminal once more, for the child.
    pub(crate) fn descriptor(&self) -> std::io::Result<OwnedFd> {
        self.terminal.try_clone()
    }

    /// Puts the caller's group back into the foreground, if the program's is there.
    pub(crate) fn take_back(&mut self) {
        if std::mem::take(&mut self.lent) {
            self.put_into_foreground(self.group);
        }
    }

    /// Sets the terminal's modes to what they were at the start: a program that was killed could
    /// not.
    pub(crate) fn restore_modes(&self) {
        if let Some(modes) = &self.modes {
            let _kept = without_stopping(|| {
                tcsetattr(self.terminal.as_fd(), SetArg::TCSADRAIN, modes).ok()
            });
        }
    }

    /// Stops the caller's group as `signal` has stopped `program`'s, and lets that go on when
    /// somebody lets the caller's go on. Where nobody would, the program goes on at once.
    pub(crate) fn suspend(
        &mut self,
        signal: i32,
        program: i32,
        go_on: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        self.take_back();
        if stops_by_default(signal) && is_in_a_job() {
            stop_this_group(signal);
        }
        // In the background the terminal is somebody else's.
        if tcgetpgrp(&self.terminal) == Ok(self.group) {
            self.put_into_foreground(Pid::from_raw(program));
            self.lent = true;
        }
        go_on()
    }

    fn put_into_foreground(&self, group: Pid) {
        let _moved = without_stopping(|| tcsetpgrp(&self.terminal, group).ok());
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        self.take_back();
    }
}

fn stops_by_default(number: i32) -> bool {
    number == libc::SIGSTOP || signal::disposition(number) == Ok(Disposition::Default)
}

/// Stops every other process of this group, for a shell that waits for all of it, and then this
/// one. A signal to the whole group would stop this one at some point, a second one would perhaps
/// come after somebody let it go on: so it is deaf to the first, and the other one stops it here.
fn stop_this_group(number: i32) {
    let Ok(stop) = Signal::try_from(number) else { return };
    if number != libc::SIGSTOP && signal::ignore(number).is_ok() {
        kill(Pid::from_raw(0), stop).ok();
        signal::reset(number).ok();
    }
    let _unblocked = Mask::change(SigmaskHow::SIG_UNBLOCK, stop).ok();
    raise(stop).ok();
}

/// Whether the parent is in this session and another group: the sign of a shell that lets stopped
/// jobs go on.
fn is_in_a_job() -> bool {
    let parent = Some(getppid());
    let session = getsid(None);
    session.is_ok() && getsid(parent) == session && getpgid(parent) != Ok(getpgrp())
}

/// Does something to the terminal that would stop a process in the background.
fn without_stopping<T>(action: impl FnOnce() -> T) -> T {
    let _blocked = Mask::change(SigmaskHow::SIG_BLOCK, Signal::SIGTTOU).ok();
    action()
}
