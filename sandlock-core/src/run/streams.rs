//! The program's descriptors 0, 1 and 2, as the host serves them while it runs.

use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

use super::sigpipe::WithoutSigpipe;
use super::watch::Watch;
use crate::error::{Error, ErrorKind, Result};
use crate::launch::{Kind, Launch, Stdio};
use crate::spawn::Source;
use crate::sys::descriptor::above_stdio;
use crate::text::errno_of;

/// The most bytes that are taken of one stream before the others have their turn.
const TURN: u64 = 1 << 20;

/// Our side of the streams.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) feeder: Option<Feeder>,
    /// Of descriptors 1 and 2.
    pub(crate) collectors: [Option<Collector>; 2],
    /// The ends of pipes that the caller serves itself, by number.
    pub(crate) piped: [Option<OwnedFd>; 3],
}

impl Streams {
    /// Our side, and the program's, for `launch`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Command`] where descriptor 0 is to be captured; [`ErrorKind::Io`] when this
    /// process has no descriptors left.
    pub(crate) fn new(launch: &Launch) -> Result<(Streams, [Source; 3])> {
        let mut streams = Streams::default();
        let mut sources = [const { Source::Null }; 3];
        let mut all: Vec<_> = launch.stdio().into_iter().enumerate().collect();
        // What was given comes first: one that is closed must not be found to be a pipe of ours.
        all.sort_by_key(|(_, stdio)| !matches!(stdio.0, Kind::Given(_)));
        for (number, stdio) in all {
            sources[number] = streams.connect(number, stdio, launch.capture_limit)?;
        }
        Ok((streams, sources))
    }

    /// Moves what there is to move, for the last time if the tree has `ended`. What is done with is no
    /// longer of interest to `watch`.
    pub(super) fn serve(&mut self, ended: bool, watch: Option<&Watch>) -> Result<()> {
        for collector in self.collectors.iter_mut().flatten().filter(|one| !one.is_done) {
            match ended {
                true => collector.take_rest()?,
                false => drop(collector.take()?),
            }
            if collector.is_done
                && let Some(watch) = watch
            {
                watch.remove(collector.reader.as_fd())?;
            }
        }
        if let Some(feeder) = &mut self.feeder
            && !feeder.feed()?
        {
            if let Some(watch) = watch {
                watch.remove(feeder.descriptor())?;
            }
            // The program reads its end.
            self.feeder = None;
        }
        Ok(())
    }

    /// The program's side of descriptor `number`; ours is kept.
    fn connect(&mut self, number: usize, stdio: &Stdio, limit: u64) -> Result<Source> {
        let theirs = match &stdio.0 {
            Kind::Inherit => return Ok(Source::Inherit),
            Kind::Null => return Ok(Source::Null),
            Kind::Stdout if number == 2 => return Ok(Source::Stdout),
            Kind::Stdout => {
                let message = format!("descriptor {number} cannot follow descriptor 1");
                return Err(Error::new(ErrorKind::Command, message));
            }
            Kind::Given(fd) => {
                let call =
                    format!("descriptor {number}: fcntl({}, F_DUPFD_CLOEXEC)", fd.as_raw_fd());
                // Above 2, as the standard library has it.
                fd.try_clone().map_err(|error| Error::io(call, errno_of(&error)))?
            }
            Kind::Input(bytes) => {
                let (reader, writer) = pipe()?;
                self.feeder = Some(Feeder::new(writer, Arc::clone(bytes))?);
                reader
            }
            Kind::Piped => {
                let (reader, writer) = pipe()?;
                let (ours, theirs) = if number == 0 { (writer, reader) } else { (reader, writer) };
                self.piped[number] = Some(ours);
                theirs
            }
            Kind::Captured if number == 0 => {
                let message = "descriptor 0 cannot be captured: a program reads from it";
                return Err(Error::new(ErrorKind::Command, message));
            }
            Kind::Captured => {
                let (reader, writer) = pipe()?;
                self.collectors[number - 1] = Some(Collector::new(reader, limit)?);
                writer
            }
        };
        Ok(Source::Given(theirs))
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) =
        pipe2(OFlag::O_CLOEXEC).map_err(|errno| Error::io("pipe2(O_CLOEXEC)", errno as i32))?;
    Ok((above_stdio(reader)?, above_stdio(writer)?))
}

