//! What the program can do to processes outside: nothing. The victim is a process of the test's own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use std::os::unix::process::CommandExt;

use libc::{AF_UNIX, SIGURG, SOCK_STREAM};
use sandlock::{PolicyBuilder, Protection, ProtectionMode};

use crate::calls::{Answer, Argument, Calls, LET_THROUGH, calls};
use crate::harness::{GUEST, policy, says, says_outside};

/// A process outside the sandbox, in a process group of its own, that notes what signals it gets.
pub(crate) struct Victim {
    process: Child,
    printed: BufReader<ChildStdout>,
}

impl Victim {
    pub(crate) fn new() -> Self {
        let mut process = Command::new(GUEST)
            .arg("victim")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut printed = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        printed.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Victim { process, printed }
    }

    pub(crate) fn pid(&self) -> i64 {
        i64::from(self.process.id())
    }

    /// Every signal that it got.
    fn signals(mut self) -> String {
        drop(self.process.stdin.take());
        let mut printed = String::new();
        self.printed.read_to_string(&mut printed).unwrap();
        assert!(self.process.wait().unwrap().success());
        printed
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as well.
        let _ended = (self.process.kill(), self.process.wait());
    }
}

fn without_scope() -> PolicyBuilder {
    policy().protection(Protection::SignalScope, ProtectionMode::Off)
}

/// `siginfo_t` as sigqueue(3) makes it.
fn queued(signal: i32) -> Vec<u8> {
    let mut info = [signal, 0, libc::SI_QUEUE].map(i32::to_ne_bytes).concat();
    info.resize(128, 0);
    info
}

fn signalling(pid: i64, signal: i32) -> Vec<Calls> {
    vec![
        calls! { kill(pid, signal) },
        calls! { kill(-pid, signal) },
        calls! { tkill(pid, signal) },
        calls! { tgkill(pid, pid, signal) },
        calls! { rt_sigqueueinfo(pid, signal, queued(signal)) },
        calls! { rt_tgsigqueueinfo(pid, pid, signal, queued(signal)) },
        calls! { pidfd_open(pid, 0); pidfd_send_signal(Answer(0), signal, 0, 0) },
    ]
}

#[test]
fn no_signal_leaves_the_sandbox_by_any_spelling() {
    for signal in [0, SIGURG, libc::SIGTERM] {
        let victim = Victim::new();
        for attack in signalling(victim.pid(), signal) {
            assert_eq!(attack.under(&policy()), "EPERM", "{attack:?}");
        }
        assert_eq!(victim.signals(), "");
        let number = signalling(1, signal).len();
        for index in 0..number {
            let victim = Victim::new();
            let attack = &signalling(victim.pid(), signal)[index];
            assert_eq!(attack.under(&without_scope()), "ok", "{attack:?}");
            let arrived = if signal == 0 { String::new() } else { format!("signal {signal}\n") };
            assert_eq!(victim.signals(), arrived, "{attack:?}");
        }
    }
}

/// A file whose readiness is announced to a process by signal. The ends of pipe and pair are the
/// descriptors 3 and 4.
fn announcements(pid: i64) -> Vec<Calls> {
    const F_SETSIG: i32 = 10;
    const F_SETOWN_EX: i32 = 15;
    const FIOSETOWN: i32 = 0x8901;
    const SIOCSPGRP: i32 = 0x8902;
    let owner = (pid as i32).to_ne_bytes();
    let extended = |kind: i32| [kind.to_ne_bytes(), owner].concat();
    let pipe = calls! { pipe2([0u8; 8], 0); fcntl(3, F_SETSIG, SIGURG) };
    let pair = calls! {
        socketpair(AF_UNIX, SOCK_STREAM, 0, [0u8; 8]);
        fcntl(3, F_SETSIG, SIGURG)
    };
    let announce = |owned: Calls| {
        let on = [3.into(), libc::F_SETFL.into(), libc::O_ASYNC.into()];
        owned.then("fcntl", &on).then("write", &[4.into(), "x".into(), 1.into()])
    };
    let fcntl = |command: i32, value: Argument| {
        announce(pipe.clone().then("fcntl", &[3.into(), command.into(), value]))
    };
    let ioctl = |command: i32| {
        announce(pair.clone().then("ioctl", &[3.into(), command.into(), owner.into()]))
    };
    vec![
        fcntl(libc::F_SETOWN, pid.into()),
        fcntl(libc::F_SETOWN, (-pid).into()),
        fcntl(F_SETOWN_EX, extended(0).into()),
        fcntl(F_SETOWN_EX, extended(1).into()),
        fcntl(F_SETOWN_EX, extended(2).into()),
        ioctl(FIOSETOWN),
        ioctl(SIOCSPGRP),
    ]
}

