//! The seccomp program of a plan, in as few instructions as can be found simply: the kernel checks,
//! translates and compiles the program at every start, and takes time for each of them.
//!
//! A plan becomes a graph of decisions in which equal parts are one (`graph`): first the
//! architecture, then a search for the number (`numbers`), then the arguments (`arguments`).

mod arguments;
mod graph;
mod numbers;

use std::collections::BTreeMap;

use libc::sock_filter;

use crate::error::{Error, ErrorKind, Result};
use crate::plan::filter::{FilterPlan, Verdict};
use graph::{Comparison, Graph};

/// What the kernel takes as one filter.
pub(crate) type Program = Vec<sock_filter>;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// Compiles `plan` for its architecture.
pub(crate) fn compile(plan: &FilterPlan) -> Result<Program> {
    let mut graph = Graph::default();
    let mut decisions = BTreeMap::new();
    for (number, verdict) in &plan.verdicts {
        let decision = match verdict {
            Verdict::Refuse(errno) => graph.answer(refusal(*errno)),
            Verdict::RefuseWhen(errno, cases) => arguments::judge(&mut graph, *errno, cases)?,
        };
        decisions.insert(*number, decision);
    }
    let search = numbers::search(&mut graph, plan.arch, &decisions);
    let native = graph.load(NUMBER, search);
    let foreign = graph.answer(libc::SECCOMP_RET_KILL_PROCESS);
    let arch = graph.compare(Comparison::Equal, plan.arch.audit(), native, foreign);
    let root = graph.load(ARCHITECTURE, arch);
    graph.assemble(root)
}

fn refusal(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | (errno.cast_unsigned() & libc::SECCOMP_RET_DATA)
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Policy, format!("the filter cannot be compiled: {what}"))
}
