//! Calls between their beginning and their verdict, and whose threads made them.

use std::collections::HashMap;
use std::sync::Mutex;

use super::record::Seen;
use crate::handler::HandlerCtx;
use crate::proc;
use crate::sys::signal::is_thread_of;
use crate::threads::locked;

/// So many runs do not get into each other's way.
const SHARDS: usize = 16;
/// The most threads whose processes are remembered.
const MOST_THREADS: usize = 4096;

/// Calls that wait. One leaves it with its verdict; the few whose handlers never return stay.
#[derive(Default)]
pub(super) struct Waiting {
    shards: [Mutex<HashMap<Key, Box<Seen>>>; SHARDS],
    /// The processes of threads that are not the first ones.
    processes: Mutex<HashMap<u32, u32>>,
}

/// The kernel's number of a call, and its thread: calls of different runs may have the same number, but
/// a thread makes one call at a time.
type Key = (u64, u32);

fn key(cx: &HandlerCtx<'_>) -> Key {
    (cx.id(), cx.pid())
}

impl Waiting {
    pub(super) fn contains(&self, cx: &HandlerCtx<'_>) -> bool {
        locked(self.shard(cx)).contains_key(&key(cx))
    }

    pub(super) fn put(&self, cx: &HandlerCtx<'_>, seen: Box<Seen>) {
        locked(self.shard(cx)).insert(key(cx), seen);
    }

    pub(super) fn take(&self, cx: &HandlerCtx<'_>) -> Option<Box<Seen>> {
        locked(self.shard(cx)).remove(&key(cx))
    }

    fn shard(&self, cx: &HandlerCtx<'_>) -> &Mutex<HashMap<Key, Box<Seen>>> {
        &self.shards[cx.id() as usize % SHARDS]
    }

    /// The process whose thread makes the call; `None` where that is not there any more.
    ///
    /// Most threads are the first one of their process, which has the same number. For the others /proc
    /// knows, which takes longer than an answer: it is asked once for each, and the kernel whether what
    /// it said still holds.
    pub(super) fn process(&self, cx: &HandlerCtx<'_>) -> Option<u32> {
        let thread = cx.pid();
        if is_thread_of(thread, thread) {
            return Some(thread);
        }
        let known = locked(&self.processes).get(&thread).copied();
        if let Some(process) = known.filter(|process| is_thread_of(*process, thread)) {
            return Some(process);
        }
        let process = cx.in_our_proc(|| proc::process_of(thread)).ok().flatten()?;
        cx.check_waiting().ok()?;
        let mut processes = locked(&self.processes);
        if processes.len() >= MOST_THREADS {
            processes.clear();
        }
        processes.insert(thread, process);
        Some(process)
    }
}
