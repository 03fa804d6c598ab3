//! How a run ended.

use std::time::Duration;

use serde::Serialize;

use crate::plan::Enforcement;
use crate::spawn::RawUsage;

/// Why a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It exited by itself.
    Exited,
    /// A signal ended it; SIGSYS is a call that the filter kills for.
    Signaled,
    /// `limits.timeout` was over and the tree was killed.
    Timeout,
}

/// Resources that the whole tree used.
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

/// What a run left: how it ended, what it printed, what it used and what was enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub(crate) status: i32,
    pub(crate) timed_out: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) usage: Usage,
    pub(crate) enforcement: Enforcement,
}

impl Output {
    /// Whether the program exited with 0, in time.
    pub fn success(&self) -> bool {
        self.code() == Some(0)
    }

    /// The exit code; `None` if a signal or the timeout ended the program.
    pub fn code(&self) -> Option<i32> {
        (self.reason() == Reason::Exited).then(|| libc::WEXITSTATUS(self.status))
    }

    /// The signal that ended the program, SIGKILL after a timeout.
    pub fn signal(&self) -> Option<i32> {
        libc::WIFSIGNALED(self.status).then(|| libc::WTERMSIG(self.status))
    }

    /// Why it ended.
    pub fn reason(&self) -> Reason {
        match (self.timed_out, libc::WIFEXITED(self.status)) {
            (true, _) => Reason::Timeout,
            (false, true) => Reason::Exited,
            (false, false) => Reason::Signaled,
        }
    }

    /// The wait status, as wait(2) has it.
    pub fn status(&self) -> i32 {
        self.status
    }

    /// Everything written to descriptor 1; empty for interactive runs.
    pub fn stdout(&self) -> &[u8] {
        &self.stdout
    }

    /// Everything written to descriptor 2; empty for interactive runs.
    pub fn stderr(&self) -> &[u8] {
        &self.stderr
    }

    /// What the tree used.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// What was enforced, degraded and weakened.
    pub fn enforcement(&self) -> &Enforcement {
        &self.enforcement
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
