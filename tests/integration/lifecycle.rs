//! What a run leaves behind in its host: nothing.

use sandlock::Protection::SignalScope;
use sandlock::{ErrorKind, Mode, Sandbox};

use crate::calls::{Argument, Calls};
use crate::harness::{GUEST, alone, here, policy, run};

#[test]
fn many_threads_run_programs_of_one_sandbox_at_once() {
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let sandbox = &sandbox;
            scope.spawn(move || {
                for round in 0..10 {
                    let code = (thread * 10 + round) % 200;
                    let output = sandbox.run([GUEST, "exit", &code.to_string()]).unwrap();
                    assert_eq!(output.code(), Some(code));
                }
            });
        }
    });
}

#[test]
fn the_host_sees_no_signal_no_zombie_no_descriptor_and_no_thread() {
    if !alone(here!()) {
        return;
    }
    let signals = count_child_signals();
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    // What the sandbox itself keeps for its runs is there after the first.
    assert!(sandbox.run([GUEST, "exit", "0"]).unwrap().success());
    let before = census();
    for _ in 0..50 {
        assert!(sandbox.run([GUEST, "exit", "0"]).unwrap().success());
        assert!(sandbox.run(["/no/such/command"]).is_err());
    }
    assert_eq!(census(), before);
    assert_eq!(signals.load(std::sync::atomic::Ordering::Relaxed), 0);
    // SAFETY: asks for children that have ended; there are none at all.
    let reaped = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) };
    let errno = std::io::Error::last_os_error().raw_os_error();
    assert_eq!((reaped, errno), (-1, Some(libc::ECHILD)));
    // The twin: an ordinary child does send the signal.
    assert!(std::process::Command::new(GUEST).args(["exit", "0"]).status().unwrap().success());
    assert_eq!(signals.load(std::sync::atomic::Ordering::Relaxed), 1);
}

/// Open descriptors and threads.
fn census() -> (usize, usize) {
    let count = |path: &str| std::fs::read_dir(path).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

fn count_child_signals() -> &'static std::sync::atomic::AtomicUsize {
    static SEEN: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    extern "C" fn seen(_: i32) {
        SEEN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    let handler: extern "C" fn(i32) = seen;
    // SAFETY: the handler only counts.
    unsafe { libc::signal(libc::SIGCHLD, handler as libc::sighandler_t) };
    &SEEN
}

#[test]
fn handlers_of_the_host_run_in_the_host_alone() {
    if !alone(here!()) {
        return;
    }
    expect_handlers_to_run_here_alone();
}

/// Starts programs while this process group, which they belong to until they are executed, gets
/// one signal after the other. Their memory is this process's, so a handler that runs in one of
/// them can say so.
pub(crate) fn expect_handlers_to_run_here_alone() {
    use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::SeqCst};
    static HOST: AtomicI32 = AtomicI32::new(0);
    static HERE: AtomicUsize = AtomicUsize::new(0);
    static ELSEWHERE: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn handle(_: i32) {
        // SAFETY: takes nothing.
        let is_here = unsafe { libc::getpid() } == HOST.load(SeqCst);
        if is_here { &HERE } else { &ELSEWHERE }.fetch_add(1, SeqCst);
    }
    let handler: extern "C" fn(i32) = handle;
    // SAFETY: this process is the test's own, and from here on a group of its own.
    unsafe {
        HOST.store(libc::getpid(), SeqCst);
        assert_eq!(libc::setpgid(0, 0), 0);
        libc::signal(libc::SIGWINCH, handler as libc::sighandler_t);
    }
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(SeqCst) {
                // SAFETY: the group is this test's own.
                unsafe { libc::kill(0, libc::SIGWINCH) };
                std::thread::yield_now();
            }
        });
        for _ in 0..40 {
            assert!(sandbox.run_interactive([GUEST, "exit", "0"]).unwrap().success());
        }
        over.store(true, SeqCst);
    });
    assert!(HERE.load(SeqCst) > 0);
    assert_eq!(ELSEWHERE.load(SeqCst), 0);
}

#[test]
fn a_host_that_ignores_its_children_still_learns_how_they_end() {
    if !alone(here!()) {
        return;
    }
    // SAFETY: this process is the test's own.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    assert_eq!(run(policy(), &["exit", "9"]).code(), Some(9));
}

#[test]
fn a_host_without_standard_descriptors_still_gets_the_output() {
    if !alone(here!()) {
        return;
    }
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    let run = || sandbox.run([GUEST, "print", "2048"]).unwrap();
    let before = run();
    let saved = [0, 1, 2].map(|fd| {
        // SAFETY: this process is the test's own; what is closed is put back below.
        unsafe {
            let copy = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 100);
            libc::close(fd);
            copy
        }
    });
    let after = run();
    for (fd, copy) in (0..).zip(saved) {
        // SAFETY: as above.
        unsafe { libc::dup2(copy, fd) };
    }
    assert_eq!((after.stdout(), after.stderr()), (before.stdout(), before.stderr()));
    assert_eq!(after.stdout().len(), 2048);
}

/// Without the scope of signals the program can do what otherwise only somebody outside can.
#[test]
fn a_killed_keeper_is_an_error_and_takes_the_program_along() {
    let unscoped = policy().protection(SignalScope, Mode::Off);
    let sandbox = Sandbox::new(unscoped.build().unwrap()).unwrap();
    let signal = |signal: i32| {
        let calls = Calls::default().then("kill", &[Argument::parent(), signal.into()]);
        let calls = [vec!["parent".into()], calls.action("calls")].concat();
        sandbox.run([GUEST.into()].into_iter().chain(calls))
    };
    for _ in 0..20 {
        let error = signal(libc::SIGKILL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert!(error.to_string().contains("keeper"), "{error}");
    }
    assert!(signal(0).unwrap().success());
}
