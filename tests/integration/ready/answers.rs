//! Deny and Return.

use sandlock::{
    Deny, HandlerOptions, NotifAction, ObserverOptions, Priority, Return, Syscall, When,
};

use crate::asked::{Notes, Verdicts, WAYS, continuing, line, lines, sandbox, sandbox_of};
use crate::calls::{Calls, calls};
use crate::harness::policy;

fn uname() -> Calls {
    calls! { uname([0u8; 390]) }
}

#[test]
fn a_denied_call_fails_with_the_error_number_and_no_other_call_does() {
    let denying = sandbox().add_handler("uname", Deny::new(libc::EXDEV).unwrap()).unwrap();
    for way in WAYS {
        assert_eq!(way.run(&denying, &uname().action("calls")).1, "uname EXDEV\n", "{way:?}");
        let other = calls! { getuid() };
        assert!(way.run(&denying, &other.action("calls")).1.starts_with("getuid ok "), "{way:?}");
        // The twin: nobody is asked.
        assert_eq!(way.run(&sandbox(), &uname().action("calls")).1, "uname ok 0\n", "{way:?}");
    }
}

#[test]
fn every_error_number_can_be_the_refusal() {
    for (errno, shown) in [(1, "EPERM"), (4095, "errno 4095")] {
        let denying = sandbox().add_handler("uname", Deny::new(errno).unwrap()).unwrap();
        assert_eq!(line(&denying, &uname()), format!("uname {shown}"));
    }
}

#[test]
fn a_refusal_can_be_for_some_arguments_alone() {
    let options = HandlerOptions::new().when(When::arg(1).eq(libc::F_GETFL as u64));
    let deny = Deny::new(libc::EXDEV).unwrap();
    let denying = sandbox().add_handler_with("fcntl", deny, options).unwrap();
    let both = calls! { fcntl(1, libc::F_GETFD); fcntl(1, libc::F_GETFL) };
    assert_eq!(lines(&denying, &both), ["fcntl ok 0", "fcntl EXDEV"]);
    let printed = lines(&sandbox(), &both);
    assert!(printed[1].starts_with("fcntl ok "), "{printed:?}");
}

#[test]
fn a_returned_value_is_what_the_program_sees_and_the_kernel_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let making = calls! { mkdirat(libc::AT_FDCWD, &made, 0o700) };
    let granted = || sandbox_of(policy().fs_write(folder.path()));
    for value in [7, i64::from(i32::MAX) + 1] {
        let returning = granted().add_handler("mkdirat", Return::new(value)).unwrap();
        for way in WAYS {
            let printed = way.run(&returning, &making.action("calls")).1;
            assert_eq!(printed, format!("mkdirat ok {value}\n"), "{way:?}");
            assert!(!made.exists(), "{way:?}");
        }
    }
    // The twin: the kernel is asked.
    assert_eq!(line(&granted(), &making), "mkdirat ok 0");
    assert!(made.exists());
}

#[test]
fn observers_are_told_who_refused_and_who_answered() {
    let notes = Notes::new();
    let named = |name: &str| HandlerOptions::new().name(name);
    let sandbox = sandbox()
        .add_observer_with("uname", Verdicts(notes.clone()), ObserverOptions::new())
        .unwrap()
        .add_observer("getppid", Verdicts(notes.clone()))
        .unwrap()
        .add_handler_with("uname", Deny::new(libc::EXDEV).unwrap(), named("no names"))
        .unwrap()
        .add_handler("getppid", Return::new(5))
        .unwrap();
    let both = calls! { uname([0u8; 390]); getppid() };
    assert_eq!(lines(&sandbox, &both), ["uname EXDEV", "getppid ok 5"]);
    let told = notes.take();
    assert_eq!(told[0], "uname: Refused(18) by no names");
    // One without a name has that of its type, as every handler.
    assert_eq!(told[1], format!("getppid: Answered(5) by {}", std::any::type_name::<Return>()));
}

#[test]
fn one_in_front_answers_in_the_place_of_one_behind() {
    let before = HandlerOptions::new().priority(Priority::Before);
    let denied = sandbox().add_handler("getppid", Deny::new(libc::EXDEV).unwrap()).unwrap();
    assert_eq!(line(&denied, &calls! { getppid() }), "getppid EXDEV");
    let answered = denied.add_handler_with("getppid", Return::new(9), before).unwrap();
    assert_eq!(line(&answered, &calls! { getppid() }), "getppid ok 9");
}

#[test]
fn one_that_is_registered_for_many_calls_refuses_each_and_no_other_spelling() {
    let deny = Deny::new(libc::EXDEV).unwrap();
    let opening = calls! { openat(libc::AT_FDCWD, "/usr", libc::O_RDONLY) };
    let other = calls! { openat2(libc::AT_FDCWD, "/usr", [0u8; 24], 24) };
    let one = sandbox().add_handler("openat2", deny).unwrap();
    assert_eq!(line(&one, &opening), "openat ok 3");
    assert_eq!(line(&one, &other), "openat2 EXDEV");
    let both = one.add_handler_with(
        Syscall::OPENAT,
        deny,
        // The program's libraries are opened with it, too.
        HandlerOptions::new().when(When::arg(2).eq(libc::O_RDONLY as u64)),
    );
    assert_eq!(line(&both.unwrap(), &opening), "openat EXDEV");
}

#[test]
fn what_one_answers_behind_a_handler_that_continues_still_counts() {
    let sandbox = sandbox()
        .add_handler("getppid", continuing())
        .unwrap()
        .add_handler("getppid", Return::new(3))
        .unwrap()
        .add_handler("getppid", |_: &sandlock::HandlerCtx<'_>| NotifAction::KillSandbox)
        .unwrap();
    assert_eq!(line(&sandbox, &calls! { getppid() }), "getppid ok 3");
}
