//! Waiting for a tree while its output is collected.

use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use crate::error::{Error, Result};
use crate::spawn::Tree;
use crate::text::errno_of;

/// The most bytes that are read of one stream before the others and the clock have their turn.
const TURN: u64 = 1 << 20;

/// A pipe whose writing end the program gets. The writing end stays open here too: the end of the
/// tree, not of the stream, is what is waited for, which saves a wake-up.
pub(crate) struct Pipe {
    reader: std::fs::File,
    writer: OwnedFd,
    collected: Vec<u8>,
}

impl Pipe {
    pub(crate) fn new() -> Result<Pipe> {
        let io = |errno: Errno| Error::io("pipe2(O_CLOEXEC)", errno as i32);
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(io)?;
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
            .map_err(|errno| Error::io("fcntl(F_SETFL, O_NONBLOCK)", errno as i32))?;
        Ok(Pipe { reader: reader.into(), writer: above_stdio(writer)?, collected: Vec::new() })
    }

    pub(crate) fn writer(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }

    pub(crate) fn into_collected(self) -> Vec<u8> {
        self.collected
    }

    /// Takes what is there, so much at a time that a program that never stops writing cannot keep
    /// its reader from looking at the clock. Returns whether there may be more.
    fn drain(&mut self) -> Result<bool> {
        let mut turn = (&self.reader).take(TURN);
        match turn.read_to_end(&mut self.collected) {
            Ok(length) => Ok(length > 0),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Error::io("read(pipe)", errno_of(&error))),
        }
    }
}

/// A descriptor that is not 0, 1 or 2, which the child replaces one after the other: in a host that
/// has closed its own, a new descriptor can be one of them.
pub(crate) fn above_stdio(fd: OwnedFd) -> Result<OwnedFd> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    // The standard library duplicates to 3 or above.
    fd.try_clone().map_err(|error| Error::io("fcntl(F_DUPFD_CLOEXEC, 3)", errno_of(&error)))
}

/// Waits until the tree has ended, and ends it at `deadline`; returns whether it had to.
pub(crate) fn wait(tree: &Tree, pipes: &mut [Pipe], deadline: Option<Instant>) -> Result<bool> {
    let mut timed_out = false;
    loop {
        let timeout = match deadline {
            Some(deadline) if !timed_out => until(deadline),
            _ => PollTimeout::NONE,
        };
        let ended = poll_all(tree, pipes, timeout)?;
        for pipe in pipes.iter_mut() {
            // Nobody writes any more once the tree has ended.
            while pipe.drain()? && ended {}
        }
        if ended {
            return Ok(timed_out);
        }
        let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if over && !timed_out {
            tree.end()?;
            timed_out = true;
        }
    }
}

/// Waits for output or the end; returns whether the tree has ended.
fn poll_all(tree: &Tree, pipes: &[Pipe], timeout: PollTimeout) -> Result<bool> {
    let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
    let mut fds = vec![readable(tree.ended())];
    fds.extend(pipes.iter().map(|pipe| readable(pipe.reader.as_fd())));
    match poll(&mut fds, timeout) {
        Ok(_) => Ok(fds[0].any().unwrap_or(false)),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(Error::io("poll(tree, pipes)", errno as i32)),
    }
}

/// The time left, rounded up to what poll(2) can wait.
fn until(deadline: Instant) -> PollTimeout {
    let left = deadline.saturating_duration_since(Instant::now());
    let millis = left.as_micros().div_ceil(1000).min(i32::MAX as u128);
    i32::try_from(millis)
        .ok()
        .and_then(|ms| PollTimeout::try_from(ms).ok())
        .unwrap_or(PollTimeout::MAX)
}
