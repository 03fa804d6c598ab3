//! A run that the caller's own loop drives.

use std::fmt;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::launch::Launch;
use crate::output::Output;
use crate::run::{Run, Watch};
use crate::sandbox::{Sandbox, Search, is_refused};

/// A run without a thread of its own: for event loops, and for callers that want to look up while they
/// wait. Dropping it ends the tree and waits until it is gone.
///
/// It is a descriptor to wait for with poll(2), epoll(7) and what is built on them. Whenever it is
/// readable, [`advance`](Polled::advance) moves what there is to move: input, output, the end. Not all
/// at once: a loop that is told of changes alone (EPOLLET) advances until it is not readable.
///
/// The tree ends when the thread ends that began the run (or that advanced it to the next command in
/// PATH, where one was refused), or this process; where handlers are registered, a thread of the
/// library answers calls, and its end is that of the tree. In a process that was forked from the one
/// that began it, advancing is an error (ECHILD), and dropping it does nothing.
///
/// # Examples
///
/// ```
/// use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
/// use sandlock::{Policy, Sandbox};
/// use std::os::fd::AsFd;
///
/// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
/// let mut run = Sandbox::new(policy)?.run_polled(["echo", "hello"])?;
/// let output = loop {
///     match run.advance()? {
///         Some(output) => break output,
///         None => poll(&mut [PollFd::new(run.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE).unwrap(),
///     };
/// };
/// assert_eq!(output.stdout(), b"hello\n");
/// # Ok::<(), sandlock::Error>(())
/// ```
#[must_use = "dropping it ends the tree"]
pub struct Polled {
    sandbox: Sandbox,
    launch: Launch,
    search: Search,
    watch: Watch,
    begun: Instant,
    run: ManuallyDrop<Option<Run>>,
    owner: u32,
    is_killed: bool,
}

impl Sandbox {
    /// Begins a run that the caller drives: [`Polled`].
    ///
    /// # Errors
    ///
    /// As [`run`](Sandbox::run), but that what the kernel says to the program's execution comes out
    /// of [`Polled::advance`].
    pub fn run_polled(&self, launch: impl Into<Launch>) -> Result<Polled> {
        let launch = launch.into();
        launch.check_unpiped()?;
        let mut polled = Polled {
            sandbox: self.clone(),
            search: Search::new(&launch)?,
            launch,
            watch: Watch::new()?,
            begun: Instant::now(),
            run: ManuallyDrop::new(None),
            owner: std::process::id(),
            is_killed: false,
        };
        polled.begin()?;
        Ok(polled)
    }
}

impl Polled {
    fn begin(&mut self) -> Result<()> {
        let command = self.search.next(&self.sandbox, &self.launch)?;
        let run = self.sandbox.begin(&self.launch, command, None, Some(&self.watch))?;
        *self.run = Some(run);
        Ok(())
    }

    /// Does what there is to do without waiting, and says how the program ended, once it has.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::run`]; the tree has ended then. ECHILD in a forked process. [`ErrorKind::Argument`]
    /// when the end has been told.
    pub fn advance(&mut self) -> Result<Option<Output>> {
        self.check_owner()?;
        match self.serve() {
            Err(error) if is_refused(&error) && !self.is_killed => {
                self.search.note(error);
                self.begin()?;
                Ok(None)
            }
            served => served,
        }
    }

    fn serve(&mut self) -> Result<Option<Output>> {
        let Some(run) = &mut *self.run else {
            let message = "the run has ended, and how has been told";
            return Err(Error::new(ErrorKind::Argument, message));
        };
        match run.advance() {
            Ok(false) => Ok(None),
            Ok(true) => self.run.take().map(|run| self.output(run)).transpose(),
            Err(error) => {
                drop(self.run.take());
                Err(error)
            }
        }
    }

    fn output(&self, run: Run) -> Result<Output> {
        let ended = run.finish()?;
        Output::new(ended, self.is_killed, self.begun.elapsed(), self.sandbox.enforcement())
    }

    /// Kills the whole tree; [`advance`](Polled::advance) says when it is gone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when this process may not signal, by a filter of its own; ECHILD in a forked
    /// process.
    pub fn kill(&mut self) -> Result<()> {
        self.check_owner()?;
        self.is_killed = true;
        self.run.as_ref().map_or(Ok(()), Run::end)
    }

    /// Whether nothing of the tree is left. A handler that is still being asked may keep
    /// [`advance`](Polled::advance) from saying how it ended.
    pub fn is_gone(&self) -> bool {
        self.run.as_ref().is_none_or(Run::tree_has_ended)
    }

    fn check_owner(&self) -> Result<()> {
        match std::process::id() == self.owner {
            true => Ok(()),
            false => Err(Error::of_other_process()),
        }
    }
}

/// Readable when [`Polled::advance`] has something to do.
impl AsFd for Polled {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

impl fmt::Debug for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled").field("launch", &self.launch).finish_non_exhaustive()
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        // The tree is not that of a process that was forked, and its threads are not there.
        if self.check_owner().is_ok() {
            drop(self.run.take());
        }
    }
}
