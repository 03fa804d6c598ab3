//! Many trapped calls at once, while tasks are killed, execute programs and get signals.
//!
//! `storm SECONDS THREADS ANSWER` expects that somebody answers getppid with ANSWER, and lets execve
//! and uname through. It prints what was counted, and fails where an answer is not the one expected.

use std::ffi::OsStr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

static END: AtomicBool = AtomicBool::new(false);
static SIGNALS: AtomicU64 = AtomicU64::new(0);

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    let number = |index: usize| arguments[index].to_str().unwrap().parse::<u64>().unwrap();
    match name {
        "storm" => storm(Duration::from_secs(number(0)), number(1) as usize, number(2) as i64),
        "ask-for-ever" => loop {
            ask(number(0) as i64);
        },
        _ => return false,
    }
    true
}

fn storm(time: Duration, threads: usize, answer: i64) {
    handle_signals();
    let tids: Vec<AtomicI32> = (0..threads).map(|_| AtomicI32::new(0)).collect();
    let counts: Vec<AtomicU64> = (0..threads).map(|_| AtomicU64::new(0)).collect();
    let [killed, executed, slow] = [const { AtomicU64::new(0) }; 3];
    std::thread::scope(|scope| {
        for (tid, count) in tids.iter().zip(&counts) {
            scope.spawn(|| {
                // SAFETY: takes nothing.
                tid.store(unsafe { libc::gettid() }, Ordering::SeqCst);
                repeat(count, || ask(answer));
            });
        }
        scope.spawn(|| repeat(&killed, || kill_somebody(answer)));
        scope.spawn(|| repeat(&executed, execute_something));
        scope.spawn(|| repeat(&slow, ask_slowly));
        scope.spawn(|| signal_at_1_khz(&tids));
        let end = Instant::now() + time;
        std::thread::sleep(end.saturating_duration_since(Instant::now()));
        END.store(true, Ordering::SeqCst);
    });
    let counts: Vec<u64> = counts.iter().map(|count| count.load(Ordering::SeqCst)).collect();
    println!("asked ok {}", counts.iter().sum::<u64>());
    println!("least ok {}", counts.iter().min().unwrap());
    println!("killed ok {}", killed.load(Ordering::SeqCst));
    println!("executed ok {}", executed.load(Ordering::SeqCst));
    println!("slow ok {}", slow.load(Ordering::SeqCst));
    println!("signals ok {}", SIGNALS.load(Ordering::SeqCst));
}

fn repeat(count: &AtomicU64, what: impl Fn()) {
    while !END.load(Ordering::Relaxed) {
        what();
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A signal may interrupt a call that nobody has received.
fn ask(expected: i64) {
    // SAFETY: takes nothing.
    let answer = unsafe { libc::syscall(libc::SYS_getppid) };
    let interrupted =
        answer == -1 && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted;
    assert!(answer == expected || interrupted, "{answer}");
}

fn ask_slowly() {
    // SAFETY: all zeros is a valid value, and the kernel fills it in.
    unsafe {
        let mut name: libc::utsname = std::mem::zeroed();
        let interrupted = libc::uname(&raw mut name) == -1
            && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted;
        assert!(interrupted || name.sysname[0] != 0);
    }
}

/// Kills a process that does nothing but ask.
fn kill_somebody(answer: i64) {
    let mut child = Command::new("/proc/self/exe");
    let mut child = child.args(["ask-for-ever", &answer.to_string()]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(3));
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

/// The standard library uses vfork(2) or its like.
fn execute_something() {
    assert!(Command::new("/proc/self/exe").args(["exit", "0"]).status().unwrap().success());
}

fn signal_at_1_khz(tids: &[AtomicI32]) {
    let mut turn = 0;
    while !END.load(Ordering::Relaxed) {
        let tid = tids[turn % tids.len()].load(Ordering::SeqCst);
        if tid != 0 {
            // SAFETY: takes numbers; a thread that has ended gets none.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGUSR1) };
        }
        turn += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
}

extern "C" fn count_signal(_: i32) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// Without SA_RESTART.
fn handle_signals() {
    // SAFETY: the handler counts in an atomic, and all zeros is a valid action.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count_signal as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
}
