//! The supervisor: the thread that answers a tree's trapped calls, and who helps it.

mod answer;
mod chain;
mod deputy;
mod dispatcher;
mod guard;
mod journal;
mod pool;
mod thread;

pub(crate) use chain::{Link, Rank, Registered, Table};
pub(crate) use deputy::Opening;
pub(crate) use dispatcher::{Call, Dispatcher, POLICY};
pub(crate) use guard::caught;
pub(crate) use journal::Findings;
pub(crate) use thread::Supervisor;

#[cfg(test)]
mod tests;
