//! Calls that handlers answer, against a bare loop that answers the same ones; and calls that they
//! are not asked about, against a sandbox without handlers.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use sandlock::{
    Audit, Count, HandlerCtx, HandlerOptions, NotifAction, Observer, Return, Sandbox, Syscall,
    TaskError, Verdict, When,
};

use crate::rounds::{interleave, median};
use crate::table::{Amount, Row, Unit};
use crate::trapped::{across_sessions, bare, inside, row, run, sandbox};

const ANSWER_GOAL: f64 = 1.2;
const CHAIN_GOAL: f64 = 1.3;
const EXCLUDED_GOAL: f64 = 1.05;
const LATENCY_GOAL: f64 = 1e6;
const ROUNDS: usize = 25;
const LATENCY_ROUNDS: usize = 5;

/// What the program expects of answered calls.
const ANSWER: i64 = 42;
const DEADLINE: Duration = Duration::from_secs(5);

pub(crate) fn rows() -> Vec<Row> {
    [answered(), ready(), audited(), excluded(), opened()].into_iter().flatten().collect()
}

fn answered() -> Vec<Row> {
    let one = handled(Syscall::GETPPID, answer);
    let chain = chained();
    let path = handled(Syscall::CHDIR, answer_path);
    let options = HandlerOptions::new().pooled(DEADLINE);
    let pooled = sandbox().add_handler_with(Syscall::GETPPID, answer, options).expect("handled");
    let [floor, session_floor, path_floor, path_session_floor, one, chain, path, pooled] =
        interleave(
            [
                bare("answered"),
                across_sessions("answered"),
                bare("path"),
                across_sessions("path"),
                inside(&one, "answered"),
                inside(&chain, "answered"),
                inside(&path, "path"),
                inside(&pooled, "answered"),
            ],
            ROUNDS,
        );
    vec![
        row("a handler's answer", &floor, &one, Some(ANSWER_GOAL)),
        row("the same, to a loop across sessions", &session_floor, &one, None),
        row("with observer and two handlers", &floor, &chain, Some(CHAIN_GOAL)),
        row("with a path of 64 bytes", &path_floor, &path, Some(ANSWER_GOAL)),
        row("the same, to a loop across sessions", &path_session_floor, &path, None),
        row("a pooled handler's answer", &floor, &pooled, None),
    ]
}

/// Handlers and observers that come with the library.
fn ready() -> Vec<Row> {
    let returned = handled(Syscall::GETPPID, Return::new(ANSWER));
    let count = Count::new();
    let counted = sandbox().add_observer(Syscall::GETPPID, count.clone()).expect("observed");
    let both = returned.clone().add_observer(Syscall::GETPPID, count).expect("observed");
    let [floor, continued_floor, returned, counted, both] = interleave(
        [
            bare("answered"),
            bare("getppid"),
            inside(&returned, "answered"),
            inside(&counted, "getppid"),
            inside(&both, "answered"),
        ],
        ROUNDS,
    );
    vec![
        row("Return", &floor, &returned, Some(ANSWER_GOAL)),
        row("Count", &continued_floor, &counted, Some(ANSWER_GOAL)),
        row("Count and Return", &floor, &both, Some(ANSWER_GOAL)),
    ]
}

/// By themselves: their files keep the kernel busy afterwards.
fn audited() -> Vec<Row> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let audit = Audit::to_file(file.path()).expect("it can be opened");
    let audited = |syscall| {
        let sandbox = handled(syscall, Return::new(ANSWER));
        sandbox.add_observer(syscall, audit.clone()).expect("observed")
    };
    let (plain, path) = (audited(Syscall::GETPPID), audited(Syscall::CHDIR));
    let [floor, path_floor, plain, path] = interleave(
        [bare("answered"), bare("path"), inside(&plain, "answered"), inside(&path, "path")],
        ROUNDS,
    );
    assert_eq!(audit.dropped(), 0, "every call is recorded");
    vec![
        row("Audit to a file, and Return", &floor, &plain, None),
        row("the same with a path of 64 bytes", &path_floor, &path, None),
    ]
}

