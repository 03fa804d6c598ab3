//! Records on their way to the thread that writes them.
//!
//! Whoever adds a record never waits for the sink: where there is no room, the record is dropped, and what
//! stands in its place is the number of those that were.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;

use crate::supervisor::caught;
use crate::threads::locked;

/// The most that is kept: some tenths of a second, where a program makes calls as fast as it can.
const MOST: Load = Load { records: 32_768, bytes: 16 << 20 };
/// How long the writer gathers before it writes: it is woken for many records at once, not for each.
const NAP: Duration = Duration::from_millis(1);
/// So many records end a nap.
const MANY: usize = 1024;
/// How long the writer waits for another record before it ends.
const LINGER: Duration = Duration::from_millis(100);

/// A record, or how many were dropped in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<T> {
    One { record: T, bytes: usize },
    Dropped(u64),
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    records: usize,
    bytes: usize,
}

/// Whether somebody writes what was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attendance {
    Attended,
    /// A writer is to be started by whoever learns of this, and by nobody else.
    Unattended,
}

pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Told to the writer.
    wake: Condvar,
    /// Told to those who wait until something is written.
    progress: Condvar,
    most: Load,
    /// The process whose threads these are.
    process: u32,
}

struct State<T> {
    items: Vec<Item<T>>,
    /// What is in the queue or in the writer's hands.
    held: Load,
    /// How many were dropped, in all, and of which no record tells so far.
    dropped: u64,
    untold: u64,
    /// How many were taken, in all, and how many of them the writer is done with.
    accepted: u64,
    settled: u64,
    /// Whether the last attempt to write failed: then nothing is told until there is another record.
    failing: bool,
    /// Whether there is a writer, whether it waits for a record, and whether it is to end when there is
    /// none.
    at_work: bool,
    asleep: bool,
    leaving: bool,
    thread: Option<JoinHandle<()>>,
    /// How many threads wait for progress, and who has given up, when so many were settled.
    waiters: usize,
    gave_up: Option<(ThreadId, u64)>,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Queue<T> {
        Queue::bounded(MOST)
    }

    fn bounded(most: Load) -> Queue<T> {
        let state = State {
            items: Vec::new(),
            held: Load::default(),
            dropped: 0,
            untold: 0,
            accepted: 0,
            settled: 0,
            failing: false,
            at_work: false,
            asleep: false,
            leaving: false,
            thread: None,
            waiters: 0,
            gave_up: None,
        };
        let process = std::process::id();
        let (wake, progress) = (Condvar::new(), Condvar::new());
        Queue { state: Mutex::new(state), wake, progress, most, process }
    }

    /// Adds `record`, which takes `bytes` of memory, or drops it where there is no room.
    pub(super) fn push(&self, record: T, bytes: usize) -> Attendance {
        let mut state = locked(&self.state);
        let has_room = state.held.records < self.most.records
            && state.held.bytes.saturating_add(bytes) <= self.most.bytes;
        if !has_room {
            state.drop_some(1);
            drop(state);
            return Attendance::Attended;
        }
        state.tell_dropped();
        state.items.push(Item::One { record, bytes });
        state.held.records += 1;
        state.held.bytes += bytes;
        state.accepted += 1;
        if state.asleep || state.items.len() == MANY {
            self.wake.notify_one();
        }
        match std::mem::replace(&mut state.at_work, true) {
            true => Attendance::Attended,
            false => Attendance::Unattended,
        }
    }

    /// The thread of the writer that was started.
    pub(super) fn attend(&self, thread: JoinHandle<()>) {
        locked(&self.state).thread = Some(thread);
    }

    /// No writer could be started: what is there is dropped.
    pub(super) fn abandon(&self) {
        let mut state = locked(&self.state);
        for item in std::mem::take(&mut state.items) {
            state.settle(&item, false);
        }
        state.failing = true;
        self.end_work(state);
    }

    /// For the writer: what there is, in order. `None` when there has been nothing for a while, or
    /// everything is written that somebody waits for: the writer ends then.
    pub(super) fn next(&self) -> Option<Vec<Item<T>>> {
        let gathers = |state: &mut State<T>| state.items.len() < MANY && !state.leaving;
        let mut state = self.sleep(locked(&self.state), NAP, gathers);
        if !state.has_something() {
            state.asleep = true;
            let idles = |state: &mut State<T>| !state.has_something() && !state.leaving;
            state = self.sleep(state, LINGER, idles);
            state.asleep = false;
        }
        if !state.has_something() {
            self.end_work(state);
            return None;
        }
        // Behind the records in front of which there was no room for it.
        state.tell_dropped();
        Some(std::mem::take(&mut state.items))
    }

