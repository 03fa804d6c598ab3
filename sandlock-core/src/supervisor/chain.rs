//! Who is asked about a call, and in which order.

use std::sync::Arc;
use std::time::Duration;

use super::guard::{Failed, caught};
use super::journal::Journal;
use crate::handler::{Handler, Mode, Observer, OnError, When};
use crate::plan::Stage;
use crate::syscall::Syscall;

/// Everybody who is asked about one call.
pub(crate) struct Chain {
    pub(crate) syscall: Syscall,
    /// They see every call first.
    pub(crate) observers: Vec<Registered>,
    /// They decide: the first answer that is not "continue" wins. In the order of their ranks.
    pub(crate) links: Vec<Link>,
}

/// An observer.
pub(crate) struct Registered {
    pub(crate) name: Arc<str>,
    pub(crate) when: Vec<When>,
    pub(crate) observer: Arc<dyn Observer>,
}

/// A handler, or a built-in.
pub(crate) struct Link {
    pub(crate) rank: Rank,
    pub(crate) name: Arc<str>,
    pub(crate) when: Vec<When>,
    pub(crate) mode: Mode,
    pub(crate) on_error: OnError,
    pub(crate) handler: Arc<dyn Handler>,
}

/// The places in the order: handlers in front of the built-ins, these by stage, handlers behind
/// them. Among equals the order of registration counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Before,
    BuiltIn(Stage),
    After,
}

impl Chain {
    pub(crate) fn new(syscall: Syscall) -> Chain {
        Chain { syscall, observers: Vec::new(), links: Vec::new() }
    }

    /// The place of the first pooled link that is to be asked about `arguments`, and its deadline.
    pub(super) fn first_pooled(&self, arguments: &[u64; 6]) -> Option<(usize, Duration)> {
        self.links.iter().enumerate().find_map(|(place, link)| match link.mode {
            Mode::Pooled { deadline } if link.when.iter().all(|one| one.matches(arguments)) => {
                Some((place, deadline))
            }
            _ => None,
        })
    }

    /// Puts `link` behind everybody of its own rank and of lower ones.
    pub(crate) fn add(&mut self, link: Link) {
        let place = self.links.partition_point(|other| other.rank <= link.rank);
        self.links.insert(place, link);
    }
}

/// The chains, found by the number of the call.
#[derive(Default)]
pub(crate) struct Table(Vec<Option<Box<Chain>>>);

impl Table {
    pub(crate) fn chain(&self, number: i32) -> Option<&Chain> {
        self.0.get(usize::try_from(number).ok()?)?.as_deref()
    }

    /// Tells every observer that a run has ended.
    pub(super) fn tell_ended(&self, journal: &Journal) {
        for chain in self.0.iter().flatten() {
            for Registered { name, observer, .. } in &chain.observers {
                if let Err(message) = caught(|| observer.ended()) {
                    journal.note(Failed::new(message).of(chain.syscall, name));
                }
            }
        }
    }

    /// The chain of `syscall`, made if there is none.
    pub(crate) fn chain_mut(&mut self, syscall: Syscall) -> &mut Chain {
        let index = syscall.nr() as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index].get_or_insert_with(|| Box::new(Chain::new(syscall)))
    }
}
