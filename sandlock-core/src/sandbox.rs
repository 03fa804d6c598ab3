//! A policy made ready to run programs under it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::child::{Child, Shared};
use crate::confine::Prepared;
use crate::error::{Error, ErrorKind, Result};
use crate::handler::{Handler, HandlerOptions, Observer, ObserverOptions};
use crate::host::{Host, Notifications};
use crate::launch::Launch;
use crate::output::Output;
use crate::plan::{Enforcement, Plan};
use crate::policy::Policy;
use crate::registry::{Handlers, Registration};
use crate::run::{Foreground, Run, Streams, Watch};
use crate::spawn::{Command, Directory, NamedBy, Session, Start, Surroundings};
use crate::step::Step;
use crate::syscall::{Syscall, SyscallError};
use crate::threads::{locked, start_deaf};

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
#[derive(Clone)]
pub struct Sandbox {
    prepared: Arc<Prepared>,
    handlers: Handlers,
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
        let handlers = Handlers::new(&plan, notifications)?;
        Ok(Sandbox { prepared: Arc::new(Prepared::new(plan)?), handlers })
    }

    /// Asks `handler` about a call: a number, a name or a [`Syscall`]. Handlers are asked in the
    /// order in which they were added, behind the built-ins; the first answer that is not
    /// [`Continue`](crate::NotifAction::Continue) wins.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Registration`], which names the call and the reason: there is no such call, the
    /// policy refuses it, so that nobody would be asked, or it must not be trapped.
    /// [`ErrorKind::Unsupported`] where this kernel asks nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::{HandlerCtx, NotifAction, Policy, Sandbox};
    ///
    /// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
    /// let sandbox = Sandbox::new(policy)?
    ///     .add_handler("getppid", |_: &HandlerCtx<'_>| NotifAction::ReturnValue(1))?;
    /// assert!(sandbox.clone().add_handler("mount", |_: &HandlerCtx<'_>| NotifAction::Continue).is_err());
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn add_handler(
        self,
        syscall: impl TryInto<Syscall, Error: Into<SyscallError>>,
        handler: impl Handler,
    ) -> Result<Sandbox> {
        self.add_handler_with(syscall, handler, HandlerOptions::new())
    }

    /// As [`add_handler`](Sandbox::add_handler), with a place in the order, conditions, a pool of
    /// threads, or another meaning of failure.
    ///
    /// # Errors
    ///
    /// As [`add_handler`](Sandbox::add_handler); [`ErrorKind::Registration`] also for options that
    /// mean nothing.
    pub fn add_handler_with(
        self,
        syscall: impl TryInto<Syscall, Error: Into<SyscallError>>,
        handler: impl Handler,
        options: HandlerOptions,
    ) -> Result<Sandbox> {
        let syscall = known(syscall)?;
        self.register(Registration::handler(syscall, handler, options))
    }

    /// Shows `observer` every such call that the supervisor is asked about, before anybody decides,
    /// and what was decided.
    ///
    /// # Errors
    ///
    /// As [`add_handler`](Sandbox::add_handler).
    pub fn add_observer(
        self,
        syscall: impl TryInto<Syscall, Error: Into<SyscallError>>,
        observer: impl Observer,
    ) -> Result<Sandbox> {
        self.add_observer_with(syscall, observer, ObserverOptions::new())
    }

    /// As [`add_observer`](Sandbox::add_observer), with a name or conditions.
    ///
    /// # Errors
    ///
    /// As [`add_handler_with`](Sandbox::add_handler_with).
    pub fn add_observer_with(
        self,
        syscall: impl TryInto<Syscall, Error: Into<SyscallError>>,
        observer: impl Observer,
        options: ObserverOptions,
    ) -> Result<Sandbox> {
        let syscall = known(syscall)?;
        self.register(Registration::observer(syscall, observer, options))
    }

    fn register(self, registration: Registration) -> Result<Sandbox> {
        let handlers = self.handlers.with(self.plan(), registration, notifications())?;
        Ok(Sandbox { handlers, ..self })
    }

    /// What is enforced, degraded and weakened, with what handlers add to it.
    pub fn enforcement(&self) -> Enforcement {
        let mut enforcement = self.plan().enforcement.clone();
        let supervision = self.handlers.supervision();
        enforcement.degraded.extend(supervision.into_iter().flat_map(|one| one.degraded()));
        enforcement
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
        launch.check_unpiped()?;
        self.attempt(&launch, |command| {
            let begun = Instant::now();
            // The calling thread owns the keeper: nobody else has to wait for the tree, and the
            // keeper ends it when this thread ends.
            let ended = self.begin(&launch, command, None, None)?.until_ended()?;
            Output::new(ended, false, begun.elapsed(), self.enforcement())
        })
    }

    /// Runs a command with the caller's own descriptors 0, 1 and 2, session and terminal:
    /// [`Launch::interactive`].
    ///
    /// # Errors
    ///
    /// As [`run`](Sandbox::run).
    pub fn run_interactive(&self, launch: impl Into<Launch>) -> Result<Output> {
        self.run(launch.into().interactive())
    }

    /// Starts a command, or a [`Launch`], and returns when it has been executed. A thread of its
    /// own owns the tree from then on.
    ///
    /// # Errors
    ///
    /// As [`run`](Sandbox::run), but for piped streams; [`ErrorKind::Io`] also when there is no room
    /// for another thread.
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

    /// Runs many commands, at most `at_once` at the same time (0 counts as 1), and returns how each
    /// ended, in their order. One that fails does not keep the others from running. As many threads
    /// are used, the calling one among them, as there is room for.
    ///
    /// # Errors
    ///
    /// Each entry has its own, as [`run`](Sandbox::run).
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
        let launches: Vec<Launch> = launches.into_iter().map(Into::into).collect();
        let count = launches.len();
        let lost = |_| Err(Error::new(ErrorKind::Io, "a thread of this process panicked"));
        let results = Mutex::new((0..count).map(lost).collect::<Vec<_>>());
        let queue = Mutex::new(launches.into_iter().enumerate());
        let next = || locked(&queue).next();
        let work = || {
            while let Some((index, launch)) = next() {
                let result = self.run(launch);
                if let Some(slot) = locked(&results).get_mut(index) {
                    *slot = result;
                }
            }
        };
        std::thread::scope(|scope| {
            // The calling thread is one of the workers, and the only one where there is no room for
            // another.
            let start = |_| start_deaf(|builder| builder.spawn_scoped(scope, work)).ok();
            let workers: Vec<_> = (1..at_once.min(count)).map_while(start).collect();
            work();
            // Their ends are waited for, not only the ends of their work.
            for worker in workers {
                worker.join().ok();
            }
        });
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the command of `launch` and carries out `attempt` with it. As execvp(3) does, goes on
    /// to the next one in PATH where one may not be executed.
    fn attempt<T>(
        &self,
        launch: &Launch,
        mut attempt: impl FnMut(Command) -> Result<T>,
    ) -> Result<T> {
        let mut search = Search::new(launch)?;
        loop {
            match attempt(search.next(self, launch)?) {
                Err(error) if is_refused(&error) => search.note(error),
                result => return result,
            }
        }
    }

    pub(crate) fn command(&self, launch: &Launch, skipped: usize) -> Result<Command> {
        let inherited = (!launch.clears_env).then(std::env::vars_os);
        let mut environment = self.plan().environment.apply(inherited.into_iter().flatten());
        for (name, value) in &launch.env {
            environment.retain(|(other, _)| other != name);
            environment.push((name.clone(), value.clone()));
        }
        let directory = match (&launch.cwd, self.plan().cwd()) {
            (Some(path), _) => Some(Directory::open(path, NamedBy::Launch)?),
            (None, Some(path)) => Some(Directory::open(path, NamedBy::Policy)?),
            (None, None) => None,
        };
        Command::new(&launch.command, environment, directory, skipped)
    }

    /// Starts `command`, for a [`Child`](crate::Child), for a [`Polled`](crate::Polled) with its watch,
    /// or for a caller that waits.
    pub(crate) fn begin(
        &self,
        launch: &Launch,
        command: Command,
        child: Option<&Shared>,
        watch: Option<&Watch>,
    ) -> Result<Run> {
        let (streams, stdio) = Streams::new(launch)?;
        let (session, foreground) = match launch.interactive {
            true => Foreground::lend(launch)?,
            false => (Session::Own, None),
        };
        let surroundings = Surroundings {
            stdio,
            session,
            bell: child.is_some() || foreground.is_some(),
            timeout: launch.timeout.or(self.plan().timeout),
        };
        let supervision = self.handlers.supervision().cloned();
        let watch = watch.cloned();
        let trap = supervision.as_ref().map(|supervision| Arc::clone(&supervision.filter));
        let start = Start::new(Arc::clone(&self.prepared), trap, command, surroundings)?;
        let paused = child.map(|child| Arc::clone(&child.paused)).unwrap_or_default();
        Run::begin(start, supervision, streams, foreground, paused, watch)
    }
}

