//! Count.

use std::collections::BTreeMap;

use sandlock::{
    Count, Deny, HandlerCtx, HandlerOptions, Launch, NotifAction, Reason, Return, Syscall, When,
};

use crate::asked::{Gate, WAYS, lines, prints, sandbox};
use crate::calls::{Calls, calls};
use crate::harness::{GUEST, eventually};

fn getppid(times: usize) -> Calls {
    (0..times).fold(Calls::default(), |calls, _| calls.then("getppid", &[]))
}

/// What was counted of one call.
fn of(count: &Count, call: &str) -> BTreeMap<&'static str, u64> {
    count.counts().remove(&Syscall::from_name(call).unwrap()).unwrap_or_default()
}

#[test]
fn calls_are_counted_by_what_became_of_them() {
    let count = Count::new();
    let counted = || sandbox().add_observer("getppid", count.clone()).unwrap();
    let killing = |_: &HandlerCtx<'_>| NotifAction::KillSandbox;
    let injecting = |_: &HandlerCtx<'_>| NotifAction::InjectBytes(b"text".to_vec());
    lines(&counted(), &getppid(3));
    lines(&counted().add_handler("getppid", Deny::new(libc::EXDEV).unwrap()).unwrap(), &getppid(4));
    lines(&counted().add_handler("getppid", Return::new(1)).unwrap(), &getppid(5));
    lines(&counted().add_handler("getppid", injecting).unwrap(), &getppid(2));
    let killed = counted().add_handler("getppid", killing).unwrap();
    let output = killed.run(Launch::new([GUEST]).args(getppid(9).action("calls"))).unwrap();
    assert_eq!(output.reason(), Reason::Killed);
    let expected =
        [("answered", 5), ("continue", 3), ("injected", 2), ("killed", 1), ("refused", 4)];
    assert_eq!(of(&count, "getppid"), BTreeMap::from(expected));
    assert_eq!(count.counts().len(), 1, "{count:?}");
}

#[test]
fn counts_are_there_when_a_run_has_returned_whatever_way_it_was_started() {
    for way in WAYS {
        let count = Count::new();
        let sandbox = sandbox().add_observer("getppid", count.clone()).unwrap();
        for runs in 1..=3 {
            way.run(&sandbox, &getppid(2).action("calls"));
            assert_eq!(of(&count, "getppid"), BTreeMap::from([("continue", 2 * runs)]), "{way:?}");
        }
    }
}

#[test]
fn counts_can_be_read_from_another_thread_while_the_program_runs() {
    let (count, gate) = (Count::new(), Gate::default());
    let waiting = gate.clone();
    let wait = move |_: &HandlerCtx<'_>| {
        waiting.pass();
        NotifAction::Continue
    };
    let sandbox = sandbox()
        .add_observer("getppid", count.clone())
        .unwrap()
        .add_observer("uname", count.clone())
        .unwrap()
        .add_handler("uname", wait)
        .unwrap();
    let calls = getppid(3).then("uname", &[0.into()]).then("getppid", &[]);
    let child = sandbox.spawn(Launch::new([GUEST]).args(calls.action("calls"))).unwrap();
    let reader = count.clone();
    std::thread::spawn(move || eventually(|| of(&reader, "getppid").get("continue") == Some(&3)))
        .join()
        .unwrap();
    // A call counts when it has been answered.
    assert!(of(&count, "uname").is_empty());
    gate.open();
    assert!(child.wait().unwrap().success());
    assert_eq!(of(&count, "getppid"), BTreeMap::from([("continue", 4)]));
    assert_eq!(of(&count, "uname"), BTreeMap::from([("continue", 1)]));
}

#[test]
fn clones_count_together_over_many_programs_at_the_same_time() {
    let count = Count::new();
    let sandbox = sandbox()
        .add_observer("getppid", count.clone())
        .unwrap()
        .add_observer("uname", count.clone())
        .unwrap();
    let calls = getppid(20).then("uname", &[0.into()]);
    let launch = Launch::new([GUEST]).args(calls.action("calls"));
    for output in sandbox.run_all(vec![launch; 12], 4) {
        assert!(output.unwrap().success());
    }
    assert_eq!(of(&count, "getppid"), BTreeMap::from([("continue", 240)]));
    assert_eq!(of(&count, "uname"), BTreeMap::from([("continue", 12)]));
}

#[test]
fn calls_that_many_threads_of_a_pool_answer_are_all_counted() {
    let count = Count::new();
    let pooled = HandlerOptions::new().pooled(std::time::Duration::from_secs(60));
    let sandbox = sandbox()
        .add_observer("getppid", count.clone())
        .unwrap()
        .add_handler_with("getppid", Return::new(1), pooled)
        .unwrap();
    let number = libc::SYS_getppid.to_string();
    assert_eq!(prints(&sandbox, &["crowd", "50", number.as_str()]), "crowd ok 50");
    assert_eq!(of(&count, "getppid"), BTreeMap::from([("answered", 50)]));
}

#[test]
fn what_is_not_trapped_and_what_the_policy_refuses_is_not_counted() {
    let count = Count::new();
    let others = sandlock::ObserverOptions::new().when(When::arg(0).ge(1));
    let sandbox = sandbox()
        .add_observer_with("getsid", count.clone(), others)
        .unwrap()
        .add_observer("personality", count.clone())
        .unwrap();
    let ask = 0xffff_ffffu32;
    let no_randomization = libc::ADDR_NO_RANDOMIZE;
    let calls = calls! { personality(ask); personality(no_randomization); getsid(0); getsid(1) };
    let printed = lines(&sandbox, &calls);
    assert!(printed[0].starts_with("personality ok ") && printed[1] == "personality EPERM");
    assert_eq!(of(&count, "personality"), BTreeMap::from([("continue", 1)]));
    // The twin: the condition holds.
    assert_eq!(of(&count, "getsid"), BTreeMap::from([("continue", 1)]));
}
