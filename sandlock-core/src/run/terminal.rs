//! The caller's terminal, lent to an interactive program.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigmaskHow, Signal, kill, killpg, raise};
use nix::sys::termios::{FlowArg, SetArg, Termios, tcflow, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgid, getpgrp, getppid, getsid, tcgetpgrp, tcsetpgrp};

use crate::error::{Error, Result};
use crate::launch::{Kind, Launch};
use crate::spawn::Session;
use crate::sys::mask::Mask;
use crate::sys::signal::{self, Disposition};
use crate::text::errno_of;

/// The caller's terminal, whose foreground group the program's is in place of the caller's.
pub(crate) struct Foreground {
    terminal: OwnedFd,
    group: Pid,
    modes: Option<Termios>,
    /// Whether the program's group is in the foreground.
    lent: bool,
}

impl Foreground {
    /// Where an interactive program is placed. It gets the terminal's foreground where the caller
    /// has it and the program gets nothing but the terminal: partners in a pipeline would be left
    /// in the background. Otherwise it stays in the caller's group, which shares what the terminal
    /// sends; without a terminal that would only mean to get what is sent to the caller.
    pub(crate) fn lend(launch: &Launch) -> Result<(Session, Option<Foreground>)> {
        let flags = libc::O_NOCTTY | libc::O_CLOEXEC;
        let opened = File::options().read(true).write(true).custom_flags(flags).open("/dev/tty");
        let Ok(terminal) = opened else { return Ok((Session::OwnGroup, None)) };
        let group = getpgrp();
        if !gets_foreground_of(launch, group) {
            return Ok((Session::Callers, None));
        }
        let for_child = terminal
            .try_clone()
            .map_err(|error| Error::io("fcntl(terminal, F_DUPFD_CLOEXEC)", errno_of(&error)))?;
        let modes = tcgetattr(&terminal).ok();
        // The program takes the place itself, before it is executed.
        let lent = Foreground { terminal: terminal.into(), group, modes, lent: true };
        Ok((Session::Foreground(for_child.into()), Some(lent)))
    }

    /// Puts the caller's group back into the foreground, if `program`'s is there, or one that is no
    /// more: somebody else may have put another one there.
    pub(crate) fn take_back(&mut self, program: Option<i32>) {
        if !self.lent {
            return;
        }
        let Ok(holder) = tcgetpgrp(&self.terminal) else { return };
        let is_programs = program == Some(holder.as_raw());
        if is_programs || killpg(holder, None) == Err(Errno::ESRCH) {
            self.put_into_foreground(self.group);
            self.lent = false;
            // A program can have stopped the output of its terminal.
            let _flows = without_stopping(|| tcflow(&self.terminal, FlowArg::TCOON).ok());
        }
    }

    /// Sets the terminal's modes to what they were at the start: a program that was killed could
    /// not.
    pub(crate) fn restore_modes(&self) {
        if let Some(modes) = &self.modes
            && tcgetpgrp(&self.terminal) == Ok(self.group)
        {
            let _kept =
                without_stopping(|| tcsetattr(self.terminal.as_fd(), SetArg::TCSANOW, modes).ok());
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
        self.take_back(Some(program));
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
        self.take_back(None);
    }
}

/// Whether descriptors 0, 1 and 2 of the program are the caller's terminal, with `group` in its
/// foreground.
fn gets_foreground_of(launch: &Launch, group: Pid) -> bool {
    let inherits = launch.stdio().iter().all(|stdio| matches!(stdio.0, Kind::Inherit));
    // That fails for everything but the caller's own terminal.
    let is_there = |holder: nix::Result<Pid>| holder == Ok(group);
    inherits
        && is_there(tcgetpgrp(std::io::stdin()))
        && is_there(tcgetpgrp(std::io::stdout()))
        && is_there(tcgetpgrp(std::io::stderr()))
}

fn stops_by_default(number: i32) -> bool {
    number == libc::SIGSTOP || signal::disposition(number) == Ok(Disposition::Default)
}

/// Stops every other process of this group, for a shell that waits for all of it, and then this
/// one. A signal to the whole group would stop this one at some point, a second one would perhaps
/// come after somebody let it go on: so it is deaf to the first, and the other one stops it here.
fn stop_this_group(number: i32) {
    let Ok(stop) = Signal::try_from(number) else { return };
    let _blocked = Mask::change(SigmaskHow::SIG_BLOCK, stop).ok();
    if number != libc::SIGSTOP && signal::ignore(number).is_ok() {
        kill(Pid::from_raw(0), stop).ok();
        // It is kept although it is ignored, if another thread has it blocked.
        let _taken = signal::take(signal::bit(number), Some(Duration::ZERO));
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
