//! Random plans and calls: the compiled program and the model agree.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::plan::filter::{Case, Condition, Test, Verdict, Width};
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// Values at which comparisons change their mind.
const EDGES: [u64; 14] = [
    0,
    1,
    2,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0xffff_ffff_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_fffe,
    u64::MAX,
];

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![select(&EDGES[..]), 0..64u64, any::<u64>()]
}

fn condition() -> impl Strategy<Value = Condition> {
    let test = prop_oneof![
        Just(Test::Eq),
        Just(Test::Ne),
        value().prop_map(Test::MaskedEq),
        value().prop_map(Test::MaskedNe),
        Just(Test::AnyBit),
    ];
    // Few arguments, so that conditions of one case meet on the same one.
    (0..6u8, any::<bool>(), test, value()).prop_map(|(argument, is_wide, test, value)| {
        let (width, bits) = match is_wide {
            true => (Width::Bits64, u64::MAX),
            false => (Width::Bits32, u64::from(u32::MAX)),
        };
        let (test, counted) = match test {
            Test::MaskedEq(mask) => (Test::MaskedEq(mask & bits), mask & bits),
            Test::MaskedNe(mask) => (Test::MaskedNe(mask & bits), mask & bits),
            other => (other, bits),
        };
        Condition { argument, width, test, value: value & counted }
    })
}

fn errno() -> impl Strategy<Value = i32> {
    // MAX_ERRNO of linux/err.h: the kernel shortens anything larger.
    prop_oneof![Just(libc::EPERM), Just(libc::ENOSYS), 1..4096i32]
}

fn judged() -> impl Strategy<Value = Verdict> {
    let case = prop::collection::vec(condition(), 1..4).prop_map(Case);
    (errno(), prop::collection::vec(case, 1..5))
        .prop_map(|(errno, cases)| Verdict::RefuseWhen(errno, cases))
}

/// A plan with any number of refused calls and a few judged ones, within the table.
fn plan() -> impl Strategy<Value = FilterPlan> {
    let refused = prop::collection::vec((any::<Index>(), errno()), 0..600);
    let judged = prop::collection::vec((any::<Index>(), judged()), 0..16);
    (select(&Arch::ALL[..]), refused, judged).prop_map(|(arch, refused, judged)| {
        let table: Vec<u32> = arch.calls().map(|(number, _)| number).collect();
        let mut verdicts = BTreeMap::new();
        for (number, errno) in refused {
            verdicts.insert(*number.get(&table), Verdict::Refuse(errno));
        }
        for (number, verdict) in judged {
            verdicts.insert(*number.get(&table), verdict);
        }
        FilterPlan { arch, verdicts }
    })
}

/// How an argument is made from the values that a plan compares with.
#[derive(Clone, Debug)]
enum Argument {
    Near(Index, u64),
    OneBitOff(Index, u32),
    UpperGarbage(Index, u64),
    Any(u64),
}

impl Argument {
    fn strategy() -> impl Strategy<Value = Argument> {
        prop_oneof![
            4 => (any::<Index>(), select(&[0, 1, u64::MAX][..]))
                .prop_map(|(index, distance)| Argument::Near(index, distance)),
            2 => (any::<Index>(), 0..64u32).prop_map(|(index, bit)| Argument::OneBitOff(index, bit)),
            2 => (any::<Index>(), any::<u64>())
                .prop_map(|(index, garbage)| Argument::UpperGarbage(index, garbage)),
            1 => value().prop_map(Argument::Any),
        ]
    }

    fn in_plan(&self, values: &[u64]) -> u64 {
        match self {
            Argument::Near(index, distance) => index.get(values).wrapping_add(*distance),
            Argument::OneBitOff(index, bit) => index.get(values) ^ (1 << bit),
            Argument::UpperGarbage(index, garbage) => index.get(values) ^ (garbage << 32),
            Argument::Any(value) => *value,
        }
    }
}

/// What the cases of `verdict` compare with, and zero.
fn compared_values(verdict: &Verdict) -> Vec<u64> {
    let mut values = vec![0];
    if let Verdict::RefuseWhen(_, cases) = verdict {
        values.extend(cases.iter().flat_map(|case| &case.0).map(|condition| condition.value));
    }
    values
}

fn arguments() -> impl Strategy<Value = Vec<[Argument; 6]>> {
    let one = Argument::strategy;
    prop::collection::vec([one(), one(), one(), one(), one(), one()], 1..24)
}

/// The same judgement compiled by `seccompiler`, which shares nothing with our compiler.
fn compiled_elsewhere(arch: Arch, number: u32, errno: i32, cases: &[Case]) -> Program {
    let arch = match arch {
        Arch::X86_64 => TargetArch::x86_64,
        Arch::Aarch64 => TargetArch::aarch64,
    };
    let rules = cases.iter().flat_map(rules).collect();
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    let judgement = [(i64::from(number), rules)].into();
    let filter = SeccompFilter::new(judgement, SeccompAction::Allow, refuse, arch).unwrap();
    let program: seccompiler::BpfProgram = filter.try_into().unwrap();
    let instruction = |one: seccompiler::sock_filter| instruction(one.code, one.jt, one.jf, one.k);
    program.into_iter().map(instruction).collect()
}

