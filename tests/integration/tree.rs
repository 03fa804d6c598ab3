//! The end of a tree: whatever ends it, nothing of it is left, and nobody else is touched.
//!
//! Descendants hold the output of the process that a test runs in: it ends when they are gone.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child as Process, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use sandlock::{Child, Launch, Mode, PolicyBuilder, Protection, Reason, Sandbox};

use crate::harness::{GUEST, again, alone, here, is_root, policy, read_to_end, require_root, skip};

/// Longer than any end takes, and the 2 seconds that are promised, on a machine that has other
/// things to do.
const PATIENCE: Duration = Duration::from_secs(20);

fn unscoped() -> PolicyBuilder {
    policy().protection(Protection::SignalScope, Mode::Off)
}

fn sandbox(policy: PolicyBuilder) -> Sandbox {
    Sandbox::new(policy.build().unwrap()).unwrap()
}

/// A program with descendants that do what they can to survive, on the caller's output.
fn family(policy: PolicyBuilder) -> Child {
    sandbox(policy).spawn(Launch::new([GUEST, "family"]).interactive()).unwrap()
}

/// Which part of a test runs in this process.
const ROLE: &str = "SANDLOCK_TEST_ROLE";

fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Runs the part `role` of `test` in a process of its own, until its tree is there.
fn host(test: &str, role: &str) -> (Process, BufReader<ChildStdout>) {
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(host.stdout.take().unwrap());
    let mut line = String::new();
    // Perhaps behind what the test runner writes before it runs a test.
    while !line.ends_with("family ok\n") {
        line.clear();
        assert_ne!(printed.read_line(&mut line).unwrap(), 0, "{role}: the host ended early");
    }
    (host, printed)
}

/// Lets a host go on that waits for it.
fn tell(host: &mut Process) {
    drop(host.stdin.take());
}

fn until_told() {
    let end = std::io::stdin().read(&mut [0]);
    assert_eq!(end.unwrap(), 0);
}

