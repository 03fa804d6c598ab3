//! Conditions on arguments: what does not match never reaches a handler, and nothing gets past one.

use sandlock::{ErrorKind, HandlerCtx, HandlerOptions, NotifAction, ObserverOptions, When};

use crate::asked::{Notes, Verdicts, continuing, line, lines, refusing, sandbox};
use crate::calls::{Calls, calls};

/// The first arguments, of many calls, for which a handler with this condition is asked.
fn asked(when: When, values: &[u64]) -> Vec<u64> {
    let notes = Notes::new();
    let options = HandlerOptions::new().when(when);
    let sandbox =
        sandbox().add_handler_with("getppid", notes.taken(|cx| cx.args()[0]), options).unwrap();
    let calls = values
        .iter()
        .fold(Calls::default(), |calls, value| calls.then("getppid", &[(*value).into()]));
    assert_eq!(lines(&sandbox, &calls).len(), values.len());
    notes.take()
}

const DIRT: u64 = 0xdead_beef_0000_0000;

#[test]
fn equal_values_are_asked_about_and_others_are_not() {
    let values = [0, 4, 5, 6, 5 | 1 << 31, u64::MAX];
    assert_eq!(asked(When::arg(0).eq(5), &values), [5]);
    assert_eq!(asked(When::arg(0).eq(0), &values), [0]);
}

#[test]
fn other_values_are_asked_about_and_equal_ones_are_not() {
    let values = [0, 4, 5, 6, u64::MAX];
    assert_eq!(asked(When::arg(0).ne(5), &values), [0, 4, 6, u64::MAX]);
}

#[test]
fn lower_values_are_asked_about_and_higher_ones_are_not() {
    let values = [0, 4, 5, 6, 1 << 31, u32::MAX.into()];
    assert_eq!(asked(When::arg(0).lt(5), &values), [0, 4]);
    assert_eq!(asked(When::arg(0).ge(5), &values), [5, 6, 1 << 31, u32::MAX.into()]);
    let large = [0, 1 << 39, 1 << 40, u64::MAX];
    assert_eq!(asked(When::arg(0).lt(1 << 40), &large), [0, 1 << 39]);
    assert_eq!(asked(When::arg(0).ge(1 << 40), &large), [1 << 40, u64::MAX]);
}

#[test]
fn values_with_these_bits_are_asked_about_and_others_are_not() {
    let values = [0, 1, 2, 3, 4, 5, 0o101];
    assert_eq!(asked(When::arg(0).masked_eq(0o3, 1), &values), [1, 5, 0o101]);
    assert_eq!(asked(When::arg(0).masked_eq(0o3, 0), &values), [0, 4]);
    let bits = 1 << 40;
    assert_eq!(
        asked(When::arg(0).masked_eq(bits, bits), &[0, 1, bits, bits | 1]),
        [bits, bits | 1]
    );
}

/// For an argument of 32 bits the kernel ignores what is above.
#[test]
fn nothing_in_the_upper_half_gets_a_call_past_a_condition() {
    let dirty = |values: &[u64]| values.iter().map(|value| value | DIRT).collect::<Vec<_>>();
    let expect_all = |when: When, values: &[u64]| {
        let values = dirty(values);
        assert_eq!(asked(when, &values), values, "{when:?}");
    };
    expect_all(When::arg(0).eq(5), &[5]);
    expect_all(When::arg(0).eq(-100i64 as u64), &[u64::from(-100i32 as u32)]);
    expect_all(When::arg(0).ne(5), &[4, 6]);
    expect_all(When::arg(0).lt(5), &[0, 4]);
    expect_all(When::arg(0).ge(5), &[5, 6, u64::from(u32::MAX)]);
    expect_all(When::arg(0).masked_eq(0o3, 1), &[1, 5]);
    expect_all(When::arg(0).masked_eq(0o3, 0), &[0, 4]);
    expect_all(When::arg(0).masked_eq(u64::from(u32::MAX), 7), &[7]);
}

/// A mask that is written as all bits but some has bits in the upper half, too.
#[test]
fn nothing_in_the_upper_half_gets_a_call_past_a_mask_of_all_bits_but_some() {
    let values = [1, 2, 1 | DIRT, 2 | DIRT];
    assert_eq!(asked(When::arg(0).masked_eq(!0o3, 0), &values), values);
    assert_eq!(asked(When::arg(0).masked_eq(!0o3, 0), &[4, 4 | DIRT]), [0u64; 0]);
}

