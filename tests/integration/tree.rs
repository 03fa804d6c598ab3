//! The end of a tree: whatever ends it, nothing of it is left, and nobody else is touched.
//!
//! Descendants hold the output of the process that a test runs in: it ends when they are gone.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child as Process, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use sandlock::{
    Child, ErrorKind, HandlerCtx, Launch, NotifAction, PolicyBuilder, Protection, ProtectionMode,
    Reason, Sandbox,
};

use crate::harness::{
    GUEST, SetAtEnd, again, alone, alone_in_its_process, eventually, here, is_root, policy,
    read_to_end, require_root,
};

/// Longer than any end takes, and the 2 seconds that are promised, on a machine that has other
/// things to do.
const PATIENCE: Duration = Duration::from_secs(20);

fn unscoped() -> PolicyBuilder {
    policy().protection(Protection::SignalScope, ProtectionMode::Off)
}

fn sandbox(policy: PolicyBuilder) -> Sandbox {
    Sandbox::new(policy.build().unwrap()).unwrap()
}

/// A program with descendants that do what they can to survive, on the caller's output.
fn family(policy: PolicyBuilder) -> Child {
    sandbox(policy).spawn(Launch::new([GUEST, "family"]).interactive()).unwrap()
}

/// Waits until the whole family is there.
fn expect_all(family: &Child) {
    eventually(|| family.processes().unwrap().len() == 4);
}

/// Which part of a test runs in this process.
const ROLE: &str = "SANDLOCK_TEST_ROLE";

fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Runs the part `role` of `test` in a process of its own, until its tree is there.
fn host(test: &str, role: &str) -> (Process, BufReader<ChildStdout>) {
    host_until("family ok", test, role)
}

/// As [`host`], until a process of the tree has said `words`.
fn host_until(words: &str, test: &str, role: &str) -> (Process, BufReader<ChildStdout>) {
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(alone_in_its_process(test))
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(host.stdout.take().unwrap());
    let mut line = String::new();
    // Perhaps behind what the test runner writes before it runs a test.
    while !line.contains(words) {
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
        let limited = sandbox(policy()).spawn(limited.timeout(Duration::from_secs(1))).unwrap();
        expect_all(&limited);
        assert_eq!(limited.wait().unwrap().reason(), Reason::Timeout);
        let child = family(policy());
        expect_all(&child);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
        let child = family(policy());
        expect_all(&child);
        drop(child);
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

/// As early as there are descendants: nobody may have to be told first that they are there.
/// A call of the program, which never returns: somebody is being asked about it.
fn asked_for_ever() -> Sandbox {
    let wait = |_: &HandlerCtx<'_>| -> NotifAction {
        loop {
            std::thread::park();
        }
    };
    sandbox(policy()).add_handler("getppid", wait).unwrap()
}

fn family_that_asks() -> Launch {
    Launch::new([GUEST, "family-calls"]).args([libc::SYS_getppid.to_string()]).interactive()
}

#[test]
fn no_descendant_survives_a_host_that_is_killed_while_a_handler_is_asked() {
    if role().is_some() {
        let _family = asked_for_ever().spawn(family_that_asks()).unwrap();
        until_told();
        return;
    }
    let (mut host, printed) = host_until("orphan ok", here!(), "killed");
    host.kill().unwrap();
    expect_end(host, printed);
}

#[test]
fn no_descendant_survives_the_supervisors_thread() {
    if again(here!(), &["plain"]).is_some() {
        return;
    }
    // No thread of the standard library may end like this, but a handler can do it.
    let vanish = |_: &HandlerCtx<'_>| -> NotifAction {
        // SAFETY: ends the calling thread, whose stack nobody else uses.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
        NotifAction::Continue
    };
    let vanishing = sandbox(policy()).add_handler("getppid", vanish).unwrap();
    let child = vanishing.spawn(family_that_asks().stdout(sandlock::Stdio::piped())).unwrap();
    let printed = read_to_end(child.stdout().unwrap());
    assert_eq!(printed.matches("orphan ok").count(), 3, "{printed}");
    assert!(!printed.contains("goes on"), "{printed}");
    assert_eq!(child.wait().unwrap_err().kind(), ErrorKind::Io);
}

/// Only somebody outside can do that: the keeper's domain is the program's parent.
#[test]
fn a_run_whose_keeper_is_killed_ends_although_descendants_live_on() {
    if !alone(here!()) {
        return;
    }
    let asked = |_: &HandlerCtx<'_>| NotifAction::Continue;
    let plain = sandbox(policy());
    let supervised = plain.clone().add_handler("getppid", asked).unwrap();
    for sandbox in [plain, supervised] {
        let launch = Launch::new([GUEST, "family"]).stdout(sandlock::Stdio::piped());
        let family = sandbox.spawn(launch).unwrap();
        let mut lines = BufReader::new(family.stdout().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("family ok")));
        let members = family.processes().unwrap();
        let kill = |pid: u32| {
            // SAFETY: takes numbers; these are processes of this test's own.
            unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) }
        };
        assert_eq!(kill(members[0].parent), 0);
        let ended = family.wait_timeout(PATIENCE);
        for member in &members {
            kill(member.pid);
        }
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Io);
    }
}

