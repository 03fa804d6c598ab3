//! Handlers through the real kernel: who is asked, in which order, and who may not be.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use sandlock::{
    ErrorKind, HandlerCtx, HandlerOptions, NotifAction, Observer, Priority, Sandbox, Verdict, When,
};

use crate::asked::{
    Notes, Verdicts, WAYS, continuing, line, lines, prints, refusing, returning, sandbox,
    sandbox_of,
};
use crate::calls::{Argument, Calls, calls};
use crate::harness::{GUEST, again, alone, eventually, here, policy};
use crate::scene::Scene;
use crate::soak::Census;

fn uname() -> Calls {
    calls! { uname([0u8; 390]) }
}

#[test]
fn a_refusal_by_a_handler_is_what_the_program_gets() {
    let refused = sandbox().add_handler("uname", refusing(libc::EACCES)).unwrap();
    for way in WAYS {
        let action = uname().action("calls");
        let (output, printed) = way.run(&refused, &action);
        assert!(output.success());
        assert_eq!(printed, "uname EACCES\n", "{way:?}");
        assert_eq!(way.run(&sandbox(), &action).1, "uname ok 0\n", "{way:?}");
    }
}

#[test]
fn a_call_that_a_handler_lets_through_is_carried_out() {
    let notes = Notes::new();
    let asked = sandbox().add_handler("uname", notes.taken(|_| ())).unwrap();
    for way in WAYS {
        assert_eq!(way.run(&asked, &uname().action("calls")).1, "uname ok 0\n", "{way:?}");
        assert_eq!(notes.take().len(), 1, "{way:?}");
    }
}

#[test]
fn a_run_in_the_callers_terminal_is_asked_too() {
    if let Some(printed) = again(here!(), &["terminal"]) {
        let lines: Vec<_> = printed.lines().filter_map(|line| line.split_once("uname ")).collect();
        let answers: Vec<_> = lines.iter().map(|(_, answer)| answer.trim()).collect();
        assert_eq!(answers, ["EACCES", "ok 0"], "{printed}");
        return;
    }
    let launch = || sandlock::Launch::new([GUEST]).args(uname().action("calls"));
    let refused = sandbox().add_handler("uname", refusing(libc::EACCES)).unwrap();
    println!();
    assert!(refused.run_interactive(launch()).unwrap().success());
    assert!(sandbox().run_interactive(launch()).unwrap().success());
}

/// A handler that notes its name and goes on, or refuses.
fn step(notes: &Notes<&'static str>, name: &'static str, refuses: bool) -> impl sandlock::Handler {
    let notes = notes.clone();
    move |_: &HandlerCtx<'_>| {
        notes.note(name);
        if refuses { NotifAction::Errno(libc::EXDEV) } else { NotifAction::Continue }
    }
}

#[test]
fn handlers_are_asked_in_the_order_of_their_registration() {
    let notes = Notes::new();
    let sandbox = sandbox()
        .add_handler("uname", step(&notes, "first", false))
        .unwrap()
        .add_handler("uname", step(&notes, "second", false))
        .unwrap();
    let twice = calls! { uname([0u8; 390]); uname([0u8; 390]) };
    for way in WAYS {
        assert_eq!(way.run(&sandbox, &twice.action("calls")).1, "uname ok 0\nuname ok 0\n");
        assert_eq!(notes.take(), ["first", "second", "first", "second"], "{way:?}");
    }
}

#[test]
fn the_first_refusal_wins_and_nobody_behind_it_is_asked() {
    let notes = Notes::new();
    let sandbox = sandbox()
        .add_handler("uname", step(&notes, "first", false))
        .unwrap()
        .add_handler("uname", step(&notes, "second", true))
        .unwrap()
        .add_handler("uname", step(&notes, "third", true))
        .unwrap();
    for way in WAYS {
        assert_eq!(way.run(&sandbox, &uname().action("calls")).1, "uname EXDEV\n", "{way:?}");
        assert_eq!(notes.take(), ["first", "second"], "{way:?}");
    }
}

