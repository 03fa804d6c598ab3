//! The search for the number of a call.
//!
//! At installation the kernel runs the program once for every number to learn which calls need no
//! filter, so the way to each must be short as well as the program.

use std::collections::BTreeMap;

use super::graph::{Comparison, Decision, Graph};
use super::refusal;
use crate::syscall::Arch;

/// The bit that makes an x86_64 number an x32 one.
const X32_BIT: u32 = 0x4000_0000;

/// The most numbers that are picked out of their surroundings one after the other.
const MOST_SINGLES: usize = 3;

/// Numbers with one decision, from `first` up to the next range.
struct Range {
    first: u32,
    decision: Decision,
}

/// Neighbouring numbers with one decision, but for a few of them.
struct Cluster {
    first: u32,
    common: Decision,
    singles: Vec<(u32, Decision)>,
}

/// Decides by the loaded number: as `decisions` say, and what they do not name by the table of
/// `arch`.
pub(super) fn search(
    graph: &mut Graph,
    arch: Arch,
    decisions: &BTreeMap<u32, Decision>,
) -> Decision {
    let clusters = clusters(&ranges(graph, arch, decisions));
    choose(graph, &clusters)
}

/// Every number from 0 up.
fn ranges(graph: &mut Graph, arch: Arch, decisions: &BTreeMap<u32, Decision>) -> Vec<Range> {
    let allowed = graph.answer(libc::SECCOMP_RET_ALLOW);
    let unknown = graph.answer(refusal(libc::ENOSYS));
    let killed = graph.answer(libc::SECCOMP_RET_KILL_PROCESS);
    let mut ranges: Vec<Range> = Vec::new();
    let mut push = |first, decision| {
        if ranges.last().is_none_or(|last| last.decision != decision) {
            ranges.push(Range { first, decision });
        }
    };
    for number in 0..=arch.newest() {
        match arch.name_of(number) {
            None => push(number, unknown),
            Some(_) => push(number, *decisions.get(&number).unwrap_or(&allowed)),
        }
    }
    push(arch.newest() + 1, unknown);
    if arch.has_x32() {
        let without_bit = X32_BIT << 1;
        push(X32_BIT, killed);
        push(without_bit, unknown);
        push(without_bit | X32_BIT, killed);
        // -1 is no call but how a tracer says "skip it"; it has the bit by accident.
        push(u32::MAX, unknown);
    }
    ranges
}

/// Takes as many ranges into each cluster as it can hold.
fn clusters(mut ranges: &[Range]) -> Vec<Cluster> {
    let mut clusters = Vec::new();
    while let [range, rest @ ..] = ranges {
        // The first range may be what is picked out of the second one's surroundings.
        let candidates = [Some(range), rest.first()].into_iter().flatten();
        let longest = candidates
            .map(|range| gather(ranges, range.decision))
            .max_by_key(|(length, _)| *length);
        let Some((length, cluster)) = longest else { break };
        clusters.push(cluster);
        ranges = &ranges[length..];
    }
    clusters
}

/// The cluster that `ranges` begin with if most of it has the decision `common`, and how many of
/// them it holds.
fn gather(ranges: &[Range], common: Decision) -> (usize, Cluster) {
    let mut cluster = Cluster { first: ranges[0].first, common, singles: Vec::new() };
    for (index, range) in ranges.iter().enumerate() {
        if range.decision == common {
            continue;
        }
        let last = ranges.get(index + 1).map_or(u32::MAX, |next| next.first - 1);
        if last != range.first || cluster.singles.len() == MOST_SINGLES {
            return (index, cluster);
        }
        cluster.singles.push((range.first, range.decision));
    }
    (ranges.len(), cluster)
}

/// Halves the clusters until one is left, in which single numbers are looked for.
fn choose(graph: &mut Graph, clusters: &[Cluster]) -> Decision {
    match clusters {
        [Cluster { common, singles, .. }] => singles.iter().rfold(*common, |others, single| {
            graph.compare(Comparison::Equal, single.0, single.1, others)
        }),
        _ => {
            let (low, high) = clusters.split_at(clusters.len() / 2);
            let first = high[0].first;
            let (low, high) = (choose(graph, low), choose(graph, high));
            graph.compare(Comparison::AtLeast, first, high, low)
        }
    }
}
