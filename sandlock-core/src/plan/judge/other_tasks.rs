//! Calls that change a process by its id, and that Landlock does not scope: only the caller itself,
//! spelled 0, may be meant. A group or a user as target could reach beyond the sandbox.

use super::{Rules, Verdict, none_of, refuse_when};

const IOPRIO_WHO_PROCESS: u32 = 1;

pub(super) fn rules(rules: &mut Rules) {
    let by_id = [
        "prlimit64",
        "sched_setaffinity",
        "sched_setscheduler",
        "sched_setparam",
        "sched_setattr",
        "move_pages",
        "migrate_pages",
    ];
    for call in by_id {
        rules.insert(call, refuse_when([none_of(0, &[0])]));
    }
    rules.insert("setpriority", of_the_caller(libc::PRIO_PROCESS));
    rules.insert("ioprio_set", of_the_caller(IOPRIO_WHO_PROCESS));
}

/// What the arguments mean (`process`: a process) and whom.
fn of_the_caller(process: u32) -> Verdict {
    refuse_when([none_of(0, &[process]), none_of(1, &[0])])
}
