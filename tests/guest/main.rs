//! The program that tests run inside a sandbox: `guest ACTION [ARG…]` does one thing with raw
//! system calls and prints one line about each: `NAME ok VALUE` or `NAME ERRNO`.

#![allow(
    unsafe_code,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic
)]

use std::ffi::{OsStr, OsString};

mod calls;
mod concurrent;
mod facts;
mod files;
mod guard;
mod launch;
mod life;
mod mapped;
mod report;
mod sockets;
mod storm;
mod tasks;
mod timer;

/// Each does the action if it is one of its own.
const ACTIONS: [fn(&str, &[&OsStr]) -> bool; 12] = [
    calls::run,
    concurrent::run,
    facts::run,
    files::run,
    guard::run,
    launch::run,
    life::run,
    mapped::run,
    sockets::run,
    storm::run,
    tasks::run,
    timer::run,
];

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let action = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    let words: Vec<&OsStr> = rest.iter().map(OsString::as_os_str).collect();
    let known = action.to_str().is_some_and(|name| ACTIONS.iter().any(|run| run(name, &words)));
    if !known {
        println!("guest: unknown action {action:?} {words:?}");
        std::process::exit(64);
    }
}
