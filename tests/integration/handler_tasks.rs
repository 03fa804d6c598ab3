//! `process.manage_tasks`: limits, priorities and scheduling of the program's own processes and
//! threads by their ids, and of nobody else's.

use libc::{RLIMIT_NOFILE, SCHED_BATCH, SCHED_OTHER};
use sandlock::{HandlerCtx, Launch, Observer, PolicyBuilder, Sandbox};

use crate::asked::{Notes, Verdicts, WAYS, line, lines, prints, sandbox_of};
use crate::calls::{Argument, Calls};
use crate::harness::{GUEST, policy, require_root};
use crate::tasks::Victim;

const PRIO_PROCESS: i32 = 0;
const PRIO_PGRP: i32 = 1;
const PRIO_USER: i32 = 2;
const IOPRIO_WHO_PROCESS: i32 = 1;
const IOPRIO_WHO_PGRP: i32 = 2;
const IOPRIO_WHO_USER: i32 = 3;
/// Best effort, the fourth level, as it is anyway.
const IOPRIO: i32 = 2 << 13 | 4;

fn managing() -> PolicyBuilder {
    policy().manage_tasks(true)
}

/// `struct sched_attr`, version 0, for SCHED_OTHER.
fn attributes() -> Vec<u8> {
    let mut bytes = vec![0u8; 48];
    bytes[..4].copy_from_slice(&48u32.to_ne_bytes());
    bytes
}

/// Every call that the setting is about, on `target`.
fn calls_on(target: &Argument) -> Vec<Calls> {
    let by_id = |name: &str, rest: &[Argument]| {
        Calls::default().then(name, &[std::slice::from_ref(target), rest].concat())
    };
    let by_kind = |name: &str, kind: i32, rest: &[Argument]| {
        Calls::default().then(name, &[&[kind.into(), target.clone()], rest].concat())
    };
    vec![
        by_id("sched_setaffinity", &[8.into(), [0xffu8; 8].into()]),
        by_id("prlimit64", &[RLIMIT_NOFILE.into(), 0.into(), [0u8; 16].into()]),
        by_id("sched_setscheduler", &[SCHED_OTHER.into(), [0u8; 4].into()]),
        by_id("sched_setscheduler", &[SCHED_BATCH.into(), [0u8; 4].into()]),
        by_id("sched_setparam", &[[0u8; 4].into()]),
        by_id("sched_setattr", &[attributes().into(), 0.into()]),
        by_kind("setpriority", PRIO_PROCESS, &[19.into()]),
        by_kind("getpriority", PRIO_PROCESS, &[]),
        by_kind("ioprio_set", IOPRIO_WHO_PROCESS, &[IOPRIO.into()]),
    ]
}

fn target(dirt: i64) -> Argument {
    Argument::target(dirt)
}

/// How the guest's `action` around `calls` is answered.
fn answer(policy: PolicyBuilder, action: &str, calls: &Calls) -> String {
    let words = calls.action("calls").split_off(1);
    let action = [vec![action.into()], words].concat();
    let printed = prints(&sandbox_of(policy), &action);
    let answer = printed.lines().last().unwrap().split_once(' ').unwrap().1.to_owned();
    if answer.starts_with("ok ") { "ok".to_owned() } else { answer }
}

#[test]
fn children_and_threads_of_the_program_are_its_own_to_manage() {
    for relative in ["with-child", "with-thread"] {
        for calls in calls_on(&target(0)) {
            assert_eq!(answer(managing(), relative, &calls), "ok", "{relative} {calls:?}");
            // The twin: not unless the setting says so.
            assert_eq!(answer(policy(), relative, &calls), "EPERM", "{relative} {calls:?}");
        }
    }
}

#[test]
fn another_limit_takes_effect_on_a_child() {
    let limit = [7u64, 7].map(u64::to_ne_bytes).concat();
    let number = RLIMIT_NOFILE;
    let calls = Calls::default()
        .then("prlimit64", &[target(0), number.into(), limit.into(), 0.into()])
        .then(
            "prlimit64",
            &[target(0), number.into(), [8u64, 8].map(u64::to_ne_bytes).concat().into(), 0.into()],
        );
    // More than the first call left: the child is below the limit now.
    assert_eq!(answer(managing(), "with-child", &calls), "EPERM");
    let lower = Calls::default().then(
        "prlimit64",
        &[target(0), number.into(), [7u64, 7].map(u64::to_ne_bytes).concat().into(), 0.into()],
    );
    assert_eq!(answer(managing(), "with-child", &lower), "ok");
}

#[test]
fn thread_pools_may_pin_their_threads() {
    assert_eq!(prints(&sandbox_of(managing()), &["affinity-of-thread"]), "affinity-of-thread ok 0");
    assert_eq!(prints(&sandbox_of(policy()), &["affinity-of-thread"]), "affinity-of-thread EPERM");
}

