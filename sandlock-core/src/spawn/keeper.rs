//! The process between host and tree: it reaps every orphan, and when the program, its owner or
//! the host ends, it kills what is left. The rules of `child` hold here too.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::time::Duration;

use super::child::{self, Script};
use super::report::Report;
use crate::step::Step;
use crate::sys::clone::{Slots, Stack, clone};
use crate::sys::landlock;
use crate::sys::raw::{self, Errno};
use crate::sys::signal;
use crate::sys::wait::{self, Peeked};

/// Sent by the owner to end the tree, and by the kernel when the owner's thread ends. Nobody else
/// sends it: a service manager's SIGTERM to everybody must leave the program the time to end.
pub(crate) const END: i32 = libc::SIGSTKFLT;
/// Sent by the owner to let a program go on that stopped.
pub(crate) const GO_ON: i32 = libc::SIGPWR;

/// How long to wait before looking again, while the tree is being ended or the child has not
/// executed the program. Deaths and the exec wake the keeper earlier.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How many children are reaped before signals and the clock have their turn.
const TURN: usize = 64;

/// Everything the keeper needs; valid until it has ended.
pub(crate) struct Orders {
    pub(crate) host: i32,
    pub(crate) child_stack: Stack,
    pub(crate) script: *const Script,
    pub(crate) report: *const Report,
    /// The descriptor that is rung when the program has been executed, and when it stops.
    pub(crate) bell: Option<i32>,
    /// Whether the program leads a process group.
    pub(crate) leads_group: bool,
    /// The ruleset that lets the keeper signal its own tree alone.
    pub(crate) scope: Option<i32>,
    /// After which time the tree is ended. The keeper watches the clock: the owner can be stopped.
    pub(crate) timeout: Option<Duration>,
}

/// The keeper's entry, with every signal blocked; `orders` is an [`Orders`].
pub(crate) extern "C" fn run(orders: *mut c_void) -> ! {
    // SAFETY: the owner keeps orders and report alive until this process has ended.
    let (orders, report) = unsafe {
        let orders = &*orders.cast::<Orders>();
        (orders, &*orders.report)
    };
    let begun = raw::monotonic_time();
    match prepare(orders).and_then(|()| {
        report.set_keeper(raw::getpid());
        start_child(orders, report).map_err(|errno| (Step::Child, errno))
    }) {
        Ok(program) => Keeper { program, orders, report, begun }.tend(),
        Err((step, errno)) => report.fail(step, errno),
    }
    raw::exit(0)
}

fn prepare(orders: &Orders) -> Result<(), (Step, Errno)> {
    become_reaper().map_err(|errno| (Step::Subreaper, errno))?;
    // The parent-death signal is not sent for a host that ended before it was asked for.
    if raw::getppid() != orders.host {
        return Err((Step::Subreaper, libc::ESRCH));
    }
    match orders.scope {
        Some(ruleset) => {
            scope_signals(ruleset, orders.host).map_err(|errno| (Step::KeeperScope, errno))
        }
        None => Ok(()),
    }
}

/// Bounds whom the keeper, and everything below it, can signal: a signal to everybody then reaches
/// the tree alone, and all of it at once. That is tried on the host, which is of the same user, so
/// that nothing but the scope can be what refuses it.
fn scope_signals(ruleset: i32, host: i32) -> Result<(), Errno> {
    raw::set_no_new_privileges()?;
    landlock::restrict_self(ruleset)?;
    match signal::may_signal(host) {
        Err(libc::EPERM) => Ok(()),
        Err(errno) => Err(errno),
        Ok(()) => Err(libc::EOPNOTSUPP),
    }
}

fn become_reaper() -> Result<(), Errno> {
    // A host that ignores SIGCHLD would have the kernel discard what the children end with.
    signal::reset(libc::SIGCHLD)?;
    raw::set_name(c"sandlock-keeper")?;
    raw::become_subreaper()?;
    raw::set_parent_death_signal(END)
}

/// Starts the child. Not as vfork(2) does, which would wait for its exec and hear nothing else: a
/// child that is stopped before would outlive its time and its owner.
fn start_child(orders: &Orders, report: &Report) -> Result<i32, Errno> {
    let mut flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD;
    if orders.bell.is_some() {
        // Who hears of the program may want to signal it.
        flags |= libc::CLONE_PIDFD;
    }
    let mut pidfd = -1;
    let slots = Slots { pidfd: &raw mut pidfd, memory: report.shared().as_ptr() };
    let argument = orders.script.cast_mut().cast();
    report.set_shared(true);
    // SAFETY: the stack is the child's alone, and the owner keeps all it reaches alive.
    let program = unsafe { clone(flags, orders.child_stack, slots, child::run, argument) }
        .inspect_err(|_| report.set_shared(false))?;
    // Only now: of a task that could not be started the kernel may have written a number as well.
    report.set_program_fd(pidfd);
    report.set_program(program);
    Ok(program)
}

/// A keeper with a program.
struct Keeper<'a> {
    program: i32,
    orders: &'a Orders,
    report: &'a Report,
    /// When the keeper began, in the time of the clock that nobody sets.
    begun: Duration,
}

/// What reaping leaves.
enum Left {
    /// Nobody.
    Nobody,
    /// Somebody, who has not ended.
    Somebody,
    /// Perhaps more to reap.
    More,
    /// The kernel does not say, as where a filter of the host refuses to.
    Unknown,
}