#[test]
fn handlers_in_front_are_asked_first_whenever_they_were_added() {
    let notes = Notes::new();
    let before = || HandlerOptions::new().priority(Priority::Before);
    let sandbox = sandbox()
        .add_handler("uname", step(&notes, "after", false))
        .unwrap()
        .add_handler_with("uname", step(&notes, "before", false), before())
        .unwrap()
        .add_handler_with("uname", step(&notes, "before too", false), before())
        .unwrap();
    assert_eq!(line(&sandbox, &uname()), "uname ok 0");
    assert_eq!(notes.take(), ["before", "before too", "after"]);
    let sandbox =
        sandbox.add_handler_with("uname", step(&notes, "before three", true), before()).unwrap();
    assert_eq!(line(&sandbox, &uname()), "uname EXDEV");
    assert_eq!(notes.take(), ["before", "before too", "before three"]);
}

/// The built-in that judges tasks, on the host's first process.
#[test]
fn a_built_in_is_asked_between_those_in_front_and_those_behind() {
    let (notes, verdicts) = (Notes::new(), Notes::new());
    let before = HandlerOptions::new().priority(Priority::Before);
    let sandbox = sandbox_of(policy().manage_tasks(true))
        .add_observer("prlimit64", Verdicts(verdicts.clone()))
        .unwrap()
        .add_handler("prlimit64", step(&notes, "behind", false))
        .unwrap()
        .add_handler_with("prlimit64", step(&notes, "in front", false), before)
        .unwrap();
    let limit = |id: i32| calls! { prlimit64(id, libc::RLIMIT_CPU, 0, [0u8; 16]) };
    assert_eq!(line(&sandbox, &limit(1)), "prlimit64 EPERM");
    // The guest's own runtime asks for limits, too, with id 0.
    let count = |name| move |seen: &&&str| **seen == name;
    let seen = notes.take();
    let (fronts, behinds) = (
        seen.iter().filter(count("in front")).count(),
        seen.iter().filter(count("behind")).count(),
    );
    assert_eq!(fronts, behinds + 1, "{seen:?}");
    let seen = verdicts.take();
    assert_eq!(seen.last().unwrap(), "prlimit64: Refused(1) by tasks");
    // The twin: what the built-in lets through comes to the one behind.
    assert_eq!(line(&sandbox, &limit(0)), "prlimit64 ok 0");
    assert_eq!(notes.take().last(), Some(&"behind"));
}

#[test]
fn an_answer_in_front_does_not_get_past_the_filter_of_the_policy() {
    // With another id than 0 the filter refuses it, where nobody is to judge it.
    let before = HandlerOptions::new().priority(Priority::Before);
    let answering = sandbox().add_handler_with("prlimit64", returning(0), before).unwrap();
    assert_eq!(line(&answering, &calls! { prlimit64(1, 0, 0, [0u8; 16]) }), "prlimit64 EPERM");
    assert_eq!(line(&answering, &calls! { prlimit64(0, 0, 0, [0u8; 16]) }), "prlimit64 ok 0");
}

/// Landlock judges a call that every handler lets through.
#[test]
fn a_handler_that_says_continue_grants_nothing() {
    let scene = Scene::new();
    let opening = |name| calls! { openat(libc::AT_FDCWD, &scene.path(name), libc::O_RDONLY) };
    let sandbox = sandbox_of(scene.reads_granted()).add_handler("openat", continuing()).unwrap();
    assert_eq!(line(&sandbox, &opening("hidden/secret")), "openat EACCES");
    assert_eq!(line(&sandbox, &opening("granted/note")), "openat ok 3");
}

/// What is registered is rejected, and the message names the call and what is wrong.
fn expect_rejected(sandbox: &Sandbox, call: &str, reason: &str) {
    let attempts = [
        sandbox.clone().add_handler(call, continuing()),
        sandbox.clone().add_observer(call, Verdicts(Notes::new())),
    ];
    for attempt in attempts {
        let error = attempt.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registration, "{error}");
        let text = error.to_string();
        assert!(text.contains(call) && text.contains(reason), "{call}, {reason}: {text}");
    }
}

