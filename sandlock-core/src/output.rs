//! How a run ended.

mod report;

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::error::{Error, HandlerError, Result};
use crate::listed::listed;
use crate::plan::Enforcement;
use crate::run::{Collector, Ended};
use crate::spawn::{End, RawUsage};

listed! {
    /// Why a program ended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Reason {
        /// It exited by itself.
        Exited,
        /// A signal ended it; SIGSYS is a call that the filter kills for.
        Signaled,
        /// Its time was over and the tree was killed.
        Timeout,
        /// [`Child::kill`](crate::Child::kill) or a handler's
        /// [`KillSandbox`](crate::NotifAction::KillSandbox) ended the tree.
        Killed,
    }
}

impl Reason {
    /// The name, as in JSON: `exited`.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Exited => "exited",
            Reason::Signaled => "signaled",
            Reason::Timeout => "timeout",
            Reason::Killed => "killed",
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Resources that the whole tree used, but for processes whose parents ignored SIGCHLD: the kernel
/// counts those nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Wall clock from the start to the end of the last process.
    pub wall: Duration,
    /// Processor time in user mode.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// Peak resident memory of the largest process, bytes; `None` where it is not above the peak of
    /// the calling process at the start: that counts too, because a start shares memory with it.
    pub peak_memory: Option<u64>,
}

/// What a run left: how it ended, what it printed, what it used and what was enforced. Cheap to
/// clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Output(Arc<Parts>);

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("reason", &self.reason())
            .field("code", &self.code())
            .field("signal", &self.signal())
            .field("stdout", &beginning(self.stdout()))
            .field("stderr", &beginning(self.stderr()))
            .finish_non_exhaustive()
    }
}

/// As much as a person wants to see.
fn beginning(bytes: &[u8]) -> String {
    const MOST: usize = 1000;
    match bytes.get(..MOST) {
        None => String::from_utf8_lossy(bytes).into_owned(),
        Some(first) => {
            let text = String::from_utf8_lossy(first);
            format!("{text}… ({} bytes)", bytes.len())
        }
    }
}

/// What was kept of a stream.
#[derive(PartialEq, Eq)]
struct Captured {
    with_nul: Vec<u8>,
    dropped: u64,
}

impl Captured {
    fn new((mut bytes, dropped): (Vec<u8>, u64)) -> Captured {
        bytes.push(0);
        Captured { with_nul: bytes, dropped }
    }

    fn bytes(&self) -> &[u8] {
        self.with_nul.split_last().map_or(&[], |(_, bytes)| bytes)
    }
}

#[derive(PartialEq, Eq)]
struct Parts {
    status: i32,
    reason: Reason,
    /// What was written to descriptors 1 and 2.
    captured: [Captured; 2],
    usage: Usage,
    enforcement: Enforcement,
    handler_errors: Vec<HandlerError>,
    handler_errors_dropped: u64,
}

impl Output {
    /// What is left of a run.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Handler`](crate::ErrorKind::Handler), with the output, if a handler's failure ended
    /// it.
    pub(crate) fn new(
        ended: Ended,
        killed: bool,
        wall: Duration,
        enforcement: Enforcement,
    ) -> Result<Output> {
        let Ended { end: End { status, timed_out, usage }, streams, findings } = ended;
        let killed = killed || findings.killed || findings.fatal.is_some();
        // A program that had ended by itself just then was neither late nor killed.
        let by_kill = libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL;
        let reason = match libc::WIFEXITED(status) {
            true => Reason::Exited,
            false if timed_out && by_kill => Reason::Timeout,
            false if killed && by_kill => Reason::Killed,
            false => Reason::Signaled,
        };
        let captured = streams
            .collectors
            .map(|one| Captured::new(one.map(Collector::into_collected).unwrap_or_default()));
        let output = Output(Arc::new(Parts {
            status,
            reason,
            captured,
            usage: Usage::new(wall, usage),
            enforcement,
            handler_errors: findings.errors,
            handler_errors_dropped: findings.dropped,
        }));
        match findings.fatal {
            Some(failure) => Err(Error::handler(failure).with_output(output)),
            None => Ok(output),
        }
    }

    /// Whether the program exited with 0, in time.
    pub fn success(&self) -> bool {
        self.code() == Some(0)
    }

    /// The exit code; `None` if a signal, the timeout or a kill ended the program.
    pub fn code(&self) -> Option<i32> {
        (self.reason() == Reason::Exited).then(|| libc::WEXITSTATUS(self.0.status))
    }

    /// The signal that ended the program, SIGKILL after a timeout or a kill.
    pub fn signal(&self) -> Option<i32> {
        libc::WIFSIGNALED(self.0.status).then(|| libc::WTERMSIG(self.0.status))
    }

    /// Why it ended.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// The exit code or the signal in the words of the standard library, which also knows whether
    /// there was a core dump.
    pub fn status(&self) -> ExitStatus {
        ExitStatus::from_raw(self.0.status)
    }

    /// What was written to descriptor 1, up to the limit; empty if it was not captured.
    pub fn stdout(&self) -> &[u8] {
        self.0.captured[0].bytes()
    }

    /// What was written to descriptor 2, up to the limit; empty if it was not captured.
    pub fn stderr(&self) -> &[u8] {
        self.0.captured[1].bytes()
    }

    /// [`stdout`](Output::stdout) and [`stderr`](Output::stderr), each with one NUL behind it, for
    /// languages whose texts end there.
    #[doc(hidden)]
    pub fn captured_with_nul(&self) -> [&[u8]; 2] {
        self.0.captured.each_ref().map(|captured| &captured.with_nul[..])
    }

    /// How many bytes were written to descriptor 1 beyond the limit of capture, and are lost.
    pub fn stdout_dropped(&self) -> u64 {
        self.0.captured[0].dropped
    }

    /// How many bytes were written to descriptor 2 beyond the limit of capture, and are lost.
    pub fn stderr_dropped(&self) -> u64 {
        self.0.captured[1].dropped
    }

    /// What the tree used.
    pub fn usage(&self) -> Usage {
        self.0.usage
    }

    /// Failures of handlers and observers that did not end the run, the first hundred: see
    /// [`OnError::Deny`](crate::OnError::Deny). A handler that missed its deadline is among them.
    pub fn handler_errors(&self) -> &[HandlerError] {
        &self.0.handler_errors
    }

    /// How many more there were.
    pub fn handler_errors_dropped(&self) -> u64 {
        self.0.handler_errors_dropped
    }

    /// What was enforced, degraded and weakened.
    pub fn enforcement(&self) -> &Enforcement {
        &self.0.enforcement
    }
}

impl Usage {
    pub(crate) fn new(wall: Duration, raw: RawUsage) -> Usage {
        let micros = |micros: i64| Duration::from_micros(micros.unsigned_abs());
        Usage {
            wall,
            user: micros(raw.user_micros),
            system: micros(raw.system_micros),
            peak_memory: raw.peak_kib.map(|kib| kib.unsigned_abs().saturating_mul(1024)),
        }
    }
}
