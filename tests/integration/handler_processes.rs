//! Threads, forks, programs and signals under notification.

use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sandlock::{
    ErrorKind, HandlerCtx, HandlerOptions, Host, Launch, NotifAction, OnError, Reason, Sandbox,
};

use crate::asked::{Notes, Verdicts, continuing, line, prints, refusing, sandbox, sandbox_of};
use crate::calls::calls;
use crate::harness::{GUEST, policy, require};

#[test]
fn the_id_of_a_call_is_that_of_the_thread() {
    let notes = Notes::new();
    let sandbox = sandbox().add_handler("getppid", notes.taken(|cx| cx.pid())).unwrap();
    let printed = prints(&sandbox, &["thread-calls", &libc::SYS_getppid.to_string()]);
    let ids: Vec<u32> = printed
        .lines()
        .step_by(2)
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(ids.len(), 2, "{printed}");
    assert_ne!(ids[0], ids[1]);
    assert_eq!(notes.take(), ids);
}

#[test]
fn forks_threads_and_programs_of_the_program_are_asked_too() {
    let number = libc::SYS_getppid.to_string();
    let action = ["family-of-calls", number.as_str()];
    let answer = Arc::new(AtomicI64::new(100));
    let counting = Arc::clone(&answer);
    let count = move |_: &HandlerCtx<'_>| NotifAction::ReturnValue(counting.fetch_add(1, SeqCst));
    let sandbox = sandbox().add_handler("getppid", count).unwrap();
    let printed = prints(&sandbox, &action);
    let expected =
        ["process ok 100", "fork ok 101", "thread ok 102", "program ok 103", "spawn ok 0"];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
}

/// posix_spawn(3) is vfork(2), some calls, and execve(2).
#[test]
fn calls_between_vfork_and_exec_are_asked_about() {
    let notes = Notes::new();
    let look = |cx: &HandlerCtx<'_>| (cx.syscall().name(), cx.pid());
    let sandbox = sandbox()
        .add_handler("execve", notes.taken(look))
        .unwrap()
        .add_handler("rt_sigprocmask", notes.taken(look))
        .unwrap();
    assert_eq!(prints(&sandbox, &["processes"]), "fork ok 7\nspawn ok 8");
    let seen = notes.take();
    let execs: Vec<u32> =
        seen.iter().filter(|(name, _)| *name == "execve").map(|(_, pid)| *pid).collect();
    assert_eq!(execs.len(), 2, "{seen:?}");
    assert!(seen.contains(&("rt_sigprocmask", execs[1])), "{seen:?}");
}

#[test]
fn a_handler_of_execve_sees_the_programs_own_start() {
    let notes = Notes::new();
    let path = |cx: &HandlerCtx<'_>| cx.path_arg(0).unwrap();
    let sandbox = sandbox().add_handler("execve", notes.taken(path)).unwrap();
    assert_eq!(sandbox.run([GUEST, "exit", "3"]).unwrap().code(), Some(3));
    assert_eq!(notes.take(), [std::path::PathBuf::from(GUEST)]);
    let child = sandbox.spawn([GUEST, "exit", "4"]).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert_eq!(notes.take().len(), 1);
}

/// The library makes these itself, between the filter that asks and the program.
#[test]
fn the_librarys_own_calls_are_not_asked_about() {
    let names = ["close_range", "dup3", "prlimit64", "seccomp"];
    let notes = Notes::new();
    let all = names.into_iter().fold(sandbox_of(policy().max_open_files(64)), |sandbox, name| {
        let notes = notes.clone();
        let refuse = move |cx: &HandlerCtx<'_>| {
            notes.note(cx.syscall().name());
            NotifAction::Errno(libc::EXDEV)
        };
        let options = HandlerOptions::new().allow_interruptible(true);
        sandbox.add_handler_with(name, refuse, options).unwrap()
    });
    assert_eq!(all.run([GUEST, "exit", "3"]).unwrap().code(), Some(3));
    let seen = notes.take();
    // The program's own runtime may ask for limits.
    assert!(seen.iter().all(|name| *name == "prlimit64"), "{seen:?}");
    // The twin: the program's are.
    assert_eq!(line(&all, &calls! { dup3(0, 9, 0) }), "dup3 EXDEV");
}

