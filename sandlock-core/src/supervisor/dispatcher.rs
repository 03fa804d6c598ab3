//! Receives trapped calls, asks who is registered, and answers.
//!
//! 1. Every call that is received is answered exactly once, unless its tree is killed.
//! 2. An error, a panic, a missed deadline or an unreadable argument is a refusal, never "continue".
//! 3. When this loop is left in whatever way, the whole tree ends.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::seccomp_notif;

use super::answer::Ready;
use super::chain::{Chain, Link, Registered, Table};
use super::deputy::Deputy;
use super::guard::{Failed, guarded};
use super::journal::Journal;
use super::pool::{Job, Pool};
use crate::error::HandlerError;
use crate::handler::{Handler, HandlerCtx, NotifAction, OnError, Outcome, Verdict, When};
use crate::sys::listener::{Answer, Placing, Received};
use crate::sys::raw::Errno;
use crate::syscall::Syscall;

/// Who decides where nobody else does, in verdicts.
pub(crate) const POLICY: &str = "policy";

/// Where calls come from and answers go: a listener, or a fake one in tests.
pub(crate) trait Calls: Send + Sync {
    /// Waits for the next call.
    fn receive(&self) -> Result<Received, Errno>;
    /// Answers call `id`. ENOENT: nobody waits for that any more.
    fn send(&self, id: u64, answer: Answer) -> Result<(), Errno>;
    /// Whether the task of call `id` waits for the answer.
    fn is_waiting(&self, id: u64) -> bool;
    /// Puts a descriptor into the table of the task of call `id`; its number there.
    fn add_fd(&self, id: u64, fd: BorrowedFd, placing: Placing) -> Result<i32, Errno>;
    /// Whether nothing but a fatal signal gets a task away whose call has been received.
    fn is_killable_only(&self) -> bool;
    /// Whether calls are those of our own code between clone and exec.
    fn is_setting_up(&self) -> bool;
    /// Whether nobody holds the tree any more: its calls are not to be carried out.
    fn is_abandoned(&self) -> bool;
    /// Whether a task uses this process's memory.
    fn shares_memory(&self) -> bool;
    /// The process id of the keeper, below which the tree is.
    fn keeper(&self) -> i32;
    /// Has the keeper end the whole tree, soon; whether it could be asked.
    fn end_tree(&self) -> bool;
}

/// A call that was received.
pub(crate) struct Call {
    pub(crate) notification: seccomp_notif,
    pub(crate) syscall: Syscall,
    answered: AtomicBool,
}

impl Call {
    fn new(notification: seccomp_notif, syscall: Syscall) -> Call {
        Call { notification, syscall, answered: AtomicBool::new(false) }
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }

    /// Whether the caller is the one who answers it: true once.
    fn claim(&self) -> bool {
        !self.answered.swap(true, Ordering::AcqRel)
    }
}

/// What is known about the answer to a call after some were asked.
enum Decision<'a> {
    /// This one decided.
    By(NotifAction, &'a str),
    /// Nobody objects.
    Nobody,
    /// This one failed.
    Failed(HandlerError, &'a Link),
}

/// What became of a call, and who decided.
struct Answered<'a> {
    outcome: Outcome,
    by: &'a str,
}

/// Answers the calls of one tree.
pub(crate) struct Dispatcher {
    calls: Box<dyn Calls>,
    table: Arc<Table>,
    journal: Journal,
    pool: Pool,
    deputy: Deputy,
}

impl Dispatcher {
    pub(crate) fn new(calls: Box<dyn Calls>, table: Arc<Table>, deputy: Deputy) -> Arc<Dispatcher> {
        let (journal, pool) = (Journal::default(), Pool::default());
        Arc::new(Dispatcher { calls, table, journal, pool, deputy })
    }

    /// Answers calls until no task is left that could make one.
    ///
    /// # Errors
    ///
    /// The error number with which the kernel ended it; the tree ends then too.
    pub(crate) fn serve(self: &Arc<Self>) -> Result<(), Errno> {
        // Also when it is left by a panic.
        let end = EndTree(&*self.calls);
        loop {
            match self.calls.receive()? {
                // Unanswered: without a listener it fails, and every later one.
                Received::Call(_) if self.calls.is_abandoned() => break,
                Received::Call(notification) => self.take(notification)?,
                Received::Nothing => {}
                Received::End => break,
            }
        }
        // Nobody is left.
        std::mem::forget(end);
        Ok(())
    }