#[test]
fn no_file_announces_itself_to_a_process_outside() {
    for index in 0..announcements(1).len() {
        let victim = Victim::new();
        let attack = &announcements(victim.pid())[index];
        assert_eq!(attack.under(&policy()), "ok", "{attack:?}");
        assert_eq!(victim.signals(), "", "{attack:?}");
        let victim = Victim::new();
        let attack = &announcements(victim.pid())[index];
        assert_eq!(attack.under(&without_scope()), "ok", "{attack:?}");
        // Once for what is written, once more for the end of the writer.
        assert!(victim.signals().starts_with(&format!("signal {SIGURG}\n")), "{attack:?}");
    }
}

#[test]
fn signals_within_the_sandbox_arrive() {
    let output = crate::harness::run(policy(), &["raise", "15"]);
    assert_eq!(output.signal(), Some(libc::SIGTERM));
}

/// What changes a process by its id, with harmless changes.
fn changing(pid: i64) -> Vec<Calls> {
    let nice = |pid: i64| calls! { setpriority(libc::PRIO_PROCESS, pid, 19) };
    let batch = libc::SCHED_BATCH;
    // Size, policy, flags, niceness; an ordinary user cannot take back what setpriority(2) gave.
    let attributes =
        [[48, batch as u32, 0, 0, 19].map(u32::to_ne_bytes).concat(), vec![0; 28]].concat();
    const IDLE: i32 = 3 << 13;
    vec![
        nice(pid),
        calls! { prlimit64(pid, libc::RLIMIT_CORE, [0u8; 16], 0) },
        calls! { sched_setaffinity(pid, 128, [0xffu8; 128]) },
        calls! { sched_setscheduler(pid, batch, [0u8; 4]) },
        calls! { sched_setparam(pid, [0u8; 4]) },
        calls! { sched_setattr(pid, attributes, 0) },
        calls! { ioprio_set(1, pid, IDLE) },
    ]
}

#[test]
fn limits_and_priorities_of_other_processes_are_not_changed() {
    let victim = Victim::new();
    for index in 0..changing(0).len() {
        let attack = &changing(victim.pid())[index];
        assert_eq!(attack.under(&policy()), "EPERM", "{attack:?}");
        let dirty = &changing(victim.pid() | 1 << 32)[index];
        assert_eq!(dirty.under(&policy()), "EPERM", "{dirty:?}");
        assert_eq!(changing(0)[index].under(&policy()), "ok", "on itself: {attack:?}");
        assert_eq!(attack.outside(), "ok", "{attack:?}");
    }
    // Even asking for a limit goes by the same call.
    let ask = calls! { prlimit64(victim.pid(), libc::RLIMIT_CORE, 0, [0u8; 16]) };
    assert_eq!(ask.under(&policy()), "EPERM");
    assert_eq!(ask.outside(), "ok");
    victim.signals();
}

#[test]
fn groups_and_users_are_not_targets_either() {
    let lifted = policy().allow_syscalls(["@other-tasks"]);
    let mut attacks = vec![
        calls! { migrate_pages(1, 0, 0, 0) },
        calls! { move_pages(1, 0, 0, 0, 0, 0) },
        calls! { setpriority(libc::PRIO_PROCESS, -1, 19) },
    ];
    for whose in [0, 1, 65534] {
        attacks.push(calls! { setpriority(libc::PRIO_PGRP, whose, 19) });
        attacks.push(calls! { setpriority(libc::PRIO_USER, whose, 19) });
        attacks.push(calls! { ioprio_set(2, whose, 0) });
        attacks.push(calls! { ioprio_set(3, whose, 0) });
    }
    for attack in attacks {
        assert_eq!(attack.filtered_under(&policy()), "EPERM", "{attack:?}");
        assert_eq!(attack.filtered_under(&lifted), LET_THROUGH, "{attack:?}");
    }
}

