//! The command as its users meet it: the real binary, real programs, exit statuses and lines.

#![allow(clippy::unwrap_used, clippy::panic)]

mod check;
mod command_line;
mod explain;
mod harness;
mod output;
mod profile;
mod run;
mod status_fd;
mod terminal;
