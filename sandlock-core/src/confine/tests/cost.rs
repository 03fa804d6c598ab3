//! What a program costs where speed was promised: at installation and at every ordinary call.

use super::*;
use crate::plan::filter::Verdict;

/// A search in 200 ranges is some 10 comparisons deep; a chain would be 10 times that.
const MOST_STEPS: usize = 20;

/// What the kernel runs to learn which calls it may answer from its cache: each number, until an
/// answer or the first look at an argument. Returns the steps.
fn emulated_steps(filter: &Filter, number: u32) -> usize {
    let run = filter.run(&filter.call(number, [0; 6]));
    run.uncachable_at.unwrap_or(run.steps)
}

#[test]
fn every_number_is_decided_or_at_its_block_within_a_few_steps() {
    for (policy, filter) in filters() {
        let arch = filter.plan.arch;
        for number in 0..=arch.newest() {
            let steps = emulated_steps(&filter, number);
            let name = arch.name_of(number);
            assert!(steps <= MOST_STEPS, "{policy}, {arch:?}: {steps} steps to {name:?}");
        }
    }
}

#[test]
fn installing_the_filter_takes_a_few_thousand_steps_in_all() {
    for arch in Arch::ALL {
        let filter = Filter::of(&Policy::default(), arch);
        let total: usize = (0..=arch.newest()).map(|nr| emulated_steps(&filter, nr)).sum();
        let numbers = usize::try_from(arch.newest()).unwrap() + 1;
        assert!(total <= 14 * numbers, "{arch:?}: {total} steps for {numbers} numbers");
    }
}

#[test]
fn the_default_program_is_short() {
    for arch in Arch::ALL {
        let length = Filter::of(&Policy::default(), arch).program.len();
        assert!(length <= 200, "{arch:?}: {length} instructions");
    }
}

#[test]
fn allowed_calls_without_conditions_stay_cachable() {
    for (policy, filter) in filters() {
        let arch = filter.plan.arch;
        let mut cachable = 0;
        for (number, name) in arch.calls() {
            let run = filter.run(&filter.call(number, [u64::MAX; 6]));
            match filter.plan.verdicts.get(&number) {
                None => {
                    assert_eq!(Answer(run.answer), ALLOW, "{policy}, {arch:?}: {name}");
                    assert_eq!(run.uncachable_at, None, "{policy}, {arch:?}: {name}");
                    cachable += 1;
                }
                Some(Verdict::Refuse(_)) => assert_eq!(run.uncachable_at, None, "{name}"),
                Some(Verdict::RefuseWhen(..)) => assert!(run.uncachable_at.is_some(), "{name}"),
            }
        }
        assert!(cachable > 10, "{policy}, {arch:?}: only {cachable} calls are cachable");
    }
}

#[test]
fn the_calls_of_every_program_look_at_no_argument() {
    let hot = [
        "openat",
        "read",
        "write",
        "close",
        "fstat",
        "newfstatat",
        "lseek",
        "mmap",
        "munmap",
        "mprotect",
        "brk",
        "execve",
        "wait4",
        "exit_group",
        "getdents64",
        "futex",
        "getppid",
        "rt_sigaction",
        "rt_sigprocmask",
        "pipe2",
        "dup3",
        "statx",
        "ppoll",
    ];
    for policy in [Policy::builder(), Policy::builder().net_allow("*").net_unix("*")] {
        let policy = policy.build().unwrap();
        for arch in Arch::ALL {
            let filter = Filter::of(&policy, arch);
            // The aarch64 table has the 64-bit stat under its generic name.
            for name in hot.iter().filter_map(|name| arch.number_of(name)) {
                let run = filter.run(&filter.call(name, [u64::MAX; 6]));
                assert_eq!((Answer(run.answer), run.uncachable_at), (ALLOW, None), "{name}");
            }
        }
    }
}
