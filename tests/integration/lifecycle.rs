//! What a run leaves behind in its host: nothing.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use sandlock::Protection::SignalScope;
use sandlock::{ErrorKind, Launch, ProtectionMode, Reason, Sandbox};

use crate::calls::{Argument, Calls};
use crate::harness::{GUEST, SetAtEnd, alone, eventually, here, policy, read_to_end, run};
use crate::soak::Census;

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
    let before = Census::take();
    for _ in 0..50 {
        assert!(sandbox.run([GUEST, "exit", "0"]).unwrap().success());
        assert!(sandbox.run(["/no/such/command"]).is_err());
    }
    before.expect_again();
    assert_eq!(signals.load(SeqCst), 0);
    // SAFETY: asks for children that have ended; there are none at all.
    let reaped = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) };
    let errno = std::io::Error::last_os_error().raw_os_error();
    assert_eq!((reaped, errno), (-1, Some(libc::ECHILD)));
    // The twin: an ordinary child does send the signal.
    assert!(std::process::Command::new(GUEST).args(["exit", "0"]).status().unwrap().success());
    // In whichever thread.
    eventually(|| signals.load(SeqCst) == 1);
}

fn count_child_signals() -> &'static AtomicUsize {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn seen(_: i32) {
        SEEN.fetch_add(1, SeqCst);
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
    use std::sync::atomic::AtomicI32;
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
        let _over = SetAtEnd(&over);
        for _ in 0..40 {
            assert!(sandbox.run_interactive([GUEST, "exit", "0"]).unwrap().success());
        }
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
    let unscoped = policy().protection(SignalScope, ProtectionMode::Off);
    let sandbox = Sandbox::new(unscoped.build().unwrap()).unwrap();
    let signal = |signal: i32| {
        let calls = Calls::default().then("kill", &[Argument::parent(), signal.into()]);
        let calls = [vec!["parent".into()], calls.action("calls")].concat();
        sandbox.run(Launch::new([GUEST]).args(calls))
    };
    for _ in 0..20 {
        let error = signal(libc::SIGKILL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert!(error.to_string().contains("keeper"), "{error}");
    }
    assert!(signal(0).unwrap().success());
}

/// Every descriptor of ours is closed by the exec of others, at every moment of a start.
#[test]
fn children_that_the_host_starts_meanwhile_inherit_nothing() {
    if !alone(here!()) {
        return;
    }
    let descriptors = || {
        let mut command = std::process::Command::new(GUEST);
        let output = command.arg("descriptors").stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let plain = descriptors();
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let piped = sandlock::Stdio::piped;
            while !over.load(SeqCst) {
                let launch = Launch::new([GUEST, "echo"]).stdin(piped()).stdout(piped());
                drop(sandbox.spawn(launch).unwrap());
                assert!(sandbox.run(Launch::new([GUEST, "echo"]).input("x")).unwrap().success());
            }
        });
        let _over = SetAtEnd(&over);
        let seen: Vec<_> = (0..300).map(|_| descriptors()).collect();
        assert!(seen.iter().all(|line| *line == plain), "{seen:?}");
    });
    // The twin: one that is not closed is seen.
    let open = std::fs::File::open("/dev/null").unwrap();
    // SAFETY: a new descriptor of this process, which is the test's own.
    assert_ne!(unsafe { libc::fcntl(open.as_raw_fd(), libc::F_DUPFD, 300) }, -1);
    assert_eq!(descriptors(), format!("{},300\n", plain.trim_end()));
}

#[test]
fn a_thread_with_a_small_stack_is_large_enough() {
    let small = std::thread::Builder::new().stack_size(64 << 10);
    let work = || {
        let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
        assert_eq!(sandbox.run([GUEST, "exit", "3"]).unwrap().code(), Some(3));
        assert!(sandbox.run(["no-such-command"]).is_err());
        let child = sandbox.spawn([GUEST, "hang"]).unwrap();
        assert_eq!(child.processes().unwrap().len(), 1);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
    };
    small.spawn(work).unwrap().join().unwrap();
}