    fn sleep<'a>(
        &self,
        state: MutexGuard<'a, State<T>>,
        limit: Duration,
        sleeps: impl FnMut(&mut State<T>) -> bool,
    ) -> MutexGuard<'a, State<T>> {
        let slept = self.wake.wait_timeout_while(state, limit, sleeps);
        slept.unwrap_or_else(std::sync::PoisonError::into_inner).0
    }

    fn end_work(&self, mut state: MutexGuard<'_, State<T>>) {
        state.at_work = false;
        state.leaving = false;
        self.progress.notify_all();
    }

    /// For the writer: it is done with `items`, of which it has written the first `written`.
    pub(super) fn settle(&self, items: &[Item<T>], written: usize) {
        let mut state = locked(&self.state);
        for (index, item) in items.iter().enumerate() {
            state.settle(item, index < written);
        }
        state.failing = written < items.len();
        if state.waiters > 0 {
            self.progress.notify_all();
        }
    }

    /// How many were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        locked(&self.state).dropped
    }

    /// Waits until the writer is done with everything that was added so far, and has ended if nothing
    /// has been added since; at most for `patience`. A thread that has waited in vain waits only once, and
    /// so does everybody until something is written.
    pub(super) fn flush(&self, patience: Duration) {
        let mut state = locked(&self.state);
        let (this, target) = (std::thread::current().id(), state.accepted);
        if state.has_no_hope(this) {
            return;
        }
        state.leaving = state.at_work;
        self.wake.notify_one();
        state.waiters += 1;
        let waits = |state: &mut State<T>| {
            state.settled < target || (state.at_work && state.accepted == target)
        };
        let waited = self.progress.wait_timeout_while(state, patience, waits);
        let (mut state, timeout) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        state.waiters -= 1;
        state.gave_up = timeout.timed_out().then_some((this, state.settled));
        let ended = if state.at_work { None } else { state.thread.take() };
        drop(state);
        if let Some(thread) = ended {
            // It has nothing left to do. The standard library panics where a callback has ended it.
            caught(|| thread.join().ok()).ok();
        }
    }
}

impl<T> State<T> {
    fn has_something(&self) -> bool {
        !self.items.is_empty() || (self.untold > 0 && !self.failing)
    }

    fn has_no_hope(&self, thread: ThreadId) -> bool {
        self.gave_up.is_some_and(|(who, when)| who == thread || when == self.settled)
            && self.settled < self.accepted
    }

    fn drop_some(&mut self, count: u64) {
        self.dropped += count;
        self.untold += count;
    }

    fn tell_dropped(&mut self) {
        if self.untold > 0 {
            self.items.push(Item::Dropped(std::mem::take(&mut self.untold)));
        }
    }

    fn settle(&mut self, item: &Item<T>, is_written: bool) {
        match item {
            Item::One { bytes, .. } => {
                self.held.records -= 1;
                self.held.bytes -= bytes;
                self.settled += 1;
                if !is_written {
                    self.drop_some(1);
                }
            }
            Item::Dropped(count) if !is_written => self.untold += count,
            Item::Dropped(_) => {}
        }
    }
}

