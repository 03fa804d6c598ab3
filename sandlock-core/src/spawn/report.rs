//! What owner, keeper and child tell each other, in memory that all three share.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use std::time::Duration;

use crate::step::Step;
use crate::sys::raw::{self, Errno};

/// Not a status that wait(2) can report.
const NO_STATUS: i32 = i32::MIN;

/// There is no listener yet.
const NO_LISTENER: i32 = -1;
/// Somebody has taken it.
const TAKEN: i32 = -2;

/// Mostly written by keeper and child, and read by the owner once the keeper has ended.
pub(crate) struct Report {
    failed_step: AtomicI32,
    errno: AtomicI32,
    status: AtomicI32,
    keeper: AtomicI32,
    program: AtomicI32,
    /// The program's pidfd in the host's table; -1 where there is none or somebody took it.
    program_fd: AtomicI32,
    /// The signal that stopped the program; 0 where none has.
    stop: AtomicI32,
    without_handlers: AtomicBool,
    timed_out: AtomicBool,
    /// 1 while a child uses the host's memory. The kernel writes the 0, at its exec or end.
    shared: AtomicI32,
    executed: AtomicBool,
    /// The listener in the host's table; the two numbers below where there is none.
    listener: AtomicI32,
    /// Whether the next call is the program's execution, or the program's own.
    set_up: AtomicBool,
    /// Whether the keeper has gone and left a tree behind.
    abandoned: AtomicBool,
    /// User time, system time (microseconds), peak memory (KiB).
    usage: [AtomicI64; 3],
    /// The peak of the host's memory (KiB) when the program had left it.
    shared_peak: AtomicI64,
}