#[test]
fn calls_that_the_policy_refuses_are_rejected_by_name_and_reason() {
    expect_rejected(&sandbox(), "mount", "base deny list");
    for call in ["ptrace", "bpf", "clone3", "io_uring_setup"] {
        expect_rejected(&sandbox(), call, "base deny list");
    }
    let denied = sandbox_of(policy().deny_syscalls(["mremap"]));
    expect_rejected(&denied, "mremap", "syscalls.deny");
    expect_rejected(&sandbox(), "listen", "the net settings");
    // The twins: the same calls where nothing refuses them.
    assert!(sandbox().add_handler("mremap", continuing()).is_ok());
    assert!(sandbox_of(policy().net_allow("*")).add_handler("listen", continuing()).is_ok());
    let lifted = sandbox_of(policy().allow_syscalls(["mount"]));
    assert!(lifted.add_handler("mount", continuing()).is_ok());
}

#[test]
fn calls_outside_the_list_of_the_only_ones_are_rejected() {
    let names: Vec<&str> = sandlock::GROUPS
        .iter()
        .filter(|group| !matches!(group.class, sandlock::Class::Refused(_)))
        .flat_map(|group| group.calls.iter().copied())
        .filter(|name| *name != "uname")
        .collect();
    let sandbox = sandbox_of(policy().only_syscalls(&names));
    expect_rejected(&sandbox, "uname", "syscalls.only");
    assert!(sandbox.add_handler("getppid", continuing()).is_ok());
}

#[test]
fn numbers_that_are_no_calls_are_rejected() {
    for number in [-1i64, i64::MIN, 100_000, i64::from(u32::MAX), 1 << 32, 0x4000_0000 + 63] {
        let error = sandbox().add_handler(number, continuing()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registration);
        assert!(error.to_string().contains(&number.to_string()), "{error}");
    }
    for number in [-1i32, i32::MIN] {
        let error = sandbox().add_handler(number, continuing()).unwrap_err();
        assert!(error.to_string().contains("negative"), "{error}");
    }
    for name in ["", "no_such_call", "OPENAT", "open at"] {
        assert_eq!(
            sandbox().add_handler(name, continuing()).unwrap_err().kind(),
            ErrorKind::Registration
        );
    }
    assert!(sandbox().add_handler(libc::SYS_uname, continuing()).is_ok());
    assert!(sandbox().add_handler(libc::SYS_uname as i32, continuing()).is_ok());
    assert!(sandbox().add_handler(libc::SYS_uname as u32, continuing()).is_ok());
    assert!(sandbox().add_handler(sandlock::Syscall::UNAME, continuing()).is_ok());
}

#[test]
fn calls_that_must_not_be_trapped_are_rejected() {
    let allowing = || HandlerOptions::new().allow_interruptible(true);
    for call in ["exit", "exit_group", "rt_sigreturn", "restart_syscall"] {
        expect_rejected(&sandbox(), call, "must not be trapped");
        assert!(sandbox().add_handler_with(call, continuing(), allowing()).is_err());
    }
    for call in ["close", "dup", "wait4", "clone"] {
        expect_rejected(&sandbox(), call, "interrupt");
        assert!(sandbox().add_handler_with(call, continuing(), allowing()).is_ok());
    }
}

#[test]
fn close_and_clone_work_where_the_caller_accepts_interruptions() {
    let notes = Notes::new();
    let allowing = || HandlerOptions::new().allow_interruptible(true);
    let sandbox = sandbox()
        .add_handler_with("close", notes.taken(|cx| cx.syscall().name()), allowing())
        .unwrap()
        .add_handler_with("clone", notes.taken(|cx| cx.syscall().name()), allowing())
        .unwrap()
        .add_handler_with("wait4", notes.taken(|cx| cx.syscall().name()), allowing())
        .unwrap();
    let open = calls! {
        openat(libc::AT_FDCWD, "/usr", libc::O_RDONLY); close(crate::calls::Answer(0))
    };
    assert_eq!(line(&sandbox, &open), "close ok 0");
    assert_eq!(prints(&sandbox, &["processes"]), "fork ok 7\nspawn ok 8");
    let seen = notes.take();
    for call in ["close", "clone", "wait4"] {
        assert!(seen.contains(&call), "{seen:?}");
    }
    let this = allowing().when(When::arg(0).eq(99));
    let refusing = sandbox.add_handler_with("close", refusing(libc::EIO), this).unwrap();
    assert_eq!(line(&refusing, &calls! { close(99) }), "close EIO");
    assert_eq!(line(&refusing, &calls! { close(98) }), "close EBADF");
}