#[test]
fn processes_of_the_host_stay_out_of_reach() {
    let victim = Victim::new();
    let state = || {
        let pid = victim.pid();
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // Priority and nice value.
        let fields: Vec<String> =
            stat.rsplit(") ").next().unwrap().split(' ').skip(15).take(2).map(Into::into).collect();
        (limits, fields)
    };
    let before = state();
    for host in [victim.pid(), std::process::id().into(), 1] {
        for calls in calls_on(&host.into()) {
            for policy in [managing(), policy()] {
                let last = line(&sandbox_of(policy), &calls);
                assert!(last.ends_with(" EPERM"), "{calls:?}: {last}");
            }
        }
    }
    // Also its threads, and whatever is above the id in its register.
    for calls in calls_on(&(victim.pid() | 7 << 32).into()) {
        assert!(line(&sandbox_of(managing()), &calls).ends_with(" EPERM"), "{calls:?}");
    }
    assert_eq!(state(), before);
    // The twin: outside of a sandbox the user may.
    for calls in calls_on(&victim.pid().into()) {
        assert_eq!(calls.outside(), "ok", "{calls:?}");
    }
    assert_ne!(state(), before);
}

/// The keeper is a process of the host, and shares its memory.
#[test]
fn the_keeper_stays_out_of_reach() {
    for calls in calls_on(&Argument::parent()) {
        let action = [vec!["parent".into()], calls.action("calls")].concat();
        let printed = prints(&sandbox_of(managing()), &action);
        assert!(printed.ends_with(" EPERM"), "{calls:?} {printed}");
    }
}

#[test]
fn processes_of_another_sandbox_stay_out_of_reach() {
    let sandbox = sandbox_of(managing());
    let child = sandbox.spawn([GUEST, "hang"]).unwrap();
    for calls in calls_on(&child.id().into()) {
        assert!(line(&sandbox, &calls).ends_with(" EPERM"), "{calls:?}");
    }
}

#[test]
fn the_caller_itself_may_be_managed_with_and_without() {
    for calls in calls_on(&0.into()).into_iter().chain(calls_on(&(9i64 << 32).into())) {
        for policy in [managing(), policy()] {
            let last = line(&sandbox_of(policy), &calls);
            assert!(last.contains(" ok "), "{calls:?}: {last}");
        }
    }
    // By its own id only where that can be told from others'.
    for calls in calls_on(&target(0)) {
        assert_eq!(answer(managing(), "with-own-id", &calls), "ok", "{calls:?}");
        assert_eq!(answer(policy(), "with-own-id", &calls), "EPERM", "{calls:?}");
    }
}

/// Marks a call by what lies in the program's memory: the last byte of a mask, which means processors
/// that no machine has.
fn mark(cx: &HandlerCtx<'_>) -> u8 {
    cx.read_child_mem(cx.args()[2], 8).unwrap()[7]
}

#[test]
fn what_the_built_in_refuses_comes_to_observers_and_never_to_those_behind() {
    struct Marks(Notes<u8>);
    impl Observer for Marks {
        fn call(&self, cx: &HandlerCtx<'_>) {
            self.0.note(mark(cx));
        }
    }
    let (observed, behind, verdicts) = (Notes::new(), Notes::new(), Notes::new());
    let sandbox = sandbox_of(managing())
        .add_handler("sched_setaffinity", behind.taken(mark))
        .unwrap()
        .add_observer("sched_setaffinity", Marks(observed.clone()))
        .unwrap()
        .add_observer("sched_setaffinity", Verdicts(verdicts.clone()))
        .unwrap();
    let set = |id: i32, mark: u8| {
        let mask = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, mark];
        Calls::default().then("sched_setaffinity", &[id.into(), 8.into(), mask.into()])
    };
    for way in WAYS {
        for (id, mark, answer) in [(0, 1, "ok 0"), (1, 2, "EPERM"), (0, 3, "ok 0")] {
            let printed = way.run(&sandbox, &set(id, mark).action("calls")).1;
            assert_eq!(printed, format!("sched_setaffinity {answer}\n"), "{way:?}");
        }
        assert_eq!(observed.take(), [1, 2, 3], "{way:?}");
        assert_eq!(behind.take(), [1, 3], "{way:?}");
        let refused = "sched_setaffinity: Refused(1) by tasks";
        assert_eq!(verdicts.take().iter().filter(|verdict| *verdict == refused).count(), 1);
    }
}

/// Whoever registers a handler for all such calls leaves those of the caller on itself alone.
#[test]
fn an_observer_of_all_calls_changes_no_answer() {
    let notes = Notes::new();
    let names = ["sched_setaffinity", "prlimit64", "setpriority", "getpriority"];
    let sandbox = names.into_iter().fold(sandbox_of(managing()), |sandbox, name| {
        sandbox.add_observer(name, Verdicts(notes.clone())).unwrap()
    });
    for calls in calls_on(&0.into()) {
        assert!(line(&sandbox, &calls).contains(" ok "), "{calls:?}");
    }
    assert!(notes.take().iter().all(|verdict| verdict.ends_with("Continue by policy")));
    let stranger = &calls_on(&1.into())[0];
    assert_eq!(line(&sandbox, stranger), "sched_setaffinity EPERM");
    assert_eq!(notes.take().last().unwrap(), "sched_setaffinity: Refused(1) by tasks");
}