/// A negative number in a register of 32 bits and in one of 64.
#[test]
fn a_negative_value_matches_in_either_spelling() {
    let spellings = [u64::from(-1i32 as u32), -1i64 as u64];
    for spelling in spellings {
        assert_eq!(asked(When::arg(0).eq(spelling), &spellings), spellings);
    }
    assert_eq!(asked(When::arg(0).eq(-1i64 as u64), &[1, 0]), [0u64; 0]);
}

#[test]
fn every_argument_can_have_a_condition() {
    for index in 0..6u8 {
        let notes = Notes::new();
        let options = HandlerOptions::new().when(When::arg(index).eq(77));
        let sandbox =
            sandbox().add_handler_with("getppid", notes.taken(|cx| cx.args()), options).unwrap();
        let mut with = [1i64; 6];
        with[usize::from(index)] = 77;
        let [a, b, c, d, e, f] = with;
        lines(&sandbox, &calls! { getppid(1, 1, 1, 1, 1, 1); getppid(a, b, c, d, e, f) });
        assert_eq!(notes.take(), [with.map(|value| value as u64)]);
    }
}

#[test]
fn several_conditions_must_all_hold() {
    let notes = Notes::new();
    let options = HandlerOptions::new().when(When::arg(0).eq(1)).when(When::arg(1).ge(10));
    let sandbox = sandbox()
        .add_handler_with("getppid", notes.taken(|cx| cx.args()[..2].to_vec()), options)
        .unwrap();
    lines(&sandbox, &calls! { getppid(1, 9); getppid(2, 10); getppid(1, 10); getppid(1, 11) });
    assert_eq!(notes.take(), [[1, 10], [1, 11]]);
}

/// What one wants to see does not come to the other.
#[test]
fn handlers_of_one_call_have_their_own_conditions() {
    let (low, high, watched) = (Notes::new(), Notes::new(), Notes::new());
    let when = |when| HandlerOptions::new().when(when);
    let watched_when = ObserverOptions::new().when(When::arg(0).eq(9));
    let sandbox = sandbox()
        .add_handler_with("getppid", low.taken(|cx| cx.args()[0]), when(When::arg(0).lt(3)))
        .unwrap()
        .add_handler_with("getppid", high.taken(|cx| cx.args()[0]), when(When::arg(0).ge(2)))
        .unwrap()
        .add_observer_with("getppid", Verdicts(watched.clone()), watched_when)
        .unwrap();
    lines(&sandbox, &calls! { getppid(1); getppid(2); getppid(3); getppid(9) });
    assert_eq!(low.take(), [1, 2]);
    assert_eq!(high.take(), [2, 3, 9]);
    assert_eq!(watched.take(), ["getppid: Continue by policy"]);
}

#[test]
fn a_call_that_matches_nothing_is_carried_out_without_asking() {
    let when = HandlerOptions::new().when(When::arg(0).eq(1));
    let sandbox = sandbox().add_handler_with("getppid", refusing(libc::EACCES), when).unwrap();
    assert_eq!(line(&sandbox, &calls! { getppid(1) }), "getppid EACCES");
    assert!(line(&sandbox, &calls! { getppid(2) }).starts_with("getppid ok"));
    // One handler without a condition is asked about all.
    let all = sandbox.add_handler("getppid", refusing(libc::EXDEV)).unwrap();
    let answers = lines(&all, &calls! { getppid(1); getppid(2) });
    assert_eq!(answers, ["getppid EACCES", "getppid EXDEV"]);
}

/// As many cases as a policy would ever have.
#[test]
fn a_hundred_conditions_on_one_call_work() {
    let mut sandbox = sandbox();
    for value in 0..100u32 {
        let when = HandlerOptions::new().when(When::arg(0).eq(value.into()));
        let answer = move |_: &HandlerCtx<'_>| NotifAction::ReturnValue(i64::from(value) + 1000);
        sandbox = sandbox.add_handler_with("getppid", answer, when).unwrap();
    }
    let answers = lines(&sandbox, &calls! { getppid(0); getppid(50); getppid(99); getppid(100) });
    assert_eq!(answers[..3], ["getppid ok 1000", "getppid ok 1050", "getppid ok 1099"]);
    let parent: i64 = answers[3].rsplit(' ').next().unwrap().parse().unwrap();
    assert!(!(1000..1100).contains(&parent) || std::process::id() < 2000);
}

#[test]
fn conditions_that_mean_nothing_are_rejected() {
    for when in [When::arg(6).eq(0), When::arg(0).lt(0), When::arg(0).masked_eq(1, 2)] {
        let options = HandlerOptions::new().when(when);
        let error = sandbox().add_handler_with("getppid", continuing(), options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registration, "{error}");
        assert!(error.to_string().contains("getppid"), "{error}");
    }
}