/// How many threads this process has more while a program waits in a run, and in a spawn.
fn threads_of_a_run(sandbox: &Sandbox) -> (usize, usize) {
    let before = Census::take();
    let (input, hold) = std::io::pipe().unwrap();
    let launch = sandlock::Launch::new([GUEST, "echo"]).stdin(std::os::fd::OwnedFd::from(input));
    let counts = std::thread::scope(|scope| {
        let running = scope.spawn(|| sandbox.run(launch).unwrap());
        eventually(|| Census::take().children() > before.children());
        // The thread that runs it is there, and whoever it has started.
        let in_run = Census::take().threads() - before.threads() - 1;
        drop(hold);
        assert!(running.join().unwrap().success());
        in_run
    });
    before.expect_again();
    let child = sandbox.spawn([GUEST, "hang"]).unwrap();
    let in_spawn = Census::take().threads() - before.threads();
    drop(child);
    before.expect_again();
    (counts, in_spawn)
}

#[test]
fn without_handlers_there_is_no_thread_more() {
    if !alone(here!()) {
        return;
    }
    let begun = Census::take();
    let plain = sandbox();
    let asked = plain.clone().add_handler("uname", continuing()).unwrap();
    // The first registration asks the kernel what it can do, in a thread that has ended.
    begun.with_descriptors_of(&Census::take()).expect_again();
    // What they keep for their runs is there after the first.
    for sandbox in [&plain, &asked] {
        assert!(sandbox.run([GUEST, "exit", "0"]).unwrap().success());
    }
    assert_eq!(threads_of_a_run(&plain), (0, 1));
    // The twin: one that answers calls.
    assert_eq!(threads_of_a_run(&asked), (1, 2));
}

#[test]
fn without_handlers_nobody_is_asked_and_the_program_has_one_filter_less() {
    let with_proc = || sandbox_of(policy().fs_read("/proc"));
    let filters = |sandbox: &Sandbox| {
        let printed = prints(sandbox, &["read", "/proc/self/status"]);
        let count = printed.split("Seccomp_filters:\\t").nth(1).unwrap();
        count.split('\\').next().unwrap().parse::<u32>().unwrap()
    };
    let plain = filters(&with_proc());
    let asked = with_proc().add_handler("uname", continuing()).unwrap();
    assert_eq!(filters(&asked), plain + 1);
}

/// A handler on one call is asked about no other.
#[test]
fn only_registered_calls_come_to_a_handler() {
    let notes = Notes::new();
    let look = |cx: &HandlerCtx<'_>| (cx.syscall().name(), cx.args(), cx.arch());
    let sandbox = sandbox().add_handler("getppid", notes.taken(look)).unwrap();
    let calls = calls! {
        uname([0u8; 390]); getppid(1, -2, 3i64 << 40, 4, 5, 6); getpid(); gettid()
    };
    assert_eq!(lines(&sandbox, &calls).len(), 4);
    let arguments = [1, -2i64 as u64, 3 << 40, 4, 5, 6];
    assert_eq!(notes.take(), [("getppid", arguments, sandlock::Arch::NATIVE)]);
}

#[test]
fn each_call_has_an_id_of_its_own_and_an_instruction_of_the_program() {
    let notes = Notes::new();
    let look = |cx: &HandlerCtx<'_>| (cx.id(), cx.instruction_pointer());
    let sandbox = sandbox().add_handler("getppid", notes.taken(look)).unwrap();
    lines(&sandbox, &calls! { getppid(); getppid(); getppid() });
    let seen = notes.take();
    assert_eq!(seen.len(), 3);
    assert!(seen[0].0 != seen[1].0 && seen[1].0 != seen[2].0 && seen[0].0 != seen[2].0);
    assert!(seen.iter().all(|(_, at)| *at == seen[0].1 && *at > 4096), "{seen:?}");
}

/// Notes what it sees, in the order in which it does.
struct Watching(Notes<String>);

impl Observer for Watching {
    fn call(&self, cx: &HandlerCtx<'_>) {
        self.0.note(format!("call of {}", cx.syscall()));
    }

    fn verdict(&self, _: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        self.0.note(format!("{:?} by {}", verdict.outcome, verdict.by));
    }
}

