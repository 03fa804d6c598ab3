//! Where records go.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::write;

use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::caught;
use crate::text::{errno_of, one_line};

pub(super) type Callback = dyn Fn(&[u8]) + Send + Sync;

/// Where records go.
pub(super) enum Sink {
    Descriptor {
        fd: OwnedFd,
        /// Whether what was written last is the beginning of a line.
        is_torn: AtomicBool,
    },
    Callback(Box<Callback>),
}

/// Why not everything could be written.
pub(super) struct Failure {
    /// How many lines were written in full.
    pub(super) lines: usize,
    pub(super) error: Error,
}

impl Sink {
    /// A file to append to, made for its owner alone if it is not there. Not waited for: a pipe that
    /// nobody reads is an error.
    pub(super) fn file(path: &Path) -> Result<Sink> {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let mut options = File::options();
        let opened = options.append(true).create(true).mode(0o600).custom_flags(flags).open(path);
        let file = opened.map_err(|error| {
            let call = format!("open(\"{}\", O_WRONLY | O_APPEND | O_CREAT)", one_line(path));
            Error::io(call, errno_of(&error))
        })?;
        Ok(Sink::of(file.into()))
    }

    /// A descriptor that can be written to.
    pub(super) fn descriptor(fd: OwnedFd) -> Result<Sink> {
        let number = fd.as_raw_fd();
        let flags = fcntl(&fd, FcntlArg::F_GETFL)
            .map_err(|errno| Error::io(format!("fcntl({number}, F_GETFL)"), errno as i32))?;
        let flags = OFlag::from_bits_retain(flags);
        if flags & OFlag::O_ACCMODE == OFlag::O_RDONLY || flags.contains(OFlag::O_PATH) {
            let message = format!("descriptor {number} is not open for writing");
            return Err(Error::new(ErrorKind::Argument, message));
        }
        Ok(Sink::of(fd))
    }

    fn of(fd: OwnedFd) -> Sink {
        Sink::Descriptor { fd, is_torn: AtomicBool::new(false) }
    }

    /// How many bytes are to be gathered for one write.
    pub(super) fn chunk(&self) -> usize {
        match self {
            Sink::Descriptor { .. } => 64 << 10,
            Sink::Callback(_) => 1,
        }
    }

    /// Writes `lines`, each with its end: one for a callback. Waits as long as it takes.
    pub(super) fn write(&self, lines: &[u8]) -> Result<(), Failure> {
        match self {
            Sink::Descriptor { fd, is_torn } => write_lines(fd, is_torn, lines),
            Sink::Callback(callback) => {
                let line = lines.strip_suffix(b"\n").unwrap_or(lines);
                caught(|| callback(line)).map_err(|panicked| {
                    let message = format!("the callback of an audit {panicked}");
                    Failure { lines: 0, error: Error::new(ErrorKind::Io, message) }
                })
            }
        }
    }
}

fn write_lines(fd: &OwnedFd, is_torn: &AtomicBool, lines: &[u8]) -> Result<(), Failure> {
    let failed = |lines, errno| {
        let call = format!("write({}) of an audit", fd.as_raw_fd());
        Failure { lines, error: Error::io(call, errno as i32) }
    };
    if is_torn.load(Ordering::Relaxed) {
        write_all(fd, b"\n").map_err(|(_, errno)| failed(0, errno))?;
        is_torn.store(false, Ordering::Relaxed);
    }
    write_all(fd, lines).map_err(|(done, errno)| {
        let written = &lines[..done];
        is_torn.store(!written.is_empty() && !written.ends_with(b"\n"), Ordering::Relaxed);
        failed(written.iter().filter(|byte| **byte == b'\n').count(), errno)
    })
}

/// What was written before an error, and that.
fn write_all(fd: &OwnedFd, bytes: &[u8]) -> std::result::Result<(), (usize, Errno)> {
    let mut done = 0;
    while done < bytes.len() {
        match write(fd, &bytes[done..]) {
            Ok(0) => return Err((done, Errno::EIO)),
            Ok(length) => done += length,
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => await_room(fd).map_err(|errno| (done, errno))?,
            Err(errno) => return Err((done, errno)),
        }
    }
    Ok(())
}

