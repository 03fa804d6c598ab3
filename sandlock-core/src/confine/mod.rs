//! A plan made into what the kernel takes: a Landlock ruleset and a seccomp program.

pub(crate) mod filter;
pub(crate) mod ruleset;
pub(crate) mod trap;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::sys::descriptor::above_stdio;
use crate::text::errno_of;
use filter::Program;

/// A plan with everything that is made of it once, for any number of starts.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) ruleset: OwnedFd,
    /// What bounds the keeper's signals to the tree, where the kernel can.
    pub(crate) keeper_scope: Option<OwnedFd>,
    pub(crate) filter: Program,
    /// `/dev/null`, opened for the first program that gets it.
    null: OnceLock<OwnedFd>,
}

impl Prepared {
    pub(crate) fn new(plan: Plan) -> Result<Prepared> {
        let ruleset = above_stdio(ruleset::create(&plan.landlock)?)?;
        let keeper_scope = ruleset::create_for_keeper(&plan.landlock)?;
        let keeper_scope = keeper_scope.map(above_stdio).transpose()?;
        let filter = filter::compile(&plan.filter)?;
        Ok(Prepared { plan, ruleset, keeper_scope, filter, null: OnceLock::new() })
    }

    pub(crate) fn null(&self) -> Result<BorrowedFd<'_>> {
        if let Some(null) = self.null.get() {
            return Ok(null.as_fd());
        }
        let opened = File::options().read(true).write(true).open("/dev/null");
        let null = opened.map_err(|error| Error::io("open(\"/dev/null\")", errno_of(&error)))?;
        let null = above_stdio(null.into())?;
        Ok(self.null.get_or_init(|| null).as_fd())
    }
}

#[cfg(test)]
mod tests;
