//! Compiled programs against the model, for the policies that a user can write.

use super::evaluator::Call;
use super::*;
use crate::plan::filter::{Case, Condition, Test, Verdict, Width};

/// AUDIT_ARCH_* of linux/audit.h: i386, 32-bit Arm, both 64-bit ones, big-endian Arm, nonsense.
const ARCHES: [u32; 7] =
    [0x4000_0003, 0x4000_0028, 0xc000_003e, 0xc000_00b7, 0x8000_00b7, 0, u32::MAX];

const GARBAGE: u64 = 0x5a5a_5a5a << 32;

/// Every number of the table with its gaps, and those at which answers may change.
fn numbers(arch: Arch) -> impl Iterator<Item = u32> {
    const EDGES: [u32; 12] = [
        0x3fff_ffff,
        0x4000_0000,
        0x4000_0001,
        0x4000_0200,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_0001,
        0xbfff_ffff,
        0xc000_0000,
        0xffff_fffd,
        0xffff_fffe,
        u32::MAX,
    ];
    let table = 0..=arch.newest() + 600;
    let with_x32_bit = arch.calls().map(|(number, _)| number | 0x4000_0000);
    table.chain(with_x32_bit).chain(EDGES)
}

/// Arguments under which no case of `cases` is missed because another one holds anyway.
fn arguments_for(case: &Case) -> [u64; 6] {
    let mut args = [0; 6];
    for index in 0..6u8 {
        let conditions = || case.0.iter().filter(|condition| condition.argument == index);
        let near = |value: u64| [value, value.wrapping_add(1), value ^ 0x7000_0000];
        let satisfies = |candidate: &u64| {
            let mut args = [0; 6];
            args[usize::from(index)] = *candidate;
            let call = Call { number: 0, arch: 0, args };
            conditions().all(|condition| model::holds(condition, &call))
        };
        let mut candidates = conditions().flat_map(|condition| near(condition.value)).chain([0]);
        let found = candidates.find(satisfies);
        args[usize::from(index)] = found.unwrap_or_else(|| panic!("\"{case}\" never holds"));
    }
    args
}

/// Each judged call of a filter with each of its cases.
fn judged(filter: &Filter) -> Vec<(u32, i32, Case)> {
    let mut judged = Vec::new();
    for (number, verdict) in &filter.plan.verdicts {
        if let Verdict::RefuseWhen(errno, cases) = verdict {
            judged.extend(cases.iter().map(|case| (*number, *errno, case.clone())));
        }
    }
    judged
}

/// The width of the conditions on each argument of call `number`; `None` where there is none.
fn widths(filter: &Filter, number: u32) -> [Option<Width>; 6] {
    let mut widths = [None; 6];
    if let Some(Verdict::RefuseWhen(_, cases)) = filter.plan.verdicts.get(&number) {
        for Condition { argument, width, .. } in cases.iter().flat_map(|case| &case.0) {
            let known = &mut widths[usize::from(*argument)];
            assert!(known.is_none_or(|known| known == *width), "{number}: two widths of one");
            *known = Some(*width);
        }
    }
    widths
}

#[test]
fn every_number_is_answered_as_planned() {
    for (_, filter) in filters() {
        for number in numbers(filter.plan.arch) {
            for args in [[0; 6], [1; 6], [u64::MAX; 6], [GARBAGE; 6]] {
                filter.check(&filter.call(number, args));
            }
        }
    }
}

#[test]
fn every_foreign_architecture_is_killed_whatever_the_number() {
    for (policy, filter) in filters() {
        let native = model::audit_arch(filter.plan.arch);
        for arch in ARCHES.into_iter().filter(|arch| *arch != native) {
            for number in numbers(filter.plan.arch) {
                let answer = filter.check(&Call { number, arch, args: [0; 6] });
                assert_eq!(answer, KILL, "{policy}: {number} on {arch:#x}");
            }
        }
        assert_ne!(filter.check(&filter.call(0, [0; 6])), KILL, "{policy}: the native one");
    }
}

