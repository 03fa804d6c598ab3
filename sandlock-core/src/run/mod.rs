//! One run from its start to its end, in the thread that owns the tree: the streams are served, the
//! terminal is handed over and taken back. The clock is the keeper's.

mod sigpipe;
mod streams;
mod terminal;
mod watch;

use streams::Feeder;
pub(crate) use streams::{Collector, Streams};
pub(crate) use terminal::Foreground;
pub(crate) use watch::Watch;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Error, Result};
use crate::registry::Supervision;
use crate::spawn::{End, Running, Start, Tree};
use crate::supervisor::{Findings, Supervisor};
use watch::Interest;

/// A run under way. Dropping it ends and reaps the tree.
pub(crate) struct Run {
    tree: Tree,
    /// Who answers calls, where any are trapped. Behind the tree: its end is that of the tree.
    supervisor: Option<Supervisor>,
    streams: Streams,
    foreground: Option<Foreground>,
    /// Set while the tree is paused: its stops are not the terminal's.
    paused: Arc<AtomicBool>,
    /// For a caller that waits itself: what it waits for.
    watch: Option<Watch>,
    tree_has_ended: bool,
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) streams: Streams,
    pub(crate) findings: Findings,
}

impl Run {
    /// Starts what is prepared, with a thread that answers calls where any are trapped. The program
    /// may not have been executed yet when this returns.
    pub(crate) fn begin(
        start: Start,
        supervision: Option<Arc<Supervision>>,
        streams: Streams,
        foreground: Option<Foreground>,
        paused: Arc<AtomicBool>,
        watch: Option<Watch>,
    ) -> Result<Run> {
        let (tree, supervisor) = match supervision {
            None => (Tree::start(start)?, None),
            Some(supervision) => {
                let (tree, supervisor) = Supervisor::start(start, supervision, watch.is_some())?;
                (tree, Some(supervisor))
            }
        };
        let run =
            Run { tree, supervisor, streams, foreground, paused, watch, tree_has_ended: false };
        run.be_watched()?;
        Ok(run)
    }

    /// Waits until the program has been executed; `None` if it could not be, which
    /// [`until_ended`](Run::until_ended) explains. From here on only the program has its
    /// side of the streams.
    pub(crate) fn until_executed(&mut self) -> Result<Option<Running>> {
        while !self.tree.is_executed() {
            if self.turn(PollTimeout::NONE)? {
                break;
            }
        }
        let running = self.tree.take_running()?;
        self.tree.let_go_of_stdio();
        Ok(running.filter(|_| self.tree.is_executed()))
    }

    /// Our ends of the pipes that the caller serves itself, by number.
    pub(crate) fn take_piped(&mut self) -> [Option<OwnedFd>; 3] {
        std::mem::take(&mut self.streams.piped)
    }

    /// Serves the run until nothing of the tree is left.
    pub(crate) fn until_ended(mut self) -> Result<Ended> {
        while !self.turn(PollTimeout::NONE)? {}
        self.finish()
    }

    /// Has the watch look at everything that [`advance`](Run::advance) serves.
    fn be_watched(&self) -> Result<()> {
        let Some(watch) = &self.watch else { return Ok(()) };
        let bell = self.supervisor.iter().filter_map(Supervisor::bell);
        for descriptor in self.readers().chain(bell) {
            watch.add(descriptor, Interest::Readable)?;
        }
        let feeder = self.streams.feeder.as_ref();
        feeder.map_or(Ok(()), |feeder| watch.add(feeder.descriptor(), Interest::Writable))
    }

    /// Has the watch look at nothing of the tree any more: others can still have ends of its streams.
    fn be_unwatched(&self) -> Result<()> {
        let Some(watch) = &self.watch else { return Ok(()) };
        let feeder = self.streams.feeder.iter().map(Feeder::descriptor);
        self.readers().chain(feeder).try_for_each(|descriptor| watch.remove(descriptor))
    }

