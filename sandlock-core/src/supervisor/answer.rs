//! Carries out what was decided about a call.

use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::dispatcher::{Call, Calls};
use crate::handler::{HandlerCtx, NotifAction, Outcome, wants_cloexec};
use crate::sys::listener::{Answer, Placing};
use crate::sys::raw::Errno as RawErrno;
use crate::text::errno_of;

/// An answer with everything that it takes.
pub(super) enum Ready {
    Send(Answer, Outcome),
    Inject { fd: OwnedFd, cloexec: bool },
    Kill,
}

impl Ready {
    /// The kernel carries the call out.
    pub(super) const PASS: Ready = Ready::Send(Answer::Continue, Outcome::Continue);

    /// What it takes to do what a handler answered, while the task's memory can still be read.
    pub(super) fn new(cx: &HandlerCtx<'_>, action: NotifAction) -> Ready {
        match action {
            NotifAction::Continue => Ready::PASS,
            NotifAction::Errno(errno) => Ready::refusal(errno),
            NotifAction::ReturnValue(value) => Ready::Send(Answer::Value(value), returned(value)),
            NotifAction::InjectFd { fd, cloexec } => Ready::Inject { fd, cloexec },
            NotifAction::InjectBytes(bytes) => match sealed(&bytes) {
                Ok(fd) => Ready::Inject { fd, cloexec: wants_cloexec(cx) },
                Err(errno) => Ready::refusal(errno),
            },
            NotifAction::KillSandbox => Ready::Kill,
            // Whoever asks has made it what it means.
            NotifAction::Fail(_) => Ready::refusal(libc::EPERM),
        }
    }

    pub(super) fn refusal(errno: RawErrno) -> Ready {
        Ready::Send(Answer::Errno(errno), Outcome::Refused(errno))
    }

    /// Answers `call`; what came of it.
    pub(super) fn carry_out(self, calls: &dyn Calls, call: &Call) -> Outcome {
        match self {
            Ready::Send(answer, outcome) => send(calls, call, answer, outcome),
            Ready::Inject { fd, cloexec } => inject(calls, call, &fd, cloexec),
            Ready::Kill => kill(calls, call),
        }
    }
}

/// Ends the tree. The call is not answered: its task would run on until the keeper has killed it, and
/// could even end by itself before. Where the keeper cannot be asked, at least the call is refused.
fn kill(calls: &dyn Calls, call: &Call) -> Outcome {
    match calls.end_tree() {
        true => Outcome::Killed,
        false => refuse(calls, call, libc::EPERM),
    }
}

/// What a program makes of a returned value.
fn returned(value: i64) -> Outcome {
    match value {
        -4095..=-1 => Outcome::Refused(-(value as i32)),
        _ => Outcome::Answered(value),
    }
}

fn refuse(calls: &dyn Calls, call: &Call, errno: RawErrno) -> Outcome {
    send(calls, call, Answer::Errno(errno), Outcome::Refused(errno))
}

/// Hands `fd` out and answers with its number. In one step that would wake the task on another
/// processor, which takes four times as long; in two a signal could come in between, unless nothing
/// but a fatal one can.
fn inject(calls: &dyn Calls, call: &Call, fd: &OwnedFd, cloexec: bool) -> Outcome {
    let answers = !calls.is_killable_only();
    let placing = Placing { cloexec, at: None, answers };
    match calls.add_fd(call.notification.id, fd.as_fd(), placing) {
        Ok(_) if answers => Outcome::Injected,
        Ok(number) => send(calls, call, Answer::Value(number.into()), Outcome::Injected),
        Err(libc::ENOENT) => Outcome::Gone,
        // What the call itself would say in a full table.
        Err(libc::EMFILE) => refuse(calls, call, libc::EMFILE),
        Err(_) => refuse(calls, call, libc::EPERM),
    }
}

/// Sends an answer; what came of it. One that the kernel does not take ends the tree: nothing else
/// keeps the task from waiting for ever.
fn send(calls: &dyn Calls, call: &Call, answer: Answer, outcome: Outcome) -> Outcome {
    match calls.send(call.notification.id, answer) {
        Ok(()) => outcome,
        Err(libc::ENOENT) => Outcome::Gone,
        Err(_) => {
            calls.end_tree();
            Outcome::Killed
        }
    }
}

/// A file in memory with these bytes, which nobody can change.
fn sealed(bytes: &[u8]) -> Result<OwnedFd, RawErrno> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = std::fs::File::from(memfd_create(c"sandlock", flags).map_err(number)?);
    file.write_all(bytes).map_err(|error| errno_of(&error))?;
    std::io::Seek::rewind(&mut file).map_err(|error| errno_of(&error))?;
    let seals = SealFlag::F_SEAL_SEAL
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(number)?;
    Ok(file.into())
}

fn number(errno: Errno) -> RawErrno {
    errno as RawErrno
}
