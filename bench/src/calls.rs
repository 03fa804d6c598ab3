//! System calls inside a sandbox, against a bare program that confines itself.

use std::collections::BTreeMap;
use std::process::Command;

use crate::grants;
use crate::rounds::median;
use crate::table::Row;

/// Times the calls; built from `programs/`.
const PROGRAM: &str = concat!(env!("OUT_DIR"), "/calls");

const NAMES: [&str; 6] = ["getppid", "fstat", "stat", "open+close", "mmap+munmap", "fork+wait"];
const GOAL: f64 = 1.05;
const ROUNDS: usize = 25;

/// Nanoseconds of every round, by the name of the call.
type Times = BTreeMap<String, Vec<f64>>;

pub(crate) fn rows() -> Vec<Row> {
    let mut paths = grants::directories();
    paths.push(PROGRAM);
    let sandbox = grants::sandbox(&paths);
    let (mut native, mut floor, mut ours) = (Times::new(), Times::new(), Times::new());
    for _ in 0..ROUNDS {
        collect(&mut native, &bare(&[]));
        collect(&mut floor, &bare(&paths));
        let output = sandbox.run([PROGRAM]).expect("run");
        assert!(output.success(), "{}", String::from_utf8_lossy(output.stderr()));
        collect(&mut ours, output.stdout());
    }
    let take = |times: &mut Times, name| median(times.remove(name).expect("every call"));
    NAMES
        .into_iter()
        .map(|name| Row {
            name: name.to_owned(),
            native: Some(take(&mut native, name)),
            floor: take(&mut floor, name),
            ours: take(&mut ours, name),
            goal: Some(GOAL),
        })
        .collect()
}

/// What the program prints outside a sandbox.
fn bare(paths: &[&str]) -> Vec<u8> {
    let output = Command::new(PROGRAM).args(paths).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn collect(times: &mut Times, printed: &[u8]) {
    for line in String::from_utf8_lossy(printed).lines() {
        let (name, nanoseconds) = line.split_once(' ').expect("a name and a number");
        let nanoseconds = nanoseconds.parse().expect("a number of nanoseconds");
        times.entry(name.to_owned()).or_default().push(nanoseconds);
    }
}