#[test]
fn a_handler_of_execve_can_refuse_the_programs_own_start() {
    let refused = sandbox().add_handler("execve", refusing(libc::EACCES)).unwrap();
    for error in [
        refused.run([GUEST, "exit", "3"]).unwrap_err(),
        refused.spawn([GUEST, "exit", "3"]).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::CannotExecute, "{error}");
        assert_eq!(error.errno(), Some(libc::EACCES));
        assert!(error.hint().unwrap().contains("handler"), "{error}");
    }
    let options = HandlerOptions::new().name("judge").on_error(OnError::Deny(libc::ENOENT));
    let failing = |_: &HandlerCtx<'_>| NotifAction::Fail("asleep".into());
    let failing = sandbox().add_handler_with("execve", failing, options).unwrap();
    let error = failing.run([GUEST, "exit", "3"]).unwrap_err();
    assert_eq!(error.handler_error().unwrap().handler, "judge");
    assert!(error.to_string().contains("handler judge of execve: asleep"), "{error}");
    let killing =
        sandbox().add_handler("execve", |_: &HandlerCtx<'_>| NotifAction::KillSandbox).unwrap();
    assert_eq!(killing.run([GUEST, "exit", "3"]).unwrap().reason(), Reason::Killed);
    let child = killing.spawn([GUEST, "exit", "3"]);
    assert_eq!(child.and_then(|child| child.wait()).unwrap().reason(), Reason::Killed);
    // A value is no program: it must not count as one that was executed.
    let lying =
        sandbox().add_handler("execve", |_: &HandlerCtx<'_>| NotifAction::ReturnValue(0)).unwrap();
    let error = lying.run([GUEST, "exit", "0"]).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::CannotExecute, None), "{error}");
}

#[test]
fn a_panic_about_the_programs_own_start_is_the_error_of_the_run() {
    let panicking = |_: &HandlerCtx<'_>| -> NotifAction { panic!("no ideas") };
    let sandbox = sandbox().add_handler("execve", panicking).unwrap();
    for error in [
        sandbox.run([GUEST, "exit", "3"]).unwrap_err(),
        sandbox.spawn([GUEST, "exit", "3"]).and_then(|child| child.wait()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Handler, "{error}");
        assert!(error.to_string().contains("no ideas"), "{error}");
    }
}

/// A program that another one starts is refused, and the rest of that goes on.
#[test]
fn a_program_that_the_program_starts_can_be_refused() {
    let only_guest = |cx: &HandlerCtx<'_>| match cx.path_arg(0) {
        Ok(path) if path.as_os_str().as_bytes().ends_with(b"/true") => {
            NotifAction::Errno(libc::EACCES)
        }
        _ => NotifAction::Continue,
    };
    let with_null = || policy().fs_write("/dev/null");
    let sandbox = sandbox_of(with_null()).add_handler("execve", only_guest).unwrap();
    let script = "/usr/bin/true 2>/dev/null; echo $?";
    assert_eq!(sandbox.run(["sh", "-c", script]).unwrap().stdout(), b"126\n");
    assert_eq!(sandbox_of(with_null()).run(["sh", "-c", script]).unwrap().stdout(), b"0\n");
}

/// Each pipeline forks three times and opens libraries in two of them.
#[test]
fn pipelines_of_a_shell_work_under_handlers() {
    let opened = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&opened);
    let in_place = move |cx: &HandlerCtx<'_>| {
        counting.fetch_add(1, SeqCst);
        cx.open_request().and_then(|request| cx.open_for_child(&request))
    };
    let script = "i=0; while [ $i -lt 60 ]; do echo abc | cat | cat; i=$((i+1)); done";
    let base = || sandbox().add_handler("uname", continuing()).unwrap();
    let handlers = [
        base().add_handler("openat", continuing()).unwrap(),
        base().add_handler("openat", in_place).unwrap(),
        base()
            .add_handler_with(
                "openat",
                continuing(),
                HandlerOptions::new().pooled(Duration::from_secs(60)),
            )
            .unwrap(),
    ];
    for sandbox in handlers {
        let output = sandbox.run(["sh", "-c", script]).unwrap();
        let errors = String::from_utf8_lossy(output.stderr()).into_owned();
        assert!(output.success() && errors.is_empty(), "{output:?} {errors}");
        assert_eq!(String::from_utf8_lossy(output.stdout()).trim_end(), ["abc"; 60].join("\n"));
    }
    assert!(opened.load(SeqCst) > 120);
}

/// A signal that comes while a handler takes long interrupts nothing: each answer arrives.
#[test]
fn signals_lose_no_answer() {
    require!(Host::current().notifications().wait_killable_recv, "needs WAIT_KILLABLE_RECV");
    let (answer, verdicts) = (Arc::new(AtomicI64::new(0)), Notes::new());
    let counting = Arc::clone(&answer);
    let take_long = move |_: &HandlerCtx<'_>| {
        // Several times as long as the timer of the program takes.
        std::thread::sleep(Duration::from_millis(5));
        NotifAction::ReturnValue(counting.fetch_add(1, SeqCst) + 1)
    };
    let inline = HandlerOptions::new;
    for options in [inline(), inline().pooled(Duration::from_secs(60))] {
        answer.store(0, SeqCst);
        let sandbox = sandbox()
            .add_handler_with("getppid", take_long.clone(), options)
            .unwrap()
            .add_observer("getppid", Verdicts(verdicts.clone()))
            .unwrap();
        let printed = prints(&sandbox, &["under-signals", &libc::SYS_getppid.to_string(), "100"]);
        let mut lines: Vec<&str> = printed.lines().collect();
        let ticks: u64 = lines.pop().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        // Those that come while it waits come as one.
        assert!(ticks > 50, "{ticks}");
        // One that came before the supervisor had received the call interrupts it: nobody was asked.
        let answers: Vec<i64> = lines
            .iter()
            .filter(|line| **line != "call EINTR")
            .map(|line| line.strip_prefix("call ok ").unwrap().parse().unwrap())
            .collect();
        assert_eq!(answers, (1..=answer.load(SeqCst)).collect::<Vec<_>>());
        assert!(answers.len() > 50, "{printed}");
        let seen = verdicts.take();
        assert_eq!(seen.len(), answers.len());
        assert!(seen.iter().all(|verdict| verdict.contains("Answered")), "{seen:?}");
    }
}

