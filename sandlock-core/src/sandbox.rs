//! A policy made ready to run programs under it.

use std::ffi::OsStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::child::Child;
use crate::confine::Prepared;
use crate::error::{Error, ErrorKind, Result};
use crate::host::Host;
use crate::launch::{Kind, Launch};
use crate::output::Output;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::spawn::{Command, Session, Start, Surroundings};
use crate::step::Step;
use crate::supervisor::{Foreground, Streams, Supervisor};
use crate::text::errno_of;
use crate::threads::start_deaf;

/// A policy, checked against this kernel and made ready: ruleset and filter are built once and
/// serve any number of runs, also at the same time from several threads. Cheap to clone.
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
#[derive(Clone, Debug)]
pub struct Sandbox {
    prepared: Arc<Prepared>,
}

impl Sandbox {
    /// Makes `policy` ready on this kernel. Nothing is started.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`]: settings contradict each other, or a granted path is missing.
    /// [`ErrorKind::Unsupported`]: this kernel lacks a protection that the policy demands.
    pub fn new(policy: Policy) -> Result<Sandbox> {
        let plan = Plan::new(&policy, Host::current())?;
        Ok(Sandbox { prepared: Arc::new(Prepared::new(plan)?) })
    }

    /// What is done to confine a program.
    pub fn plan(&self) -> &Plan {
        &self.prepared.plan
    }

    /// Runs a command, or a [`Launch`], to its end, in the calling thread, and collects what it
    /// prints. A program that ends badly is not an error: the [`Output`] says how it ended. When
    /// the program ends, whatever it left running is killed.
    ///
    /// # Errors
    ///
    /// What kept the program from running: [`ErrorKind::Command`] (also for a piped stream, which
    /// nobody would serve), [`ErrorKind::NotFound`], [`ErrorKind::CannotExecute`],
    /// [`ErrorKind::Spawn`], [`ErrorKind::Policy`] for a `process.cwd` that is no directory,
    /// [`ErrorKind::Io`] when this process has no descriptors left or somebody killed the
    /// program's keeper.
    pub fn run(&self, launch: impl Into<Launch>) -> Result<Output> {
        let launch = launch.into();
        if launch.stdio().iter().any(|stdio| matches!(stdio.0, Kind::Piped)) {
            let message = "nobody serves a piped stream while the caller waits";
            return Err(Error::new(ErrorKind::Command, message).with_hint("use Sandbox::spawn"));
        }
        self.attempt(&launch, |command| {
            let begun = Instant::now();
            // The calling thread owns the keeper: nobody else has to wait for the tree, and the
            // keeper ends it when this thread ends.
            let ended = self.begin(&launch, command, None)?.until_ended()?;
            Ok(Output::new(ended, false, begun.elapsed(), self.plan().enforcement.clone()))
        })
    }

