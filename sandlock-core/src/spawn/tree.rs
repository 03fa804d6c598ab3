//! The owner's hold on a keeper and the tree below it.

#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, waitid};

use super::diagnose;
use super::keeper::{self, Orders};
use super::launch::Launch;
use super::report::{RawUsage, Report};
use super::step::Step;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Plan;
use crate::sys::clone::clone;
use crate::sys::raw;
use crate::sys::stack::StackPair;

/// A running keeper. Dropping it ends and reaps the tree.
///
/// It must stay in the thread that started it: the keeper ends the tree when that thread ends.
pub(crate) struct Tree {
    keeper: OwnedFd,
    ended: bool,
    launch: Launch,
    _orders: Box<Orders>,
    _stacks: StackPair,
    /// Not to be sent to another thread.
    _owner: std::marker::PhantomData<*const ()>,
}

impl Tree {
    /// Carries out `launch`. The program may not have been executed yet when this returns.
    pub(crate) fn start(launch: Launch) -> Result<Tree> {
        let stacks = StackPair::new()?;
        let orders = Box::new(Orders {
            host: std::process::id().cast_signed(),
            child_stack: stacks.second_top(),
            script: &raw const *launch.script,
            report: &raw const *launch.report,
        });
        let keeper = start_keeper(&stacks, &orders).map_err(|errno| {
            let message =
                format!("cannot {}: {}", Step::Keeper, crate::error::describe_errno(errno));
            Error::new(ErrorKind::Spawn, message).with_step(Step::Keeper).with_errno(errno)
        })?;
        Ok(Tree {
            keeper,
            ended: false,
            launch,
            _orders: orders,
            _stacks: stacks,
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
        let report: &Report = &self.launch.report;
        if let Some((step, errno)) = report.failure() {
            return Err(diagnose::failed_start(step, errno, &self.launch.command, plan));
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
        let mut keeper = [PollFd::new(self.keeper.as_fd(), PollFlags::POLLIN)];
        while poll(&mut keeper, PollTimeout::NONE) == Err(Errno::EINTR) {}
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::__WALL;
        // ECHILD: the host waits for every kind of child and was faster, which changes nothing.
        while waitid(Id::PIDFd(self.keeper.as_fd()), flags) == Err(Errno::EINTR) {}
        self.ended = true;
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.ended && self.end().is_ok() {
            self.reap();
        } else if !self.ended {
            // Freeing what the keeper still uses would be worse than waiting for the program.
            self.reap();
        }
    }
}

/// Creates the keeper with every signal blocked, so that no handler of the host runs in it. Its
/// exit signal is 0: the host gets no SIGCHLD, and only a wait with __WALL or __WCLONE sees it.
fn start_keeper(stacks: &StackPair, orders: &Orders) -> Result<OwnedFd, raw::Errno> {
    let mut pidfd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_PIDFD;
    let mask = raw::set_signal_mask(u64::MAX)?;
    // SAFETY: the first stack is the keeper's alone, and `Tree` keeps stacks, orders and all that
    // they point to until the keeper has ended.
    let started = unsafe {
        clone(
            flags,
            stacks.first_top(),
            &raw mut pidfd,
            keeper::run,
            (&raw const *orders).cast_mut().cast(),
        )
    };
    let restored = raw::set_signal_mask(mask);
    started?;
    // SAFETY: the kernel has just put this descriptor there, for us alone.
    let keeper = unsafe { OwnedFd::from_raw_fd(pidfd) };
    restored.map(|_| keeper)
}
