//! Threads for handlers that wait, and the deadlines of their calls.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::dispatcher::{Call, Dispatcher};
use crate::error::Result;
use crate::handler::Outcome;
use crate::threads::{locked, start_deaf};

/// The most calls that wait for a thread.
const MOST_WAITING: usize = 1024;
/// The most threads of one run.
const MOST_THREADS: usize = 16;

/// A call on its way to a thread of the pool.
pub(crate) struct Job {
    dispatcher: Arc<Dispatcher>,
    pub(super) call: Arc<Call>,
    place: usize,
    deadline: Instant,
}

impl Job {
    pub(super) fn new(
        dispatcher: Arc<Dispatcher>,
        call: Call,
        place: usize,
        deadline: Duration,
    ) -> Job {
        let deadline = Instant::now() + deadline;
        Job { dispatcher, call: Arc::new(call), place, deadline }
    }

    fn for_clock(&self) -> Job {
        let (dispatcher, call) = (Arc::clone(&self.dispatcher), Arc::clone(&self.call));
        Job { dispatcher, call, ..*self }
    }

    /// Asks, calls `asked`, and answers.
    fn carry_out(&self, asked: impl FnOnce()) {
        if !self.call.is_answered() {
            self.dispatcher.resume(&self.call, self.place, asked);
        }
    }

    /// Asks nobody: the tree has ended.
    fn give_up(&self) {
        self.dispatcher.give_up(&self.call, self.place);
    }

    /// Refuses it, if it was not answered.
    fn refuse(self) -> Option<Refused> {
        let message = "missed its deadline";
        let outcome = self.dispatcher.refuse(&self.call, self.place, message)?;
        Some(Refused { job: self, outcome })
    }
}

/// A job whose time was over.
struct Refused {
    job: Job,
    outcome: Outcome,
}

/// Threads are started as they are needed, and end with the run.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Option<Open>>);

/// A pool with threads.
struct Open {
    work: Sender<Job>,
    /// Where idle threads look for work.
    queue: Receiver<Job>,
    clock: Sender<Job>,
    clockwork: JoinHandle<()>,
    teller: JoinHandle<()>,
    workers: Vec<Worker>,
    notes: Arc<Notes>,
}

/// What workers and their pool tell each other.
#[derive(Default)]
struct Notes {
    /// How many jobs are in the queue or in work.
    pending: AtomicUsize,
    /// Whether no more jobs are to be begun.
    closing: AtomicBool,
}

struct Worker {
    /// Whether it runs a handler.
    busy: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Pool {
    /// Has a thread ask about `job`; gives it back where too many wait already.
    pub(super) fn hand_over(&self, job: Job) -> std::result::Result<(), Job> {
        let mut pool = locked(&self.0);
        if pool.is_none() {
            match Open::new() {
                Ok(open) => *pool = Some(open),
                Err(_) => return Err(job),
            }
        }
        let Some(open) = &mut *pool else { return Err(job) };
        open.make_room();
        if open.workers.is_empty() {
            return Err(job);
        }
        let for_clock = job.for_clock();
        open.notes.pending.fetch_add(1, Ordering::SeqCst);
        open.work.try_send(job).map_err(|error| {
            open.notes.pending.fetch_sub(1, Ordering::SeqCst);
            error.into_inner()
        })?;
        // A clock that had ended could refuse nothing: then nothing may be waited for.
        open.clock.send(for_clock).map_err(|error| error.into_inner())
    }

    /// Ends every thread. Those that run a handler end when that has returned, and nobody waits for
    /// them: what they say is ignored.
    pub(super) fn close(&self) {
        let Some(open) = locked(&self.0).take() else { return };
        let Open { work, queue, clock, clockwork, teller, workers, notes } = open;
        notes.closing.store(true, Ordering::SeqCst);
        drop((work, clock));
        // What is in it, nobody waits for any more.
        queue.try_iter().for_each(|job| job.give_up());
        drop(queue);
        clockwork.join().ok();
        teller.join().ok();
        for worker in workers.into_iter().filter(|worker| !worker.busy.load(Ordering::SeqCst)) {
            worker.thread.join().ok();
        }
    }
}

impl Open {
    fn new() -> Result<Open> {
        let (work, queue) = bounded(MOST_WAITING);
        let (clock, jobs) = unbounded();
        let (late, refused) = unbounded();
        let clockwork = start_deaf(|builder| builder.spawn(move || run_clock(&jobs, &late)))?;
        let teller = start_deaf(|builder| builder.spawn(move || tell(&refused)))?;
        let (workers, notes) = (Vec::new(), Arc::default());
        Ok(Open { work, queue, clock, clockwork, teller, workers, notes })
    }

    /// Starts another thread if all have something to do, and there may be another.
    fn make_room(&mut self) {
        let count = self.workers.len();
        if self.notes.pending.load(Ordering::SeqCst) < count || count == MOST_THREADS {
            return;
        }
        let busy = Arc::new(AtomicBool::new(false));
        let (queue, notes, is_busy) =
            (self.queue.clone(), Arc::clone(&self.notes), Arc::clone(&busy));
        let started = start_deaf(|builder| builder.spawn(move || work(&queue, &notes, &is_busy)));
        // Where there is no room for another thread, those that are there must do.
        self.workers.extend(started.ok().map(|thread| Worker { busy, thread }));
    }
}

fn work(queue: &Receiver<Job>, notes: &Notes, busy: &AtomicBool) {
    while let Ok(job) = queue.recv() {
        busy.store(true, Ordering::SeqCst);
        // In this order: who closes the pool sees that it is busy, or is seen here.
        if notes.closing.load(Ordering::SeqCst) {
            busy.store(false, Ordering::SeqCst);
            job.give_up();
        } else {
            // Who closes the pool after an answer waits until the observers know of it.
            job.carry_out(|| busy.store(false, Ordering::SeqCst));
        }
        drop(job);
        busy.store(false, Ordering::SeqCst);
        notes.pending.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Tells observers of what the clock has refused, which runs none of their code itself: they may take
/// their time.
fn tell(refused: &Receiver<Refused>) {
    for Refused { job, outcome } in refused {
        job.dispatcher.tell_refused(&job.call, job.place, outcome);
    }
}

/// Refuses what is not answered when its time is over.
fn run_clock(jobs: &Receiver<Job>, late: &Sender<Refused>) {
    let mut waiting: BTreeMap<(Instant, u64), Job> = BTreeMap::new();
    loop {
        let next = waiting.keys().next().map(|(deadline, _)| *deadline);
        let received = match next {
            Some(deadline) => jobs.recv_deadline(deadline),
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(job) => {
                waiting.retain(|_, job| !job.call.is_answered());
                waiting.insert((job.deadline, job.call.notification.id), job);
            }
            Err(RecvTimeoutError::Timeout) => {
                let now = Instant::now();
                while let Some(entry) = waiting.first_entry()
                    && entry.key().0 <= now
                {
                    if let Some(refused) = entry.remove().refuse() {
                        // Whoever tells ends later.
                        late.send(refused).ok();
                    }
                }
            }
            // The tree has ended.
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
