//! Starting a program and ending its tree: keeper and child (see docs/architecture.md).

mod child;
mod command;
mod diagnose;
mod interpreter;
mod keeper;
mod launch;
mod report;
mod tree;

pub(crate) use command::Command;
pub(crate) use launch::{Launch, Stdio};
pub(crate) use report::RawUsage;
pub(crate) use tree::Tree;