    /// Ends the threads that were started on the way, as far as they do not run handlers.
    pub(crate) fn close(&self) {
        self.pool.close();
        self.deputy.close();
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn deputy(&self) -> &Deputy {
        &self.deputy
    }

    pub(crate) fn keeper(&self) -> i32 {
        self.calls.keeper()
    }

    pub(crate) fn shares_memory(&self) -> bool {
        self.calls.shares_memory()
    }

    pub(crate) fn is_waiting(&self, call: &Call) -> bool {
        !call.is_answered() && self.calls.is_waiting(call.notification.id)
    }

    pub(crate) fn add_fd(
        &self,
        call: &Call,
        fd: BorrowedFd,
        placing: Placing,
    ) -> Result<i32, Errno> {
        match call.is_answered() {
            true => Err(libc::ENOENT),
            false => self.calls.add_fd(call.notification.id, fd, placing),
        }
    }

    fn take(self: &Arc<Self>, notification: seccomp_notif) -> Result<(), Errno> {
        if self.calls.is_setting_up() {
            return self.reply(notification.id, Answer::Continue);
        }
        match self.table.chain(notification.data.nr) {
            Some(chain) => {
                self.dispatch(Call::new(notification, chain.syscall), chain);
                Ok(())
            }
            // The filter traps nothing else.
            None => self.reply(notification.id, Answer::Errno(libc::EPERM)),
        }
    }

    /// Answers a call that nobody is asked about.
    fn reply(&self, id: u64, answer: Answer) -> Result<(), Errno> {
        match self.calls.send(id, answer) {
            Ok(()) | Err(libc::ENOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn dispatch(self: &Arc<Self>, call: Call, chain: &Chain) {
        self.show(chain, &call, |registered, cx| registered.observer.call(cx));
        let pooled = chain.first_pooled(&call.notification.data.args);
        let inline = pooled.map_or(&chain.links[..], |(place, _)| &chain.links[..place]);
        match (self.ask(inline, &call), pooled) {
            (Decision::Nobody, Some((place, deadline))) => {
                let job = Job::new(Arc::clone(self), call, place, deadline);
                if let Err(job) = self.pool.hand_over(job) {
                    let message = "no room in the pool: too many calls wait already";
                    if let Some(outcome) = self.refuse(&job.call, place, message) {
                        self.tell_refused(&job.call, place, outcome);
                    }
                }
            }
            (decision, _) => self.finish(&call, chain, decision),
        }
    }

    /// The rest of the way of a call that was handed to the pool, on a thread of it; calls `asked`
    /// before it is answered.
    pub(super) fn resume(&self, call: &Call, place: usize, asked: impl FnOnce()) {
        let Some((chain, _)) = self.asked(call, place) else { return };
        if !self.is_waiting(call) {
            return self.give_up(call, place);
        }
        let decision = self.ask(&chain.links[place..], call);
        asked();
        self.finish(call, chain, decision);
    }

    /// Asks nobody about a call whose task has ended while it waited for a thread. Should that be wrong,
    /// it is refused.
    pub(super) fn give_up(&self, call: &Call, place: usize) {
        if let Some((chain, link)) = self.asked(call, place) {
            let refusal = Decision::By(NotifAction::Errno(libc::EPERM), &link.name);
            self.finish(call, chain, refusal);
        }
    }

    /// Refuses a call that the link at `place` has not answered, if nobody has; what came of it. The
    /// observers are still to be told.
    pub(super) fn refuse(&self, call: &Call, place: usize, message: &str) -> Option<Outcome> {
        let (_, link) = self.asked(call, place)?;
        let refusal = Decision::By(NotifAction::Errno(libc::EPERM), &link.name);
        let answered = self.answer(call, refusal)?;
        self.journal.note(Failed::new(message.to_owned()).at(call, &link.name));
        Some(answered.outcome)
    }

    /// Tells the observers what became of a call that was [refused](Dispatcher::refuse).
    pub(super) fn tell_refused(&self, call: &Call, place: usize, outcome: Outcome) {
        if let Some((chain, link)) = self.asked(call, place) {
            self.tell(call, chain, &Answered { outcome, by: &link.name });
        }
    }

    /// The chain of a call, and the link at this place.
    fn asked(&self, call: &Call, place: usize) -> Option<(&Chain, &Link)> {
        let chain = self.table.chain(call.notification.data.nr)?;
        Some((chain, chain.links.get(place)?))
    }

    /// Asks `links`, until one decides.
    fn ask<'a>(&self, links: &'a [Link], call: &Call) -> Decision<'a> {
        let asked = links.iter().filter(|link| matches(&link.when, call));
        let mut decisions = asked.map(|link| self.ask_one(link, call));
        decisions.find(|one| !matches!(one, Decision::Nobody)).unwrap_or(Decision::Nobody)
    }

    fn ask_one<'a>(&self, link: &'a Link, call: &Call) -> Decision<'a> {
        let failed = match guarded(HandlerCtx::new(self, call), |cx| answer_of(&*link.handler, cx))
        {
            Ok(NotifAction::Continue) => return Decision::Nobody,
            Ok(NotifAction::Errno(errno)) if !(1..=4095).contains(&errno) => {
                Failed::new(format!("answered with {errno}, which is no error number"))
            }
            Ok(action) => return Decision::By(action, &link.name),
            Err(failed) => failed,
        };
        Decision::Failed(failed.at(call, &link.name), link)
    }