/// The way through the commands of a launch's name that are in PATH.
#[derive(Debug, Default)]
pub(crate) struct Search {
    skipped: usize,
    refused: Option<Error>,
}

impl Search {
    pub(crate) fn new(launch: &Launch) -> Result<Search> {
        launch.check()?;
        Ok(Search::default())
    }

    /// The next command; where there is none, why the first one could not be executed.
    pub(crate) fn next(&mut self, sandbox: &Sandbox, launch: &Launch) -> Result<Command> {
        let command = sandbox.command(launch, self.skipped);
        command.map_err(|error| self.refused.take().unwrap_or(error))
    }

    /// Notes why the command could not be executed.
    pub(crate) fn note(&mut self, refusal: Error) {
        self.refused.get_or_insert(refusal);
        self.skipped += 1;
    }
}

/// Handlers alone: [`Sandbox::plan`] prints the rest.
impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("handlers", &self.handlers).finish_non_exhaustive()
    }
}

fn notifications() -> Notifications {
    Host::current().notifications()
}

fn known(syscall: impl TryInto<Syscall, Error: Into<SyscallError>>) -> Result<Syscall> {
    syscall.try_into().map_err(|error| Error::from(error.into()))
}

/// Whether a program could not be executed because nothing lets it.
pub(crate) fn is_refused(error: &Error) -> bool {
    error.step() == Some(Step::Execute) && error.errno() == Some(libc::EACCES)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{HandlerCtx, NotifAction, PolicyBuilder};

    /// Makes one call that the base deny list refuses and that needs no privilege, and prints the
    /// error number: name_to_handle_at(2) with room for no handle.
    const PROGRAM: &str = "
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
handle, mount = ctypes.create_string_buffer(64), ctypes.c_int()
libc.syscall(int(sys.argv[1]), -100, b'/usr', handle, ctypes.byref(mount), 0)
print(ctypes.get_errno())
";

    fn policy() -> PolicyBuilder {
        let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib");
        policy.fs_read_if_exists("/lib64").fs_read_if_exists("/etc/ld.so.cache")
    }

    fn errno(sandbox: &Sandbox) -> i32 {
        let number = Syscall::NAME_TO_HANDLE_AT.nr().to_string();
        let out = sandbox.run(["/usr/bin/python3", "-c", PROGRAM, &number]).unwrap();
        let printed = String::from_utf8_lossy(out.stdout());
        printed.trim().parse().unwrap_or_else(|_| panic!("{printed} {out:?}"))
    }

    fn sandbox() -> Sandbox {
        Sandbox::new(policy().build().unwrap()).unwrap()
    }

    /// `sandbox` with one more handler, on a kernel that has nothing but what it must have.
    fn on_an_old_kernel<H: Handler>(sandbox: &Sandbox, call: Syscall, handler: H) -> Sandbox {
        let old = Notifications { user_notification: true, ..Notifications::default() };
        let registration = Registration::handler(call, handler, HandlerOptions::new());
        let handlers = sandbox.handlers.with(sandbox.plan(), registration, old).unwrap();
        Sandbox { handlers, ..sandbox.clone() }
    }

    #[test]
    fn a_kernel_without_what_makes_it_fast_and_firm_is_used_and_told() {
        let served = |_: &HandlerCtx<'_>| NotifAction::InjectBytes(b"served\n".to_vec());
        let open = move |cx: &HandlerCtx<'_>| match cx.path_arg(1) {
            Ok(path) if path.ends_with("served") => served(cx),
            _ => NotifAction::Continue,
        };
        let uname = |_: &HandlerCtx<'_>| NotifAction::Errno(libc::EACCES);
        let old = on_an_old_kernel(&sandbox(), Syscall::OPENAT, open);
        let old = on_an_old_kernel(&old, Syscall::UNAME, uname);
        for _ in 0..20 {
            let out = old.run(["sh", "-c", "cat /served; uname -s || exec true"]).unwrap();
            assert!(out.success(), "{out:?}");
            assert_eq!(out.stdout(), b"served\n");
            let degraded = out.enforcement().degraded.join("\n");
            assert!(degraded.contains("WAIT_KILLABLE_RECV (Linux 5.19)"), "{degraded}");
            assert!(degraded.contains("SYNC_WAKE_UP (Linux 6.6)"), "{degraded}");
        }
        // The twin: the running kernel, as it is.
        let new = sandbox().add_handler(Syscall::UNAME, uname).unwrap();
        let lacks = new.run(["true"]).unwrap().enforcement().degraded.len();
        let has = Host::current().notifications();
        assert_eq!(lacks, usize::from(!has.wait_killable_recv) + usize::from(!has.sync_wake_up));
    }

    #[test]
    fn a_kernel_that_asks_nobody_is_unsupported() {
        let sandbox = sandbox();
        let none = |_: &HandlerCtx<'_>| NotifAction::Continue;
        let registration = Registration::handler(Syscall::UNAME, none, HandlerOptions::new());
        let nothing = Notifications::default();
        let error = sandbox.handlers.with(sandbox.plan(), registration, nothing).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let tasks = policy().manage_tasks(true).build().unwrap();
        let plan = Plan::new(&tasks, Host::current()).unwrap();
        assert_eq!(Handlers::new(&plan, || nothing).unwrap_err().kind(), ErrorKind::Unsupported);
        // Nobody is asked what the kernel can do where nothing is to be trapped.
        Handlers::new(sandbox.plan(), || panic!("not asked")).unwrap();
    }

    /// Signals the test's own process, its session and everybody, which must fail, and a child and
    /// its group, which must not.
    const SIGNALS: &str = "