/// In a process that was forked meanwhile, there is no such thread that could be let go.
impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            let state = self.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
            std::mem::forget(state.thread.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    fn queue(records: usize) -> Queue<u32> {
        Queue::bounded(Load { records, bytes: 1000 })
    }

    fn one(record: u32) -> Item<u32> {
        Item::One { record, bytes: 10 }
    }

    fn push(queue: &Queue<u32>, records: impl IntoIterator<Item = u32>) {
        for record in records {
            queue.push(record, 10);
        }
    }

    #[test]
    fn records_come_in_order_until_there_are_none_and_then_the_writer_ends() {
        let queue = queue(10);
        assert_eq!(queue.push(1, 10), Attendance::Unattended);
        assert_eq!(queue.push(2, 10), Attendance::Attended);
        let batch = queue.next().unwrap();
        assert_eq!(batch, [one(1), one(2)]);
        assert_eq!(queue.push(3, 10), Attendance::Attended);
        queue.settle(&batch, 2);
        assert_eq!(queue.next().unwrap(), [one(3)]);
        assert_eq!(queue.next(), None);
        assert_eq!(queue.push(4, 10), Attendance::Unattended);
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted_where_it_would_stand() {
        let queue = queue(2);
        push(&queue, 1..=4);
        let batch = queue.next().unwrap();
        assert_eq!(batch, [one(1), one(2), Item::Dropped(2)]);
        // What is being written takes room until it is.
        push(&queue, [5]);
        queue.settle(&batch, 3);
        push(&queue, [6, 7, 8]);
        assert_eq!(queue.next().unwrap(), [Item::Dropped(1), one(6), one(7), Item::Dropped(1)]);
        assert_eq!(queue.dropped(), 4);
    }

    #[test]
    fn many_bytes_are_as_many_records() {
        let queue = queue(10);
        queue.push(1, 600);
        queue.push(2, 401);
        queue.push(3, 400);
        queue.push(4, 1);
        queue.push(5, usize::MAX);
        let batch = queue.next().unwrap();
        let expected = [
            Item::One { record: 1, bytes: 600 },
            Item::Dropped(1),
            Item::One { record: 3, bytes: 400 },
        ];
        assert_eq!(batch[..3], expected);
        assert_eq!(batch[3..], [Item::Dropped(2)]);
    }

    #[test]
    fn what_was_not_written_is_dropped_and_told_with_the_next_record() {
        let queue = queue(3);
        push(&queue, 1..=4);
        let batch = queue.next().unwrap();
        assert_eq!(batch, [one(1), one(2), one(3), Item::Dropped(1)]);
        queue.settle(&batch, 1);
        assert_eq!(queue.dropped(), 3);
        // Not before: the sink fails.
        assert_eq!(queue.next(), None);
        push(&queue, [5]);
        let batch = queue.next().unwrap();
        assert_eq!(batch, [Item::Dropped(3), one(5)]);
        queue.settle(&batch, 2);
        assert_eq!((queue.next(), queue.dropped()), (None, 3));
    }

    #[test]
    fn what_nobody_can_be_started_for_is_dropped() {
        let queue = queue(3);
        assert_eq!(queue.push(1, 10), Attendance::Unattended);
        push(&queue, [2]);
        queue.abandon();
        assert_eq!(queue.dropped(), 2);
        assert_eq!(queue.push(3, 10), Attendance::Unattended);
        assert_eq!(queue.next().unwrap(), [Item::Dropped(2), one(3)]);
    }

    #[test]
    fn a_flush_of_nothing_returns_at_once() {
        let begun = Instant::now();
        queue(3).flush(Duration::from_secs(600));
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_flush_waits_for_what_was_added_and_for_the_end_of_the_writer() {
        let queue = Arc::new(queue(100));
        push(&queue, 1..=5);
        let theirs = Arc::clone(&queue);
        let writer = std::thread::spawn(move || {
            while let Some(batch) = theirs.next() {
                std::thread::sleep(Duration::from_millis(20));
                theirs.settle(&batch, batch.len());
            }
        });
        queue.flush(Duration::from_secs(60));
        let state = locked(&queue.state);
        assert_eq!((state.settled, state.at_work, state.waiters), (5, false, 0));
        drop(state);
        writer.join().unwrap();
    }

    #[test]
    fn a_flush_that_gives_up_is_not_repeated_until_something_is_written() {
        const PATIENCE: Duration = Duration::from_millis(300);
        let queue = queue(10);
        push(&queue, [1, 2]);
        let took = |queue: &Queue<u32>| {
            let begun = Instant::now();
            queue.flush(PATIENCE);
            begun.elapsed()
        };
        assert!(took(&queue) >= PATIENCE);
        assert!(took(&queue) < PATIENCE);
        let batch = queue.next().unwrap();
        queue.settle(&batch[..1], 1);
        // This thread has waited; another one has not.
        assert!(took(&queue) < PATIENCE);
        std::thread::scope(|scope| {
            assert!(scope.spawn(|| took(&queue)).join().unwrap() >= PATIENCE);
        });
        queue.settle(&batch[1..], 1);
        assert_eq!(queue.next(), None);
    }
}
