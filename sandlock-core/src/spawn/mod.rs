//! Starting a program and ending its tree: keeper, child and deputy (see docs/architecture.md).

mod child;
mod command;
mod deputy;
mod diagnose;
mod directory;
mod interpreter;
mod keeper;
mod report;
mod start;
mod tree;

pub(crate) use command::Command;
pub(crate) use deputy::{Deputy, Opening, Refusal};
pub(crate) use directory::{Directory, NamedBy};
pub(crate) use report::{RawUsage, Report};
pub(crate) use start::{Session, Source, Start, Surroundings};
pub(crate) use tree::{End, Hold, Running, Tree, has_event};
