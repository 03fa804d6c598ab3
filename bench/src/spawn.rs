//! The floors of a start: posix_spawn(3) of a program and waiting for it.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;

use nix::fcntl::OFlag;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2};

/// What a start needs, prepared once.
pub(crate) struct Spawn {
    program: CString,
    environment: Vec<CString>,
}

impl Spawn {
    pub(crate) fn new(program: impl Into<CString>) -> Spawn {
        let variable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            let text = [name.into_vec(), value.into_vec()].join(&b'=');
            CString::new(text).expect("variables hold no NUL")
        };
        Spawn { program: program.into(), environment: std::env::vars_os().map(variable).collect() }
    }

    /// Runs the program with our own descriptors.
    pub(crate) fn inherit(&self) {
        wait(self.start(&PosixSpawnFileActions::init().expect("file actions")));
    }

    /// Runs the program and collects what it prints, as [`sandlock::Sandbox::run`] does.
    pub(crate) fn capture(&self) {
        let mut actions = PosixSpawnFileActions::init().expect("file actions");
        let null = File::open("/dev/null").expect("/dev/null");
        actions.add_dup2(null.as_raw_fd(), 0).expect("file actions");
        let pipes = [1, 2].map(|target| {
            let (reader, writer) = pipe2(OFlag::O_CLOEXEC).expect("pipe2");
            actions.add_dup2(writer.as_raw_fd(), target).expect("file actions");
            (File::from(reader), writer)
        });
        let child = self.start(&actions);
        for (mut reader, writer) in pipes {
            drop(writer);
            reader.read_to_end(&mut Vec::new()).expect("read from a pipe");
        }
        wait(child);
    }

    fn start(&self, actions: &PosixSpawnFileActions) -> Pid {
        let attributes = PosixSpawnAttr::init().expect("attributes");
        let program = self.program.as_c_str();
        posix_spawn(program, actions, &attributes, &[program], &self.environment)
            .expect("posix_spawn")
    }
}

fn wait(child: Pid) {
    assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
}