#[test]
fn no_descendant_survives_a_host_that_is_killed_during_the_start() {
    if role().is_some() {
        drop(sandbox(policy()).run_interactive([GUEST, "family"]));
        panic!("the guest does not end by itself");
    }
    for _ in 0..20 {
        let (mut host, printed) = host_until("orphan ok", here!(), "run");
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
        let limit = Duration::from_secs(4);
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
    eventually(|| {
        let list = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children"));
        list.map_or(true, |list| list.is_empty())
    });
    // SAFETY: as above.
    unsafe { libc::kill(pid, libc::SIGCONT) };
    assert!(host.wait().unwrap().success());
    read_to_end(printed);
}

/// A bomb that fills all the room there is refills it while its processes are killed one by one.
#[test]
fn a_fork_bomb_ends_with_its_time() {
    // The room is counted for each user, and only root can become one whom nobody else is.
    let launcher: &[&str] = if is_root() { &["as-user", "4242"] } else { &["plain"] };
    if again(here!(), launcher).is_some() {
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
fn a_process_that_runs_away_from_itself_ends_with_the_program() {
    for policy in [policy(), unscoped()] {
        let start = Instant::now();
        let output = sandbox(policy).run([GUEST, "run-away", "30"]).unwrap();
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        // The first one has ended well.
        assert_eq!(output.code(), Some(0));
    }
}

/// A child between clone and exec that somebody has stopped, of some keeper of this process: the
/// keeper waits for it and hears nothing else.
fn stop_a_child_before_its_exec(sandbox: &Sandbox, launch: impl Fn() -> Launch) {
    let (caught, over) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(SeqCst) && !caught.load(SeqCst) {
                caught.store(keepers().into_iter().flat_map(children_of).any(freeze), SeqCst);
            }
        });
        let _over = SetAtEnd(&over);
        for _ in 0..20_000 {
            let output = sandbox.run(launch()).unwrap();
            if caught.load(SeqCst) {
                assert_eq!(output.reason(), Reason::Timeout, "{output:?}");
                return;
            }
        }
        panic!("no child was caught before its exec");
    });
}

/// The keepers of all threads of this process.
pub(crate) fn keepers() -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.flat_map(|task| numbers_in(&task.path().join("children"))).collect()
}

fn children_of(pid: i32) -> Vec<i32> {
    numbers_in(format!("/proc/{pid}/task/{pid}/children").as_ref())
}

fn numbers_in(path: &std::path::Path) -> Vec<i32> {
    let list = std::fs::read_to_string(path).unwrap_or_default();
    list.split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Stops a process that has a session of its own and has not executed its program. Lets others go
/// on: one that is stopped by its very first instruction has not asked to die with its keeper.
fn freeze(pid: i32) -> bool {
    let is_before_exec = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let session =
            stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(3)?.parse().ok());
        stat.contains("(sandlock-keeper)") && session == Some(pid)
    };
    // SAFETY: a child of a keeper of this process, which has just been seen to be one.
    is_before_exec() && unsafe { libc::kill(pid, libc::SIGSTOP) } == 0 && {
        std::thread::sleep(Duration::from_millis(1));
        // SAFETY: as above.
        is_before_exec() || unsafe { libc::kill(pid, libc::SIGCONT) } != 0
    }
}

#[test]
fn a_child_that_is_stopped_before_its_exec_ends_with_its_time() {
    if !alone(here!()) {
        return;
    }
    let launch = || Launch::new([GUEST, "exit", "0"]).timeout(Duration::from_secs(2));
    stop_a_child_before_its_exec(&sandbox(policy()), launch);
}

/// The child still has the host's descriptors, so the end of its output is the end of it.
#[test]
fn a_child_that_is_stopped_before_its_exec_ends_with_its_host() {
    if role().is_some() {
        let launch = || Launch::new([GUEST, "exit", "0"]).timeout(Duration::from_secs(60));
        std::thread::spawn(move || stop_a_child_before_its_exec(&sandbox(policy()), launch));
        let is_stopped = |pid: i32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.contains(") T ")
        };
        let stopped = || keepers().into_iter().flat_map(children_of).any(is_stopped);
        eventually(|| {
            stopped() && {
                std::thread::sleep(Duration::from_millis(20));
                stopped()
            }
        });
        println!("family ok");
        until_told();
    }
    let (mut host, printed) = host(here!(), "stopped");
    host.kill().unwrap();
    expect_end(host, printed);
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
        // The /proc of another namespace calls the first process there "1".
        let foreign = std::fs::read_link("/proc/self").unwrap().as_os_str() != "1";
        let child = family(policy());
        // Numbers and lists of children would be somebody else's.
        for result in [child.pause(), child.resume(), child.processes().map(drop)] {
            let kind = result.err().map(|error| error.kind());
            assert_eq!(kind, foreign.then_some(ErrorKind::Io));
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
        assert!(sandbox(policy()).run([GUEST, "exit", "0"]).unwrap().success());
        let result = Sandbox::new(unscoped().build().unwrap());
        assert_eq!(result.is_err(), foreign, "{result:?}");
        return;
    }
}
