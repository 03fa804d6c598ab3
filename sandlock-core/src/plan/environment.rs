//! The variables of the program.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::policy::Policy;

/// Name and value.
pub(crate) type Variable = (OsString, OsString);

/// What is done to the caller's variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Whether only [`Environment::KEPT`] survive.
    pub clean: bool,
    /// What is added or replaced, by name.
    pub changes: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// What survives `process.clean_env`.
    pub const KEPT: [&'static str; 5] = ["PATH", "HOME", "USER", "LANG", "TERM"];

    pub(crate) fn new(policy: &Policy) -> Self {
        let changes = policy.process.env.iter();
        Environment {
            clean: policy.process.clean_env,
            changes: changes
                .map(|(name, value)| (name.as_ref().to_owned(), value.clone()))
                .collect(),
        }
    }

    /// Applies the changes to `inherited`, and keeps its order.
    pub(crate) fn apply(&self, inherited: impl Iterator<Item = Variable>) -> Vec<Variable> {
        let survives = |name: &OsStr| {
            let is_kept = !self.clean || Self::KEPT.iter().any(|kept| name == *kept);
            is_kept && !self.changes.contains_key(name)
        };
        let kept = inherited.filter(|(name, _)| survives(name));
        kept.chain(self.changes.clone()).collect()
    }
}