/// Runs `action` in a copy of this process and demands that it comes to its end.
pub(crate) fn in_a_fork(action: impl FnOnce()) {
    // SAFETY: the copy goes on alone, and leaves without anybody's destructors.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(action));
            libc::_exit(i32::from(done.is_err()));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
        assert_eq!(status, 0, "the copy failed");
    }
}

#[test]
fn a_copy_of_the_host_runs_programs_of_its_own_and_leaves_the_others_alone() {
    if !alone(here!()) {
        return;
    }
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    let run = |code: &str| sandbox.run([GUEST, "exit", code]).unwrap().code();
    assert_eq!(run("1"), Some(1));
    let child =
        sandbox.spawn(Launch::new([GUEST, "echo"]).stdin(sandlock::Stdio::piped())).unwrap();
    let mut theirs = Some(child);
    in_a_fork(|| {
        let child = theirs.take().unwrap();
        let answers = [
            child.wait().err(),
            child.wait_timeout(std::time::Duration::ZERO).err(),
            child.try_wait().err(),
            child.kill().err(),
            child.signal(libc::SIGKILL).err(),
            child.pause().err(),
            child.resume().err(),
        ];
        for answer in answers {
            let error = answer.unwrap();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, Some(libc::ECHILD)));
            assert!(error.to_string().contains("forked"), "{error}");
        }
        drop(child);
        assert_eq!(run("2"), Some(2));
        let own = sandbox.spawn([GUEST, "hang"]).unwrap();
        own.kill().unwrap();
        assert_eq!(own.wait().unwrap().reason(), Reason::Killed);
    });
    let child = theirs.take().unwrap();
    assert!(child.try_wait().unwrap().is_none(), "the copy ended the program");
    assert!(child.wait().unwrap().success());
    assert_eq!(run("3"), Some(3));
}

/// A copy that lives on is not what a tree belongs to.
#[test]
fn a_tree_ends_with_its_host_although_a_copy_of_that_lives_on() {
    if !alone(here!()) {
        return;
    }
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    let (tree, output) = std::io::pipe().unwrap();
    let (mut told, tell) = std::io::pipe().unwrap();
    let (said, mut say) = std::io::pipe().unwrap();
    let mut tell = Some(tell);
    in_a_fork(|| {
        let launch = Launch::new([GUEST, "hang"]).stdout(OwnedFd::from(output));
        std::mem::forget(sandbox.spawn(launch).unwrap());
        // SAFETY: the copy of the copy waits to be told and leaves without anybody's destructors.
        if unsafe { libc::fork() } == 0 {
            drop(tell.take());
            assert_eq!(told.read(&mut [0]).unwrap(), 0);
            say.write_all(b"told").unwrap();
            // SAFETY: takes a number.
            unsafe { libc::_exit(0) };
        }
    });
    drop(say);
    assert_eq!(read_to_end(tree), "");
    drop(tell);
    assert_eq!(read_to_end(said), "told", "the copy was there all the time");
}

/// A service manager sends SIGTERM to everybody; the program is to have the time to end.
#[test]
fn a_keeper_that_is_asked_to_end_leaves_that_to_the_program() {
    let child = Sandbox::new(policy().build().unwrap()).unwrap();
    let launch = Launch::new([GUEST, "echo"]).stdin(sandlock::Stdio::piped());
    let child = child.spawn(launch).unwrap();
    let keeper = child.processes().unwrap()[0].parent.cast_signed();
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1] {
        // SAFETY: the keeper of this test's own program.
        assert_eq!(unsafe { libc::kill(keeper, signal) }, 0);
    }
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(child.try_wait().unwrap().is_none());
    assert!(child.wait().unwrap().success());
}

/// More time than the kernel's clock has.
#[test]
fn a_keeper_with_all_the_time_there_is_waits_without_working() {
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    let launch = Launch::new([GUEST, "hang"]).timeout(std::time::Duration::MAX);
    let child = sandbox.spawn(launch).unwrap();
    let keeper = child.processes().unwrap()[0].parent;
    std::thread::sleep(std::time::Duration::from_millis(300));
    let stat = std::fs::read_to_string(format!("/proc/{keeper}/stat")).unwrap();
    let ticks: Vec<u64> = stat
        .rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse().unwrap())
        .collect();
    assert!(ticks.iter().sum::<u64>() <= 2, "{ticks:?}");
}
