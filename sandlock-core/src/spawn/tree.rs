//! The owner's hold on a keeper and the tree below it.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};

use super::diagnose;
use super::keeper::{self, Orders};
use super::launch::Launch;
use super::report::{RawUsage, Report};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Plan;
use crate::step::Step;
use crate::sys::clone::{clone, clone_without_handlers};
use crate::sys::raw;
use crate::sys::stack::StackPair;

/// A running keeper. Dropping it ends and reaps the tree.
///
/// It must stay in the thread that started it: the keeper ends the tree when that thread ends.
pub(crate) struct Tree {
    keeper: OwnedFd,
    ended: bool,
    used: ManuallyDrop<Used>,
    /// Not to be sent to another thread.
    _owner: std::marker::PhantomData<*const ()>,
}

/// What keeper and child use until they have ended.
struct Used {
    launch: Launch,
    _orders: Box<Orders>,
    stacks: StackPair,
}

impl Tree {
    /// Carries out `launch`. The program may not have been executed yet when this returns.
    pub(crate) fn start(launch: Launch) -> Result<Tree> {
        let stacks = StackPair::take()?;
        let orders = Box::new(Orders {
            host: std::process::id().cast_signed(),
            child_stack: stacks.second(),
            script: &raw const *launch.script,
            report: &raw const *launch.report,
        });
        let keeper = start_keeper(&stacks, &orders, &launch.report)
            .map_err(|errno| Error::step_failed(Step::Keeper, errno))?;
        Ok(Tree {
            keeper,
            ended: false,
            used: ManuallyDrop::new(Used { launch, _orders: orders, stacks }),
            _owner: std::marker::PhantomData,
        })
    }

    /// Becomes readable when the whole tree has ended.
    pub(crate) fn ended(&self) -> BorrowedFd<'_> {
        self.keeper.as_fd()
    }

    /// Asks the keeper to end the tree; [`ended`](Tree::ended) says when that is done.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when this process may not signal, by a filter of its own.
    pub(crate) fn end(&self) -> Result<()> {
        match raw::signal_pidfd(self.keeper.as_raw_fd(), keeper::END) {
            // A keeper that has ended has done what it is asked for.
            Ok(()) | Err(libc::ESRCH) => Ok(()),
            Err(errno) => Err(Error::io("pidfd_send_signal(keeper, SIGTERM)", errno)),
        }
    }

    /// Waits for the end of the tree and says how it went.
    ///
    /// # Errors
    ///
    /// What kept the program from being executed; [`ErrorKind::Io`] if the keeper was killed.
    pub(crate) fn finish(mut self, plan: &Plan) -> Result<(i32, RawUsage)> {
        self.reap();
        let Launch { report, command, .. } = &self.used.launch;
        if let Some((step, errno)) = report.failure() {
            return Err(diagnose::failed_start(step, errno, command, plan));
        }
        let Some(status) = report.status() else {
            return Err(Error::new(ErrorKind::Io, "the keeper of the program was killed"));
        };
        Ok((status, report.usage()))
    }

    /// Waits until the keeper has ended and leaves no zombie of it.
    fn reap(&mut self) {
        if self.ended {
            return;
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::__WALL;
        // ECHILD: the host waits for every kind of child and was faster, which changes nothing.
        while waitid(Id::PIDFd(self.keeper.as_fd()), flags) == Err(Errno::EINTR) {}
        self.ended = true;
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.ended {
            // Where it cannot be ended it is waited for: freeing what it still uses would be worse.
            self.end().ok();
            self.reap();
        }
        // A keeper that was killed may have left a child that still uses it all for a moment.
        let report = &self.used.launch.report;
        if report.status().is_some() || report.failure().is_some() {
            // SAFETY: keeper and child have ended, and nothing comes after a drop.
            let used = unsafe { ManuallyDrop::take(&mut self.used) };
            used.stacks.give_back();
        }
    }
}

/// Creates the keeper with every signal blocked, so that no handler of the host runs in it. Its
/// exit signal is 0: the host gets no SIGCHLD, and only a wait with __WALL or __WCLONE sees it.
fn start_keeper(
    stacks: &StackPair,
    orders: &Orders,
    report: &Report,
) -> Result<OwnedFd, raw::Errno> {
    let mut pidfd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_PIDFD;
    let mask = raw::set_signal_mask(u64::MAX)?;
    let argument = (&raw const *orders).cast_mut().cast();
    report.set_without_handlers(true);
    // SAFETY: the first stack is the keeper's alone, and `Tree` keeps stacks, orders and all that
    // they point to until the keeper has ended.
    let started = unsafe {
        clone_without_handlers(flags, stacks.first(), &raw mut pidfd, keeper::run, argument)
            .or_else(|_| {
                report.set_without_handlers(false);
                clone(flags, stacks.first(), &raw mut pidfd, keeper::run, argument)
            })
    };
    let restored = raw::set_signal_mask(mask);
    started?;
    // SAFETY: the kernel has just put this descriptor there, for us alone.
    let keeper = unsafe { OwnedFd::from_raw_fd(pidfd) };
    restored.map(|_| keeper)
}
