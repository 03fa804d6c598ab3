//! A program under way.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::launch::Launch;
use crate::members::{self, ProcessInfo};
use crate::output::{Output, Usage};
use crate::sandbox::Sandbox;
use crate::spawn::{Command, Running};
use crate::sys::pidfd;
use crate::threads::{locked, start_deaf};

/// A running program and everything it started.
///
/// A thread of its own serves it until nothing of the tree is left. Every method can be called
/// from any thread, also at the same time, and as often as one likes: what comes too late changes
/// nothing. Dropping it ends the tree and waits until it is gone.
///
/// In a process that was forked from the one that started the program, waiting and signalling are
/// errors (ECHILD), and dropping it does nothing: the tree is not that process's.
///
/// The tree also ends when this process ends, in whatever way, or executes another program; not
/// when the thread ends that started it.
#[must_use = "dropping a Child ends its whole tree"]
pub struct Child {
    shared: Arc<Shared>,
    running: Running,
    begun: Instant,
    owner: u32,
    thread: Mutex<Option<JoinHandle<()>>>,
    piped: Mutex<[Option<OwnedFd>; 3]>,
}

/// What the thread that serves the program has in common with its [`Child`].
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    killed: AtomicBool,
    pub(crate) paused: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct State {
    /// The program that has been executed and our ends of its pipes, until the caller has them.
    started: Option<(Running, [Option<OwnedFd>; 3])>,
    ended: Option<Result<Output>>,
}

impl Child {
    pub(crate) fn start(sandbox: Sandbox, launch: Arc<Launch>, command: Command) -> Result<Child> {
        let shared = Arc::new(Shared::default());
        let begun = Instant::now();
        let theirs = Arc::clone(&shared);
        let serve = move || {
            let ended = guarded(|| serve(&theirs, &sandbox, launch, command, begun));
            theirs.change(|state| state.ended = Some(ended));
            // Only now what handlers own is dropped, by code of the host: it may ask about the child.
        };
        let thread = start_deaf(|builder| builder.spawn(serve))?;
        let started = shared.wait(|state| match state.started.take() {
            Some(started) => Some(Ok(started)),
            None => state.ended.clone().map(|ended| Err(ended.err().unwrap_or_else(never))),
        });
        let (running, piped) = match started {
            Ok(started) => started,
            Err(error) => {
                join(thread);
                return Err(error);
            }
        };
        Ok(Child {
            shared,
            running,
            begun,
            owner: std::process::id(),
            thread: Mutex::new(Some(thread)),
            piped: Mutex::new(piped),
        })
    }

    /// The process id of the program, which means somebody else when it has ended.
    pub fn id(&self) -> u32 {
        self.running.program.unsigned_abs()
    }

    /// Our end of a piped descriptor 0, once; `None` if it was not piped.
    pub fn stdin(&self) -> Option<ChildStdin> {
        locked(&self.piped)[0].take().map(ChildStdin::from)
    }

    /// Our end of a piped descriptor 1, once; `None` if it was not piped.
    pub fn stdout(&self) -> Option<ChildStdout> {
        locked(&self.piped)[1].take().map(ChildStdout::from)
    }

    /// Our end of a piped descriptor 2, once; `None` if it was not piped.
    pub fn stderr(&self) -> Option<ChildStderr> {
        locked(&self.piped)[2].take().map(ChildStderr::from)
    }

    /// Waits until nothing of the tree is left. A piped descriptor 0 that nobody took is closed
    /// first, so that a program that reads it to its end does not wait for ever. What came out of
    /// piped outputs must be read meanwhile, or the program waits for room.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if somebody killed the program's keeper, or the thread that serves it
    /// failed; the tree has ended then too. ECHILD in a forked process.
    pub fn wait(&self) -> Result<Output> {
        self.check_owner()?;
        drop(self.stdin());
        self.until_ended()
    }

    /// Waits until nothing of the tree is left, or for this long; `None` if it is still there. A piped
    /// descriptor 0 stays open.
    ///
    /// # Errors
    ///
    /// As [`wait`](Child::wait).
    pub fn wait_timeout(&self, limit: Duration) -> Result<Option<Output>> {
        self.check_owner()?;
        match Instant::now().checked_add(limit) {
            Some(deadline) => self.ended_by(deadline),
            // Longer than the clock can count.
            None => self.until_ended().map(Some),
        }
    }

    /// How it ended; `None` if something of the tree is still there.
    ///
    /// # Errors
    ///
    /// As [`wait`](Child::wait).
    pub fn try_wait(&self) -> Result<Option<Output>> {
        self.check_owner()?;
        self.ended_by(Instant::now())
    }

    /// Kills the whole tree, also what left the program's session and group, and what is stopped;
    /// [`wait`](Child::wait) says when it is gone, and how.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when this process may not signal, by a filter of its own; ECHILD in a
    /// forked process.
    pub fn kill(&self) -> Result<()> {
        self.check_owner()?;
        self.shared.killed.store(true, Ordering::Release);
        self.running.end()
    }

    /// Sends a signal to the program itself. One that has ended gets none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] for a number that is no signal, and as [`kill`](Child::kill).
    pub fn signal(&self, signal: i32) -> Result<()> {
        self.check_owner()?;
        pidfd::send(&self.running.program_fd, "program", signal)
    }

