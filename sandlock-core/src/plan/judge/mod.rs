//! Rules of the calls that are refused for some arguments only.

mod fcntl;
mod ioctl;
mod namespaces;
mod other_tasks;
mod personality;
mod prctl;
mod sockets;

use std::collections::BTreeMap;

use crate::policy::Policy;
use crate::syscall::{SOCKETS, group_named};

use super::enforcement::Enforcement;
use super::filter::{Case, Condition, Test, Verdict};

/// Verdicts by the name of the call.
pub(crate) type Rules = BTreeMap<&'static str, Verdict>;

/// The rules of every judged call; `holds_signals` where nothing but they and the supervisor keeps
/// signals inside.
pub(crate) fn rules(policy: &Policy, holds_signals: bool, enforcement: &mut Enforcement) -> Rules {
    let mut rules = Rules::new();
    fcntl::rules(holds_signals, &mut rules);
    ioctl::rules(holds_signals, &mut rules);
    namespaces::rules(&mut rules);
    other_tasks::rules(policy.process.manage_tasks, &mut rules);
    personality::rules(&mut rules);
    prctl::rules(&mut rules);
    sockets::rules(policy, &mut rules, enforcement);
    rules
}

/// Whether `call` is governed by the `net` section alone.
pub(crate) fn is_network(call: &str) -> bool {
    group_named(SOCKETS).is_some_and(|group| group.calls.contains(&call))
}

/// Refused where one of `cases` holds.
fn refuse_when(cases: impl IntoIterator<Item = Case>) -> Verdict {
    Verdict::RefuseWhen(libc::EPERM, cases.into_iter().collect())
}

/// Argument `argument` has one of `values`: a case for each.
fn any_of(argument: u8, values: &[u32]) -> impl Iterator<Item = Case> {
    values.iter().map(move |&value| is(argument, value))
}

/// Argument `argument` has none of `values`.
fn none_of(argument: u8, values: &[u32]) -> Case {
    Case(values.iter().map(|&value| Condition::low(argument, Test::Ne, value)).collect())
}

/// Argument `argument` has one of the bits.
fn any_bit(argument: u8, bits: u32) -> Case {
    Case(vec![Condition::low(argument, Test::AnyBit, bits)])
}

fn is(argument: u8, value: u32) -> Case {
    Case(vec![Condition::low(argument, Test::Eq, value)])
}
