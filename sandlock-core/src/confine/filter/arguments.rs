//! The decision on a call by its arguments.

use std::borrow::Cow;
use std::collections::HashMap;

use super::graph::{Comparison, Decision, Graph};
use super::{ARGUMENTS, broken, refusal};
use crate::error::Result;
use crate::plan::filter::{Case, Condition, Test, Width};

/// The most conditions of one call: each may be a level of recursion here.
const MOST_CONDITIONS: usize = 128;
/// The most questions that are asked about one call, many times what fits into a program.
const MOST_QUESTIONS: usize = 10_000;

/// Refuses with `errno` where one of `cases` holds, and allows otherwise.
pub(super) fn judge(graph: &mut Graph, errno: i32, cases: &[Case]) -> Result<Decision> {
    check(cases)?;
    let allowed = graph.answer(libc::SECCOMP_RET_ALLOW);
    let refused = graph.answer(refusal(errno));
    let mut judge = Judge { graph, allowed, refused, known: HashMap::new(), questions: 0 };
    let open = cases.iter().map(|case| Cow::Borrowed(case.0.as_slice())).collect();
    let decision = judge.decide(open, None);
    match judge.questions {
        0..MOST_QUESTIONS => Ok(decision),
        _ => Err(broken("a call's conditions multiply too much")),
    }
}

/// Rejects what does not say what it seems to: no condition at all, and bits outside the width or
/// the mask, under which nothing could ever be equal.
fn check(cases: &[Case]) -> Result<()> {
    if cases.is_empty() || cases.iter().any(|case| case.0.is_empty()) {
        return Err(broken("a judged call has no case, or a case no condition"));
    }
    let conditions = || cases.iter().flat_map(|case| &case.0);
    if conditions().count() > MOST_CONDITIONS {
        return Err(broken(&format!("a call has more than {MOST_CONDITIONS} conditions")));
    }
    for condition in conditions() {
        let width = match condition.width {
            Width::Bits32 => u64::from(u32::MAX),
            Width::Bits64 => u64::MAX,
        };
        let mask = match condition.test {
            Test::MaskedEq(mask) | Test::MaskedNe(mask) => mask,
            Test::Eq | Test::Ne | Test::AnyBit => width,
        };
        if condition.argument > 5 || mask & !width != 0 || condition.value & !mask != 0 {
            return Err(broken(&format!("\"{condition}\" looks at bits that are not there")));
        }
    }
    Ok(())
}

/// What the accumulator holds: the word at this offset, if that is known.
type Loaded = Option<u32>;

/// The conditions of each case that are still open after the answers so far. A case without any
/// holds; one that cannot hold any more is gone.
type Open<'a> = Vec<Cow<'a, [Condition]>>;

struct Judge<'g, 'a> {
    graph: &'g mut Graph,
    allowed: Decision,
    refused: Decision,
    /// Decisions made already: what is still open after different answers is often the same.
    known: HashMap<(Open<'a>, Loaded), Decision>,
    /// How many questions were asked; beyond the limit nothing is decided any more.
    questions: usize,
}

impl<'a> Judge<'_, 'a> {
    fn decide(&mut self, cases: Open<'a>, loaded: Loaded) -> Decision {
        if cases.iter().any(|case| case.is_empty()) || self.questions >= MOST_QUESTIONS {
            return self.refused;
        }
        let Some([condition, rest @ ..]) = cases.first().map(|case| &**case) else {
            return self.allowed;
        };
        let question = question(condition);
        // One of its answers decides, so the way does not fork.
        if rest.is_empty() {
            return self.ask(&question, &cases, loaded);
        }
        let key = (cases, loaded);
        if let Some(decision) = self.known.get(&key) {
            return *decision;
        }
        let decision = self.ask(&question, &key.0, loaded);
        self.known.insert(key, decision);
        decision
    }

    fn ask(&mut self, question: &Condition, cases: &Open<'a>, loaded: Loaded) -> Decision {
        self.questions += 1;
        let low = ARGUMENTS + 8 * u32::from(question.argument);
        let is_masked = matches!(question.test, Test::MaskedEq(_));
        let after = (question.width == Width::Bits32 && !is_masked).then_some(low);
        let yes = self.decide(assume(cases, question, true), after);
        let no = self.decide(assume(cases, question, false), after);
        let decision = match question.width {
            Width::Bits32 => self.compare_half(question, 0, yes, no),
            Width::Bits64 => self.compare_whole(question, low, yes, no),
        };
        match question.width {
            Width::Bits32 if loaded == Some(low) => decision,
            Width::Bits32 => self.graph.load(low, decision),
            Width::Bits64 => decision,
        }
    }

