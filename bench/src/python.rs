//! The Python package against the floors of its users: subprocess, a bare loop in C, and the start
//! of an interpreter.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sandlock::Syscall;

use crate::embedder::Embedder;
use crate::handlers::{answer, handled};
use crate::rounds::{interleave, median_difference};
use crate::start::timed;
use crate::table::{Amount, Row, Unit};
use crate::trapped::{bare, inside, row};

const RUN_GOAL: f64 = 1.3;
const READY_GOAL: f64 = 1.2;
const CALLABLE_GOAL: f64 = 3.0;
const IMPORT_GOAL: f64 = 20e6;
const RUN_ROUNDS: usize = 60;
const ANSWER_ROUNDS: usize = 25;
const IMPORT_ROUNDS: usize = 40;

/// What is resident, at least, in MiB.
const SMALL: usize = 50;
const BIG: usize = 2048;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/programs/embedder.py");

/// What Python programs pay, with what the import costs once.
pub(crate) fn figures() -> (Vec<Row>, Vec<Amount>) {
    let python = interpreter();
    let [small, big] = [SMALL, BIG].map(|mib| {
        let mut command = Command::new(&python);
        Embedder::start(command.arg(PROGRAM).arg(mib.to_string()))
    });
    let mut rows = run(&small, SMALL);
    rows.extend(run(&big, BIG));
    rows.extend(answered(&small));
    small.end();
    big.end();
    (rows, vec![import(&python)])
}

/// The one that has the package: of the environment in this repository, where nothing else is said.
fn interpreter() -> PathBuf {
    let python = env::var_os("SANDLOCK_BENCH_PYTHON").map_or_else(
        || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/bin/python")).to_owned(),
        PathBuf::from,
    );
    assert!(imports(&python, "sandlock"), "`make bench` installs the package for {python:?}");
    python
}

fn run(embedder: &Embedder, mib: usize) -> Vec<Row> {
    let [subprocess, captured, ours, inherited] = interleave(
        ["subprocess", "captured", "run", "inherited"].map(|name| embedder.subject(name)),
        RUN_ROUNDS,
    );
    let name = |what: &str| format!("{what}, {mib} MiB");
    vec![
        row(&name("Python run"), &subprocess, &ours, Some(RUN_GOAL)),
        row(&name("to subprocess, captured"), &captured, &ours, None),
        row(&name("outputs inherited"), &subprocess, &inherited, None),
    ]
}

fn answered(embedder: &Embedder) -> Vec<Row> {
    let rust = handled(Syscall::GETPPID, answer);
    let [floor, path_floor, rust, ready, callable, path] = interleave(
        [
            bare("answered"),
            bare("path"),
            inside(&rust, "answered"),
            embedder.subject("ready"),
            embedder.subject("callable"),
            embedder.subject("path"),
        ],
        ANSWER_ROUNDS,
    );
    vec![
        row("ready-made handler from Python", &floor, &ready, Some(READY_GOAL)),
        row("a handler's answer from Rust", &floor, &rust, Some(READY_GOAL)),
        row("Python callable", &floor, &callable, Some(CALLABLE_GOAL)),
        row("the same, with a path of 64 bytes", &path_floor, &path, Some(CALLABLE_GOAL)),
    ]
}

/// The start of an interpreter that imports the package, more than of one that imports nothing.
fn import(python: &Path) -> Amount {
    let [empty, ours] = interleave(
        ["sys", "sandlock"].map(|module| timed(move || assert!(imports(python, module)))),
        IMPORT_ROUNDS,
    );
    let ours = median_difference(&empty, &ours);
    Amount { name: "import sandlock", ours, goal: IMPORT_GOAL, unit: Unit::Nanoseconds }
}

fn imports(python: &Path, module: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", &format!("import {module}")]).stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
