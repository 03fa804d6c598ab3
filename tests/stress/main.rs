//! A minute of trapped calls from 64 threads at once, while their tasks are killed, execute programs
//! and get signals, beside a handler that waits. `SANDLOCK_STRESS_SECONDS` says how long; 5 if it
//! says nothing.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sandlock::{
    HandlerCtx, HandlerOptions, Launch, NotifAction, Observer, Outcome, Policy, Sandbox, Stdio,
    Syscall, Verdict,
};

const GUEST: &str = env!("CARGO_BIN_EXE_guest");
const ANSWER: i64 = 424_242;
const THREADS: &str = "64";

/// Counts calls and verdicts, and how many of those are of tasks that had gone.
#[derive(Clone, Default)]
struct Tally {
    calls: Arc<AtomicU64>,
    verdicts: Arc<AtomicU64>,
    gone: Arc<AtomicU64>,
}

impl Observer for Tally {
    fn call(&self, _: &HandlerCtx<'_>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    fn verdict(&self, _: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        self.verdicts.fetch_add(1, Ordering::Relaxed);
        if verdict.outcome == Outcome::Gone {
            self.gone.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Tally {
    fn counts(&self) -> [u64; 3] {
        [&self.calls, &self.verdicts, &self.gone].map(|count| count.load(Ordering::SeqCst))
    }
}

#[test]
fn a_storm_of_calls_loses_no_answer_and_no_descriptor() {
    let seconds = std::env::var("SANDLOCK_STRESS_SECONDS").unwrap_or_else(|_| "5".to_owned());
    let policy = Policy::builder()
        .fs_read(GUEST)
        .fs_read("/usr")
        .fs_read_if_exists("/lib")
        .fs_read_if_exists("/lib64")
        .fs_read_if_exists("/etc/ld.so.cache")
        .fs_read("/proc")
        .fs_write("/dev/null")
        .build()
        .unwrap();
    let (asked, executed, slow) = (Tally::default(), Tally::default(), Tally::default());
    let wait = |_: &HandlerCtx<'_>| {
        std::thread::sleep(Duration::from_millis(50));
        NotifAction::Continue
    };
    let sandbox = Sandbox::new(policy)
        .unwrap()
        .add_handler(Syscall::GETPPID, |_: &HandlerCtx<'_>| NotifAction::ReturnValue(ANSWER))
        .and_then(|sandbox| sandbox.add_observer(Syscall::GETPPID, asked.clone()))
        .and_then(|sandbox| sandbox.add_observer(Syscall::EXECVE, executed.clone()))
        .and_then(|sandbox| sandbox.add_observer(Syscall::UNAME, slow.clone()))
        .and_then(|sandbox| {
            let options = HandlerOptions::new().pooled(Duration::from_secs(30));
            sandbox.add_handler_with(Syscall::UNAME, wait, options)
        })
        .unwrap();
    let launch = Launch::new([GUEST, "storm", &seconds, THREADS, &ANSWER.to_string()])
        .stdout(Stdio::captured());
    // What a sandbox opens once, it keeps.
    assert!(sandbox.run([GUEST, "exit", "0"]).unwrap().success());
    let before = descriptors();
    let begun = Instant::now();
    let child = sandbox.spawn(launch).unwrap();
    let patience = Duration::from_secs(seconds.parse::<u64>().unwrap() * 2 + 30);
    let mut held = Vec::new();
    let out = loop {
        assert!(begun.elapsed() < patience, "it stalls");
        match child.wait_timeout(Duration::from_millis(100)).unwrap() {
            Some(out) => break out,
            None => held.push(descriptors()),
        }
    };
    let took = begun.elapsed();
    drop(child);

    let printed = String::from_utf8_lossy(out.stdout()).into_owned();
    assert!(out.success(), "{out:?} {}", String::from_utf8_lossy(out.stderr()));
    assert_eq!(out.handler_errors(), []);
    let counted: BTreeMap<&str, u64> = printed
        .lines()
        .filter_map(|line| line.split_once(" ok "))
        .map(|(name, count)| (name, count.parse().unwrap()))
        .collect();
    let rate = |calls: u64| calls as f64 / took.as_secs_f64();
    println!("{counted:?} {asked:?}", asked = asked.counts());
    println!("{:.0} trapped calls a second", rate(asked.counts()[0]));

    // Everybody got on, and everything that should happen did.
    assert!(counted.values().all(|count| *count > 0), "{counted:?}");
    // Each call has its verdict, and the program has seen no answer that nobody gave.
    for tally in [&asked, &executed, &slow] {
        let [calls, verdicts, _] = tally.counts();
        assert_eq!(calls, verdicts);
    }
    assert!(asked.counts()[0] + counted["signals"] >= counted["asked"]);
    assert!(executed.counts()[0] >= counted["executed"] + counted["killed"]);
    // While it ran: what a run holds, and nothing for its calls.
    let (least, most) = (held.iter().min().unwrap(), held.iter().max().unwrap());
    assert_eq!(least, most, "{held:?}");
    assert_eq!(descriptors(), before);
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