/// Resources that the tree used, as getrusage(2) counts them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RawUsage {
    pub(crate) user_micros: i64,
    pub(crate) system_micros: i64,
    pub(crate) peak_kib: Option<i64>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Report {
            failed_step: AtomicI32::new(0),
            errno: AtomicI32::new(0),
            status: AtomicI32::new(NO_STATUS),
            keeper: AtomicI32::new(0),
            program: AtomicI32::new(0),
            program_fd: AtomicI32::new(-1),
            stop: AtomicI32::new(0),
            without_handlers: AtomicBool::new(false),
            timed_out: AtomicBool::new(false),
            shared: AtomicI32::new(0),
            executed: AtomicBool::new(false),
            listener: AtomicI32::new(NO_LISTENER),
            set_up: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            usage: [const { AtomicI64::new(0) }; 3],
            shared_peak: AtomicI64::new(i64::MAX),
        }
    }

    pub(crate) fn fail(&self, step: Step, errno: Errno) {
        self.errno.store(errno, Ordering::Relaxed);
        self.failed_step.store(step as i32, Ordering::Release);
    }

    pub(crate) fn failure(&self) -> Option<(Step, Errno)> {
        let step = Step::from_number(self.failed_step.load(Ordering::Acquire))?;
        Some((step, self.errno.load(Ordering::Relaxed)))
    }

    /// Whether the keeper, and so its child, was created without the host's signal handlers. Set
    /// by the owner before it is.
    pub(crate) fn set_without_handlers(&self, without: bool) {
        self.without_handlers.store(without, Ordering::Release);
    }

    pub(crate) fn without_handlers(&self) -> bool {
        self.without_handlers.load(Ordering::Acquire)
    }

    pub(crate) fn set_timed_out(&self) {
        self.timed_out.store(true, Ordering::Release);
    }

    /// Whether the tree was ended because its time was over.
    pub(crate) fn timed_out(&self) -> bool {
        self.timed_out.load(Ordering::Acquire)
    }

    /// Set by the keeper before it starts a child, and taken back if it could not.
    pub(crate) fn set_shared(&self, shared: bool) {
        self.shared.store(i32::from(shared), Ordering::Release);
    }

    /// Whether a child uses the host's memory.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Acquire) != 0
    }

    /// The word behind [`is_shared`](Report::is_shared), which the kernel clears and wakes.
    pub(crate) fn shared(&self) -> &AtomicI32 {
        &self.shared
    }

    /// Set by the keeper when its child has executed the program or ended.
    pub(crate) fn set_executed(&self) {
        self.executed.store(true, Ordering::Release);
    }

    /// Whether the program has been executed.
    pub(crate) fn is_executed(&self) -> bool {
        self.executed.load(Ordering::Acquire) && self.failure().is_none()
    }

    /// Set by the child, which wakes the supervisor.
    pub(crate) fn set_listener(&self, fd: i32) {
        self.listener.store(fd, Ordering::Release);
        raw::wake(&self.listener);
    }

    /// Waits for a listener, at most for `patience`.
    pub(crate) fn await_listener(&self, patience: Duration) {
        raw::wait_while(&self.listener, NO_LISTENER, patience);
    }

    /// The listener, once.
    pub(crate) fn take_listener(&self) -> Option<i32> {
        let take = |fd: i32| (fd >= 0).then_some(TAKEN);
        self.listener.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).ok()
    }

    /// Set by the child right before it executes the program. Until then its calls are ours.
    pub(crate) fn set_set_up(&self) {
        self.set_up.store(true, Ordering::Release);
    }

    /// Set by the owner of a keeper that has ended: whether it said how the program ended, or why
    /// that could not be started. Otherwise somebody killed it, and the tree may live on.
    pub(crate) fn note_end_of_keeper(&self) {
        let is_told = self.status().is_some() || self.failure().is_some();
        self.abandoned.store(!is_told, Ordering::Release);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    pub(crate) fn is_set_up(&self) -> bool {
        self.set_up.load(Ordering::Acquire)
    }

    pub(crate) fn set_keeper(&self, pid: i32) {
        self.keeper.store(pid, Ordering::Release);
    }

    /// The process id of the keeper, which it sets before it starts a child.
    pub(crate) fn keeper(&self) -> i32 {
        self.keeper.load(Ordering::Acquire)
    }

    pub(crate) fn set_program(&self, pid: i32) {
        self.program.store(pid, Ordering::Release);
    }

    /// The process id of the program, also before it has been executed.
    pub(crate) fn program(&self) -> Option<i32> {
        Some(self.program.load(Ordering::Acquire)).filter(|pid| *pid != 0)
    }

    pub(crate) fn set_program_fd(&self, fd: i32) {
        self.program_fd.store(fd, Ordering::Release);
    }

    /// The program's pidfd, once.
    pub(crate) fn take_program_fd(&self) -> Option<i32> {
        Some(self.program_fd.swap(-1, Ordering::AcqRel)).filter(|fd| *fd >= 0)
    }

    pub(crate) fn set_stop(&self, signal: i32) {
        self.stop.store(signal, Ordering::Release);
    }

    /// The signal that has stopped the program, once.
    pub(crate) fn take_stop(&self) -> Option<i32> {
        Some(self.stop.swap(0, Ordering::AcqRel)).filter(|signal| *signal != 0)
    }

    pub(crate) fn set_status(&self, status: i32) {
        self.status.store(status, Ordering::Release);
    }

    /// The wait status of the program; `None` if its keeper did not live to see it end.
    pub(crate) fn status(&self) -> Option<i32> {
        Some(self.status.load(Ordering::Acquire)).filter(|status| *status != NO_STATUS)
    }

    pub(crate) fn set_usage(&self, usage: &libc::rusage) {
        let micros = |time: libc::timeval| time.tv_sec * 1_000_000 + time.tv_usec;
        self.usage[0].store(micros(usage.ru_utime), Ordering::Relaxed);
        self.usage[1].store(micros(usage.ru_stime), Ordering::Relaxed);
        self.usage[2].store(usage.ru_maxrss, Ordering::Relaxed);
    }

    pub(crate) fn set_shared_peak(&self, kib: i64) {
        self.shared_peak.store(kib, Ordering::Relaxed);
    }

    /// The kernel counts the host's memory among what the program had, because the child shared it;
    /// a peak that is not above that says nothing.
    pub(crate) fn usage(&self) -> RawUsage {
        let [user, system, peak] = &self.usage;
        let peak = peak.load(Ordering::Relaxed);
        RawUsage {
            user_micros: user.load(Ordering::Relaxed),
            system_micros: system.load(Ordering::Relaxed),
            peak_kib: Some(peak).filter(|peak| *peak > self.shared_peak.load(Ordering::Relaxed)),
        }
    }
}