#[test]
fn groups_and_users_are_refused_as_targets() {
    let group = std::process::id();
    let of = |name: &str, kind: i32, id: u32, rest: &[Argument]| {
        Calls::default().then(name, &[&[kind.into(), id.into()], rest].concat())
    };
    let mut attacks = Vec::new();
    for id in [0, group] {
        for kind in [PRIO_PGRP, PRIO_USER, 3, -1] {
            attacks.push(of("setpriority", kind, id, &[19.into()]));
            attacks.push(of("getpriority", kind, id, &[]));
        }
        for kind in [IOPRIO_WHO_PGRP, IOPRIO_WHO_USER, 0, 4] {
            attacks.push(of("ioprio_set", kind, id, &[IOPRIO.into()]));
        }
    }
    for attack in attacks {
        for policy in [managing(), policy()] {
            let last = line(&sandbox_of(policy), &attack);
            assert!(last.ends_with(" EPERM"), "{attack:?}: {last}");
        }
    }
    // The twin, in a group and with a user of its own as good as any: it asks, and changes nothing.
    for kind in [PRIO_PGRP, PRIO_USER] {
        assert_eq!(of("getpriority", kind, 0, &[]).outside(), "ok");
    }
    let process = of("getpriority", PRIO_PROCESS, 0, &[]);
    assert!(line(&sandbox_of(managing()), &process).contains(" ok "));
}

#[test]
fn nobody_is_told_apart_from_somebody_else() {
    for calls in calls_on(&i32::MAX.into()) {
        assert!(line(&sandbox_of(managing()), &calls).ends_with(" ESRCH"), "{calls:?}");
        assert!(line(&sandbox_of(policy()), &calls).ends_with(" EPERM"), "{calls:?}");
        let outside = calls.outside();
        assert_eq!(outside, "ESRCH", "{calls:?}");
    }
    for calls in calls_on(&(-1).into()) {
        assert!(line(&sandbox_of(managing()), &calls).ends_with(" EPERM"), "{calls:?}");
    }
}

#[test]
fn what_is_above_the_id_in_its_register_changes_nothing() {
    for dirt in [1 << 32, 0x7fff_ffffi64 << 32, i64::MIN] {
        for calls in calls_on(&target(dirt)) {
            for relative in ["with-child", "with-thread"] {
                assert_eq!(answer(managing(), relative, &calls), "ok", "{relative} {calls:?}");
                assert_eq!(answer(policy(), relative, &calls), "EPERM", "{relative} {calls:?}");
            }
        }
    }
}

/// Its descendants are below the keeper whatever becomes of their parents.
#[test]
fn a_child_whose_parent_has_ended_is_still_its_own() {
    let sandbox = sandbox_of(managing());
    let number = libc::SYS_setpriority.to_string();
    let printed = prints(&sandbox, &["with-orphan", "setpriority", &number, "0", "TARGET", "19"]);
    assert_eq!(printed.lines().last(), Some("setpriority ok 0"), "{printed}");
}

#[test]
fn renice_and_taskset_work_on_a_child() {
    let run = |policy: PolicyBuilder| {
        let script = "sleep 60 & renice -n 5 -p $! && taskset -p -c 0 $!; r=$?; kill $!; exit $r";
        let sandbox: Sandbox = sandbox_of(policy.fs_read("/proc").fs_write("/dev/null"));
        let output = sandbox.run(Launch::new(["sh", "-c", script])).unwrap();
        (output.code(), String::from_utf8_lossy(output.stderr()).into_owned())
    };
    if !["/usr/bin/renice", "/usr/bin/taskset"]
        .iter()
        .all(|path| std::path::Path::new(path).exists())
    {
        crate::harness::skip(crate::harness::here!(), "needs renice and taskset", false);
        return;
    }
    let (code, errors) = run(managing());
    assert_eq!(code, Some(0), "{errors}");
    assert_ne!(run(policy()).0, Some(0));
}

/// Capabilities that are kept do not make anybody else's process a target.
#[test]
fn a_kept_capability_reaches_no_process_of_the_host() {
    require_root!();
    let victim = Victim::new();
    let kept = || managing().keep_capability("CAP_SYS_NICE").keep_capability("CAP_SYS_RESOURCE");
    for calls in calls_on(&victim.pid().into()) {
        assert!(line(&sandbox_of(kept()), &calls).ends_with(" EPERM"), "{calls:?}");
    }
    // The twin: what it is for.
    let raise = Calls::default().then("setpriority", &[0.into(), 0.into(), (-5).into()]);
    assert_eq!(lines(&sandbox_of(kept()), &raise), ["setpriority ok 0"]);
    assert_eq!(lines(&sandbox_of(managing()), &raise), ["setpriority EACCES"]);
}