    /// Runs a command with the caller's own descriptors 0, 1 and 2, session and terminal:
    /// [`Launch::interactive`].
    ///
    /// # Errors
    ///
    /// As [`run`](Sandbox::run).
    pub fn run_interactive<I>(&self, command: I) -> Result<Output>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.run(Launch::new(command).interactive())
    }

    /// Starts a command, or a [`Launch`], and returns when it has been executed. A thread of its
    /// own owns the tree from then on.
    ///
    /// # Errors
    ///
    /// As [`run`](Sandbox::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::{Launch, Policy, Sandbox, Stdio};
    /// use std::io::Read;
    ///
    /// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
    /// let launch = Launch::new(["echo", "hello"]).stdout(Stdio::piped());
    /// let child = Sandbox::new(policy)?.spawn(launch)?;
    /// let mut text = String::new();
    /// child.stdout().expect("piped").read_to_string(&mut text).expect("text");
    /// assert_eq!(text, "hello\n");
    /// assert!(child.wait()?.success());
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn spawn(&self, launch: impl Into<Launch>) -> Result<Child> {
        let launch = Arc::new(launch.into());
        self.attempt(&launch, |command| Child::start(self.clone(), Arc::clone(&launch), command))
    }

    /// Runs many commands, at most `at_once` at the same time, and returns how each ended, in
    /// their order.
    ///
    /// # Examples
    ///
    /// ```
    /// # use sandlock::{Policy, Sandbox};
    /// # let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
    /// let results = Sandbox::new(policy)?.run_all([["echo", "1"], ["echo", "2"]], 2);
    /// let printed: Vec<_> = results.into_iter().map(|r| r.unwrap().stdout().to_vec()).collect();
    /// assert_eq!(printed, [b"1\n", b"2\n"]);
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn run_all<I>(&self, launches: I, at_once: usize) -> Vec<Result<Output>>
    where
        I: IntoIterator,
        I::Item: Into<Launch>,
    {
        let launches: Vec<_> =
            launches.into_iter().map(|one| Mutex::new(Some(one.into()))).collect();
        let results: Vec<_> = launches.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let (Some(launch), Some(result)) = (launches.get(index), results.get(index)) else {
                    return;
                };
                let launch: Option<Launch> = locked(launch).take();
                *locked(result) = launch.map(|launch| self.run(launch));
            }
        };
        std::thread::scope(|scope| {
            // The calling thread is one of the workers, and the only one where there is no room for
            // another.
            let start = |_| start_deaf(|builder| builder.spawn_scoped(scope, work)).ok();
            let workers: Vec<_> = (1..at_once.min(launches.len())).map_while(start).collect();
            work();
            // Their ends are waited for, not only the ends of their work. Whose worker panicked
            // has no result.
            for worker in workers {
                worker.join().ok();
            }
        });
        let lost = || Err(Error::new(ErrorKind::Io, "a thread of this process could not be used"));
        results.into_iter().map(|result| locked(&result).take().unwrap_or_else(lost)).collect()
    }

    /// Finds the command of `launch` and carries out `attempt` with it. As execvp(3) does, goes on
    /// to the next one in PATH where one may not be executed.
    fn attempt<T>(
        &self,
        launch: &Launch,
        mut attempt: impl FnMut(Command) -> Result<T>,
    ) -> Result<T> {
        let mut first = None;
        for skipped in 0.. {
            let command = match self.command(launch, skipped) {
                Ok(command) => command,
                Err(error) => return Err(first.unwrap_or(error)),
            };
            match attempt(command) {
                Err(error) if launch.is_searched() && is_refused(&error) => {
                    first.get_or_insert(error);
                }
                result => return result,
            }
        }
        Err(Error::new(ErrorKind::NotFound, "command not found"))
    }

    pub(crate) fn command(&self, launch: &Launch, skipped: usize) -> Result<Command> {
        let mut environment = self.plan().environment.apply(std::env::vars_os());
        for (name, value) in &launch.env {
            environment.retain(|(other, _)| other != name);
            environment.push((name.clone(), value.clone()));
        }
        let cwd = launch.cwd.as_deref().or(self.plan().cwd());
        Command::new(&launch.command, environment, cwd, skipped)
    }

    /// Starts `command`. `announced` is for an owner that wants to hear when it has been executed.
    pub(crate) fn begin(
        &self,
        launch: &Launch,
        command: Command,
        announced: Option<&Arc<AtomicBool>>,
    ) -> Result<Supervisor> {
        let (streams, stdio) = Streams::new(launch)?;
        let foreground = launch.interactive.then(Foreground::of_this_process).flatten();
        let session = match &foreground {
            Some(foreground) => Session::Foreground(foreground.descriptor().map_err(|error| {
                Error::io("fcntl(terminal, F_DUPFD_CLOEXEC)", errno_of(&error))
            })?),
            None if launch.interactive => Session::Callers,
            None => Session::Own,
        };
        let surroundings = Surroundings {
            stdio,
            session,
            announced: announced.is_some(),
            timeout: launch.timeout.or(self.plan().timeout),
        };
        let prepared = Arc::clone(&self.prepared);
        let start = Start::new(prepared, command, launch.cwd.as_deref(), surroundings)?;
        let paused = announced.cloned().unwrap_or_default();
        Supervisor::begin(start, streams, foreground, paused)
    }
}

/// Whether a program could not be executed because nothing lets it.
fn is_refused(error: &Error) -> bool {
    error.step() == Some(Step::Execute) && error.errno() == Some(libc::EACCES)
}

/// A lock that no panic can leave something half done behind.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
