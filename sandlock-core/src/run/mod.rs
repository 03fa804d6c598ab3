//! One run from its start to its end, in the thread that owns the tree: the streams are served, the
//! terminal is handed over and taken back. The clock is the keeper's.

mod sigpipe;
mod streams;
mod terminal;

pub(crate) use streams::{Collector, Streams};
pub(crate) use terminal::Foreground;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Error, Result};
use crate::registry::Supervision;
use crate::spawn::{End, Running, Start, Tree};
use crate::supervisor::{Findings, Supervisor};

/// A run under way. Dropping it ends and reaps the tree.
pub(crate) struct Run {
    tree: Tree,
    /// Who answers calls, where any are trapped. Behind the tree: its end is that of the tree.
    supervisor: Option<Supervisor>,
    streams: Streams,
    foreground: Option<Foreground>,
    /// Set while the tree is paused: its stops are not the terminal's.
    paused: Arc<AtomicBool>,
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
    ) -> Result<Run> {
        let (tree, supervisor) = match supervision {
            None => (Tree::start(start)?, None),
            Some(supervision) => {
                let (tree, supervisor) = Supervisor::start(start, supervision)?;
                (tree, Some(supervisor))
            }
        };
        Ok(Run { tree, supervisor, streams, foreground, paused })
    }

    /// Waits until the program has been executed; `None` if it could not be, which
    /// [`until_ended`](Run::until_ended) explains. From here on only the program has its
    /// side of the streams.
    pub(crate) fn until_executed(&mut self) -> Result<Option<Running>> {
        while !self.tree.is_executed() {
            if self.turn()? {
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
        while !self.turn()? {}
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
    fn turn(&mut self) -> Result<bool> {
        let Ready { ended, bell } = self.wait()?;
        for collector in self.streams.collectors.iter_mut().flatten() {
            match ended {
                true => collector.take_rest()?,
                false => drop(collector.take()?),
            }
        }
        if let Some(feeder) = &mut self.streams.feeder
            && !feeder.feed()?
        {
            self.streams.feeder = None;
        }
        if bell {
            self.answer_bell()?;
        }
        Ok(ended)
    }

    fn wait(&self) -> Result<Ready> {
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![readable(self.tree.ended())];
        fds.extend(self.tree.bell().map(readable));
        let collectors = self.streams.collectors.iter().flatten();
        fds.extend(collectors.filter_map(|one| one.descriptor()).map(readable));
        let feeder = self.streams.feeder.as_ref();
        fds.extend(feeder.map(|one| PollFd::new(one.descriptor(), PollFlags::POLLOUT)));
        match poll(&mut fds, PollTimeout::NONE) {
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
