//! A policy made ready to run programs under it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Instant;

use crate::capture::{self, Pipe};
use crate::confine::{self, filter::Program};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::output::{Output, Usage};
use crate::plan::Plan;
use crate::policy::Policy;
use crate::spawn::{Command, Launch, Stdio, Tree};
use crate::text::errno_of;

/// A policy, checked against this kernel and made ready: ruleset and filter are built once and
/// serve any number of runs, also at the same time from several threads.
///
/// Granted paths are resolved here, not at each run: a directory that is replaced later is no
/// longer granted.
///
/// # Examples
///
/// ```
/// use sandlock::{Policy, Sandbox};
///
/// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
/// let out = Sandbox::new(policy)?.run(["echo", "hello"])?;
/// assert!(out.success());
/// assert_eq!(out.stdout(), b"hello\n");
/// # Ok::<(), sandlock::Error>(())
/// ```
#[derive(Debug)]
pub struct Sandbox {
    plan: Plan,
    ruleset: OwnedFd,
    filter: Program,
    /// What a captured program reads from, opened for the first one.
    null: OnceLock<OwnedFd>,
}

impl Sandbox {
    /// Makes `policy` ready on this kernel. Nothing is started.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`](crate::ErrorKind::Policy): settings contradict each other, or a
    /// granted path is missing. [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported): this
    /// kernel lacks a protection that the policy demands.
    pub fn new(policy: Policy) -> Result<Sandbox> {
        let plan = Plan::new(&policy, Host::current())?;
        let ruleset = confine::ruleset::create(&plan.landlock)?;
        let filter = confine::filter::compile(&plan.filter)?;
        Ok(Sandbox { plan, ruleset, filter, null: OnceLock::new() })
    }

    /// What is done to confine a program.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs `command` and collects what it prints. It reads nothing from descriptor 0, has no
    /// terminal and leads a session of its own.
    ///
    /// A program that ends badly is not an error: the [`Output`] says how it ended. When the
    /// program ends, whatever it left running is killed.
    ///
    /// # Errors
    ///
    /// What kept the program from running: [`Command`](crate::ErrorKind::Command),
    /// [`NotFound`](crate::ErrorKind::NotFound),
    /// [`CannotExecute`](crate::ErrorKind::CannotExecute), [`Spawn`](crate::ErrorKind::Spawn),
    /// [`Policy`](crate::ErrorKind::Policy) for a `process.cwd` that is no directory,
    /// [`Io`](crate::ErrorKind::Io) when this process has no descriptors left or somebody killed
    /// the program's keeper.
    pub fn run<I>(&self, command: I) -> Result<Output>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let command = self.command(command)?;
        let mut pipes = [Pipe::new()?, Pipe::new()?];
        let descriptors = [self.null()?, pipes[0].writer(), pipes[1].writer()].map(Some);
        let stdio = Stdio { descriptors, interactive: false };
        let launch = Launch::new(&self.plan, self.ruleset.as_fd(), &self.filter, command, &stdio)?;
        let mut output = self.carry_out(launch, &mut pipes)?;
        let [stdout, stderr] = pipes.map(Pipe::into_collected);
        output.stdout = stdout;
        output.stderr = stderr;
        Ok(output)
    }

    /// Runs `command` with the caller's own descriptors 0, 1 and 2, in the caller's session.
    ///
    /// # Errors
    ///
    /// As [`run`](Sandbox::run).
    pub fn run_interactive<I>(&self, command: I) -> Result<Output>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let command = self.command(command)?;
        let stdio = Stdio { descriptors: [None; 3], interactive: true };
        let launch = Launch::new(&self.plan, self.ruleset.as_fd(), &self.filter, command, &stdio)?;
        self.carry_out(launch, &mut [])
    }

    fn null(&self) -> Result<BorrowedFd<'_>> {
        if let Some(null) = self.null.get() {
            return Ok(null.as_fd());
        }
        let null = File::open("/dev/null")
            .map_err(|error| Error::io("open(\"/dev/null\")", errno_of(&error)))?;
        let null = capture::above_stdio(null.into())?;
        Ok(self.null.get_or_init(|| null).as_fd())
    }

    fn command<I>(&self, command: I) -> Result<Command>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let arguments: Vec<OsString> =
            command.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        let environment = self.plan.environment.apply(std::env::vars_os());
        Command::new(&arguments, environment, self.plan.cwd())
    }

    /// Runs in the calling thread: nobody else has to wait for the tree, and the keeper ends it
    /// when this thread ends.
    fn carry_out(&self, launch: Launch, pipes: &mut [Pipe]) -> Result<Output> {
        let start = Instant::now();
        let deadline = self.plan.timeout.and_then(|timeout| start.checked_add(timeout));
        let tree = Tree::start(launch)?;
        let timed_out = capture::wait(&tree, pipes, deadline)?;
        let (status, usage) = tree.finish(&self.plan)?;
        Ok(Output {
            status,
            timed_out,
            stdout: Vec::new(),
            stderr: Vec::new(),
            usage: Usage::new(start.elapsed(), usage),
            enforcement: self.plan.enforcement.clone(),
        })
    }
}