    /// Answers `call`, unless somebody has, and tells the observers.
    fn finish(&self, call: &Call, chain: &Chain, decision: Decision<'_>) {
        if let Some(answered) = self.answer(call, decision) {
            self.tell(call, chain, &answered);
        }
    }

    /// Answers `call`, unless somebody has.
    fn answer<'a>(&self, call: &Call, decision: Decision<'a>) -> Option<Answered<'a>> {
        let cx = HandlerCtx::new(self, call);
        let (ready, by, failure) = match decision {
            Decision::Nobody => (Ready::PASS, POLICY, None),
            Decision::By(action, by) => (Ready::new(&cx, action), by, None),
            Decision::Failed(failure, link) => {
                let ready = match link.on_error {
                    OnError::Kill => Ready::Kill,
                    OnError::Deny(errno) => Ready::refusal(errno),
                };
                (ready, &*link.name, Some(failure))
            }
        };
        // A handler can answer after nobody holds the tree any more.
        let ready = if self.calls.is_abandoned() { Ready::refusal(libc::EPERM) } else { ready };
        if !call.claim() {
            return None;
        }
        // Before the task can go on, or the tree can have ended.
        match (&ready, failure) {
            (Ready::Kill, Some(failure)) => self.journal.end_with(failure),
            (_, Some(failure)) => self.journal.note(failure),
            (Ready::Kill, None) => self.journal.note_kill(),
            _ => {}
        }
        if by != POLICY && self.calls.shares_memory() {
            self.journal.note_start(by);
        }
        Some(Answered { outcome: ready.carry_out(&*self.calls, call), by })
    }

    /// Tells the observers what became of `call`.
    fn tell(&self, call: &Call, chain: &Chain, answered: &Answered<'_>) {
        let verdict = Verdict::new(answered.outcome, answered.by);
        self.show(chain, call, |registered, cx| registered.observer.verdict(cx, &verdict));
    }

    /// Has each observer look whose conditions hold.
    fn show(&self, chain: &Chain, call: &Call, look: impl Fn(&Registered, &HandlerCtx<'_>)) {
        for registered in
            chain.observers.iter().filter(|registered| matches(&registered.when, call))
        {
            let looked = guarded(HandlerCtx::new(self, call), |cx| look(registered, cx));
            if let Err(failed) = looked {
                self.journal.note(failed.at(call, &registered.name));
            }
        }
    }
}

fn matches(when: &[When], call: &Call) -> bool {
    when.iter().all(|when| when.matches(&call.notification.data.args))
}

/// What `handler` answers; a failure that it answers with is noted in `cx`.
fn answer_of(handler: &dyn Handler, cx: &HandlerCtx<'_>) -> NotifAction {
    match handler.handle(cx) {
        NotifAction::Fail(reason) => {
            cx.fail(reason);
            NotifAction::Errno(libc::EPERM)
        }
        action => action,
    }
}

/// Ends the tree when it is dropped. The keeper does so by itself when the thread ends, too.
struct EndTree<'a>(&'a dyn Calls);

impl Drop for EndTree<'_> {
    fn drop(&mut self) {
        self.0.end_tree();
    }
}
