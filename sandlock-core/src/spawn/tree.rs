//! The owner's hold on a keeper and the tree below it.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, waitid};

use super::diagnose;
use super::keeper::{self, Orders};
use super::report::{RawUsage, Report};
use super::start::{Session, Source, Start};
use crate::error::{Error, ErrorKind, Result};
use crate::step::Step;
use crate::sys::clone::{Slots, clone, clone_without_handlers};
use crate::sys::descriptor::above_stdio;
use crate::sys::listener::Listener;
use crate::sys::raw::Errno as RawErrno;
use crate::sys::stack::StackPair;
use crate::sys::{pidfd, signal};

/// A running keeper. Dropping it ends and reaps the tree.
///
/// The keeper also ends the tree when the thread ends that started it, whoever has this then.
pub(crate) struct Tree {
    keeper: OwnedFd,
    ended: bool,
    used: ManuallyDrop<Used>,
}

// SAFETY: the pointers in it lead to what it owns itself, which does not move with it.
unsafe impl Send for Tree {}
// SAFETY: as above.
unsafe impl Send for Start {}

/// A second hold on a tree, for who answers its calls.
pub(crate) struct Hold {
    keeper: OwnedFd,
    report: Arc<Report>,
}

/// What keeper and child use until they have ended.
struct Used {
    start: Start,
    _orders: Box<Orders>,
    stacks: StackPair,
}

/// The program of a tree, once it has been executed.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) program: i32,
    pub(crate) program_fd: OwnedFd,
    pub(crate) keeper: i32,
    pub(crate) keeper_fd: OwnedFd,
}

/// How a program and its tree ended.
pub(crate) struct End {
    /// As wait(2) has it.
    pub(crate) status: i32,
    pub(crate) timed_out: bool,
    pub(crate) usage: RawUsage,
}

impl Tree {
    /// Carries out `start`. The program may not have been executed yet when this returns.
    pub(crate) fn start(start: Start) -> Result<Tree> {
        let stacks = StackPair::take()?;
        let orders = Box::new(Orders {
            host: std::process::id().cast_signed(),
            child_stack: stacks.second(),
            script: &raw const *start.script,
            report: &raw const *start.report,
            bell: start.bell.as_ref().map(AsRawFd::as_raw_fd),
            leads_group: !matches!(start.surroundings.session, Session::Callers),
            scope: start.prepared.keeper_scope.as_ref().map(AsRawFd::as_raw_fd),
            timeout: start.surroundings.timeout,
        });
        let keeper = start_keeper(&stacks, &orders, &start.report)
            .map_err(|errno| Error::step_failed(Step::Keeper, errno))?;
        let used = ManuallyDrop::new(Used { start, _orders: orders, stacks });
        let mut tree = Tree { keeper, ended: false, used };
        if tree.keeper.as_raw_fd() <= 2 {
            // Above 2, where a host puts nothing else.
            tree.keeper = tree.clone_keeper()?;
        }
        Ok(tree)
    }

    fn report(&self) -> &Report {
        &self.used.start.report
    }

    /// What keeper and child say, for who outlives the tree.
    pub(crate) fn shared_report(&self) -> Arc<Report> {
        Arc::clone(&self.used.start.report)
    }

    /// A second hold on the tree.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when this process has no descriptors left.
    pub(crate) fn hold(&self) -> Result<Hold> {
        Ok(Hold { keeper: self.clone_keeper()?, report: Arc::clone(&self.used.start.report) })
    }

    fn clone_keeper(&self) -> Result<OwnedFd> {
        self.keeper.try_clone().map_err(|error| {
            Error::io("fcntl(keeper, F_DUPFD_CLOEXEC)", crate::text::errno_of(&error))
        })
    }

