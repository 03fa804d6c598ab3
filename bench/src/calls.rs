//! System calls inside a sandbox, against a bare program that confines itself.

use std::collections::BTreeMap;
use std::process::Command;

use crate::grants;
use crate::rounds::interleave;
use crate::table::Row;

/// Times the calls; built from `programs/`.
const PROGRAM: &str = concat!(env!("OUT_DIR"), "/calls");

const NAMES: [&str; 6] = ["getppid", "fstat", "stat", "open+close", "mmap+munmap", "fork+wait"];
const GOAL: f64 = 1.05;
/// A call that the filter judges by its arguments, to show what that costs.
const JUDGED: &str = "fcntl";
const ROUNDS: usize = 60;

/// Nanoseconds by the name of the call.
type Printed = BTreeMap<String, f64>;

pub(crate) fn rows() -> Vec<Row> {
    let mut paths = grants::directories();
    paths.push(PROGRAM);
    let sandbox = grants::sandbox(&paths);
    let [native, floor, ours] = interleave(
        [
            Box::new(|| outside(&[])),
            Box::new(|| outside(&paths)),
            Box::new(|| {
                let output = sandbox.run([PROGRAM]).expect("run");
                assert!(output.success(), "{}", String::from_utf8_lossy(output.stderr()));
                parse(output.stdout())
            }),
        ],
        ROUNDS,
    );
    let row = |name: &str, goal| {
        let times = |rounds: &[Printed]| rounds.iter().map(|printed| printed[name]).collect();
        Row {
            name: name.to_owned(),
            native: Some(times(&native)),
            floor: times(&floor),
            ours: times(&ours),
            goal,
        }
    };
    let promised = NAMES.into_iter().map(|name| row(name, Some(GOAL)));
    promised.chain([row(JUDGED, None)]).collect()
}

/// Runs the program outside a sandbox; it confines itself if there are `paths`.
fn outside(paths: &[&str]) -> Printed {
    let output = Command::new(PROGRAM).args(paths).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    parse(&output.stdout)
}

fn parse(printed: &[u8]) -> Printed {
    let line = |line: &str| {
        let (name, nanoseconds) = line.split_once(' ').expect("a name and a number");
        (name.to_owned(), nanoseconds.parse().expect("a number"))
    };
    String::from_utf8_lossy(printed).lines().map(line).collect()
}
