//! The filter that asks the supervisor.

use proptest::prelude::*;

use super::*;
use crate::confine::trap::{Trapping, conditions, with_placeholder};
use crate::handler::When;
use crate::plan::filter::{Case, Condition, Test, Width};

const ASK: Answer = Answer(libc::SECCOMP_RET_USER_NOTIF);
const NATIVE: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };

/// What handlers are registered for: numbers, and conditions that must all hold.
type Wanted = Vec<(u32, Vec<When>)>;

fn trapping(wanted: &Wanted) -> Trapping {
    let mut trapping = Trapping::default();
    for (number, when) in wanted {
        let conditions = when.iter().map(|when| when.condition().unwrap()).collect();
        trapping.add(*number, conditions);
    }
    trapping
}

fn answer(program: &Program, call: &Call) -> Answer {
    Answer(evaluator::run(program, call).unwrap().answer)
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..4u64,
        any::<u32>().prop_map(u64::from),
        any::<u64>(),
        (-3..0i64).prop_map(i64::cast_unsigned)
    ]
}

fn when() -> impl Strategy<Value = When> {
    (0..6u8, 0..5u8, value(), value()).prop_map(|(argument, kind, value, mask)| {
        let argument = When::arg(argument);
        match kind {
            0 => argument.eq(value),
            1 => argument.ne(value),
            2 => argument.lt(value.max(1)),
            3 => argument.ge(value),
            _ => argument.masked_eq(mask, value & mask),
        }
    })
}

fn wanted() -> impl Strategy<Value = Wanted> {
    prop::collection::vec((0..6u32, prop::collection::vec(when(), 0..4)), 1..8)
}

proptest! {
    /// What makes the placeholder safe: it is the only thing that is exchanged, and nothing but the
    /// answer to a match is it.
    #[test]
    fn only_the_placeholder_is_exchanged(wanted in wanted()) {
        let trapping = trapping(&wanted);
        let before = with_placeholder(trapping.0.clone(), Arch::NATIVE).unwrap();
        let after = trapping.compile(Arch::NATIVE, true).unwrap().program;
        prop_assert_eq!(before.len(), after.len());
        let mut exchanged = 0;
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!((before.code, before.jt, before.jf), (after.code, after.jt, after.jf));
            if before.k != after.k {
                prop_assert_eq!((before.code, before.k), (0x06, libc::SECCOMP_RET_TRACE));
                prop_assert_eq!(after.k, libc::SECCOMP_RET_USER_NOTIF);
                exchanged += 1;
            }
        }
        prop_assert!(exchanged > 0);
        let left = after.iter().filter(|one| one.code == 0x06 && one.k == libc::SECCOMP_RET_TRACE);
        prop_assert_eq!(left.count(), 0);
    }

    #[test]
    fn the_program_asks_exactly_where_the_dispatcher_finds_somebody(
        wanted in wanted(),
        number in 0..8u32,
        args in prop::array::uniform6(value()),
    ) {
        let program = trapping(&wanted).compile(Arch::NATIVE, true).unwrap().program;
        evaluator::verify(&program).unwrap();
        let matches = |(wanted, when): &(u32, Vec<When>)| {
            *wanted == number && when.iter().all(|when| when.matches(&args))
        };
        let expected = if wanted.iter().any(matches) { ASK } else { ALLOW };
        let call = Call { number, arch: NATIVE, args };
        prop_assert_eq!(answer(&program, &call), expected);
    }
}

#[test]
fn a_call_of_a_foreign_architecture_is_never_passed_on() {
    let program = trapping(&vec![(1, Vec::new())]).compile(Arch::NATIVE, true).unwrap().program;
    let call = |arch| Call { number: 1, arch, args: [0; 6] };
    assert_eq!(answer(&program, &call(NATIVE)), ASK);
    assert_eq!(answer(&program, &call(0x4000_0003)), KILL);
}

#[test]
fn one_condition_for_many_is_one() {
    let once = vec![(3, vec![When::arg(0).eq(1)])];
    let twice = vec![once[0].clone(), once[0].clone()];
    assert_eq!(trapping(&once).0, trapping(&twice).0);
    let always = vec![once[0].clone(), (3, Vec::new()), once[0].clone()];
    assert_eq!(trapping(&always).0, trapping(&vec![(3, Vec::new())]).0);
}

#[test]
fn conditions_of_built_ins_are_those_of_the_plan() {
    let case =
        Case(vec![Condition { argument: 0, width: Width::Bits32, test: Test::Ne, value: 0 }]);
    let mut trapping = Trapping::default();
    trapping.add(7, conditions(&case).unwrap());
    let program = trapping.compile(Arch::NATIVE, true).unwrap().program;
    let with =
        |id: u64| answer(&program, &Call { number: 7, arch: NATIVE, args: [id, 0, 0, 0, 0, 0] });
    assert_eq!((with(0), with(1 << 40)), (ALLOW, ALLOW));
    assert_eq!((with(5), with((1 << 40) | 5)), (ASK, ASK));
    // What cannot be asked for is trapped always.
    let case = Case(vec![Condition { test: Test::AnyBit, ..case.0[0] }]);
    assert!(conditions(&case).unwrap().is_empty());
}