impl Keeper<'_> {
    /// Reaps until no descendant is left.
    fn tend(&self) {
        let mut is_starting = true;
        let mut is_asked = false;
        loop {
            let left = self.reap();
            if is_starting && !self.report.is_shared() {
                is_starting = false;
                self.begin();
            }
            match left {
                Left::Nobody => break,
                // Who cannot see them cannot wait for them.
                Left::Unknown => {
                    self.kill();
                    break;
                }
                Left::Somebody | Left::More => {}
            }
            if !is_asked && self.time_left() == Some(Duration::ZERO) && !self.has_ended() {
                self.report.set_timed_out();
                is_asked = true;
            }
            let ending = is_asked || self.report.failure().is_some() || self.has_ended();
            if ending {
                self.kill();
            }
            let mut patience = match left {
                Left::More => Some(Duration::ZERO),
                _ if ending => Some(LOOK_AGAIN),
                _ => self.time_left(),
            };
            if is_starting {
                raw::wait_while(self.report.shared(), 1, LOOK_AGAIN);
                patience = Some(Duration::ZERO);
            }
            let signals = signal::bit(libc::SIGCHLD) | signal::bit(END) | signal::bit(GO_ON);
            match signal::take(signals, patience) {
                Some(END) => is_asked = true,
                Some(GO_ON) => self.signal_group(libc::SIGCONT),
                _ => {}
            }
        }
        if let Ok(usage) = raw::usage(libc::RUSAGE_CHILDREN) {
            self.report.set_usage(&usage);
        }
    }

    /// The child has executed the program, or ended.
    fn begin(&self) {
        self.report.set_executed();
        self.ring();
        if let Ok(usage) = raw::usage(libc::RUSAGE_SELF) {
            self.report.set_shared_peak(usage.ru_maxrss);
        }
        self.leave_the_host();
    }

    /// How long the tree may live on; `None` for ever.
    fn time_left(&self) -> Option<Duration> {
        let timeout = self.orders.timeout?;
        Some(timeout.saturating_sub(raw::monotonic_time().saturating_sub(self.begun)))
    }

    fn has_ended(&self) -> bool {
        self.report.status().is_some()
    }

    fn ring(&self) {
        if let Some(bell) = self.orders.bell {
            raw::ring(bell);
        }
    }

    /// Lets go of the host's descriptors, process group and directory. A failure keeps something of
    /// the host in use for the length of the run, and changes nothing else. The host's session is
    /// not left: beside a parent in another one a program with the terminal would be in an orphaned
    /// group, which terminals do not stop.
    fn leave_the_host(&self) {
        let _kept = match self.orders.bell {
            Some(bell) => raw::own_descriptors_but(bell.cast_unsigned()),
            None => raw::own_descriptors(0, false),
        };
        let _kept = raw::lead_group();
        let _kept = raw::chdir(c"/");
    }

    /// Reaps what has ended, so much at a time.
    fn reap(&self) -> Left {
        for _ in 0..TURN {
            match wait::peek_any() {
                Peeked::Ended(pid) => self.reap_one(pid),
                Peeked::Stopped(pid) => self.note_stop(pid),
                Peeked::Nothing => return Left::Somebody,
                Peeked::NoChildren => return Left::Nobody,
                Peeked::Unknown => return Left::Unknown,
            }
        }
        Left::More
    }

    fn reap_one(&self, pid: i32) {
        if pid == self.program {
            // While it is not reaped, its id cannot be another group's.
            self.signal_group(libc::SIGKILL);
        }
        if let Some(status) = wait::reap(pid)
            && pid == self.program
        {
            self.report.set_status(status);
        }
    }

    /// Takes note of a stop, which is told once.
    fn note_stop(&self, pid: i32) {
        if let Some(signal) = wait::take_stop(pid)
            && pid == self.program
        {
            self.report.set_stop(signal);
            self.ring();
        }
    }

    /// Signals the group of a program that leads one and has not been reaped: all of it at once,
    /// also what forks in that moment.
    fn signal_group(&self, signal: i32) {
        if self.orders.leads_group && !self.has_ended() {
            signal::kill_group(self.program, signal);
        }
    }

    /// Kills everybody whom the keeper's scope lets it signal: the tree, at once, also what forks in
    /// that moment. Without a scope, the program's group, then every child. Grandchildren become
    /// children as their parents die, and their turn comes with the next look. A child is not reaped
    /// in between, so its id cannot mean anybody else.
    fn kill(&self) {
        if self.orders.scope.is_some() {
            return signal::kill_everybody_in_scope();
        }
        self.signal_group(libc::SIGKILL);
        if kill_children().is_err() && !self.has_ended() {
            // Without the list, at least the program itself.
            signal::kill_child(self.program);
        }
    }
}

fn kill_children() -> Result<(), Errno> {
    let list = raw::open(c"/proc/thread-self/children")?;
    let mut buffer = [0u8; 4096];
    let mut offset = 0u64;
    let mut pid = 0i32;
    while let Ok(length @ 1..) = raw::pread(list, &mut buffer, offset) {
        offset = offset.saturating_add(length as u64);
        for &byte in buffer.iter().take(length) {
            if byte.is_ascii_digit() {
                pid = pid.wrapping_mul(10).wrapping_add(i32::from(byte - b'0'));
            } else if pid > 0 {
                signal::kill_child(pid);
                pid = 0;
            }
        }
    }
    raw::close(list);
    Ok(())
}