/// Held twice: by the filter, and where that is lifted by Landlock.
#[test]
fn memory_and_descriptors_of_other_processes_are_out_of_reach() {
    const PTRACE_SEIZE: i32 = 0x4206;
    let victim = Victim::new();
    let pid = victim.pid();
    let lifted = policy().allow_syscalls(["@debug"]);
    for attack in [
        calls! { ptrace(PTRACE_SEIZE, pid, 0, 0) },
        calls! { pidfd_open(pid, 0); pidfd_getfd(Answer(0), 0, 0) },
        calls! { kcmp(pid, pid, 0, 0, 0) },
    ] {
        assert_eq!(attack.under(&policy()), "EPERM", "{attack:?}");
        assert_eq!(attack.under(&lifted), "EPERM", "{attack:?}");
        assert_eq!(attack.outside(), "ok", "{attack:?}");
    }
    let read = ["read-memory", &pid.to_string()];
    assert_eq!(says(policy(), &read), "read-memory EPERM");
    assert_eq!(says(lifted.clone(), &read), "read-memory EPERM");
    // The address is wrong, the right to look is there.
    assert_eq!(says_outside(&read), "read-memory EFAULT");
    let oneself = calls! { ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
    assert_eq!(oneself.under(&policy()), "EPERM");
    assert_eq!(oneself.under(&lifted), "ok");
}

#[test]
fn proc_shows_nothing_of_a_process_that_only_its_tracer_may_see() {
    let victim = Victim::new();
    let pid = victim.pid();
    let with_proc = policy().fs_read("/proc");
    let entry = |pid: &str, name: &str| format!("/proc/{pid}/{name}");
    let open = |path: &str| calls! { openat(libc::AT_FDCWD, path, libc::O_RDONLY) };
    for name in
        ["mem", "environ", "maps", "auxv", "root/", "cwd/", "exe", "fd/0", "fdinfo/0", "task"]
    {
        let attack = open(&entry(&pid.to_string(), name));
        let answer = attack.under(&with_proc);
        if name == "task" {
            assert_eq!(answer, "ok", "the twin within: what everybody may see is there");
        } else {
            assert!(["EACCES", "EPERM"].contains(&answer.as_str()), "{name}: {answer}");
        }
        assert_eq!(attack.outside(), "ok", "{name}");
    }
    let link = |pid: &str| {
        calls! { readlinkat(libc::AT_FDCWD, entry(pid, "fd/0").as_str(), [0u8; 64], 64) }
    };
    assert_eq!(link(&pid.to_string()).under(&with_proc), "EACCES");
    assert_eq!(link(&pid.to_string()).outside(), "ok");
    assert_eq!(link("self").under(&with_proc), "ok");
    assert_eq!(open("/proc/self/environ").under(&with_proc), "ok");
    assert_eq!(open("/proc/self/environ").under(&policy()), "EACCES");
}

/// The parent shares the memory of the host.
#[test]
fn the_keeper_is_out_of_reach() {
    let with_proc = policy().fs_read("/proc");
    let parent = |calls: &Calls| [vec!["parent".into()], calls.action("calls")].concat();
    let pid = || Argument::parent();
    let mem = Argument::parent_path("mem");
    for (attack, errno) in [
        (Calls::default().then("kill", &[pid(), 0.into()]), "kill EPERM"),
        (Calls::default().then("tkill", &[pid(), libc::SIGKILL.into()]), "tkill EPERM"),
        (
            Calls::default().then("openat", &[libc::AT_FDCWD.into(), mem, libc::O_RDWR.into()]),
            "openat EACCES",
        ),
        (
            Calls::default()
                .then("prlimit64", &[pid(), libc::RLIMIT_CPU.into(), 0.into(), [0u8; 16].into()]),
            "prlimit64 EPERM",
        ),
    ] {
        assert_eq!(says(with_proc.clone(), &parent(&attack)), errno, "{attack:?}");
    }
    // The twins: without the rule that refuses it, or outside.
    for (name, policy) in [("kill", without_scope()), ("tkill", without_scope())] {
        let ask = Calls::default().then(name, &[pid(), 0.into()]);
        assert_eq!(says(policy, &parent(&ask)), format!("{name} ok 0"));
    }
    let limit = Calls::default()
        .then("prlimit64", &[pid(), libc::RLIMIT_CPU.into(), 0.into(), [0u8; 16].into()]);
    assert_eq!(says_outside(&parent(&limit)), "prlimit64 ok 0");
}
