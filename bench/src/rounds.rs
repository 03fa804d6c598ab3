//! Rounds in which everything that is compared takes its turn, so that a slow moment of the
//! machine hits all of it.

use std::time::Instant;

/// Times `runs` runs of every subject in each of `rounds` rounds; returns the median of each, in
/// nanoseconds. Another subject begins each round, because each leaves its traces to the next one.
pub(crate) fn medians<const N: usize>(
    mut subjects: [Box<dyn FnMut() + '_>; N],
    rounds: usize,
    runs: usize,
) -> [f64; N] {
    let mut times = [const { Vec::new() }; N];
    for round in 0..rounds {
        for turn in 0..N {
            let subject = (round + turn) % N;
            for _ in 0..runs {
                let start = Instant::now();
                subjects[subject]();
                times[subject].push(start.elapsed().as_nanos() as f64);
            }
        }
    }
    times.map(median)
}

/// The middle of `values`, which are not empty.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
