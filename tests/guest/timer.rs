//! A process that a timer interrupts all the time, as profilers and runtimes do.

use std::ffi::OsStr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    match (name, arguments) {
        ("interrupted", []) => interrupted(),
        _ => return false,
    }
    true
}

static TICKS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn tick(_: i32) {
    TICKS.fetch_add(1, Relaxed);
}

/// A name and whether it worked.
type Call = (&'static str, fn() -> bool);

/// Each of these never waits, so a signal is no reason to fail.
const CALLS: [Call; 14] = [
    ("getppid", || call(libc::SYS_getppid, [0; 3])),
    ("stat", || std::fs::metadata("/usr").is_ok()),
    ("open+close", || std::fs::File::open("/usr").is_ok()),
    ("getdents", || std::fs::read_dir("/usr").is_ok_and(|mut list| list.all(|one| one.is_ok()))),
    ("pipe+write+read", pipe),
    ("mmap+mprotect+munmap", map),
    ("fcntl", || call(libc::SYS_fcntl, [1, libc::F_GETFL.into(), 0])),
    ("ioctl", ioctl),
    ("prctl", || call(libc::SYS_prctl, [libc::PR_GET_DUMPABLE.into(), 0, 0])),
    ("socketpair", || std::os::unix::net::UnixStream::pair().is_ok()),
    ("kill", || call(libc::SYS_kill, [std::process::id().into(), 0, 0])),
    ("getrandom", getrandom),
    ("fork", fork),
    ("posix_spawn", spawn),
];

/// A call that takes numbers.
fn call(number: i64, [a, b, c]: [i64; 3]) -> bool {
    // SAFETY: none of the calls above takes an address.
    unsafe { libc::syscall(number, a, b, c) != -1 }
}

/// Starts a timer of 1 ms, whose signal interrupts calls: without SA_RESTART.
pub(crate) fn start_ticks() {
    let handler: extern "C" fn(i32) = tick;
    let interval = libc::timeval { tv_sec: 0, tv_usec: 1000 };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: the handler only counts; the kernel reads the structures.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut());
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
    }
}

/// How often the signal has come.
pub(crate) fn ticks() -> usize {
    TICKS.load(Relaxed)
}

/// Makes each call under a timer of 1 ms, without SA_RESTART, until that has come 20 times, and says
/// how often the call failed.
fn interrupted() {
    start_ticks();
    for (name, call) in CALLS {
        let end = TICKS.load(Relaxed) + 20;
        let (mut failures, mut error) = (0, String::new());
        while TICKS.load(Relaxed) < end {
            if !call() {
                failures += 1;
                error = format!(" {}", std::io::Error::last_os_error());
            }
        }
        println!("{name} ok {failures}{error}");
    }
    println!("ticks ok {}", TICKS.load(Relaxed));
}

fn pipe() -> bool {
    let mut ends = [0; 2];
    let mut byte = 7u8;
    // SAFETY: two new descriptors, one byte.
    unsafe {
        libc::pipe(ends.as_mut_ptr()) == 0
            && libc::write(ends[1], (&raw const byte).cast(), 1) == 1
            && libc::read(ends[0], (&raw mut byte).cast(), 1) == 1
            && libc::close(ends[0]) == 0
            && libc::close(ends[1]) == 0
    }
}

fn getrandom() -> bool {
    let mut bytes = [0u8; 8];
    // SAFETY: the kernel writes 8 bytes.
    unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) == 8 }
}

fn map() -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a mapping of its own.
    unsafe {
        let base = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, flags, -1, 0);
        base != libc::MAP_FAILED
            && libc::mprotect(base, 4096, libc::PROT_READ | libc::PROT_WRITE) == 0
            && libc::munmap(base, 4096) == 0
    }
}

fn ioctl() -> bool {
    let mut count = 0;
    // SAFETY: the kernel writes one number. Whatever descriptor 1 is, this is no reason to wait.
    let answer = unsafe { libc::ioctl(1, libc::FIONREAD, &raw mut count) };
    answer != -1 || std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOTTY)
}

/// Waiting for it may be interrupted, and is repeated.
fn fork() -> bool {
    // SAFETY: the child leaves at once.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::_exit(0);
        }
        let mut status = 1;
        while pid != -1 && libc::waitpid(pid, &raw mut status, 0) == -1 {
            if std::io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
                return false;
            }
        }
        pid != -1 && status == 0
    }
}

fn spawn() -> bool {
    let myself = std::env::current_exe().unwrap();
    std::process::Command::new(myself).args(["exit", "0"]).status().is_ok_and(|s| s.success())
}
