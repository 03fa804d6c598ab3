//! What a run leaves behind in its host: nothing.

use std::time::{Duration, Instant};

use sandlock::Protection::SignalScope;
use sandlock::{ErrorKind, Mode, Sandbox};

use crate::harness::{GUEST, policy, run};

#[test]
fn no_descendant_survives_the_program() {
    let start = Instant::now();
    let output = run(policy(), &["orphans", "5"]);
    assert!(output.success());
    let printed = String::from_utf8_lossy(output.stdout()).into_owned();
    let pids: Vec<i32> = printed
        .lines()
        .map(|line| line.strip_prefix("orphan ok ").unwrap().parse().unwrap())
        .collect();
    // Those that had the time to say their name; one of them proves that they live at all.
    assert!(!pids.is_empty(), "{printed}");
    for pid in pids {
        // SAFETY: signal 0 only asks.
        assert_eq!(unsafe { libc::kill(pid, 0) }, -1, "{pid} is alive");
    }
    assert!(start.elapsed() < Duration::from_secs(2));
}

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

/// Whether this is the process that was started for `test` alone: what it changes or counts belongs
/// to the whole process. Otherwise starts that process, and demands that the test passes there.
fn in_a_process_of_its_own(test: &str) -> bool {
    if std::env::var_os("SANDLOCK_TEST_ALONE").is_some() {
        return true;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1"])
        .env("SANDLOCK_TEST_ALONE", "1")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{complaints}");
    false
}

#[test]
fn the_host_sees_no_signal_no_zombie_no_descriptor_and_no_thread() {
    if !in_a_process_of_its_own(
        "lifecycle::the_host_sees_no_signal_no_zombie_no_descriptor_and_no_thread",
    ) {
        return;
    }
    let signals = count_child_signals();
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
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
    if !in_a_process_of_its_own("lifecycle::handlers_of_the_host_run_in_the_host_alone") {
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
    if !in_a_process_of_its_own(
        "lifecycle::a_host_that_ignores_its_children_still_learns_how_they_end",
    ) {
        return;
    }
    // SAFETY: this process is the test's own.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    assert_eq!(run(policy(), &["exit", "9"]).code(), Some(9));
}

#[test]
fn a_host_without_standard_descriptors_still_gets_the_output() {
    if !in_a_process_of_its_own(
        "lifecycle::a_host_without_standard_descriptors_still_gets_the_output",
    ) {
        return;
    }
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    let run = || sandbox.run([GUEST, "print", "2048"]).unwrap();
    let before = run();
    let saved = [0, 1, 2].map(|fd| {
        // SAFETY: this process is the test's own; what is closed is put back below.
        unsafe {
            let copy = libc::dup(fd);
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
    let unscoped = || policy().fs_read_if_exists("/bin").protection(SignalScope, Mode::Off);
    let run = |command: &str| {
        let sandbox = Sandbox::new(unscoped().build().unwrap()).unwrap();
        sandbox.run(["sh", "-c", command])
    };
    let start = Instant::now();
    for _ in 0..20 {
        let error = run("kill -KILL $PPID; sleep 60").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert!(error.to_string().contains("keeper"), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert!(run("kill -0 $PPID").unwrap().success());
}

/// The guest's descendants print their ids to a pipe that they keep open: it ends when the last of
/// them is gone, whoever had to kill it.
#[test]
fn the_tree_dies_with_a_host_that_is_killed() {
    use std::io::{BufRead, BufReader, Read};
    if std::env::var_os("SANDLOCK_TEST_HOST").is_some() {
        let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
        let output = sandbox.run_interactive([GUEST, "family"]).unwrap();
        panic!("the guest does not end by itself: {output:?}");
    }
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lifecycle::the_tree_dies_with_a_host_that_is_killed", "--nocapture"])
        .env("SANDLOCK_TEST_HOST", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(host.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("family ok") {
        line.clear();
        assert_ne!(printed.read_line(&mut line).unwrap(), 0, "the host ended early");
    }
    let start = Instant::now();
    host.kill().unwrap();
    host.wait().unwrap();
    printed.read_to_end(&mut Vec::new()).unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