/// The same for descriptors: none is left behind by an answer that did not arrive.
#[test]
fn signals_lose_no_descriptor() {
    require!(Host::current().notifications().wait_killable_recv, "needs WAIT_KILLABLE_RECV");
    let inject = |_: &HandlerCtx<'_>| {
        std::thread::sleep(Duration::from_millis(2));
        NotifAction::InjectBytes(b"text".to_vec())
    };
    let sandbox = sandbox().add_handler("getppid", inject).unwrap();
    let printed = prints(&sandbox, &["under-signals", &libc::SYS_getppid.to_string(), "100"]);
    let numbers: Vec<i64> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("call ok "))
        .map(|number| number.parse().unwrap())
        .collect();
    let first = numbers[0];
    assert_eq!(numbers, (first..first + numbers.len() as i64).collect::<Vec<_>>());
    assert!(numbers.len() > 50, "{printed}");
}

#[test]
fn a_handler_can_run_another_sandbox() {
    let inner = sandbox().add_handler("getppid", refusing(libc::EXDEV)).unwrap();
    let nested = move |_: &HandlerCtx<'_>| {
        let output =
            inner.run(Launch::new([GUEST]).args(calls! { getppid() }.action("calls"))).unwrap();
        assert_eq!(output.stdout(), b"getppid EXDEV\n");
        let child = inner.spawn([GUEST, "exit", "9"]).unwrap();
        NotifAction::ReturnValue(child.wait().unwrap().code().unwrap().into())
    };
    let inline = HandlerOptions::new;
    for options in [inline(), inline().pooled(Duration::from_secs(60))] {
        let outer = sandbox().add_handler_with("getppid", nested.clone(), options).unwrap();
        assert_eq!(line(&outer, &calls! { getppid() }), "getppid ok 9");
    }
}

#[test]
fn a_handler_can_run_its_own_sandbox() {
    let own: Arc<OnceLock<Sandbox>> = Arc::default();
    let (inside, depth) = (Arc::clone(&own), AtomicI64::new(0));
    let nested = move |_: &HandlerCtx<'_>| {
        let level = depth.fetch_add(1, SeqCst) + 1;
        if level < 4 {
            let printed = line(inside.get().unwrap(), &calls! { getppid() });
            assert_eq!(printed, format!("getppid ok {}", level + 1));
        }
        NotifAction::ReturnValue(level)
    };
    let sandbox = sandbox().add_handler("getppid", nested).unwrap();
    own.set(sandbox.clone()).unwrap();
    assert_eq!(line(&sandbox, &calls! { getppid() }), "getppid ok 1");
}

/// A program may put a filter on itself; one with a listener is refused by the policy.
#[test]
fn a_filter_of_the_program_itself_is_kept_apart() {
    let sandbox = sandbox().add_handler("getppid", refusing(libc::EXDEV)).unwrap();
    let number = libc::SYS_getppid.to_string();
    let denial = format!("{number}={}", libc::EIO);
    let action = ["deny", &denial, "--", GUEST, "calls", "getppid", &number];
    // The refusal in the kernel outranks the question.
    assert_eq!(prints(&sandbox, &action), "getppid EIO");
    assert_eq!(line(&sandbox, &calls! { getppid() }), "getppid EXDEV");
}

#[test]
fn many_programs_of_one_sandbox_are_answered_at_once() {
    let answer = Arc::new(AtomicI64::new(0));
    let counting = Arc::clone(&answer);
    let count = move |_: &HandlerCtx<'_>| NotifAction::ReturnValue(counting.fetch_add(1, SeqCst));
    let sandbox = sandbox().add_handler("getppid", count).unwrap();
    let number = libc::SYS_getppid.to_string();
    let launches = (0..24).map(|_| [GUEST, "crowd", "8", &number]);
    for output in sandbox.run_all(launches, 8) {
        assert_eq!(output.unwrap().stdout(), b"crowd ok 8\n");
    }
    assert_eq!(answer.load(SeqCst), 24 * 8);
}
