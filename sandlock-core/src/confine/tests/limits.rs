//! Programs at the edges of what can be compiled.

use std::collections::BTreeMap;

use libc::sock_filter;

use super::*;
use crate::error::ErrorKind;
use crate::plan::filter::{Case, Condition, Test, Verdict, Width};

/// A plan that refuses the numbers below `count`, each with an errno of its own, so that no two
/// neighbours share a range.
fn refusing(arch: Arch, count: u32) -> FilterPlan {
    let errno = |number: u32| 1 + i32::try_from(number).unwrap();
    let verdicts = (0..count).map(|number| (number, Verdict::Refuse(errno(number)))).collect();
    FilterPlan { arch, verdicts }
}

fn check_every_number(filter: &Filter) {
    for number in (0..filter.plan.arch.newest() + 100).chain([0x3fff_ffff, 0x4000_0000, u32::MAX]) {
        filter.check(&filter.call(number, [0; 6]));
    }
}

#[test]
fn more_than_256_refused_calls_are_told_apart() {
    for arch in Arch::ALL {
        for count in [255, 256, 257, 300] {
            check_every_number(&Filter::new(refusing(arch, count)));
        }
    }
}

/// No table has 500 calls: the numbers it lacks stay unknown.
#[test]
fn five_hundred_refused_numbers_are_told_apart() {
    for arch in Arch::ALL {
        let filter = Filter::new(refusing(arch, 500));
        check_every_number(&filter);
        let gap = (0..500).find(|number| arch.name_of(*number).is_none()).unwrap();
        assert_eq!(filter.answer(&filter.call(gap, [0; 6])), ENOSYS, "{arch:?} {gap}");
    }
}

/// The distances of conditional jumps have 8 bits.
#[test]
fn a_tree_too_large_for_near_jumps_takes_far_ones() {
    for arch in Arch::ALL {
        let filter = Filter::new(refusing(arch, 500));
        let is_far = |one: &&sock_filter| one.code == 0x05 && one.k > u32::from(u8::MAX);
        let far = filter.program.iter().find(is_far);
        assert!(far.is_some(), "{arch:?}: the {} instructions have none", filter.program.len());
    }
}

#[test]
fn calls_alternately_allowed_refused_and_judged_are_told_apart() {
    let case = Case(vec![Condition::low(0, Test::Eq, 1)]);
    for arch in Arch::ALL {
        let verdict = |number: u32| match number % 3 {
            0 => None,
            1 => Some((number, Verdict::Refuse(libc::EPERM))),
            _ => Some((number, Verdict::RefuseWhen(libc::EACCES, vec![case.clone()]))),
        };
        let verdicts = (0..=arch.newest()).filter_map(verdict).collect();
        let filter = Filter::new(FilterPlan { arch, verdicts });
        for number in 0..=arch.newest() {
            filter.check(&filter.call(number, [0; 6]));
            filter.check(&filter.call(number, [1; 6]));
        }
    }
}

#[test]
fn a_plan_without_verdicts_still_guards_the_entry() {
    for arch in Arch::ALL {
        check_every_number(&Filter::new(FilterPlan { arch, verdicts: BTreeMap::new() }));
    }
}

#[test]
fn a_program_longer_than_the_kernel_takes_is_an_error() {
    // Each call compares with values of its own, so that nothing is shared.
    let verdict = |number: u32, count: u32| {
        let value = |index: u32| 1000 * number + index;
        let case = |index| Case(vec![Condition::low(0, Test::Eq, value(index))]);
        (number, Verdict::RefuseWhen(libc::EPERM, (0..count).map(case).collect()))
    };
    // Calls, and conditions of each: calls that are each fine alone; one that is too long by itself.
    for (calls, count, what) in [(40, 120, "instructions of at most 4096"), (1, 129, "128")] {
        let verdicts = (0..calls).map(|number| verdict(number, count)).collect();
        let error = filter::compile(&FilterPlan { arch: Arch::NATIVE, verdicts }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Policy);
        assert!(error.to_string().contains(what), "{error}");
    }
    for (calls, count) in [(30, 120), (1, 128)] {
        let verdicts = (0..calls).map(|number| verdict(number, count)).collect();
        Filter::new(FilterPlan { arch: Arch::NATIVE, verdicts });
    }
}

/// Each would mean something else in the program than in the plan.
#[test]
fn conditions_that_cannot_be_compiled_exactly_are_errors() {
    let condition = |argument, width, test, value| Condition { argument, width, test, value };
    let one = |condition| vec![Case(vec![condition])];
    let wide = 1 << 32;
    let wrong = [
        ("no case", vec![]),
        ("no condition", vec![Case(vec![])]),
        ("no such argument", one(condition(6, Width::Bits64, Test::Eq, 1))),
        ("value above its width", one(condition(0, Width::Bits32, Test::Eq, wide))),
        ("value above its width", one(condition(0, Width::Bits32, Test::Ne, wide))),
        ("mask above its width", one(condition(0, Width::Bits32, Test::MaskedEq(wide), 0))),
        ("value outside its mask", one(condition(0, Width::Bits64, Test::MaskedEq(2), 1))),
    ];
    for (name, cases) in wrong {
        let verdicts = [(0, Verdict::RefuseWhen(libc::EPERM, cases))].into();
        let error = filter::compile(&FilterPlan { arch: Arch::NATIVE, verdicts });
        assert_eq!(error.map_err(|error| error.kind()), Err(ErrorKind::Policy), "{name}");
    }
    let fine = one(condition(5, Width::Bits64, Test::MaskedEq(wide | 1), wide));
    let verdicts = [(0, Verdict::RefuseWhen(libc::EPERM, fine))].into();
    assert!(filter::compile(&FilterPlan { arch: Arch::NATIVE, verdicts }).is_ok());
}
