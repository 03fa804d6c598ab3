//! Rounds in which everything that is compared takes its turn, so that a slow moment of the
//! machine hits all of it.

/// What one subject took in each round, in nanoseconds.
pub(crate) type Times = Vec<f64>;

/// Lets each subject measure itself once in each of `rounds` rounds, in another order each time:
/// what a subject leaves to the kernel to do afterwards makes its successor slower.
pub(crate) fn interleave<T, const N: usize>(
    mut subjects: [Box<dyn FnMut() -> T + '_>; N],
    rounds: usize,
) -> [Vec<T>; N] {
    let mut results = [const { Vec::new() }; N];
    let mut order: [usize; N] = std::array::from_fn(|index| index);
    let mut random = 1;
    for _ in 0..rounds {
        for turn in 0..N {
            order.swap(turn, turn + next(&mut random) % (N - turn));
            let subject = order[turn];
            results[subject].push(subjects[subject]());
        }
    }
    results
}

/// The next number of a sequence that is the same in every run (Marsaglia's xorshift).
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 32) as usize
}

/// The middle of `values`, which are not empty.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median of the rounds' differences: the two times of a round saw the same machine.
pub(crate) fn median_difference(floor: &Times, ours: &Times) -> f64 {
    median(ours.iter().zip(floor).map(|(ours, floor)| ours - floor))
}