    /// What a watch waits for to become readable, as long as there is a tree.
    fn readers(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let outputs = self.streams.collectors.iter().flatten().filter_map(Collector::descriptor);
        outputs.chain([self.tree.ended()]).chain(self.tree.bell())
    }

    /// Serves what has happened, without waiting for more; returns whether nothing more will, so that
    /// [`finish`](Run::finish) does not wait either.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        if !self.tree_has_ended && self.turn(PollTimeout::ZERO)? {
            self.tree_has_ended = true;
            self.be_unwatched()?;
            self.tree.reap();
        }
        match &self.supervisor {
            Some(supervisor) if self.tree_has_ended => supervisor.has_ended(),
            _ => Ok(self.tree_has_ended),
        }
    }

    /// Asks the keeper to end the tree.
    pub(crate) fn end(&self) -> Result<()> {
        self.tree.end()
    }

    pub(crate) fn tree_has_ended(&self) -> bool {
        self.tree_has_ended
    }

    /// What is left of a tree that has ended.
    pub(crate) fn finish(mut self) -> Result<Ended> {
        let bell = self.supervisor.as_ref().and_then(Supervisor::bell);
        if let Some((watch, bell)) = self.watch.as_ref().zip(bell) {
            watch.remove(bell)?;
        }
        if let Some(foreground) = &mut self.foreground {
            foreground.take_back(self.tree.program());
        }
        let end = self.tree.finish();
        let mut findings = self.supervisor.map(Supervisor::finish).transpose()?.unwrap_or_default();
        let end = end.map_err(|error| match findings.fatal.take() {
            Some(failure) => Error::handler(failure),
            None => findings.explain(error),
        })?;
        if let Some(foreground) = self.foreground
            && libc::WIFSIGNALED(end.status)
        {
            foreground.restore_modes();
        }
        Ok(Ended { end, streams: self.streams, findings })
    }

    /// Waits for something to happen and serves it; returns whether the tree has ended.
    fn turn(&mut self, patience: PollTimeout) -> Result<bool> {
        let Ready { ended, bell } = self.wait(patience)?;
        self.streams.serve(ended, self.watch.as_ref())?;
        if bell {
            self.answer_bell()?;
        }
        Ok(ended)
    }

    fn wait(&self, patience: PollTimeout) -> Result<Ready> {
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![readable(self.tree.ended())];
        fds.extend(self.tree.bell().map(readable));
        let collectors = self.streams.collectors.iter().flatten();
        fds.extend(collectors.filter_map(|one| one.descriptor()).map(readable));
        let feeder = self.streams.feeder.as_ref();
        fds.extend(feeder.map(|one| PollFd::new(one.descriptor(), PollFlags::POLLOUT)));
        match poll(&mut fds, patience) {
            Ok(_) => Ok(Ready {
                ended: fds[0].any().unwrap_or(false),
                bell: self.tree.bell().is_some() && fds[1].any().unwrap_or(false),
            }),
            Err(Errno::EINTR) => Ok(Ready { ended: false, bell: false }),
            Err(errno) => Err(Error::io("poll(tree, streams)", errno as i32)),
        }
    }

    /// The program has been executed, or it has stopped.
    fn answer_bell(&mut self) -> Result<()> {
        if let Some(bell) = self.tree.bell() {
            // Somebody else cannot have been faster, and the count says nothing.
            nix::unistd::read(bell.as_fd(), &mut [0; 8]).ok();
        }
        let stop = self.tree.take_stop().zip(self.tree.program());
        match (&mut self.foreground, stop) {
            (Some(foreground), Some((signal, program))) if !self.paused.load(Ordering::Acquire) => {
                foreground.suspend(signal, program, || self.tree.go_on())
            }
            _ => Ok(()),
        }
    }
}

/// What [`Run::wait`] waited for.
struct Ready {
    ended: bool,
    bell: bool,
}