/// The first argument of every call is another one than the condition's.
fn excluded() -> Vec<Row> {
    let without = sandbox();
    let when = |syscall, condition| {
        let options = HandlerOptions::new().when(condition);
        sandbox().add_handler_with(syscall, answer, options).expect("handled")
    };
    let getppid = when(Syscall::GETPPID, When::arg(0).eq(1));
    let fcntl = when(Syscall::FCNTL, When::arg(0).eq(1000));
    let open = when(Syscall::OPENAT, When::arg(2).masked_eq(libc::O_ACCMODE as u64, 1));
    let [getppid_floor, getppid, fcntl_floor, fcntl, open_floor, open, other] = interleave(
        [
            inside(&without, "getppid"),
            inside(&getppid, "getppid"),
            inside(&without, "fcntl"),
            inside(&fcntl, "fcntl"),
            inside(&without, "open"),
            inside(&open, "open"),
            inside(&fcntl, "getppid"),
        ],
        ROUNDS,
    );
    let goal = Some(EXCLUDED_GOAL);
    vec![
        row("open+close, excluded by When", &open_floor, &open, goal),
        // What one more filter costs shows in calls that do next to nothing.
        row("fcntl, excluded by When", &fcntl_floor, &fcntl, None),
        row("getppid, excluded by When", &getppid_floor, &getppid, None),
        row("getppid beside a trapped call", &getppid_floor, &other, goal),
    ]
}

fn opened() -> Vec<Row> {
    let without = sandbox();
    let file: OwnedFd = File::open("/etc/passwd").expect("/etc/passwd").into();
    let fd = on_marked_open(move |_: &HandlerCtx<'_>| match file.try_clone() {
        Ok(fd) => NotifAction::InjectFd { fd, cloexec: true },
        Err(_) => NotifAction::KillSandbox,
    });
    let bytes = on_marked_open(|_: &HandlerCtx<'_>| NotifAction::InjectBytes(vec![b'x'; 64]));
    let open = on_marked_open(|cx: &HandlerCtx<'_>| cx.open_for_child(&cx.open_request()?));
    let [plain, fd, bytes, open] = interleave(
        [
            inside(&without, "open"),
            inside(&fd, "open"),
            inside(&bytes, "open"),
            inside(&open, "open"),
        ],
        ROUNDS,
    );
    vec![
        row("InjectFd, to open+close", &plain, &fd, None),
        row("InjectBytes, to open+close", &plain, &bytes, None),
        row("open_for_child, to open+close", &plain, &open, None),
    ]
}

/// The 99th percentile of answered calls while a pooled handler sleeps.
pub(crate) fn latency() -> Amount {
    let asleep = Arc::new(AtomicU64::new(0));
    let sleeps = Arc::clone(&asleep);
    let sleep = move |_: &HandlerCtx<'_>| {
        sleeps.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(20));
        NotifAction::ReturnValue(ANSWER)
    };
    // Nobody is asleep at first.
    let answer = move |cx: &HandlerCtx<'_>| match asleep.load(Ordering::Relaxed) {
        0 => NotifAction::ReturnValue(0),
        _ => answer(cx),
    };
    let options = HandlerOptions::new().pooled(DEADLINE);
    let sandbox = handled(Syscall::GETPPID, answer)
        .add_handler_with(Syscall::CHDIR, sleep, options)
        .expect("handled");
    let rounds = (0..LATENCY_ROUNDS).map(|_| run(&sandbox, "latency"));
    let name = "p99 beside a sleeping handler";
    Amount { name, ours: median(rounds), goal: LATENCY_GOAL, unit: Unit::Nanoseconds }
}

pub(crate) fn answer(_: &HandlerCtx<'_>) -> NotifAction {
    NotifAction::ReturnValue(ANSWER)
}

pub(crate) fn answer_path(cx: &HandlerCtx<'_>) -> Result<NotifAction, TaskError> {
    let is_asked_for = cx.path_arg(0)?.as_os_str().len() == 63;
    Ok(NotifAction::ReturnValue(if is_asked_for { ANSWER } else { 0 }))
}

/// An observer, a handler that lets calls through, and one that answers.
pub(crate) fn chained() -> Sandbox {
    handled(Syscall::GETPPID, |_: &HandlerCtx<'_>| NotifAction::Continue)
        .add_handler(Syscall::GETPPID, answer)
        .and_then(|sandbox| sandbox.add_observer(Syscall::GETPPID, Calls::default()))
        .expect("observed")
}

#[derive(Default)]
struct Calls(AtomicU64);

impl Observer for Calls {
    fn call(&self, _: &HandlerCtx<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn verdict(&self, _: &HandlerCtx<'_>, _: &Verdict<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn handled(syscall: Syscall, handler: impl sandlock::Handler) -> Sandbox {
    sandbox().add_handler(syscall, handler).expect("handled")
}

/// Asks about the opens of the program's subject alone, not about those of its start.
fn on_marked_open(handler: impl sandlock::Handler) -> Sandbox {
    let mark = libc::O_NOFOLLOW as u64;
    let options = HandlerOptions::new().when(When::arg(2).masked_eq(mark, mark));
    sandbox().add_handler_with(Syscall::OPENAT, handler, options).expect("handled")
}