/// A case as rules: `seccompiler` has no test for any bit, so each bit is a rule of its own.
fn rules(case: &Case) -> Vec<SeccompRule> {
    let alternatives = |condition: &Condition| -> Vec<(SeccompCmpOp, u64)> {
        let bits = |value: u64| (0..64).map(|shift| 1 << shift).filter(move |bit| value & bit != 0);
        match condition.test {
            Test::Eq => vec![(SeccompCmpOp::Eq, condition.value)],
            Test::Ne => vec![(SeccompCmpOp::Ne, condition.value)],
            Test::MaskedNe(mask) => (0..64)
                .map(|s| 1u64 << s)
                .filter(|b| mask & b != 0)
                .map(|b| (SeccompCmpOp::MaskedEq(b), !condition.value & b))
                .collect(),
            Test::MaskedEq(mask) => vec![(SeccompCmpOp::MaskedEq(mask), condition.value)],
            Test::AnyBit => {
                bits(condition.value).map(|bit| (SeccompCmpOp::MaskedEq(bit), bit)).collect()
            }
        }
    };
    let mut rules = vec![Vec::new()];
    for condition in &case.0 {
        let width = match condition.width {
            Width::Bits32 => SeccompCmpArgLen::Dword,
            Width::Bits64 => SeccompCmpArgLen::Qword,
        };
        let with = |rule: &Vec<SeccompCondition>, (test, value): (SeccompCmpOp, u64)| {
            let more = SeccompCondition::new(condition.argument, width.clone(), test, value);
            [rule.clone(), vec![more.unwrap()]].concat()
        };
        let alternatives = alternatives(condition);
        rules = rules
            .iter()
            .flat_map(|rule| alternatives.iter().map(|one| with(rule, one.clone())))
            .collect();
    }
    rules.into_iter().map(|rule| SeccompRule::new(rule).unwrap()).collect()
}

/// At most a few bits: each is a rule for `seccompiler`, and they multiply.
fn has_few_alternatives(cases: &[Case]) -> bool {
    let alternatives = |condition: &Condition| match condition.test {
        Test::AnyBit => condition.value.count_ones(),
        Test::MaskedNe(mask) => mask.count_ones(),
        _ => 1,
    };
    let rules = |case: &Case| case.0.iter().map(alternatives).product::<u32>();
    cases.iter().all(|case| rules(case) > 0) && cases.iter().map(rules).sum::<u32>() < 100
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_number_of_a_random_plan_is_answered_as_planned(
        plan in plan(),
        arguments in arguments(),
        numbers in prop::collection::vec(any::<u32>(), 16),
        foreign in any::<u32>(),
    ) {
        let filter = Filter::new(plan);
        for number in 0..filter.plan.arch.newest() + 8 {
            filter.check(&filter.call(number, [0; 6]));
        }
        for number in numbers {
            filter.check(&filter.call(number, [0; 6]));
            filter.check(&Call { number, arch: foreign, args: [0; 6] });
        }
        for (number, verdict) in &filter.plan.verdicts {
            let values = compared_values(verdict);
            for six in &arguments {
                let args = six.clone().map(|argument| argument.in_plan(&values));
                filter.check(&filter.call(*number, args));
            }
        }
    }

    #[test]
    fn one_random_judged_call_is_answered_as_planned(
        verdict in judged(),
        arguments in arguments(),
        arch in select(&Arch::ALL[..]),
    ) {
        let values = compared_values(&verdict);
        let filter = Filter::new(FilterPlan { arch, verdicts: [(7, verdict)].into() });
        for six in arguments {
            let args = six.map(|argument| argument.in_plan(&values));
            filter.check(&filter.call(7, args));
        }
    }

    #[test]
    fn one_random_judged_call_is_answered_as_seccompiler_answers_it(
        verdict in judged().prop_filter("seccompiler needs too many rules", |verdict| {
            matches!(verdict, Verdict::RefuseWhen(_, cases) if has_few_alternatives(cases))
        }),
        arguments in arguments(),
        arch in select(&Arch::ALL[..]),
    ) {
        let Verdict::RefuseWhen(errno, cases) = &verdict else { unreachable!() };
        let elsewhere = compiled_elsewhere(arch, 7, *errno, cases);
        let values = compared_values(&verdict);
        let filter = Filter::new(FilterPlan { arch, verdicts: [(7, verdict.clone())].into() });
        for six in arguments {
            let call = filter.call(7, six.map(|argument| argument.in_plan(&values)));
            let theirs = evaluator::run(&elsewhere, &call).unwrap().answer;
            prop_assert_eq!(filter.answer(&call), Answer(theirs), "{:x?}", call);
        }
    }

    #[test]
    fn every_call_under_any_policy_is_answered_as_planned(
        policy in select(policies()),
        arch in select(&Arch::ALL[..]),
        number in any::<Index>(),
        arguments in arguments(),
    ) {
        let filter = Filter::of(&policy.1, arch);
        let judged: Vec<u32> = filter.plan.verdicts.keys().copied().collect();
        let number = *number.get(&judged);
        let values = compared_values(&filter.plan.verdicts[&number]);
        for six in arguments {
            let args = six.map(|argument| argument.in_plan(&values));
            filter.check(&filter.call(number, args));
        }
    }
}