fn await_room(fd: &OwnedFd) -> nix::Result<()> {
    match poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn failure(sink: &Sink, lines: &[u8]) -> (usize, Option<i32>) {
        let failure = sink.write(lines).unwrap_err();
        (failure.lines, failure.error.errno())
    }

    #[test]
    fn a_new_file_is_its_owners_alone_and_an_old_one_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        assert!(Sink::file(&path).unwrap().write(b"one\n").is_ok());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Sink::file(&path).unwrap().write(b"two\nthree\n").is_ok());
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn files_that_cannot_be_opened_are_errors_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let cases = [
            (folder.path().join("missing/audit"), libc::ENOENT),
            (folder.path().to_owned(), libc::EISDIR),
            // Not waited for.
            (pipe.clone(), libc::ENXIO),
        ];
        for (path, errno) in cases {
            let Err(error) = Sink::file(&path) else { panic!("{}", path.display()) };
            assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, Some(errno)), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
        // The twin: somebody reads.
        let mut options = File::options();
        let _reader = options.read(true).custom_flags(libc::O_NONBLOCK).open(&pipe).unwrap();
        assert!(Sink::file(&pipe).unwrap().write(b"line\n").is_ok());
    }

    #[test]
    fn descriptors_that_cannot_be_written_to_are_rejected() {
        let open = |flags| {
            let mut options = File::options();
            OwnedFd::from(options.read(true).custom_flags(flags).open("/dev/null").unwrap())
        };
        for fd in [open(0), open(libc::O_PATH), std::io::pipe().unwrap().0.into()] {
            let Err(error) = Sink::descriptor(fd) else { panic!("accepted") };
            assert_eq!(error.kind(), ErrorKind::Argument, "{error}");
        }
        for fd in [
            File::options().write(true).open("/dev/null").unwrap().into(),
            OwnedFd::from(std::io::pipe().unwrap().1),
        ] {
            assert!(Sink::descriptor(fd).is_ok());
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_so_is_a_pipe_without_a_reader() {
        assert_eq!(
            failure(&Sink::file(Path::new("/dev/full")).unwrap(), b"one\n"),
            (0, Some(libc::ENOSPC))
        );
        let (reader, writer) = std::io::pipe().unwrap();
        let sink = Sink::descriptor(writer.into()).unwrap();
        assert!(sink.write(b"one\n").is_ok());
        drop(reader);
        assert_eq!(failure(&sink, b"two\n"), (0, Some(libc::EPIPE)));
    }

    /// A pipe takes 64 KiB, and then waits for a reader.
    #[test]
    fn a_descriptor_that_does_not_block_is_waited_for() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let lines = b"0123456789abcde\n".repeat(20_000);
        let sink = Sink::descriptor(writer.into()).unwrap();
        let read = std::thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).map(|_| read)
        });
        assert!(sink.write(&lines).is_ok());
        drop(sink);
        assert_eq!(read.join().unwrap().unwrap(), lines);
    }

    #[test]
    fn lines_that_were_written_before_an_error_count_and_a_piece_of_one_is_ended() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let lines = b"0123456789abc\n".repeat(10_000);
        let is_torn = AtomicBool::new(false);
        let fd = OwnedFd::from(writer);
        let failure = std::thread::scope(|scope| {
            let written = scope.spawn(|| write_lines(&fd, &is_torn, &lines));
            // It has begun, and waits for room.
            reader.read_exact(&mut [0; 10]).unwrap();
            drop(reader);
            written.join().unwrap().unwrap_err()
        });
        // As much as the pipe held, at least: 65,536 bytes or less.
        assert_eq!(failure.error.errno(), Some(libc::EPIPE));
        assert!((1..10_000).contains(&failure.lines), "{}", failure.lines);
        assert!(is_torn.load(Ordering::Relaxed));
        let mut file = tempfile::tempfile().unwrap();
        let next = file.try_clone().unwrap().into();
        assert!(write_lines(&next, &is_torn, b"next\n").is_ok());
        assert!(write_lines(&next, &is_torn, b"last\n").is_ok());
        std::io::Seek::rewind(&mut file).unwrap();
        let mut read = String::new();
        file.read_to_string(&mut read).unwrap();
        assert_eq!(read, "\nnext\nlast\n");
    }

    #[test]
    fn a_callback_gets_a_line_without_its_end_and_may_panic() {
        let sink = Sink::Callback(Box::new(|line: &[u8]| {
            assert_ne!(line, b"bad", "out of ideas");
            assert_eq!(line, b"good");
        }));
        assert!(sink.write(b"good\n").is_ok());
        let failure = sink.write(b"bad\n").unwrap_err();
        assert_eq!(failure.lines, 0);
        assert!(failure.error.to_string().contains("panicked"), "{}", failure.error);
    }
}
