//! Counting calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::handler::{HandlerCtx, Observer, Outcome, Verdict};
use crate::syscall::{Arch, Syscall};

/// An observer that counts: how often each call was made, by what became of it.
///
/// Clones count together, so that one of them can be registered and another one be asked, at any time and
/// from any thread. A call counts when it has been answered; when a run has returned, all of its calls
/// have been counted, except those whose pooled handlers still run.
///
/// *Watches* the calls that it is registered for, once for each time that a clone is registered for one.
/// It does not see what the policy refuses, nor calls that are not trapped, nor what Landlock says
/// to a call that the kernel carries out: that counts as `continue`.
///
/// # Examples
///
/// ```
/// use sandlock::{Count, Policy, Sandbox, Syscall};
///
/// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
/// let count = Count::new();
/// let sandbox = Sandbox::new(policy)?.add_observer("uname", count.clone())?;
/// assert!(sandbox.run(["uname"])?.success());
/// assert_eq!(count.counts()[&Syscall::UNAME]["continue"], 1);
/// # Ok::<(), sandlock::Error>(())
/// ```
#[derive(Clone)]
pub struct Count(Arc<[Tally]>);

/// How often one call was made, by outcome, in the order of [`OUTCOMES`].
#[derive(Default)]
struct Tally([AtomicU64; OUTCOMES.len()]);

/// One of each kind.
const OUTCOMES: [Outcome; 6] = [
    Outcome::Continue,
    Outcome::Refused(0),
    Outcome::Answered(0),
    Outcome::Injected,
    Outcome::Killed,
    Outcome::Gone,
];

/// Its place among [`OUTCOMES`].
fn place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Continue => 0,
        Outcome::Refused(_) => 1,
        Outcome::Answered(_) => 2,
        Outcome::Injected => 3,
        Outcome::Killed => 4,
        Outcome::Gone => 5,
    }
}

impl Count {
    /// Nothing is counted so far.
    pub fn new() -> Count {
        // One for each number: whoever counts looks at an index, and neither locks nor allocates.
        Count((0..=Arch::NATIVE.newest()).map(|_| Tally::default()).collect())
    }

    /// How often each call was made, by the [name](Outcome::name) of what became of it: `continue`,
    /// `refused`, `answered`, `injected`, `killed`, `gone`. What has not happened is not listed.
    ///
    /// While programs run, the numbers of different calls may be of slightly different moments.
    pub fn counts(&self) -> BTreeMap<Syscall, BTreeMap<&'static str, u64>> {
        let calls = (0i64..).zip(&*self.0).filter_map(|(number, tally)| {
            let call = Syscall::checked(number).ok()?;
            Some((call, tally.counts())).filter(|(_, counts)| !counts.is_empty())
        });
        calls.collect()
    }
}

impl Tally {
    fn counts(&self) -> BTreeMap<&'static str, u64> {
        let numbers = self.0.iter().map(|number| number.load(Ordering::Relaxed));
        let names = OUTCOMES.into_iter().map(Outcome::name);
        names.zip(numbers).filter(|(_, number)| *number > 0).collect()
    }
}

impl Observer for Count {
    fn call(&self, _: &HandlerCtx<'_>) {}

    fn verdict(&self, cx: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        if let Some(tally) = self.0.get(cx.syscall().nr() as usize) {
            tally.0[place(verdict.outcome)].fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Default for Count {
    fn default() -> Count {
        Count::new()
    }
}

/// As [`counts`](Count::counts).
impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Count").field(&self.counts()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_outcome_has_a_place_and_a_word_of_its_own() {
        assert_eq!(OUTCOMES.map(place), std::array::from_fn(|index| index));
        let names: BTreeSet<&str> = OUTCOMES.into_iter().map(Outcome::name).collect();
        assert_eq!(names.len(), OUTCOMES.len());
    }

    #[test]
    fn every_call_of_the_architecture_has_a_tally() {
        let count = Count::new();
        assert_eq!(count.0.len(), Arch::NATIVE.newest() as usize + 1);
        assert!(count.counts().is_empty());
    }
}
