//! The supervisor's thread: it starts the tree, so that the kernel ends that with it, and answers the
//! tree's calls until none can come any more.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::gettid;

use super::deputy::Deputy;
use super::dispatcher::{Calls, Dispatcher};
use super::guard::message_of;
use super::journal::{Findings, Journal};
use crate::error::{Error, ErrorKind, Result};
use crate::registry::Supervision;
use crate::spawn::{Hold, Report, Start, Tree, has_event};
use crate::sys::descriptor::above_stdio;
use crate::sys::listener::{Answer, Listener, Placing, Received};
use crate::sys::raw::{self, Errno};
use crate::threads::start_deaf;

/// A supervisor's thread. Dropping it waits for its end, which comes with that of the tree.
pub(crate) struct Supervisor {
    thread: Option<JoinHandle<Result<Findings>>>,
    /// What the thread rings when it ends; only where somebody asked for that.
    bell: Option<Arc<OwnedFd>>,
    /// The thread, as the kernel calls it, once it has started the tree.
    id: i32,
    /// What is known of the tree, once it has been started.
    report: Option<Arc<Report>>,
}

impl Supervisor {
    /// Carries out `start` in a thread of its own, which answers the calls of the tree; with a
    /// descriptor that tells of its end, if it is `watched`.
    pub(crate) fn start(
        start: Start,
        supervision: Arc<Supervision>,
        watched: bool,
    ) -> Result<(Tree, Supervisor)> {
        let (started, tree) = bounded(1);
        let bell = watched.then(bell).transpose()?.map(Arc::new);
        let at_end = bell.clone().map(RingAtEnd);
        let serve = move || {
            let _ring = at_end;
            serve(start, &supervision, &started)
        };
        let thread = start_deaf(|builder| builder.spawn(serve))?;
        let mut supervisor = Supervisor { thread: Some(thread), bell, id: 0, report: None };
        match tree.recv() {
            Ok((tree, id)) => {
                supervisor.id = id;
                supervisor.report = Some(tree.shared_report());
                Ok((tree, supervisor))
            }
            // The thread says why.
            Err(_) => Err(supervisor.finish().err().unwrap_or_else(lost)),
        }
    }

    /// Becomes readable when the thread ends.
    pub(crate) fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.bell.as_ref().map(|bell| bell.as_fd())
    }

    /// Whether [`finish`](Supervisor::finish) does not wait, of one that has a bell and whose tree has
    /// ended.
    pub(crate) fn has_ended(&self) -> Result<bool> {
        let has_rung = self.bell().map_or(Ok(true), has_event)?;
        Ok(has_rung || self.is_abandoned() || !raw::has_thread(self.id))
    }

    fn is_abandoned(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.is_abandoned())
    }

    /// What was found, when the thread has ended. Where somebody has killed the keeper, processes can
    /// be left that it would wait for: it ends at the next call that one of them makes.
    pub(crate) fn finish(mut self) -> Result<Findings> {
        self.end().unwrap_or_else(|| Ok(Findings::default()))
    }

    fn end(&mut self) -> Option<Result<Findings>> {
        let thread = self.thread.take()?;
        (!self.is_abandoned()).then(|| join(thread))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.end());
    }
}

/// An eventfd(2), not a pipe that is closed: a process that was forked has copies of both ends.
fn bell() -> Result<OwnedFd> {
    let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)
        .map_err(|errno| Error::io("eventfd2(0, EFD_CLOEXEC)", errno as i32))?;
    above_stdio(bell.into())
}

/// Rings when dropped.
struct RingAtEnd(Arc<OwnedFd>);

impl Drop for RingAtEnd {
    fn drop(&mut self) {
        raw::ring(self.0.as_raw_fd());
    }
}

/// The standard library panics where a handler has ended the thread by exit(2), which no thread may.
fn join(thread: JoinHandle<Result<Findings>>) -> Result<Findings> {
    let joined = catch_unwind(AssertUnwindSafe(|| thread.join()));
    joined.unwrap_or_else(Err).unwrap_or_else(|_| Err(lost()))
}

fn lost() -> Error {
    Error::new(ErrorKind::Io, "the supervisor's thread has gone; the tree has ended")
}

/// The work of the thread. A tree whose supervision fails is ended by its keeper, when the thread
/// ends.
fn serve(
    start: Start,
    supervision: &Supervision,
    started: &Sender<(Tree, i32)>,
) -> Result<Findings> {
    let prepared = Arc::clone(&start.prepared);
    let tree = Tree::start(start)?;
    let hold = tree.hold()?;
    if started.send((tree, gettid().as_raw())).is_err() {
        return Err(lost());
    }
    let notifications = supervision.notifications;
    let Some(listener) = hold.await_listener(notifications.receive_ends)? else {
        // The tree has ended before this thread got that far, and made no call that is trapped.
        let journal = Journal::default();
        supervision.table.tell_ended(&journal);
        return Ok(journal.take());
    };
    if notifications.sync_wake_up {
        let call = "ioctl(SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP)";
        listener.set_sync_wake_up().map_err(|errno| Error::io(call, errno))?;
    }
    let is_killable_only = notifications.wait_killable_recv;
    let calls = Box::new(Live { listener, hold, is_killable_only });
    let deputy = Deputy::new(Some(prepared));
    let dispatcher = Dispatcher::new(calls, Arc::clone(&supervision.table), deputy);
    let served = catch_unwind(AssertUnwindSafe(|| dispatcher.serve()));
    dispatcher.close();
    supervision.table.tell_ended(dispatcher.journal());
    match served {
        Ok(Ok(())) => Ok(dispatcher.journal().take()),
        Ok(Err(errno)) => Err(Error::io("ioctl(SECCOMP_IOCTL_NOTIF_RECV)", errno)),
        Err(payload) => {
            let message = message_of(&*payload);
            Err(Error::new(ErrorKind::Io, format!("the supervisor panicked: {message}")))
        }
    }
}

/// The calls of a tree, from the kernel.
struct Live {
    listener: Listener,
    hold: Hold,
    is_killable_only: bool,
}

impl Calls for Live {
    fn receive(&self) -> std::result::Result<Received, Errno> {
        self.listener.receive()
    }

    fn send(&self, id: u64, answer: Answer) -> std::result::Result<(), Errno> {
        self.listener.send(id, answer)
    }

    fn is_waiting(&self, id: u64) -> bool {
        self.listener.is_waiting(id)
    }

    fn add_fd(&self, id: u64, fd: BorrowedFd, placing: Placing) -> std::result::Result<i32, Errno> {
        self.listener.add_fd(id, fd, placing)
    }

    fn is_killable_only(&self) -> bool {
        self.is_killable_only
    }

    fn is_setting_up(&self) -> bool {
        !self.hold.report().is_set_up()
    }

    fn is_abandoned(&self) -> bool {
        self.hold.report().is_abandoned()
    }

    fn shares_memory(&self) -> bool {
        self.hold.report().is_shared()
    }

    fn keeper(&self) -> i32 {
        self.hold.report().keeper()
    }

    fn end_tree(&self) -> bool {
        self.hold.end().is_ok()
    }
}