    /// Compares the loaded half, the lower one at `shift` 0, with that half of the value.
    fn compare_half(
        &mut self,
        question: &Condition,
        shift: u32,
        yes: Decision,
        no: Decision,
    ) -> Decision {
        let half = |bits: u64| (bits >> shift & u64::from(u32::MAX)) as u32;
        let value = half(question.value);
        let graph = &mut *self.graph;
        match question.test {
            Test::Eq => graph.compare(Comparison::Equal, value, yes, no),
            Test::Ne => graph.compare(Comparison::Equal, value, no, yes),
            Test::AnyBit => graph.compare(Comparison::AnyBit, value, yes, no),
            Test::MaskedEq(mask) => {
                let equal = graph.compare(Comparison::Equal, value, yes, no);
                graph.mask(half(mask), equal)
            }
            Test::MaskedNe(mask) => {
                let equal = graph.compare(Comparison::Equal, value, no, yes);
                graph.mask(half(mask), equal)
            }
        }
    }

    /// Loads and compares the upper half, and the lower one where that is not enough.
    fn compare_whole(
        &mut self,
        question: &Condition,
        low: u32,
        yes: Decision,
        no: Decision,
    ) -> Decision {
        let lower = self.compare_half(question, 0, yes, no);
        let lower = self.graph.load(low, lower);
        let upper = match question.test {
            Test::Eq | Test::MaskedEq(_) => self.compare_half(question, 32, lower, no),
            Test::Ne | Test::MaskedNe(_) | Test::AnyBit => {
                self.compare_half(question, 32, yes, lower)
            }
        };
        self.graph.load(low + 4, upper)
    }
}

/// What is asked to find out whether `condition` holds: "not equal" is the answer to "equal".
fn question(condition: &Condition) -> Condition {
    match condition.test {
        Test::Ne => Condition { test: Test::Eq, ..*condition },
        Test::MaskedNe(mask) => Condition { test: Test::MaskedEq(mask), ..*condition },
        _ => *condition,
    }
}

/// What is left of `cases` when the answer to `question` is `answer`.
fn assume<'a>(cases: &Open<'a>, question: &Condition, answer: bool) -> Open<'a> {
    let known = |condition: &Condition| known(condition, question, answer);
    let rest = |case: &Cow<'a, [Condition]>| {
        if case.iter().any(|condition| known(condition) == Some(false)) {
            return None;
        }
        if case.iter().all(|condition| known(condition).is_none()) {
            return Some(case.clone());
        }
        let open = case.iter().filter(|condition| known(condition).is_none());
        Some(open.copied().collect())
    };
    cases.iter().filter_map(rest).collect()
}

/// Whether `condition` holds, as far as the answer to `question` tells.
fn known(condition: &Condition, question: &Condition, answer: bool) -> Option<bool> {
    if (condition.argument, condition.width) != (question.argument, question.width) {
        return None;
    }
    if answer && question.test == Test::Eq {
        return Some(holds(condition, question.value));
    }
    match (condition.test, condition.value == question.value) {
        (test, true) if test == question.test => Some(answer),
        (Test::Ne, true) if question.test == Test::Eq => Some(!answer),
        (Test::MaskedNe(mask), true) if question.test == Test::MaskedEq(mask) => Some(!answer),
        (Test::MaskedEq(mask), false) if answer && question.test == Test::MaskedEq(mask) => {
            Some(false)
        }
        (Test::MaskedNe(mask), false) if answer && question.test == Test::MaskedEq(mask) => {
            Some(true)
        }
        _ => None,
    }
}

/// Whether `condition` holds for an argument that is exactly `argument`.
fn holds(condition: &Condition, argument: u64) -> bool {
    match condition.test {
        Test::Eq => argument == condition.value,
        Test::Ne => argument != condition.value,
        Test::MaskedEq(mask) => argument & mask == condition.value,
        Test::MaskedNe(mask) => argument & mask != condition.value,
        Test::AnyBit => argument & condition.value != 0,
    }
}