/// Demands that the tree of a host is gone soon.
fn expect_end(mut host: Process, printed: BufReader<ChildStdout>) {
    let start = Instant::now();
    host.wait().unwrap();
    read_to_end(printed);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn no_descendant_survives_the_program() {
    if let Some(printed) = again(here!(), &["plain"]) {
        // Those that had the time to say their name; one of them proves that they live at all.
        assert!(printed.contains("orphan ok "), "{printed}");
        return;
    }
    for policy in [policy(), unscoped()] {
        assert!(sandbox(policy).run_interactive([GUEST, "orphans", "5"]).unwrap().success());
    }
}

#[test]
fn no_descendant_survives_a_timeout_a_kill_or_a_drop() {
    if again(here!(), &["plain"]).is_some() {
        return;
    }
    for policy in [policy, unscoped] {
        let limited = Launch::new([GUEST, "family"]).interactive();
        let limited = limited.timeout(Duration::from_millis(200));
        assert_eq!(sandbox(policy()).run(limited).unwrap().reason(), Reason::Timeout);
        let child = family(policy());
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
        drop(family(policy()));
    }
}

#[test]
fn a_tree_outlives_the_thread_that_started_it() {
    if !alone(here!()) {
        return;
    }
    let piped = sandlock::Stdio::piped;
    let launch = Launch::new([GUEST, "echo"]).stdin(piped()).stdout(piped());
    let child = std::thread::spawn(|| sandbox(policy()).spawn(launch).unwrap()).join().unwrap();
    let (mut stdin, mut stdout) = (child.stdin().unwrap(), child.stdout().unwrap());
    for _ in 0..3 {
        stdin.write_all(b"alive\n").unwrap();
        let mut answer = [0; 6];
        stdout.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"alive\n");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// By the main thread, without a word to the tree.
#[test]
fn no_descendant_survives_the_exit_of_its_host() {
    if role().is_some() {
        std::mem::forget(family(policy()));
        until_told();
        std::process::exit(0);
    }
    let (mut host, printed) = host(here!(), "exit");
    tell(&mut host);
    expect_end(host, printed);
}

#[test]
fn no_descendant_survives_a_host_that_is_killed() {
    if let Some(role) = role() {
        let policy = if role == "unscoped" { unscoped() } else { policy() };
        match role.as_str() {
            "run" => drop(sandbox(policy).run_interactive([GUEST, "family"])),
            _ => drop(family(policy).wait()),
        }
        panic!("the guest does not end by itself");
    }
    for role in ["spawn", "run", "unscoped"] {
        let (mut host, printed) = host(here!(), role);
        host.kill().unwrap();
        expect_end(host, printed);
    }
}

/// The main thread calls exec, or another one does: both end the thread that owns the tree.
#[test]
fn no_descendant_survives_a_host_that_executes_another_program() {
    use std::os::unix::process::CommandExt;
    let execute = || panic!("{}", Command::new(GUEST).args(["exit", "0"]).exec());
    match role().as_deref() {
        Some("main") => {
            let _child = family(policy());
            until_told();
            execute();
        }
        Some(_) => {
            std::thread::spawn(move || {
                until_told();
                execute();
            });
            drop(sandbox(policy()).run_interactive([GUEST, "family"]));
            panic!("the guest does not end by itself");
        }
        None => {
            for role in ["main", "other"] {
                let (mut host, printed) = host(here!(), role);
                tell(&mut host);
                expect_end(host, printed);
            }
        }
    }
}

/// An interactive program can have its host stopped, by the terminal they share: the clock is not
/// the host's.
#[test]
fn a_host_that_is_stopped_does_not_stop_the_clock() {
    if role().is_some() {
        let limit = Duration::from_secs(1);
        let launch = Launch::new([GUEST, "family"]).interactive().timeout(limit);
        assert_eq!(sandbox(policy()).run(launch).unwrap().reason(), Reason::Timeout);
        return;
    }
    let (mut host, printed) = host(here!(), "stopped");
    let pid = host.id().cast_signed();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let lists = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap());
    let lists: String = lists.collect();
    let keeper = lists.split_ascii_whitespace().next().unwrap();
    // SAFETY: the host is this test's own.
    unsafe { libc::kill(pid, libc::SIGSTOP) };
    let deadline = Instant::now() + PATIENCE;
    let has_children = || {
        let list = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children"));
        list.is_ok_and(|list| !list.is_empty())
    };
    while has_children() {
        assert!(Instant::now() < deadline, "the tree lives on while its host is stopped");
        std::thread::sleep(Duration::from_millis(10));
    }
    // SAFETY: as above.
    unsafe { libc::kill(pid, libc::SIGCONT) };
    assert!(host.wait().unwrap().success());
    read_to_end(printed);
}

/// A bomb that fills all the room there is refills it while its processes are killed one by one.
#[test]
fn a_fork_bomb_ends_with_its_time() {
    if is_root() {
        skip(here!(), "needs an ordinary user, whose processes are counted", false);
        return;
    }
    if again(here!(), &["plain"]).is_some() {
        return;
    }
    const ROOM: u64 = 300;
    let limit = libc::rlimit { rlim_cur: ROOM, rlim_max: ROOM };
    // SAFETY: the kernel reads one structure; this process is the test's own.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit) }, 0);
    let launch = Launch::new([GUEST, "bomb", "30"]).timeout(Duration::from_millis(500));
    let start = Instant::now();
    let output = sandbox(policy()).run(launch).unwrap();
    assert_eq!(output.reason(), Reason::Timeout);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn a_process_that_runs_away_from_itself_ends_with_its_time() {
    for policy in [policy(), unscoped()] {
        let launch = Launch::new([GUEST, "run-away", "30"]).timeout(Duration::from_millis(300));
        let start = Instant::now();
        let output = sandbox(policy).run(launch).unwrap();
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        // The first one has long ended well.
        assert!([Reason::Exited, Reason::Timeout].contains(&output.reason()), "{output:?}");
    }
}

/// Bystanders of the same user, in the same group and session, through many ends of trees.
#[test]
fn nobody_else_is_ever_signalled() {
    let bystander = || Command::new(GUEST).arg("hang").stdin(Stdio::null()).spawn().unwrap();
    let mut bystanders: Vec<Process> = (0..8).map(|_| bystander()).collect();
    for policy in [policy(), unscoped()] {
        let sandbox = sandbox(policy);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        assert!(sandbox.run([GUEST, "orphans", "2"]).unwrap().success());
                        let child = sandbox.spawn([GUEST, "hang"]).unwrap();
                        child.pause().unwrap();
                        child.kill().unwrap();
                        assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
                    }
                });
            }
        });
    }
    for mut one in bystanders.drain(..) {
        assert!(one.try_wait().unwrap().is_none(), "a bystander was signalled");
        one.kill().unwrap();
        one.wait().unwrap();
    }
}

/// As the first process of a pid namespace; its /proc is mounted or is that of another one.
#[test]
fn a_host_can_be_the_first_process_of_its_namespace() {
    require_root!();
    for launcher in ["first-process", "first-process-with-foreign-proc"] {
        let printed = again(here!(), &[launcher]);
        if printed.is_some() {
            continue;
        }
        assert_eq!(std::process::id(), 1);
        let child = family(policy());
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
        assert!(sandbox(policy()).run([GUEST, "exit", "0"]).unwrap().success());
        // Without a scope, the lists of children would be somebody else's.
        let foreign = std::fs::read_to_string("/proc/self/status").unwrap();
        let foreign = foreign.lines().any(|line| {
            line.strip_prefix("NSpid:").is_some_and(|ids| ids.split_whitespace().count() > 1)
        });
        let result = Sandbox::new(unscoped().build().unwrap());
        assert_eq!(result.is_err(), foreign, "{result:?}");
        return;
    }
}