    /// Becomes readable when the whole tree has ended.
    pub(crate) fn ended(&self) -> BorrowedFd<'_> {
        self.keeper.as_fd()
    }

    /// Becomes readable when the program has been executed, and when it has stopped; only where
    /// the start asked for that.
    pub(crate) fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.used.start.bell.as_ref().map(AsFd::as_fd)
    }

    /// Whether the program has been executed.
    pub(crate) fn is_executed(&self) -> bool {
        self.report().is_executed()
    }

    /// The process id of the program, once there is a child for it.
    pub(crate) fn program(&self) -> Option<i32> {
        self.report().program()
    }

    /// The program that the bell was rung for, once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when this process has no descriptors left.
    pub(crate) fn take_running(&self) -> Result<Option<Running>> {
        if !self.is_executed() {
            return Ok(None);
        }
        let Some(fd) = self.report().take_program_fd() else { return Ok(None) };
        // SAFETY: the kernel has put this descriptor into our table, for us alone.
        let program_fd = above_stdio(unsafe { OwnedFd::from_raw_fd(fd) })?;
        let Some(program) = self.report().program() else { return Ok(None) };
        let keeper_fd = self.clone_keeper()?;
        Ok(Some(Running { program, program_fd, keeper: self.report().keeper(), keeper_fd }))
    }

    /// The signal that has stopped the program, once.
    pub(crate) fn take_stop(&self) -> Option<i32> {
        self.report().take_stop()
    }

    /// Closes our side of the program's descriptors, which it has its own copies of since it was
    /// executed: readers of its output learn its end.
    pub(crate) fn let_go_of_stdio(&mut self) {
        self.used.start.surroundings.stdio = [const { Source::Inherit }; 3];
    }

    /// Lets a program that stopped go on, with its group.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when this process may not signal, by a filter of its own.
    pub(crate) fn go_on(&self) -> Result<()> {
        pidfd::send(&self.keeper, "keeper", keeper::GO_ON)
    }

    /// Asks the keeper to end the tree.
    ///
    /// # Errors
    ///
    /// As [`Tree::go_on`].
    pub(crate) fn end(&self) -> Result<()> {
        end(&self.keeper)
    }

    /// Waits for the end of the tree and says how it went.
    ///
    /// # Errors
    ///
    /// What kept the program from being executed; [`ErrorKind::Io`] if the keeper was killed.
    pub(crate) fn finish(mut self) -> Result<End> {
        self.reap();
        let Start { report, command, prepared, .. } = &self.used.start;
        if let Some((step, errno)) = report.failure() {
            return Err(diagnose::failed_start(step, errno, command, &prepared.plan));
        }
        let Some(status) = report.status() else {
            return Err(Error::new(ErrorKind::Io, "the keeper of the program was killed"));
        };
        Ok(End { status, timed_out: report.timed_out(), usage: report.usage() })
    }

    /// Waits until the keeper has ended and leaves no zombie of it.
    pub(crate) fn reap(&mut self) {
        if self.ended {
            return;
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::__WALL;
        // ECHILD: the host waits for every kind of child and was faster, which changes nothing.
        while waitid(Id::PIDFd(self.keeper.as_fd()), flags) == Err(Errno::EINTR) {}
        self.report().note_end_of_keeper();
        self.ended = true;
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.ended {
            // Where it cannot be ended it is waited for: freeing what it still uses would be worse.
            end(&self.keeper).ok();
            self.reap();
        }
        let report = self.report();
        for fd in [report.take_program_fd(), report.take_listener()].into_iter().flatten() {
            // SAFETY: the kernel has put this descriptor into our table, and nobody took it.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        // A keeper that was killed may have left a child that still uses it all.
        if !self.report().is_shared() {
            // SAFETY: keeper and child have left it, and nothing comes after a drop.
            let used = unsafe { ManuallyDrop::take(&mut self.used) };
            used.stacks.give_back();
        }
    }
}

/// How long to wait before looking whether there is a keeper that could bring a listener.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

impl Hold {
    /// Waits for the listener of the tree's calls, once; `None` if the tree has ended before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] where this kernel's notifications do not fit; [`ErrorKind::Io`].
    pub(crate) fn await_listener(&self, tells_end: bool) -> Result<Option<Listener>> {
        loop {
            self.report.await_listener(LOOK_AGAIN);
            // In this order: what has been set is not missed.
            let has_ended = has_event(self.keeper.as_fd())?;
            if let Some(fd) = self.report.take_listener() {
                // SAFETY: the kernel has put this descriptor into our table, for us alone.
                let listener = unsafe { Listener::own(fd, tells_end) };
                return listener.map(Some).map_err(|errno| {
                    let message = "this kernel's notifications do not fit into our structures";
                    Error::new(ErrorKind::Unsupported, message).with_errno(errno)
                });
            }
            if has_ended {
                return Ok(None);
            }
        }
    }

    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    /// Asks the keeper to end the tree.
    ///
    /// # Errors
    ///
    /// As [`Tree::go_on`].
    pub(crate) fn end(&self) -> Result<()> {
        end(&self.keeper)
    }
}

/// Whether a descriptor has an event: of a pidfd, that its process has ended.
pub(crate) fn has_event(fd: BorrowedFd) -> Result<bool> {
    has_event_within(fd, 0)
}

/// The same within so many milliseconds, or less where a signal comes.
pub(super) fn has_event_within(fd: BorrowedFd, patience: u16) -> Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::from(patience)) {
        Ok(_) | Err(Errno::EINTR) => Ok(fds[0].any().unwrap_or(false)),
        Err(errno) => Err(Error::io("poll(pidfd)", errno as i32)),
    }
}

impl Running {
    /// Asks the keeper to end the tree.
    ///
    /// # Errors
    ///
    /// As [`Tree::go_on`].
    pub(crate) fn end(&self) -> Result<()> {
        end(&self.keeper_fd)
    }
}

/// Asks a keeper to end its tree; somebody outside may have stopped it.
fn end(keeper: &OwnedFd) -> Result<()> {
    pidfd::send(keeper, "keeper", keeper::END)?;
    pidfd::send(keeper, "keeper", libc::SIGCONT)
}

/// Creates the keeper with every signal blocked, so that no handler of the host runs in it. Its
/// exit signal is 0: the host gets no SIGCHLD, and only a wait with __WALL or __WCLONE sees it.
fn start_keeper(stacks: &StackPair, orders: &Orders, report: &Report) -> Result<OwnedFd, RawErrno> {
    let mut pidfd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_PIDFD;
    let mask = signal::set_mask(u64::MAX)?;
    let argument = (&raw const *orders).cast_mut().cast();
    let slots = Slots { pidfd: &raw mut pidfd, memory: std::ptr::null_mut() };
    report.set_without_handlers(true);
    // SAFETY: the first stack is the keeper's alone, and `Tree` keeps stacks, orders and all that
    // they point to until the keeper has ended.
    let started = unsafe {
        clone_without_handlers(flags, stacks.first(), &raw mut pidfd, keeper::run, argument)
            .or_else(|_| {
                report.set_without_handlers(false);
                clone(flags, stacks.first(), slots, keeper::run, argument)
            })
    };
    let restored = signal::set_mask(mask);
    debug_assert!(restored.is_ok(), "the mask was valid before");
    started?;
    // SAFETY: the kernel has just put this descriptor there, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(pidfd) })
}
