//! What would be done for a policy, as the one object that every surface gives out.

use serde::Serialize;

use super::{Enforcement, Plan};
use crate::error::Result;
use crate::host::Host;
use crate::policy::Policy;

/// A policy and what it would mean on a host: what `sandlock explain --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation<'a> {
    /// The format, 1; keys can be added to it.
    pub v: u32,
    /// What was asked for.
    pub policy: &'a Policy,
    /// The lines of [`Plan::describe`].
    pub plan: Vec<String>,
    /// What would hold, what the host lacks, and what the policy lifts.
    pub enforcement: Enforcement,
}

impl<'a> Explanation<'a> {
    /// Explains `policy` on `host`; nothing is run, and granted paths need not exist.
    ///
    /// # Errors
    ///
    /// Those of [`Plan::new`], and [`ErrorKind::Policy`](crate::ErrorKind::Policy) for a path or a
    /// variable that is not UTF-8: a plan can hold it, JSON cannot.
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::{Explanation, Host, Policy};
    ///
    /// let policy = Policy::builder().fs_read("/usr").build()?;
    /// let host = Host::fake(7);
    /// let explanation = Explanation::new(&policy, &host)?;
    /// assert!(explanation.plan.iter().any(|line| line.contains("grant read /usr")));
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn new(policy: &'a Policy, host: &Host) -> Result<Explanation<'a>> {
        let plan = Plan::new(policy, host)?;
        policy.require_utf8()?;
        let lines = plan.describe().lines().map(str::to_owned).collect();
        Ok(Explanation { v: 1, policy, plan: lines, enforcement: plan.enforcement })
    }
}
