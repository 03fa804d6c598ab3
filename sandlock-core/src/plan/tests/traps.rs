//! What the supervisor is asked about, on every kernel and both architectures.

use std::collections::BTreeSet;

use super::*;
use crate::plan::filter::Verdict;

const SETTERS: [&str; 8] = [
    "getpriority",
    "ioprio_set",
    "prlimit64",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "setpriority",
];
const SIGNALS: [&str; 7] = [
    "kill",
    "pidfd_send_signal",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "setpgid",
    "tgkill",
    "tkill",
];

fn trapped(plan: &Plan) -> BTreeSet<&'static str> {
    plan.traps.iter().map(|trap| plan.filter.arch.name_of(trap.number).unwrap()).collect()
}

fn tasks() -> PolicyBuilder {
    if_available().manage_tasks(true)
}

#[test]
fn nothing_is_trapped_that_nobody_asked_for() {
    for level in 1..=7 {
        assert_eq!(plan_at(level, if_available()).traps, []);
    }
}

#[test]
fn calls_by_id_are_trapped_and_signals_where_the_kernel_does_not_scope_them() {
    for arch in Arch::ALL {
        for level in 1..=7 {
            let policy = tasks().build().unwrap();
            let plan = Plan::new(&policy, &host(level, arch)).unwrap();
            let signals = SIGNALS.into_iter().filter(|_| level < 6);
            assert_eq!(trapped(&plan), SETTERS.into_iter().chain(signals).collect(), "{level}");
        }
    }
}

#[test]
fn signals_that_are_not_to_be_held_are_not_trapped() {
    let off = tasks().protection(Protection::SignalScope, ProtectionMode::Off);
    assert_eq!(trapped(&plan_at(5, off)), BTreeSet::from(SETTERS));
}

/// What the filter refuses the supervisor is never asked about, so exactly the calls that it is to
/// judge must be left to it, and only where their target is one process or thread.
#[test]
fn what_is_trapped_is_not_refused_by_the_filter() {
    let (judged, unjudged) = (plan(tasks()), plan(if_available()));
    for trap in &judged.traps {
        let name = judged.filter.arch.name_of(trap.number).unwrap();
        let cases = |plan: &Plan| match plan.filter.verdicts.get(&trap.number) {
            Some(Verdict::RefuseWhen(_, cases)) => cases.iter().map(ToString::to_string).collect(),
            None => Vec::new(),
            other => panic!("{name}: {other:?}"),
        };
        let id = trap.cases[0].to_string();
        assert!(!cases(&judged).contains(&id), "{name}");
        assert!(cases(&unjudged).contains(&id), "{name}");
        let kinds = cases(&judged).len();
        assert_eq!(kinds, usize::from(name.contains("prio")), "{name}: groups and users");
    }
}

#[test]
fn a_trap_is_part_of_the_description() {
    let text = plan(tasks()).describe();
    assert!(text.contains("\nask tasks about prlimit64 when arg0 != 0x0\n"), "{text}");
    assert!(text.contains("\nask tasks about setpriority when arg1 != 0x0\n"), "{text}");
    assert!(!plan(if_available()).describe().contains("\nask "));
}
