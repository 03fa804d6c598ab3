//! The variables of the program.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::policy::Policy;

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

    /// Applies the changes to `inherited`.
    pub(crate) fn apply(
        &self,
        inherited: impl Iterator<Item = (OsString, OsString)>,
    ) -> BTreeMap<OsString, OsString> {
        let survives = |name: &OsStr| !self.clean || Self::KEPT.iter().any(|kept| name == *kept);
        let mut variables: BTreeMap<_, _> = inherited.filter(|(name, _)| survives(name)).collect();
        variables.extend(self.changes.clone());
        variables
    }
}