fn nonblocking(fd: OwnedFd) -> Result<File> {
    fcntl(&fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map_err(|errno| Error::io("fcntl(F_SETFL, O_NONBLOCK)", errno as i32))?;
    Ok(File::from(fd))
}

/// Keeps what the program writes, up to a limit, and counts the rest.
#[derive(Debug)]
pub(crate) struct Collector {
    reader: File,
    /// Whether nobody can write any more.
    is_done: bool,
    limit: u64,
    kept: Vec<u8>,
    dropped: u64,
}

impl Collector {
    fn new(reader: OwnedFd, limit: u64) -> Result<Collector> {
        let reader = nonblocking(reader)?;
        Ok(Collector { reader, is_done: false, limit, kept: Vec::new(), dropped: 0 })
    }

    /// What to wait for, as long as somebody can write.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        (!self.is_done).then(|| self.reader.as_fd())
    }

    /// What was kept, and how many bytes were not.
    pub(crate) fn into_collected(self) -> (Vec<u8>, u64) {
        (self.kept, self.dropped)
    }

    /// Takes what the program has left in the pipe: no more than fits into one, because somebody who
    /// was handed its other end can still write.
    pub(crate) fn take_rest(&mut self) -> Result<()> {
        let size = fcntl(&self.reader, FcntlArg::F_GETPIPE_SZ)
            .map_err(|errno| Error::io("fcntl(F_GETPIPE_SZ)", errno as i32))?;
        // Once more than the size asks for: what the limit divides is taken in two.
        for _ in 0..size.unsigned_abs() as u64 / TURN + 2 {
            if !self.take()? {
                break;
            }
        }
        Ok(())
    }

    /// Takes what is there, so much at a time that a program that never stops writing cannot keep
    /// its other streams waiting. Returns whether there may be more.
    pub(crate) fn take(&mut self) -> Result<bool> {
        if self.is_done {
            return Ok(false);
        }
        let reader = &mut self.reader;
        let room = self.limit.saturating_sub(self.kept.len() as u64);
        let taken = match room {
            0 => skip(reader, &mut self.dropped),
            room => reader.take(room.min(TURN)).read_to_end(&mut self.kept),
        };
        match taken {
            Ok(0) => {
                self.is_done = true;
                Ok(false)
            }
            Ok(_) => Ok(true),
            Err(error) if error.kind() == IoErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Error::io("read(pipe)", errno_of(&error))),
        }
    }
}

/// Reads a turn's bytes that nobody wants, and counts them.
fn skip(reader: &mut File, dropped: &mut u64) -> std::io::Result<usize> {
    let mut block = [0; 8192];
    let mut turn = 0;
    while (turn as u64) < TURN {
        match reader.read(&mut block) {
            Ok(0) => break,
            Ok(length) => {
                turn += length;
                *dropped += length as u64;
            }
            Err(error) if error.kind() == IoErrorKind::Interrupted => {}
            Err(error) if turn == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(turn)
}

/// Writes bytes to the program.
#[derive(Debug)]
pub(crate) struct Feeder {
    writer: File,
    bytes: Arc<[u8]>,
    written: usize,
}

impl Feeder {
    fn new(writer: OwnedFd, bytes: Arc<[u8]>) -> Result<Feeder> {
        Ok(Feeder { writer: nonblocking(writer)?, bytes, written: 0 })
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }

    /// Writes what the pipe has room for. Returns whether there is more to write; a program that
    /// reads no more has had enough.
    pub(crate) fn feed(&mut self) -> Result<bool> {
        let _quiet = WithoutSigpipe::new()?;
        while let Some(rest @ [_, ..]) = self.bytes.get(self.written..) {
            match self.writer.write(rest) {
                Ok(length) => self.written += length,
                Err(error) => {
                    return match error.kind() {
                        IoErrorKind::WouldBlock => Ok(true),
                        IoErrorKind::Interrupted => continue,
                        IoErrorKind::BrokenPipe => Ok(false),
                        _ => Err(Error::io("write(pipe)", errno_of(&error))),
                    };
                }
            }
        }
        Ok(false)
    }
}
