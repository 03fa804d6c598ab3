//! One run from its start to its end, in the thread that owns the tree: the streams are served, the
//! terminal is handed over and taken back. The clock is the keeper's.

mod answer;
mod chain;
mod deputy;
mod dispatcher;
mod journal;
mod notifier;
mod pool;
mod sigpipe;
mod streams;
mod terminal;

pub(crate) use chain::{Link, Rank, Table, Watcher};
pub(crate) use deputy::{Directory, Opening};
pub(crate) use dispatcher::{Call, Dispatcher};
pub(crate) use journal::Findings;
pub(crate) use streams::{Collector, Streams};
pub(crate) use terminal::Foreground;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Error, Result};
use crate::handler::Supervised;
use crate::spawn::{End, Running, Start, Tree};
use notifier::Notifier;

/// A run under way. Dropping it ends and reaps the tree.
pub(crate) struct Supervisor {
    tree: Tree,
    /// Who answers calls, where any are trapped. Behind the tree: its end is that of the tree.
    notifier: Option<Notifier>,
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

impl Supervisor {
    /// Starts what is prepared, with a thread that answers calls where any are trapped. The program
    /// may not have been executed yet when this returns.
    pub(crate) fn begin(
        start: Start,
        supervised: Option<Arc<Supervised>>,
        streams: Streams,
        foreground: Option<Foreground>,
        paused: Arc<AtomicBool>,
    ) -> Result<Supervisor> {
        let (tree, notifier) = match supervised {
            None => (Tree::start(start)?, None),
            Some(supervised) => {
                let (tree, notifier) = Notifier::start(start, supervised)?;
                (tree, Some(notifier))
            }
        };
        Ok(Supervisor { tree, notifier, streams, foreground, paused })
    }

    /// Waits until the program has been executed; `None` if it could not be, which
    /// [`until_ended`](Supervisor::until_ended) explains. From here on only the program has its
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
        let findings = self.notifier.map(Notifier::finish).transpose()?.unwrap_or_default();
        if let Some(failure) = findings.fatal {
            return Err(Error::handler(failure));
        }
        let end = end?;
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

/// What [`Supervisor::wait`] waited for.
struct Ready {
    ended: bool,
    bell: bool,
}

#[cfg(test)]
mod tests;
