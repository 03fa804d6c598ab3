//! The dispatcher on a fake listener: no kernel, no program.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use libc::{seccomp_data, seccomp_notif};
use proptest::prelude::*;

use super::chain::{Link, Rank, Registered, Table};
use super::deputy::Deputy;
use super::dispatcher::{Calls, Dispatcher};
use super::journal::Findings;
use crate::handler::{
    HandlerCtx, Mode, NotifAction, Observer, OnError, Outcome, TaskError, Verdict, When,
};
use crate::plan::Stage;
use crate::sys::listener::{Answer, Placing, Received};
use crate::sys::raw::Errno;
use crate::syscall::Syscall;

/// What a listener would do, by a script, and what it was told.
#[derive(Default)]
struct Fake {
    script: Mutex<VecDeque<Next>>,
    told: Mutex<Told>,
    changed: Condvar,
    setting_up: AtomicBool,
    /// Ids whose tasks have ended.
    dead: Mutex<Vec<u64>>,
    /// What sending and adding fail with.
    send_error: Mutex<Option<Errno>>,
    add_error: Mutex<Option<Errno>>,
    two_steps: AtomicBool,
    abandoned: AtomicBool,
    /// Whether the keeper cannot be asked.
    cannot_end: AtomicBool,
}

enum Next {
    Call(seccomp_notif),
    Nothing,
    Fail(Errno),
    Panic,
    /// The next comes when so many calls are answered, or killed for.
    Wait(usize),
    /// The end comes when so many calls are answered, or killed for.
    EndAfter(usize),
}

#[derive(Clone, Debug, Default)]
struct Told {
    answers: Vec<(u64, Answer)>,
    placings: Vec<(u64, Placing)>,
    kills: usize,
}

impl Fake {
    /// Waits until so many calls are answered, or killed for.
    fn wait_for(&self, count: usize) {
        let told = self.told.lock().unwrap();
        let is_waiting = |told: &mut Told| told.answers.len() + told.kills < count;
        let waited = self.changed.wait_timeout_while(told, PATIENCE, is_waiting).unwrap();
        assert!(!waited.1.timed_out(), "unanswered: {:?}", waited.0);
    }
}

impl Calls for Arc<Fake> {
    fn receive(&self) -> Result<Received, Errno> {
        match self.script.lock().unwrap().pop_front() {
            Some(Next::Call(call)) => Ok(Received::Call(call)),
            Some(Next::Nothing) => Ok(Received::Nothing),
            Some(Next::Fail(errno)) => Err(errno),
            Some(Next::Panic) => panic!("for this test"),
            Some(Next::Wait(count)) => {
                self.wait_for(count);
                Ok(Received::Nothing)
            }
            Some(Next::EndAfter(count)) => {
                self.wait_for(count);
                Ok(Received::End)
            }
            None => Ok(Received::End),
        }
    }

    fn send(&self, id: u64, answer: Answer) -> Result<(), Errno> {
        let error = *self.send_error.lock().unwrap();
        let dead = self.dead.lock().unwrap().contains(&id);
        match error {
            _ if dead => return Err(libc::ENOENT),
            Some(errno) => return Err(errno),
            None => {}
        }
        self.told.lock().unwrap().answers.push((id, answer));
        self.changed.notify_all();
        Ok(())
    }

    fn is_waiting(&self, id: u64) -> bool {
        !self.dead.lock().unwrap().contains(&id)
    }

    fn add_fd(&self, id: u64, _: BorrowedFd, placing: Placing) -> Result<i32, Errno> {
        if let Some(errno) = *self.add_error.lock().unwrap() {
            return Err(errno);
        }
        let mut told = self.told.lock().unwrap();
        told.placings.push((id, placing));
        if placing.answers {
            told.answers.push((id, Answer::Value(7)));
            self.changed.notify_all();
        }
        Ok(7)
    }

    fn is_killable_only(&self) -> bool {
        self.two_steps.load(Ordering::SeqCst)
    }

