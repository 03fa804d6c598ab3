//! The C program whose calls handlers answer: alone, answered by a bare loop of its own, or in a
//! sandbox.

use std::process::Command;

use nix::time::{ClockId, clock_gettime};
use sandlock::{Policy, Sandbox};

use crate::grants;
use crate::rounds::Times;
use crate::table::Row;

/// Built from `programs/`.
pub(crate) const PROGRAM: &str = concat!(env!("OUT_DIR"), "/trapped");

/// What a subject says in one round, in nanoseconds.
pub(crate) type Subject<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// A sandbox in which the program can run, without handlers.
pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(policy(false)).expect("this kernel enforces it")
}

pub(crate) fn policy(manages_tasks: bool) -> Policy {
    let builder = Policy::builder().fs_read(PROGRAM).manage_tasks(manages_tasks);
    let builder = grants::directories().iter().fold(builder, |builder, path| builder.fs_read(path));
    builder.build().expect("a valid policy")
}

/// The subject `name`, answered by a bare loop.
pub(crate) fn bare(name: &str) -> Subject<'_> {
    outside(name, "bare")
}

/// The same, where caller and loop are in different sessions, as they are with a sandbox.
pub(crate) fn across_sessions(name: &str) -> Subject<'_> {
    outside(name, "session")
}

fn outside<'a>(name: &'a str, how: &'a str) -> Subject<'a> {
    Box::new(move || {
        let output = Command::new(PROGRAM).args([name, how]).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        parse(&output.stdout)
    })
}

/// The subject `name` in `sandbox`.
pub(crate) fn inside<'a>(sandbox: &'a Sandbox, name: &'a str) -> Subject<'a> {
    Box::new(move || run(sandbox, name))
}

/// What the program prints in `sandbox`.
pub(crate) fn run(sandbox: &Sandbox, name: &str) -> f64 {
    let output = sandbox.run([PROGRAM, name]).expect("run");
    assert!(output.success(), "{}", String::from_utf8_lossy(output.stderr()));
    parse(output.stdout())
}

/// The clock that the program reads too, in nanoseconds.
pub(crate) fn now() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every kernel has this clock");
    time.tv_sec() as f64 * 1e9 + time.tv_nsec() as f64
}

pub(crate) fn row(name: &str, floor: &Times, ours: &Times, goal: Option<f64>) -> Row {
    let (floor, ours) = (floor.clone(), ours.clone());
    Row { name: name.to_owned(), native: None, floor, ours, goal }
}

/// The number that a program prints.
pub(crate) fn parse(printed: &[u8]) -> f64 {
    String::from_utf8_lossy(printed).trim().parse().expect("a number")
}
