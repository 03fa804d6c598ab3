//! Calls that change a process by its id, and that Landlock does not scope: only the caller itself,
//! spelled 0, may be meant. A group or a user as target could reach beyond the sandbox.

use super::{Condition, Rules, refuse_when};
use crate::plan::filter::Test;

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
        rules.insert(call, refuse_when(vec![not(0, 0)]));
    }
    rules.insert("setpriority", refuse_when(vec![not(0, libc::PRIO_PROCESS), not(1, 0)]));
    rules.insert("ioprio_set", refuse_when(vec![not(0, IOPRIO_WHO_PROCESS), not(1, 0)]));
}

fn not(argument: u8, value: u32) -> Vec<Condition> {
    vec![Condition::low(argument, Test::Ne, value)]
}