#[test]
fn observers_see_a_call_first_and_then_its_verdict() {
    let notes = Notes::new();
    let noting = notes.clone();
    let between = move |_: &HandlerCtx<'_>| {
        noting.note("handler".to_owned());
        NotifAction::Continue
    };
    let base = || {
        sandbox()
            .add_handler("uname", between.clone())
            .unwrap()
            .add_observer("uname", Watching(notes.clone()))
            .unwrap()
    };
    assert_eq!(line(&base(), &uname()), "uname ok 0");
    assert_eq!(notes.take(), ["call of uname", "handler", "Continue by policy"]);
    let named = || HandlerOptions::new().name("judge");
    let answers = [
        (NotifAction::Errno(libc::EACCES), "Refused(13) by judge", "uname EACCES"),
        (NotifAction::ReturnValue(7), "Answered(7) by judge", "uname ok 7"),
        (NotifAction::ReturnValue(-2), "Refused(2) by judge", "uname ENOENT"),
        (NotifAction::InjectBytes(b"text".to_vec()), "Injected by judge", "uname ok 3"),
    ];
    for (answer, verdict, printed) in answers {
        let answer = std::sync::Mutex::new(Some(answer));
        let judge = move |_: &HandlerCtx<'_>| {
            answer.lock().unwrap().take().unwrap_or(NotifAction::Continue)
        };
        let sandbox = base().add_handler_with("uname", judge, named()).unwrap();
        assert_eq!(line(&sandbox, &uname()), printed);
        assert_eq!(notes.take(), ["call of uname", "handler", verdict]);
    }
    let sandbox = base()
        .add_handler_with("uname", |_: &HandlerCtx<'_>| NotifAction::KillSandbox, named())
        .unwrap();
    let output = sandbox.run(sandlock::Launch::new([GUEST]).args(uname().action("calls"))).unwrap();
    assert_eq!(output.reason(), sandlock::Reason::Killed);
    assert_eq!(notes.take(), ["call of uname", "handler", "Killed by judge"]);
}

#[test]
fn a_handler_without_a_name_has_that_of_its_type() {
    struct Judge;
    impl sandlock::Handler for Judge {
        fn handle(&self, _: &HandlerCtx<'_>) -> NotifAction {
            NotifAction::Errno(libc::EACCES)
        }
    }
    let notes = Notes::new();
    let sandbox = sandbox()
        .add_handler("uname", Judge)
        .unwrap()
        .add_observer("uname", Verdicts(notes.clone()))
        .unwrap();
    assert_eq!(line(&sandbox, &uname()), "uname EACCES");
    let seen = notes.take();
    assert!(seen[0].ends_with("Judge"), "{seen:?}");
}

/// What the filter of the policy refuses in the kernel, not even an observer sees.
#[test]
fn a_refusal_by_the_filter_is_seen_by_nobody() {
    let notes = Notes::new();
    let sandbox = sandbox().add_observer("ioctl", Watching(notes.clone())).unwrap();
    let ioctl = |command: u32| {
        Calls::default().then("ioctl", &[0.into(), command.into(), Argument::from("x")])
    };
    assert_eq!(line(&sandbox, &ioctl(0x5412)), "ioctl EPERM");
    assert_eq!(notes.take(), [""; 0]);
    assert_eq!(line(&sandbox, &ioctl(0x5413)), "ioctl ENOTTY");
    assert_eq!(notes.take(), ["call of ioctl", "Continue by policy"]);
}

/// One sandbox that is changed later is another one; several runs share a handler's state.
#[test]
fn a_handler_serves_all_runs_of_its_sandbox_and_of_its_clones() {
    let counter = Arc::new(AtomicI64::new(0));
    let counting = Arc::clone(&counter);
    let count =
        move |_: &HandlerCtx<'_>| NotifAction::ReturnValue(counting.fetch_add(1, SeqCst) + 1);
    let plain = sandbox();
    let counted = plain.clone().add_handler("getppid", count).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    line(&counted.clone(), &calls! { getppid() });
                }
            });
        }
    });
    assert_eq!(counter.load(SeqCst), 40);
    assert_eq!(line(&counted, &calls! { getppid() }), "getppid ok 41");
    line(&plain, &calls! { getppid() });
    assert_eq!(counter.load(SeqCst), 41);
}
