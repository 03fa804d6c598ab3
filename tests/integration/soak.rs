//! Ten thousand runs of every kind, after which the host is as it was.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sandlock::{Launch, Reason, Sandbox, Stdio};

use crate::harness::{GUEST, alone, here, policy};

const RUNS: usize = 10_000;
/// Until allocator and threads hold what they hold on to.
const WARM_UP: usize = 1_000;
/// Less than what one kind of run would leave behind, if it left a page or a mapping each time.
const FEW: usize = RUNS / KINDS / 4;
const KINDS: usize = 20;

#[test]
fn ten_thousand_runs_leave_the_host_as_it_was() {
    if !alone(here!()) {
        return;
    }
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    let before = Census::take();
    rounds(&sandbox, WARM_UP);
    // What the sandbox itself keeps is there now; what its threads were is gone soon.
    let before = before.with_descriptors_of(&Census::take());
    before.expect_again();
    let memory = Memory::take();
    rounds(&sandbox, RUNS);
    // The masks that are compared are this thread's.
    (0..KINDS).for_each(|kind| one(&sandbox, kind));
    before.expect_again();
    let after = Memory::take();
    assert!(after.pages <= memory.pages + FEW, "{memory:?} {after:?}");
    assert!(after.mappings <= memory.mappings + FEW, "{memory:?} {after:?}");
    // The twin: what is left behind is seen.
    let child = sandbox.spawn([GUEST, "hang"]).unwrap();
    let busy = Census::take();
    assert!(busy.descriptors > before.descriptors && busy.threads > before.threads, "{busy:?}");
    assert!(busy.children > before.children, "{busy:?}");
    drop(child);
    before.expect_again();
    block(libc::SIGUSR2);
    assert_ne!(Census::take().signals, before.signals);
}

/// `count` runs from two threads: most end by themselves, some in every other way.
fn rounds(sandbox: &Sandbox, count: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    one(sandbox, number);
                }
            });
        }
    });
}

fn one(sandbox: &Sandbox, number: usize) {
    let hang = || Launch::new([GUEST, "hang"]);
    match number % KINDS {
        0 => {
            let child = sandbox.spawn(hang()).unwrap();
            child.kill().unwrap();
            assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
        }
        1 => drop(sandbox.spawn(hang()).unwrap()),
        2 => {
            let output = sandbox.run(hang().timeout(Duration::from_millis(3))).unwrap();
            assert_eq!(output.reason(), Reason::Timeout);
        }
        3 => {
            let child = sandbox.spawn(hang().timeout(Duration::from_millis(3))).unwrap();
            assert_eq!(child.wait().unwrap().reason(), Reason::Timeout);
        }
        4 => assert!(sandbox.run(["/no/such/command"]).is_err()),
        5 => assert!(sandbox.spawn(["/etc/passwd"]).is_err()),
        6 => {
            let output = sandbox.run([GUEST, "orphans", "1"]).unwrap();
            assert!(output.success(), "{output:?}");
        }
        7 => {
            let launch = Launch::new([GUEST, "echo"]);
            let child = sandbox.spawn(launch.stdin(Stdio::piped()).stdout(Stdio::piped())).unwrap();
            child.stdin().unwrap().write_all(b"abc").unwrap();
            let mut text = String::new();
            child.stdout().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!((text.as_str(), child.wait().unwrap().success()), ("abc", true));
        }
        8 => {
            let output = sandbox.run(Launch::new([GUEST, "echo"]).input("abc")).unwrap();
            assert_eq!(output.stdout(), b"abc");
        }
        _ => {
            let code = (number % 100) as i32;
            let output = sandbox.run([GUEST, "exit", &code.to_string()]).unwrap();
            assert_eq!(output.code(), Some(code));
        }
    }
}

fn block(signal: i32) {
    // SAFETY: the set is this thread's, which is the test's own.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()), 0);
    }
}

/// What a host can see of itself, and the calling thread.
#[derive(Debug, PartialEq)]
pub(crate) struct Census {
    descriptors: usize,
    threads: usize,
    children: usize,
    /// Masks and handlers of signals, and what is pending, as /proc has them.
    signals: Vec<String>,
}

impl Census {
    pub(crate) fn take() -> Census {
        let count = |path: &str| std::fs::read_dir(path).unwrap().count();
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        // One that ends meanwhile has none.
        let list = |path| std::fs::read_to_string::<std::path::PathBuf>(path).unwrap_or_default();
        let lists = tasks.map(|task| list(task.path().join("children")));
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        // Not SigQ, which is about every process of the user.
        let wanted = ["SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:"];
        let is_wanted = |line: &&str| wanted.iter().any(|name| line.starts_with(name));
        let signals = status.lines().filter(is_wanted);
        Census {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            children: lists.map(|list| list.split_ascii_whitespace().count()).sum(),
            signals: signals.map(str::to_owned).collect(),
        }
    }

    pub(crate) fn with_descriptors_of(self, later: &Census) -> Census {
        Census { descriptors: later.descriptors, ..self }
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    pub(crate) fn children(&self) -> usize {
        self.children
    }

    /// Threads are listed for a moment longer than they can be joined.
    pub(crate) fn expect_again(&self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while Census::take() != *self && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(Census::take(), *self);
    }
}

/// What may grow a little: what is kept for later depends on who came when.
#[derive(Debug)]
struct Memory {
    pages: usize,
    mappings: usize,
}

impl Memory {
    fn take() -> Memory {
        let read = |path: &str| std::fs::read_to_string(path).unwrap();
        let resident = read("/proc/self/statm").split(' ').nth(1).unwrap().parse().unwrap();
        Memory { pages: resident, mappings: read("/proc/self/maps").lines().count() }
    }
}