import ctypes, fcntl, os, signal, subprocess, sys
outside = int(sys.argv[1])
def attempt(name, call):
    try: call(); print(name, 'ok')
    except OSError as error: print(name, error.errno)
child = subprocess.Popen(['sleep', '60'], process_group=0)
attempt('outside', lambda: os.kill(outside, 0))
attempt('outside group', lambda: os.killpg(outside, 0))
attempt('everybody', lambda: os.kill(-1, 0))
attempt('outside pidfd', lambda: signal.pidfd_send_signal(os.pidfd_open(outside), 0))
libc = ctypes.CDLL(None, use_errno=True)
def tgkill(tgid, tid):
    if libc.tgkill(tgid, tid, 0) != 0: raise OSError(ctypes.get_errno(), '')
attempt('outside thread', lambda: tgkill(outside, outside))
attempt('outside thread in disguise', lambda: tgkill(os.getpid(), outside))
attempt('owner', lambda: fcntl.fcntl(0, fcntl.F_SETOWN, outside))
attempt('owner by ioctl', lambda: fcntl.ioctl(os.pipe()[0], 0x8901, outside.to_bytes(4, 'little')))
attempt('self', lambda: os.kill(os.getpid(), 0))
attempt('own group', lambda: os.kill(0, 0))
attempt('child group', lambda: os.killpg(child.pid, 0))
attempt('child', lambda: os.kill(child.pid, signal.SIGKILL))
print('ended', child.wait())
";

    /// What [`SIGNALS`] prints on a kernel that scopes no signals.
    fn signals(policy: PolicyBuilder) -> String {
        let outside = std::process::id().to_string();
        let launch = Launch::new(["/usr/bin/python3", "-c", SIGNALS, &outside]);
        printed_without_scopes(policy, launch)
    }

    /// What `launch` prints on a kernel that scopes no signals.
    fn printed_without_scopes(policy: PolicyBuilder, launch: Launch) -> String {
        use crate::{Protection, ProtectionMode};
        let scopes = [Protection::SignalScope, Protection::AbstractUnixScope];
        let policy = scopes
            .into_iter()
            .fold(policy, |policy, scope| policy.protection(scope, ProtectionMode::IfAvailable));
        let old = Host::fake(5);
        let plan = Plan::new(&policy.build().unwrap(), &old).unwrap();
        let handlers = Handlers::new(&plan, notifications).unwrap();
        let sandbox = Sandbox { prepared: Arc::new(Prepared::new(plan).unwrap()), handlers };
        let out = sandbox.run(launch).unwrap();
        assert!(out.success(), "{out:?}");
        String::from_utf8_lossy(out.stdout()).into_owned()
    }

    #[test]
    fn signals_are_judged_where_the_kernel_does_not_scope_them() {
        let inside = "self ok\nown group ok\nchild group ok\nchild ok\nended -9\n";
        assert_eq!(
            signals(policy().manage_tasks(true)),
            format!(
                "outside {eperm}\noutside group {eperm}\neverybody {eperm}\n\
                 outside pidfd {enosys}\noutside thread {eperm}\n\
                 outside thread in disguise {eperm}\nowner {eperm}\nowner by ioctl {eperm}\n\
                 {inside}",
                eperm = libc::EPERM,
                enosys = libc::ENOSYS
            )
        );
        // Without the setting the kernel is asked alone, and it would let the signals through.
        let unjudged = signals(policy());
        assert!(unjudged.starts_with("outside ok\n"), "{unjudged}");
        assert!(unjudged.contains("outside pidfd ok\n"), "{unjudged}");
        assert!(unjudged.ends_with(inside), "{unjudged}");
    }

    /// In the caller's session a program could enter a group of the host, whom 0 would mean then.
    #[test]
    fn a_group_of_the_host_is_not_signalled_by_entering_it() {
        const ENTER: &str = "
import os, sys
def attempt(name, call):
    try: call(); print(name, 'ok')
    except OSError as error: print(name, error.errno)
attempt('enter', lambda: os.setpgid(0, os.getpgid(int(sys.argv[1]))))
attempt('signal', lambda: os.kill(0, 0))
";
        let outside = std::process::id().to_string();
        let printed = |policy| {
            let launch = Launch::new(["/usr/bin/python3", "-c", ENTER, &outside]);
            let launch = launch.interactive().stdout(crate::Stdio::captured());
            printed_without_scopes(policy, launch)
        };
        assert_eq!(
            printed(policy().manage_tasks(true)),
            format!("enter {}\nsignal ok\n", libc::EPERM)
        );
        assert_eq!(printed(policy()), "enter ok\nsignal ok\n");
    }

    #[test]
    fn a_handler_behind_the_check_cannot_let_through_what_the_kernel_refuses() {
        let asked = Arc::new(AtomicUsize::new(0));
        let registration = || {
            let asked = Arc::clone(&asked);
            let handler = move |_: &HandlerCtx<'_>| {
                asked.fetch_add(1, Ordering::SeqCst);
                NotifAction::Continue
            };
            Registration::handler(Syscall::NAME_TO_HANDLE_AT, handler, HandlerOptions::new())
        };
        let sandbox = sandbox();
        let refused = sandbox.clone().register(registration()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Registration);
        let handlers = sandbox.handlers.with_unchecked(sandbox.plan(), registration());
        assert_eq!(errno(&Sandbox { handlers, ..sandbox }), libc::EPERM);
        assert_eq!(asked.load(Ordering::SeqCst), 0, "the kernel asks nobody");

        // The same handler, where the policy does not refuse the call.
        let lifted = policy().allow_syscalls(["name_to_handle_at"]).build().unwrap();
        let lifted = Sandbox::new(lifted).unwrap().register(registration()).unwrap();
        assert_ne!(errno(&lifted), libc::EPERM);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
