//! Rules of the calls that are refused for some arguments only.

mod leases;
mod namespaces;
mod other_tasks;
mod personality;
mod prctl;
mod sockets;
mod terminal;

use std::collections::BTreeMap;

use crate::policy::Policy;
use crate::syscall::group_named;

use super::enforcement::Enforcement;
use super::filter::{Case, Condition, Test, Verdict};

/// Verdicts by the name of the call.
pub(crate) type Rules = BTreeMap<&'static str, Verdict>;

/// The rules of every judged call.
pub(crate) fn rules(policy: &Policy, enforcement: &mut Enforcement) -> Rules {
    let mut rules = Rules::new();
    leases::rules(&mut rules);
    namespaces::rules(&mut rules);
    other_tasks::rules(&mut rules);
    personality::rules(&mut rules);
    prctl::rules(&mut rules);
    sockets::rules(policy, &mut rules, enforcement);
    terminal::rules(&mut rules);
    rules
}

/// Whether `call` is governed by the `net` section alone.
pub(crate) fn is_network(call: &str) -> bool {
    group_named("sockets").is_some_and(|group| group.calls.contains(&call))
}

/// Refused where one of `cases` holds.
fn refuse_when(cases: Vec<Vec<Condition>>) -> Verdict {
    Verdict::RefuseWhen(libc::EPERM, cases.into_iter().map(Case).collect())
}

/// Refused where argument `argument` has one of `values`.
fn refuse_values(argument: u8, values: &[u32]) -> Vec<Vec<Condition>> {
    values.iter().map(|&value| vec![Condition::low(argument, Test::Eq, value)]).collect()
}

/// Refused where argument `argument` has one of the bits.
fn refuse_bits(argument: u8, bits: u32) -> Vec<Vec<Condition>> {
    vec![vec![Condition::low(argument, Test::AnyBit, bits)]]
}

/// The argument has none of `values`.
fn none_of(argument: u8, values: &[u32]) -> Vec<Condition> {
    values.iter().map(|&value| Condition::low(argument, Test::Ne, value)).collect()
}
