//! Rounds in which everything that is compared takes its turn, so that a slow moment of the
//! machine hits all of it.

/// What one subject took in each round, in nanoseconds.
pub(crate) type Times = Vec<f64>;

/// Lets each subject measure itself once in each of `rounds` rounds. Another one begins each
/// round, because each leaves its traces to the next.
pub(crate) fn interleave<T, const N: usize>(
    mut subjects: [Box<dyn FnMut() -> T + '_>; N],
    rounds: usize,
) -> [Vec<T>; N] {
    let mut results = [const { Vec::new() }; N];
    for round in 0..rounds {
        for turn in 0..N {
            let subject = (round + turn) % N;
            results[subject].push(subjects[subject]());
        }
    }
    results
}

/// The middle of `values`, which are not empty.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