    fn is_setting_up(&self) -> bool {
        self.setting_up.load(Ordering::SeqCst)
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    fn shares_memory(&self) -> bool {
        false
    }

    fn keeper(&self) -> i32 {
        0
    }

    fn end_tree(&self) -> bool {
        self.told.lock().unwrap().kills += 1;
        self.changed.notify_all();
        !self.cannot_end.load(Ordering::SeqCst)
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
const EPERM: Answer = Answer::Errno(libc::EPERM);
const EACCES: NotifAction = NotifAction::Errno(libc::EACCES);

/// Call `id` of `syscall`, made by this very thread.
fn call(id: u64, syscall: Syscall, args: [u64; 6]) -> Next {
    let data = seccomp_data { nr: syscall.nr() as i32, arch: 0, instruction_pointer: 0, args };
    let pid = nix::unistd::gettid().as_raw().cast_unsigned();
    Next::Call(seccomp_notif { id, pid, flags: 0, data })
}

fn uname(id: u64) -> Next {
    call(id, Syscall::UNAME, [0; 6])
}

/// A chain for uname, and the fake that its calls come from.
#[derive(Default)]
struct Scene {
    table: Table,
    fake: Arc<Fake>,
}

impl Scene {
    fn link(
        &mut self,
        rank: Rank,
        name: &str,
        handler: impl Fn(&HandlerCtx<'_>) -> NotifAction + Send + Sync + 'static,
    ) -> &mut Link {
        let chain = self.table.chain_mut(Syscall::UNAME);
        chain.add(Link {
            rank,
            name: name.into(),
            when: Vec::new(),
            mode: Mode::Inline,
            on_error: OnError::Kill,
            handler: Arc::new(handler),
        });
        chain.links.iter_mut().find(|link| *link.name == *name).unwrap()
    }

    fn after(
        &mut self,
        name: &str,
        handler: impl Fn(&HandlerCtx<'_>) -> NotifAction + Send + Sync + 'static,
    ) -> &mut Link {
        self.link(Rank::After, name, handler)
    }

    fn observe(&mut self, observer: impl Observer) -> &mut Registered {
        let chain = self.table.chain_mut(Syscall::UNAME);
        let (name, observer) = ("registered".into(), Arc::new(observer));
        chain.observers.push(Registered { name, when: Vec::new(), observer });
        chain.observers.last_mut().unwrap()
    }

    /// Serves `script` to its end: what the listener was told, and what was found.
    fn serve(self, script: impl IntoIterator<Item = Next>) -> (Told, Findings) {
        let (told, findings, served) = self.try_serve(script);
        served.unwrap();
        (told, findings)
    }

    fn try_serve(
        self,
        script: impl IntoIterator<Item = Next>,
    ) -> (Told, Findings, Result<(), Errno>) {
        self.fake.script.lock().unwrap().extend(script);
        let calls = Box::new(Arc::clone(&self.fake));
        let dispatcher = Dispatcher::new(calls, Arc::new(self.table), Deputy::new(None));
        let served = dispatcher.serve();
        dispatcher.close();
        let told = self.fake.told.lock().unwrap().clone();
        (told, dispatcher.journal().take(), served)
    }
}

/// Verdicts, as an observer is told them.
#[derive(Clone, Default)]
struct Verdicts(Arc<Mutex<Vec<(Outcome, String)>>>);

impl Observer for Verdicts {
    fn call(&self, cx: &HandlerCtx<'_>) {
        assert!(cx.is_waiting());
    }

    fn verdict(&self, cx: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        assert!(!cx.is_waiting());
        assert_eq!(cx.read_child_mem(0, 1), Err(TaskError::Gone));
        self.0.lock().unwrap().push((verdict.outcome, verdict.by.to_owned()));
    }
}

impl Verdicts {
    fn of(&self) -> Vec<(Outcome, String)> {
        self.0.lock().unwrap().clone()
    }
}

/// What one answer becomes: for the listener, and for an observer.
fn outcome_of(action: impl Fn() -> NotifAction + Send + Sync + 'static) -> (Told, Outcome) {
    let (mut scene, verdicts) = (Scene::default(), Verdicts::default());
    scene.after("one", move |_| action());
    scene.observe(verdicts.clone());
    let (told, _) = scene.serve([uname(1)]);
    (told, verdicts.of()[0].0)
}

#[test]
fn each_answer_is_sent_as_it_is() {
    let (told, outcome) = outcome_of(|| EACCES);
    assert_eq!(told.answers, [(1, Answer::Errno(libc::EACCES))]);
    assert_eq!(outcome, Outcome::Refused(libc::EACCES));
    let (told, outcome) = outcome_of(|| NotifAction::ReturnValue(1 << 40));
    assert_eq!(told.answers, [(1, Answer::Value(1 << 40))]);
    assert_eq!(outcome, Outcome::Answered(1 << 40));
    let (told, outcome) = outcome_of(|| NotifAction::ReturnValue(-13));
    assert_eq!(told.answers, [(1, Answer::Value(-13))]);
    assert_eq!(outcome, Outcome::Refused(13), "which is what the program sees");
    let (told, outcome) = outcome_of(|| NotifAction::Continue);
    assert_eq!(told.answers, [(1, Answer::Continue)]);
    assert_eq!(outcome, Outcome::Continue);
    let (told, outcome) = outcome_of(|| NotifAction::KillSandbox);
    assert_eq!((told.answers, told.kills), (vec![], 1), "its task must not run on");
    assert_eq!(outcome, Outcome::Killed);
}

#[test]
fn a_call_is_refused_where_the_tree_cannot_be_ended() {
    let mut scene = Scene::default();
    scene.fake.cannot_end.store(true, Ordering::SeqCst);
    scene.after("one", |_| NotifAction::KillSandbox);
    let (told, _) = scene.serve([uname(1)]);
    assert_eq!((told.answers, told.kills), (vec![(1, EPERM)], 1));
}

#[test]
fn a_descriptor_is_handed_out_in_one_step_or_in_two() {
    for two_steps in [false, true] {
        let mut scene = Scene::default();
        scene.fake.two_steps.store(two_steps, Ordering::SeqCst);
        scene.after("one", |_| NotifAction::InjectBytes(b"text".to_vec()));
        let (told, _) = scene.serve([uname(1)]);
        let placing = Placing { cloexec: true, at: None, answers: !two_steps };
        assert_eq!(told.placings, [(1, placing)]);
        assert_eq!(told.answers, [(1, Answer::Value(7))], "once, in either way");
    }
}

#[test]
fn a_descriptor_that_cannot_be_handed_out_is_a_refusal() {
    for (errno, seen) in [(libc::EMFILE, libc::EMFILE), (libc::ENOMEM, libc::EPERM)] {
        let (mut scene, verdicts) = (Scene::default(), Verdicts::default());
        *scene.fake.add_error.lock().unwrap() = Some(errno);
        scene.after("one", |_| NotifAction::InjectBytes(Vec::new()));
        scene.observe(verdicts.clone());
        let (told, _) = scene.serve([uname(1)]);
        assert_eq!(told.answers, [(1, Answer::Errno(seen))]);
        assert_eq!(verdicts.of()[0].0, Outcome::Refused(seen));
    }
}

#[test]
fn observers_then_before_then_the_stages_then_after_in_the_order_of_registration() {
    let ranks = [Rank::After, Rank::Before, Rank::BuiltIn(Stage::Redirect)]
        .into_iter()
        .chain([Stage::Decide, Stage::Invent, Stage::Account].map(Rank::BuiltIn))
        .chain([Rank::After, Rank::Before]);
    let (mut scene, order) = (Scene::default(), Arc::new(Mutex::new(Vec::new())));
    for (index, rank) in ranks.enumerate() {
        let order = Arc::clone(&order);
        let name = format!("{index} {rank:?}");
        let told = name.clone();
        scene.link(rank, &name, move |_| {
            order.lock().unwrap().push(told.clone());
            NotifAction::Continue
        });
    }
    struct First(Arc<Mutex<Vec<String>>>);
    impl Observer for First {
        fn call(&self, _: &HandlerCtx<'_>) {
            self.0.lock().unwrap().push("observer".to_owned());
        }
    }
    scene.observe(First(Arc::clone(&order)));
    let (told, _) = scene.serve([uname(1)]);
    assert_eq!(
        *order.lock().unwrap(),
        [
            "observer",
            "1 Before",
            "7 Before",
            "5 BuiltIn(Account)",
            "4 BuiltIn(Invent)",
            "3 BuiltIn(Decide)",
            "2 BuiltIn(Redirect)",
            "0 After",
            "6 After",
        ]
    );
    assert_eq!(told.answers, [(1, Answer::Continue)]);
}

/// Whoever stands behind the one who decides is not asked, whatever the decision is; observers are
/// told.
#[test]
fn the_first_that_does_not_continue_decides_at_every_place() {
    let ranks = [Rank::Before]
        .into_iter()
        .chain(Stage::ALL.map(Rank::BuiltIn))
        .chain([Rank::After, Rank::After]);
    let ranks: Vec<Rank> = ranks.collect();
    for decides in 0..ranks.len() {
        let (mut scene, verdicts) = (Scene::default(), Verdicts::default());
        let asked = Arc::new(AtomicUsize::new(0));
        for (index, &rank) in ranks.iter().enumerate() {
            let asked = Arc::clone(&asked);
            scene.link(rank, &format!("{index}"), move |_| {
                assert_eq!(asked.fetch_add(1, Ordering::SeqCst), index);
                if index == decides { EACCES } else { NotifAction::Continue }
            });
        }
        scene.observe(verdicts.clone());
        let (told, findings) = scene.serve([uname(1)]);
        assert_eq!(findings, Findings::default());
        assert_eq!(asked.load(Ordering::SeqCst), decides + 1);
        assert_eq!(told.answers, [(1, Answer::Errno(libc::EACCES))]);
        assert_eq!(verdicts.of(), [(Outcome::Refused(libc::EACCES), format!("{decides}"))]);
    }
}

#[test]
fn what_nobody_objects_to_is_the_policys() {
    let (mut scene, verdicts) = (Scene::default(), Verdicts::default());
    scene.observe(verdicts.clone());
    let (told, _) = scene.serve([uname(1), Next::Nothing, uname(2)]);
    assert_eq!(told.answers, [(1, Answer::Continue), (2, Answer::Continue)]);
    assert_eq!(verdicts.of(), vec![(Outcome::Continue, "policy".to_owned()); 2]);
}

#[test]
fn a_call_that_nobody_is_registered_for_is_refused() {
    let scene = Scene::default();
    let (told, _) = scene.serve([call(3, Syscall::GETPPID, [0; 6]), uname(4)]);
    assert_eq!(told.answers, [(3, EPERM), (4, EPERM)]);
}

#[test]
fn nobody_is_asked_about_our_own_calls_between_clone_and_exec() {
    let mut scene = Scene::default();
    scene.fake.setting_up.store(true, Ordering::SeqCst);
    scene.after("never", |_| panic!("nobody asks"));
    let (told, findings) = scene.serve([uname(1), call(2, Syscall::DUP3, [0; 6])]);
    assert_eq!(told.answers, [(1, Answer::Continue), (2, Answer::Continue)]);
    assert_eq!(findings, Findings::default());
}

#[test]
fn a_panic_is_a_refusal_and_ends_the_tree_or_not() {
    let denied = vec![(1, Answer::Errno(71))];
    for (on_error, answers) in [(OnError::Kill, vec![]), (OnError::Deny(71), denied)] {
        let (mut scene, verdicts) = (Scene::default(), Verdicts::default());
        scene.after("first", |_| panic!("no {}", "luck")).on_error = on_error;
        scene.after("second", |_| panic!("not asked"));
        scene.observe(verdicts.clone());
        let (told, findings) = scene.serve([uname(1)]);
        assert_eq!(told.answers, answers);
        let failure = match on_error {
            OnError::Kill => findings.fatal.unwrap(),
            _ => findings.errors[0].clone(),
        };
        assert_eq!(failure.to_string(), "handler first of uname: panicked: no luck");
        assert_eq!(told.kills, usize::from(on_error == OnError::Kill));
        let outcome = match on_error {
            OnError::Kill => Outcome::Killed,
            _ => Outcome::Refused(71),
        };
        assert_eq!(verdicts.of(), [(outcome, "first".to_owned())]);
    }
}

#[test]
fn an_error_number_that_there_is_not_is_a_failure() {
    for errno in [0, -1, 4096, i32::MIN, i32::MAX] {
        let mut scene = Scene::default();
        scene.after("odd", move |_| NotifAction::Errno(errno)).on_error = OnError::Deny(5);
        let (told, findings) = scene.serve([uname(1)]);
        assert_eq!(told.answers, [(1, Answer::Errno(5))]);
        assert!(findings.errors[0].message.contains(&errno.to_string()), "{findings:?}");
    }
}

#[test]
fn a_failing_observer_is_skipped_and_listed() {
    struct Broken;
    impl Observer for Broken {
        fn call(&self, _: &HandlerCtx<'_>) {
            panic!("first");
        }
        fn verdict(&self, _: &HandlerCtx<'_>, _: &Verdict<'_>) {
            std::panic::panic_any(7);
        }
    }
    let mut scene = Scene::default();
    scene.after("one", |_| EACCES);
    scene.observe(Broken);
    let (told, findings) = scene.serve([uname(1)]);
    assert_eq!((told.answers.as_slice(), told.kills), ([(1, Answer::Errno(13))].as_slice(), 0));
    let messages: Vec<_> = findings.errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(messages, ["panicked: first", "panicked: with something that is no text"]);
}

#[test]
fn failures_are_counted_where_they_are_too_many_to_keep() {
    let mut scene = Scene::default();
    scene.after("one", |_| panic!("again")).on_error = OnError::Deny(1);
    let (_, findings) = scene.serve((0..250).map(uname));
    assert_eq!((findings.errors.len(), findings.dropped), (100, 150));
}

#[test]
fn conditions_are_those_of_each_handler() {
    let mut scene = Scene::default();
    scene.after("ones", |_| NotifAction::Errno(1)).when = vec![When::arg(0).eq(1)];
    scene.after("twos", |_| NotifAction::Errno(2)).when = vec![When::arg(0).eq(2)];
    let with = |value| call(value, Syscall::UNAME, [value, 0, 0, 0, 0, 0]);
    let (told, _) = scene.serve([with(1), with(2), with(3)]);
    let refused = Answer::Errno;
    assert_eq!(told.answers, [(1, refused(1)), (2, refused(2)), (3, Answer::Continue)]);
}

#[test]
fn a_task_that_has_ended_is_nobodys_failure() {
    let (mut scene, verdicts) = (Scene::default(), Verdicts::default());
    scene.fake.dead.lock().unwrap().push(1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let reads = Arc::clone(&seen);
    scene.after("one", move |cx| {
        reads.lock().unwrap().push(cx.read_child_mem(4096, 1));
        EACCES
    });
    scene.table.chain_mut(Syscall::UNAME).observers.push(Registered {
        name: "registered".into(),
        when: vec![],
        observer: Arc::new(Quiet(verdicts.clone())),
    });
    let (told, findings) = scene.serve([uname(1), uname(2)]);
    assert_eq!(told.answers, [(2, Answer::Errno(libc::EACCES))]);
    assert_eq!((told.kills, findings), (0, Findings::default()));
    assert_eq!(seen.lock().unwrap()[0], Err(TaskError::Gone));
    let outcomes: Vec<Outcome> = verdicts.of().into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes, [Outcome::Gone, Outcome::Refused(libc::EACCES)]);
}

/// Verdicts alone.
struct Quiet(Verdicts);

impl Observer for Quiet {
    fn call(&self, _: &HandlerCtx<'_>) {}

    fn verdict(&self, _: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        self.0.0.lock().unwrap().push((verdict.outcome, verdict.by.to_owned()));
    }
}

#[test]
fn an_answer_that_the_kernel_does_not_take_ends_the_tree() {
    let mut scene = Scene::default();
    *scene.fake.send_error.lock().unwrap() = Some(libc::EIO);
    scene.after("one", |_| NotifAction::Continue);
    let (told, _) = scene.serve([uname(1)]);
    assert!(told.kills > 0);
}

#[test]
fn nobody_is_asked_in_a_tree_that_nobody_holds() {
    let mut scene = Scene::default();
    scene.fake.abandoned.store(true, Ordering::SeqCst);
    scene.after("never", |_| panic!("nobody asks"));
    let (told, findings) = scene.serve([uname(1), uname(2)]);
    assert_eq!((told.answers, findings), (vec![], Findings::default()));
}

#[test]
fn a_listener_that_fails_ends_the_tree() {
    let (told, _, served) = Scene::default().try_serve([Next::Fail(libc::EBADF)]);
    assert_eq!((told.kills, served), (1, Err(libc::EBADF)));
}

#[test]
fn a_supervisor_that_panics_ends_the_tree() {
    let scene = Scene::default();
    let fake = Arc::clone(&scene.fake);
    let panicked = std::thread::spawn(move || scene.try_serve([Next::Panic])).join();
    assert!(panicked.is_err());
    assert_eq!(fake.told.lock().unwrap().kills, 1);
}

#[test]
fn a_tree_that_has_ended_by_itself_is_not_killed() {
    let (told, _) = Scene::default().serve([]);
    assert_eq!(told.kills, 0);
}

fn pooled(link: &mut Link, deadline: Duration) {
    link.mode = Mode::Pooled { deadline };
}

#[test]
fn a_pooled_handler_answers_from_another_thread_and_the_rest_of_the_chain_with_it() {
    let mut scene = Scene::default();
    let supervisor = std::thread::current().id();
    pooled(
        scene.after("pooled", move |_| {
            assert_ne!(std::thread::current().id(), supervisor);
            NotifAction::Continue
        }),
        PATIENCE,
    );
    scene.after("behind", move |_| {
        assert_ne!(std::thread::current().id(), supervisor);
        EACCES
    });
    let (told, findings) = scene.serve([uname(1), Next::EndAfter(1)]);
    assert_eq!(findings, Findings::default());
    assert_eq!(told.answers, [(1, Answer::Errno(libc::EACCES))]);
}

#[test]
fn a_missed_deadline_is_a_refusal_and_what_comes_later_is_ignored() {
    let (mut scene, verdicts) = (Scene::default(), Verdicts::default());
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    let (done, is_done) = crossbeam_channel::bounded(1);
    pooled(
        scene.after("late", move |_| {
            let _closed = released.recv();
            done.send(()).unwrap();
            NotifAction::ReturnValue(5)
        }),
        Duration::from_millis(20),
    );
    scene.observe(verdicts.clone());
    // It waits for nobody: the handler waits for what comes below.
    let (told, findings) = scene.serve([uname(1), Next::EndAfter(1)]);
    drop(release);
    is_done.recv().unwrap();
    assert_eq!(told.answers, [(1, EPERM)]);
    assert_eq!(verdicts.of(), [(Outcome::Refused(libc::EPERM), "late".to_owned())]);
    assert_eq!(findings.errors[0].to_string(), "handler late of uname: missed its deadline");
    assert_eq!((findings.fatal, told.kills), (None, 0));
}

/// Whatever its failure means otherwise.
#[test]
fn a_failure_after_the_deadline_is_ignored_too() {
    for on_error in [OnError::Kill, OnError::Deny(9)] {
        let mut scene = Scene::default();
        let (release, released) = crossbeam_channel::bounded::<()>(0);
        let link = scene.after("late", move |_| {
            let _closed = released.recv();
            NotifAction::Fail("too late".into())
        });
        pooled(link, Duration::from_millis(20));
        link.on_error = on_error;
        let fake = Arc::clone(&scene.fake);
        fake.script.lock().unwrap().extend([uname(1), Next::EndAfter(1)]);
        let calls = Box::new(Arc::clone(&fake));
        let dispatcher = Dispatcher::new(calls, Arc::new(scene.table), Deputy::new(None));
        dispatcher.serve().unwrap();
        drop(release);
        // The job holds on to it until all is said.
        dispatcher.close();
        let begun = std::time::Instant::now();
        while Arc::strong_count(&dispatcher) > 1 {
            assert!(begun.elapsed() < PATIENCE, "the job does not end");
            std::thread::yield_now();
        }
        let findings = dispatcher.journal().take();
        assert_eq!((findings.fatal, fake.told.lock().unwrap().kills), (None, 0));
        let messages: Vec<_> = findings.errors.iter().map(|error| &error.message).collect();
        assert_eq!(messages, ["missed its deadline"]);
    }
}

#[test]
fn waiting_handlers_do_not_hold_up_others() {
    let mut scene = Scene::default();
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    let link = scene.after("slow", move |_| {
        let _closed = released.recv();
        NotifAction::Continue
    });
    pooled(link, PATIENCE);
    link.when = vec![When::arg(0).eq(1)];
    let release = Mutex::new(Some(release));
    scene.after("fast", move |cx| {
        if cx.id() == 19 {
            release.lock().unwrap().take();
        }
        EACCES
    });
    let with = |id, value| call(id, Syscall::UNAME, [value, 0, 0, 0, 0, 0]);
    let slow = (0..10).map(|id| with(id, 1));
    let fast = (10..20).map(|id| with(id, 2));
    let (told, findings) = scene.serve(slow.chain(fast).chain([Next::EndAfter(20)]));
    assert_eq!(findings, Findings::default());
    let first: Vec<u64> = told.answers.iter().take(10).map(|(id, _)| *id).collect();
    assert_eq!(first, (10..20).collect::<Vec<_>>(), "while all of the others wait");
    assert_eq!(told.answers.len(), 20);
}

/// What its tasks have given up is nobody's work: sixteen are asked about, the others have ended when
/// their turn comes.
#[test]
fn nobody_is_asked_about_tasks_that_have_ended_in_the_queue() {
    let mut scene = Scene::default();
    let verdicts = Verdicts::default();
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    let asked = Arc::new(AtomicUsize::new(0));
    let (asking, fake) = (Arc::clone(&asked), Arc::clone(&scene.fake));
    let link = scene.after("slow", move |_| {
        asking.fetch_add(1, Ordering::SeqCst);
        let _closed = released.recv();
        EACCES
    });
    pooled(link, PATIENCE);
    link.when = vec![When::arg(0).eq(1)];
    let release = Mutex::new(Some(release));
    let asking = Arc::clone(&asked);
    scene.after("last", move |_| {
        while asking.load(Ordering::SeqCst) < 16 {
            std::thread::yield_now();
        }
        fake.dead.lock().unwrap().extend(16..40);
        release.lock().unwrap().take();
        EACCES
    });
    scene.observe(Quiet(verdicts.clone()));
    let with = |id, value| call(id, Syscall::UNAME, [value, 0, 0, 0, 0, 0]);
    let script = (0..40).map(|id| with(id, 1)).chain([with(40, 2), Next::EndAfter(17)]);
    let (told, findings) = scene.serve(script);
    assert_eq!(findings, Findings::default());
    assert_eq!((asked.load(Ordering::SeqCst), told.answers.len()), (16, 17));
    let count = |wanted| verdicts.of().iter().filter(|(outcome, _)| *outcome == wanted).count();
    // Every call has its verdict, also where nobody was asked.
    assert_eq!((count(Outcome::Refused(libc::EACCES)), count(Outcome::Gone)), (17, 24));
}

#[test]
fn an_observer_that_takes_its_time_delays_no_deadline() {
    struct Slow(crossbeam_channel::Receiver<()>);
    impl Observer for Slow {
        fn call(&self, _: &HandlerCtx<'_>) {}

        fn verdict(&self, _: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
            if verdict.by == "late" {
                let _closed = self.0.recv();
            }
        }
    }
    let mut scene = Scene::default();
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    let handlers = released.clone();
    let link = scene.after("late", move |_| {
        let _closed = handlers.recv();
        NotifAction::Continue
    });
    pooled(link, Duration::from_millis(20));
    link.when = vec![When::arg(0).eq(1)];
    let release = Mutex::new(Some(release));
    scene.after("last", move |_| {
        release.lock().unwrap().take();
        EACCES
    });
    scene.observe(Slow(released));
    let with = |id, value| call(id, Syscall::UNAME, [value, 0, 0, 0, 0, 0]);
    let script = [with(1, 1), with(2, 1), with(3, 1), Next::Wait(3), with(4, 2)];
    let (told, findings) = scene.serve(script);
    let late: Vec<_> = told.answers[..3].iter().map(|(_, answer)| *answer).collect();
    assert_eq!(late, [EPERM; 3], "while the first verdict is being told");
    assert_eq!(findings.errors.len(), 3);
}

/// What a panic carries can panic once more when it is dropped.
#[test]
fn a_panic_in_a_panic_is_one_failure() {
    struct Evil;
    impl Drop for Evil {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    for is_pooled in [false, true] {
        let mut scene = Scene::default();
        let link = scene.after("evil", |_| std::panic::panic_any(Evil));
        link.on_error = OnError::Deny(9);
        if is_pooled {
            pooled(link, PATIENCE);
        }
        let (told, findings) = scene.serve([uname(1), uname(2), Next::EndAfter(2)]);
        assert_eq!((told.answers.len(), told.kills), (2, 0));
        assert!(told.answers.iter().all(|(_, answer)| *answer == Answer::Errno(9)));
        assert_eq!(findings.errors.len(), 2);
    }
}

#[test]
fn a_pooled_handler_that_panics_ends_the_tree() {
    let mut scene = Scene::default();
    pooled(scene.after("one", |_| panic!("in the pool")), PATIENCE);
    let (told, findings) = scene.serve([uname(1), Next::EndAfter(1)]);
    assert_eq!((told.answers, told.kills), (vec![], 1));
    assert!(findings.fatal.unwrap().message.contains("in the pool"));
}

#[test]
fn what_is_read_is_this_threads_own_memory() {
    static TEXT: &[u8] = b"some text\0";
    let mut scene = Scene::default();
    scene.after("one", |cx| {
        assert_eq!(cx.read_child_cstr(cx.args()[0], 64).unwrap(), b"some text");
        assert_eq!(cx.read_child_cstr(cx.args()[0], 4), Err(TaskError::TooLong { limit: 4 }));
        assert_eq!(cx.read_child_mem(cx.args()[0], 4).unwrap(), b"some");
        EACCES
    });
    let args = [TEXT.as_ptr() as u64, 0, 0, 0, 0, 0];
    let (_, findings) = scene.serve([call(1, Syscall::UNAME, args)]);
    assert_eq!(findings, Findings::default());
}

/// How a handler of the property below behaves.
#[derive(Clone, Copy, Debug)]
enum Behaviour {
    Continue,
    Refuse,
    Answer,
    Inject,
    Panic,
    Kill,
    BadErrno,
}

fn behaviour() -> impl Strategy<Value = (Behaviour, bool, bool)> {
    use Behaviour::*;
    let behaviour = prop::sample::select(vec![
        Continue, Continue, Continue, Refuse, Answer, Inject, Panic, Kill, BadErrno,
    ]);
    (behaviour, any::<bool>(), any::<bool>())
}

fn behave(behaviour: Behaviour) -> NotifAction {
    match behaviour {
        Behaviour::Continue => NotifAction::Continue,
        Behaviour::Refuse => EACCES,
        Behaviour::Answer => NotifAction::ReturnValue(1),
        Behaviour::Inject => NotifAction::InjectBytes(vec![1]),
        Behaviour::Panic => std::panic::resume_unwind(Box::new("quietly")),
        Behaviour::Kill => NotifAction::KillSandbox,
        Behaviour::BadErrno => NotifAction::Errno(0),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The first two invariants, whatever handlers do.
    #[test]
    fn every_call_is_answered_or_killed_for_once_and_continued_only_if_all_say_so(
        handlers in prop::collection::vec(behaviour(), 0..5),
        count in 1..30usize,
    ) {
        let mut scene = Scene::default();
        scene.table.chain_mut(Syscall::UNAME);
        for (index, &(behaviour, is_pooled, kills)) in handlers.iter().enumerate() {
            let link = scene.after(&format!("{index}"), move |_| behave(behaviour));
            link.on_error = if kills { OnError::Kill } else { OnError::Deny(9) };
            if is_pooled {
                pooled(link, PATIENCE);
            }
        }
        let script = (0..count as u64).map(uname).chain([Next::EndAfter(count)]);
        let (told, _) = scene.serve(script);
        let kills = told.kills;
        let mut answers: BTreeMap<u64, Vec<Answer>> = BTreeMap::new();
        for (id, answer) in told.answers {
            answers.entry(id).or_default().push(answer);
        }
        let all_continue = handlers.iter().all(|(one, ..)| matches!(one, Behaviour::Continue));
        prop_assert_eq!(answers.len() + kills, count);
        for (id, answers) in answers {
            prop_assert_eq!(answers.len(), 1, "call {}", id);
            prop_assert_eq!(answers[0] == Answer::Continue, all_continue);
        }
    }
}
