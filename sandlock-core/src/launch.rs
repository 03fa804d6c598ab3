//! What to start, and how.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::policy::EnvName;
use crate::text::one_line;

/// Where one of the program's descriptors 0, 1 and 2 comes from or leads to.
#[derive(Clone)]
pub struct Stdio(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Inherit,
    Null,
    Piped,
    Captured,
    Stdout,
    Given(Arc<OwnedFd>),
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

    /// Whatever descriptor 1 is, so that both outputs keep their order. For descriptor 2 alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::{Launch, Policy, Sandbox, Stdio};
    ///
    /// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
    /// let launch = Launch::new(["sh", "-c", "echo 1; echo 2 >&2; echo 3"]).stderr(Stdio::stdout());
    /// assert_eq!(Sandbox::new(policy)?.run(launch)?.stdout(), b"1\n2\n3\n");
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn stdout() -> Stdio {
        Stdio(Kind::Stdout)
    }
}

/// Without the bytes of an input, which may be many, and a secret.
impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Inherit => f.write_str("inherit"),
            Kind::Null => f.write_str("null"),
            Kind::Piped => f.write_str("piped"),
            Kind::Captured => f.write_str("captured"),
            Kind::Stdout => f.write_str("stdout"),
            Kind::Given(fd) => write!(f, "descriptor {}", fd.as_raw_fd()),
            Kind::Input(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

/// That descriptor, which is closed when the program has its own copy and nobody else the `Stdio`.
impl From<OwnedFd> for Stdio {
    fn from(fd: OwnedFd) -> Stdio {
        Stdio(Kind::Given(Arc::new(fd)))
    }
}

macro_rules! from_owners_of_a_descriptor {
    ($($owner:ty),*) => {
        $(impl From<$owner> for Stdio {
            fn from(owner: $owner) -> Stdio {
                OwnedFd::from(owner).into()
            }
        })*
    };
}

from_owners_of_a_descriptor!(File, PipeReader, PipeWriter, ChildStdin, ChildStdout, ChildStderr);

/// A command, its descriptors and its surroundings, for [`Sandbox::run`](crate::Sandbox::run) and
/// [`Sandbox::spawn`](crate::Sandbox::spawn).
///
/// Without another word it reads nothing, both outputs are captured, it has no terminal and leads
/// a session of its own. Arrays, slices and vectors of words become a `Launch` by themselves.
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
#[derive(Clone)]
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
    pub(crate) clears_env: bool,
}

impl Launch {
    /// How much of each output is kept if nothing else is said: 64 MiB.
    pub const CAPTURE_LIMIT: u64 = 64 << 20;

    /// The launch of `command`: the program, looked for in its PATH, and its arguments. (Not a
    /// [`Path`](std::path::Path) alone, which is a list of its components.)
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
            clears_env: false,
        }
    }

    pub(crate) fn stdio(&self) -> [&Stdio; 3] {
        [&self.stdin, &self.stdout, &self.stderr]
    }

    /// What is wrong with it, as far as that shows without starting it.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::new(ErrorKind::Command, message));
        for (name, value) in &self.env {
            if let Err(reason) = EnvName::checked(name) {
                return wrong(format!("variable \"{}\": {reason}", one_line(name)));
            }
            if value.as_bytes().contains(&0) {
                return wrong(format!("variable \"{}\" holds a NUL byte", one_line(name)));
            }
        }
        match self.timeout {
            Some(Duration::ZERO) => wrong("a timeout of zero leaves no time to run".to_owned()),
            _ => Ok(()),
        }
    }

    /// For whoever serves the streams itself.
    pub(crate) fn check_unpiped(&self) -> Result<()> {
        match self.stdio().iter().any(|stdio| matches!(stdio.0, Kind::Piped)) {
            true => {
                let message = "nobody serves a piped stream while the caller waits";
                Err(Error::new(ErrorKind::Command, message)
                    .with_hint("a program with piped streams is spawned, not run"))
            }
            false => Ok(()),
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Launch {
        self.command.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Launch {
        self.command.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
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

    /// Gives the program the caller's own descriptors, session and terminal.
    ///
    /// Where descriptors 0, 1 and 2 are the terminal, and the caller's process group is in its
    /// foreground, the program gets a group of its own that takes this place until it ends, so that
    /// Ctrl-C, Ctrl-Z and changes of size reach the program; when it is stopped, the caller's group is
    /// stopped too, as in a shell. Otherwise, in a pipeline or in the background, it stays in the
    /// caller's group. Without a terminal it gets a group of its own.
    pub fn interactive(mut self) -> Launch {
        self.stdin = Stdio::inherit();
        self.stdout = Stdio::inherit();
        self.stderr = Stdio::inherit();
        self.interactive = true;
        self
    }

    /// Ends the tree after this time, instead of the policy's `limits.timeout`. Zero is an error;
    /// [`Duration::MAX`] is no limit.
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

    /// Adds a variable, or replaces it, over what the policy says. A name that is empty or holds `=`
    /// is an error when it is started.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Launch {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Takes over none of the caller's variables: what the policy's `process.env` sets and what
    /// [`env`](Launch::env) adds is all there is.
    pub fn env_clear(mut self) -> Launch {
        self.clears_env = true;
        self
    }
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("Launch")
            .field("command", &self.command)
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .field("interactive", &self.interactive)
            .field("timeout", &self.timeout)
            .field("cwd", &self.cwd)
            .field("env", &names)
            .field("clears_env", &self.clears_env)
            .finish_non_exhaustive()
    }
}

// Not every `IntoIterator`: a `Path` is one too, of its components.
impl<T: AsRef<OsStr>, const N: usize> From<[T; N]> for Launch {
    fn from(command: [T; N]) -> Launch {
        Launch::new(command)
    }
}

impl<T: AsRef<OsStr>, const N: usize> From<&[T; N]> for Launch {
    fn from(command: &[T; N]) -> Launch {
        Launch::new(command)
    }
}

impl<T: AsRef<OsStr>> From<&[T]> for Launch {
    fn from(command: &[T]) -> Launch {
        Launch::new(command)
    }
}

impl<T: AsRef<OsStr>> From<Vec<T>> for Launch {
    fn from(command: Vec<T>) -> Launch {
        Launch::new(command)
    }
}

impl<T: AsRef<OsStr>> From<&Vec<T>> for Launch {
    fn from(command: &Vec<T>) -> Launch {
        Launch::new(command)
    }
}

impl From<&Launch> for Launch {
    fn from(launch: &Launch) -> Launch {
        launch.clone()
    }
}