    /// Stops every process of the tree (SIGSTOP), also in new sessions and groups, and returns when
    /// all have stopped. Time goes on: the policy's timeout still ends a paused tree.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when a process could not be stopped, after which others may be stopped;
    /// ECHILD in a forked process.
    pub fn pause(&self) -> Result<()> {
        self.check_owner()?;
        self.shared.paused.store(true, Ordering::Release);
        members::pause(&self.running)
            .inspect_err(|_| self.shared.paused.store(false, Ordering::Release))
    }

    /// Lets every process of the tree go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when a process could not be signalled; ECHILD in a forked process.
    pub fn resume(&self) -> Result<()> {
        self.check_owner()?;
        let resumed = members::resume(&self.running);
        self.shared.paused.store(false, Ordering::Release);
        resumed
    }

    /// Every process of the tree at this moment, parents before their children; empty when it has
    /// ended.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where /proc cannot be read.
    pub fn processes(&self) -> Result<Vec<ProcessInfo>> {
        members::list(&self.running)
    }

    /// What the tree has used so far, to a hundredth of a second, and the peak of the largest process
    /// that is there now. [`Output::usage`] is exact.
    ///
    /// # Errors
    ///
    /// As [`processes`](Child::processes).
    pub fn usage(&self) -> Result<Usage> {
        match self.try_wait()? {
            Some(output) => Ok(output.usage()),
            None => members::usage(&self.running, self.begun.elapsed()),
        }
    }

    /// How it ended. The thread has ended then too.
    fn until_ended(&self) -> Result<Output> {
        let ended = self.shared.wait(|state| state.ended.clone());
        self.join();
        ended
    }

    /// As [`until_ended`](Child::until_ended), if it ends before `deadline`.
    fn ended_by(&self, deadline: Instant) -> Result<Option<Output>> {
        // The thread is not waited for, which may still run destructors of the host.
        self.shared.wait_until(deadline, |state| state.ended.clone()).transpose()
    }

    fn join(&self) {
        // In a statement of its own, which lets go of the lock.
        let thread = locked(&self.thread).take();
        if let Some(thread) = thread {
            join(thread);
        }
    }

    fn check_owner(&self) -> Result<()> {
        if self.is_ours() { Ok(()) } else { Err(Error::of_other_process()) }
    }

    fn is_ours(&self) -> bool {
        std::process::id() == self.owner
    }
}

/// A descriptor that becomes readable when nothing of the tree is left: for poll(2) and what is built
/// on it. [`wait`](Child::wait) does not block for long then.
impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.running.keeper_fd.as_fd()
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.is_ours() {
            // That thread is not here, and its lock may be as another one held it.
            let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(thread.take());
            return;
        }
        // Where it may not be ended it is waited for, like every tree.
        self.kill().ok();
        drop(self.stdin());
        drop(self.until_ended());
    }
}

/// The work of the thread: starts the program, says so, and serves it to its end.
fn serve(
    shared: &Shared,
    sandbox: &Sandbox,
    launch: Arc<Launch>,
    command: Command,
    begun: Instant,
) -> Result<Output> {
    let mut supervisor = sandbox.begin(&launch, command, Some(shared), None)?;
    if let Some(running) = supervisor.until_executed()? {
        let piped = supervisor.take_piped();
        // From here on only the program has the descriptors that it was given.
        drop(launch);
        shared.change(|state| state.started = Some((running, piped)));
    }
    let ended = supervisor.until_ended()?;
    let killed = shared.killed.load(Ordering::Acquire);
    Output::new(ended, killed, begun.elapsed(), sandbox.enforcement())
}

/// Makes a panic an end like another one: what `work` had is dropped, and with it the tree ends.
fn guarded(work: impl FnOnce() -> Result<Output>) -> Result<Output> {
    let message = "the thread that served the program panicked; the tree has ended";
    let panicked = |_| Err(Error::new(ErrorKind::Io, message));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut locked(&self.state));
        self.changed.notify_all();
    }

    /// What `look` sees in the state, as soon as it sees something.
    fn wait<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut state = locked(&self.state);
        loop {
            if let Some(seen) = look(&mut state) {
                return seen;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// As [`wait`](Shared::wait); `None` when the time is over.
    fn wait_until<T>(
        &self,
        deadline: Instant,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let mut state = locked(&self.state);
        loop {
            if let Some(seen) = look(&mut state) {
                return Some(seen);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A panic of the thread has been told.
fn join(thread: JoinHandle<()>) {
    // The thread itself can ask, in a destructor of the host's: its work is done.
    if thread.thread().id() != std::thread::current().id() {
        thread.join().ok();
    }
}

/// For states that the thread does not leave behind.
fn never() -> Error {
    Error::new(ErrorKind::Io, "the thread that served the program ended without a word")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    #[test]
    fn a_panic_of_the_thread_ends_the_tree_and_is_told() {
        let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib");
        let policy = policy.fs_read_if_exists("/lib64").build().unwrap();
        let sandbox = Sandbox::new(policy).unwrap();
        let launch = Launch::new(["sleep", "60"]);
        let shared = Shared::default();
        let mut program = None;
        let ended = guarded(|| {
            let command = sandbox.command(&launch, 0).unwrap();
            let mut supervisor = sandbox.begin(&launch, command, Some(&shared), None).unwrap();
            let running = supervisor.until_executed().unwrap().unwrap();
            assert!(pidfd::is_there(&running.program_fd));
            program = Some(running.program_fd);
            panic!("for this test");
        });
        assert!(ended.unwrap_err().to_string().contains("panicked"));
        assert!(!pidfd::is_there(program.unwrap()));
    }
}
