//! prctl(2) without the options that would blind or outlive the keeper, or reach other tasks.

use super::{Case, Condition, Rules, any_of, is, refuse_when};
use crate::plan::filter::{Test, Width};

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
        // Pages merged with those of other processes tell what they hold (Linux 6.4).
        libc::PR_SET_MEMORY_MERGE.cast_unsigned(),
    ];
    // A program that is not dumpable cannot be read by a supervisor without privileges.
    let dumpable = Condition { argument: 1, width: Width::Bits64, test: Test::Ne, value: 1 };
    let undumpable = is(0, libc::PR_SET_DUMPABLE.cast_unsigned()).and(Case(vec![dumpable]));
    rules.insert("prctl", refuse_when(any_of(0, &options).chain([undumpable])));
}