#[test]
fn x32_numbers_are_killed_on_x86_64_and_unknown_elsewhere() {
    let x86 = Filter::of(&Policy::default(), Arch::X86_64);
    let arm = Filter::of(&Policy::default(), Arch::Aarch64);
    for (number, on_x86) in [
        (0x3fff_ffff, ENOSYS),
        (0x4000_0000, KILL),
        (0x4000_003b, KILL),
        (0x4000_0208, KILL),
        (0x7fff_ffff, KILL),
        (0x8000_0000, ENOSYS),
        (0xc000_0000, KILL),
        (u32::MAX, ENOSYS),
    ] {
        assert_eq!(x86.check(&x86.call(number, [0; 6])), on_x86, "{number:#x}");
        assert_eq!(arm.check(&arm.call(number, [0; 6])), ENOSYS, "{number:#x}");
    }
}

#[test]
fn gaps_in_the_table_and_numbers_above_the_newest_are_unknown() {
    for arch in Arch::ALL {
        let filter = Filter::of(&Policy::default(), arch);
        let gaps = (0..arch.newest()).filter(|number| arch.name_of(*number).is_none());
        let above = arch.newest() + 1..arch.newest() + 600;
        let gaps: Vec<u32> = gaps.collect();
        assert!(!gaps.is_empty(), "{arch:?} has no gap to test");
        for number in gaps.into_iter().chain(above) {
            assert_eq!(filter.check(&filter.call(number, [0; 6])), ENOSYS, "{arch:?} {number}");
        }
        let newest = filter.check(&filter.call(arch.newest(), [0; 6]));
        assert_ne!(newest, ENOSYS, "{arch:?}: the newest call of the table is a known one");
    }
}

#[test]
fn every_case_refuses_where_it_holds() {
    for (policy, filter) in filters() {
        for (number, errno, case) in judged(&filter) {
            let answer = filter.check(&filter.call(number, arguments_for(&case)));
            assert_eq!(answer, Answer::errno(errno), "{policy}: {number} when {case}");
        }
    }
}

#[test]
fn one_bit_off_any_case_is_answered_as_planned() {
    for (_, filter) in filters() {
        for (number, _, case) in judged(&filter) {
            let exact = arguments_for(&case);
            for index in 0..6 {
                for bit in 0..64 {
                    let mut args = exact;
                    args[index] ^= 1 << bit;
                    filter.check(&filter.call(number, args));
                }
            }
        }
    }
}

/// The twin of the refusals: with every argument of a case turned away from it, something passes.
#[test]
fn every_judged_call_has_arguments_that_pass() {
    for (policy, filter) in filters() {
        for (number, _, _) in judged(&filter) {
            let values = [0, 1, 2, 16, 0x2_0000];
            let passes = values.iter().any(|first| {
                values.iter().any(|second| {
                    filter.check(&filter.call(number, args(&[*first, *second]))) == ALLOW
                })
            });
            assert!(passes, "{policy}: {:?}", filter.plan.arch.name_of(number));
        }
    }
}

#[test]
fn garbage_above_a_32_bit_argument_changes_no_answer() {
    for (policy, filter) in filters() {
        for (number, _, case) in judged(&filter) {
            let exact = arguments_for(&case);
            let clean = filter.check(&filter.call(number, exact));
            for (index, width) in widths(&filter, number).into_iter().enumerate() {
                if width == Some(Width::Bits64) {
                    continue;
                }
                for garbage in [GARBAGE, 1 << 32, 1 << 63, u64::MAX << 32] {
                    let mut args = exact;
                    args[index] ^= garbage;
                    let dirty = filter.check(&filter.call(number, args));
                    assert_eq!(dirty, clean, "{policy}: {number}({args:x?}) when {case}");
                }
            }
        }
    }
}

#[test]
fn garbage_above_a_64_bit_value_is_another_value() {
    let mut seen = 0;
    for (policy, filter) in filters() {
        for (number, _, case) in judged(&filter) {
            let mut conditions = case.0.iter();
            let Some(wide) = conditions.find(|condition| condition.width == Width::Bits64) else {
                continue;
            };
            seen += 1;
            let index = usize::from(wide.argument);
            let mut args = arguments_for(&case);
            args[index] = wide.value;
            let at_value = filter.check(&filter.call(number, args));
            args[index] |= GARBAGE;
            let beside = filter.check(&filter.call(number, args));
            assert!(matches!(wide.test, Test::Eq | Test::Ne), "{case}: write its test");
            assert_ne!(at_value, beside, "{policy}: {number} when {case}");
        }
    }
    assert!(seen > 0, "no policy has a 64-bit condition left to test");
}
