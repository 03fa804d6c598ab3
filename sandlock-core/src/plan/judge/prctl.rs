//! prctl(2) without the options that would blind or outlive the supervisor, or reach other tasks.

use super::{Condition, Rules, refuse_values, refuse_when};
use crate::plan::filter::{Test, Width};

/// Not in libc yet (Linux 6.4): pages merged with those of other processes tell what they hold.
const PR_SET_MEMORY_MERGE: u32 = 67;

pub(super) fn rules(rules: &mut Rules) {
    let options = [
        // Orphans would gather below the program instead of its keeper.
        libc::PR_SET_CHILD_SUBREAPER.cast_unsigned(),
        // Rewrites what /proc says of the program.
        libc::PR_SET_MM.cast_unsigned(),
        // Opens the program to a tracer.
        libc::PR_SET_PTRACER.cast_unsigned(),
        // Shares scheduling cookies with other tasks by their id.
        libc::PR_SCHED_CORE.cast_unsigned(),
        PR_SET_MEMORY_MERGE,
    ];
    let mut cases = refuse_values(0, &options);
    // A program that is not dumpable cannot be read by an unprivileged supervisor.
    cases.push(vec![
        Condition::low(0, Test::Eq, libc::PR_SET_DUMPABLE.cast_unsigned()),
        Condition { argument: 1, width: Width::Bits64, test: Test::Ne, value: 1 },
    ]);
    rules.insert("prctl", refuse_when(cases));
}
