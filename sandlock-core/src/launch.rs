//! What to start, and how.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where one of the program's descriptors 0, 1 and 2 comes from or leads to.
#[derive(Debug)]
pub struct Stdio(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Inherit,
    Null,
    Piped,
    Captured,
    Given(OwnedFd),
    Input(Arc<[u8]>),
}

impl Stdio {
    /// The caller's own descriptor of the same number.
    pub fn inherit() -> Stdio {
        Stdio(Kind::Inherit)
    }

    /// `/dev/null`.
    pub fn null() -> Stdio {
        Stdio(Kind::Null)
    }

    /// A pipe whose other end the [`Child`](crate::Child) gives out.
    pub fn piped() -> Stdio {
        Stdio(Kind::Piped)
    }

    /// Collected for the [`Output`](crate::Output), up to
    /// [`capture_limit`](Launch::capture_limit). Not for descriptor 0.
    pub fn captured() -> Stdio {
        Stdio(Kind::Captured)
    }
}

impl From<OwnedFd> for Stdio {
    fn from(fd: OwnedFd) -> Stdio {
        Stdio(Kind::Given(fd))
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        OwnedFd::from(file).into()
    }
}

/// A command, its descriptors and its surroundings, for [`Sandbox::run`](crate::Sandbox::run) and
/// [`Sandbox::spawn`](crate::Sandbox::spawn).
///
/// Without another word it reads nothing, both outputs are captured, it has no terminal and leads
/// a session of its own. Every list of words that can be a command becomes a `Launch` by itself.
///
/// # Examples
///
/// ```
/// use sandlock::{Launch, Policy, Sandbox};
///
/// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
/// let sandbox = Sandbox::new(policy)?;
/// let out = sandbox.run(Launch::new(["tr", "a-z", "A-Z"]).input("shout"))?;
/// assert_eq!(out.stdout(), b"SHOUT");
/// # Ok::<(), sandlock::Error>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct Launch {
    pub(crate) command: Vec<OsString>,
    pub(crate) stdin: Stdio,
    pub(crate) stdout: Stdio,
    pub(crate) stderr: Stdio,
    pub(crate) capture_limit: u64,
    pub(crate) interactive: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) env: Vec<(OsString, OsString)>,
}

impl Launch {
    /// How much of each output is kept if nothing else is said: 64 MiB.
    pub const CAPTURE_LIMIT: u64 = 64 << 20;

    /// The launch of `command`: the program, looked for in its PATH, and its arguments.
    pub fn new<I>(command: I) -> Launch
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        Launch {
            command: command.into_iter().map(|word| word.as_ref().to_owned()).collect(),
            stdin: Stdio::null(),
            stdout: Stdio::captured(),
            stderr: Stdio::captured(),
            capture_limit: Launch::CAPTURE_LIMIT,
            interactive: false,
            timeout: None,
            cwd: None,
            env: Vec::new(),
        }
    }

    pub(crate) fn stdio(&self) -> [&Stdio; 3] {
        [&self.stdin, &self.stdout, &self.stderr]
    }

    /// Sets descriptor 0.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Launch {
        self.stdin = stdin.into();
        self
    }

    /// Sets descriptor 1.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Launch {
        self.stdout = stdout.into();
        self
    }

    /// Sets descriptor 2.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Launch {
        self.stderr = stderr.into();
        self
    }

    /// Makes descriptor 0 a pipe with these bytes and then its end. A program that reads none or
    /// only some of them is no error.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Launch {
        self.stdin = Stdio(Kind::Input(bytes.into().into()));
        self
    }

    /// How many bytes of each captured output are kept. The rest is read and counted, so that the
    /// program is not held up: [`Output::stdout_dropped`](crate::Output::stdout_dropped).
    pub fn capture_limit(mut self, bytes: u64) -> Launch {
        self.capture_limit = bytes;
        self
    }

    /// Gives the program the caller's own descriptors, session and terminal. Where the caller's
    /// process group is the terminal's foreground group, the program gets a group of its own that
    /// takes this place until it ends, so that Ctrl-C, Ctrl-Z and changes of size reach the
    /// program; when it is stopped, the caller's group is stopped too, as in a shell.
    pub fn interactive(mut self) -> Launch {
        self.stdin = Stdio::inherit();
        self.stdout = Stdio::inherit();
        self.stderr = Stdio::inherit();
        self.interactive = true;
        self
    }

    /// Ends the tree after this time, instead of the policy's `limits.timeout`.
    pub fn timeout(mut self, limit: Duration) -> Launch {
        self.timeout = Some(limit);
        self
    }

    /// Starts the program in this directory, instead of the policy's `process.cwd`. It grants
    /// nothing.
    pub fn cwd(mut self, directory: impl Into<PathBuf>) -> Launch {
        self.cwd = Some(directory.into());
        self
    }

    /// Adds a variable, or replaces it, over what the policy says.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Launch {
        self.env.push((name.into(), value.into()));
        self
    }
}

impl<I> From<I> for Launch
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    fn from(command: I) -> Launch {
        Launch::new(command)
    }
}
