//! Many programs of one sandbox: in a row, at once, and in batches.

use std::time::Instant;

use sandlock::Sandbox;

use crate::again;
use crate::grants;
use crate::rounds::{Times, interleave, median};
use crate::spawn::Spawn;
use crate::table::{Amount, Row, Unit};

/// The arguments that make this program measure and print them.
pub(crate) const RUNS: &str = "measure-runs";
pub(crate) const RUNNING: &str = "measure-running";

const TRUE: &str = "/bin/true";

const RUN_GOAL: f64 = 1.3;
/// 10,000 runs in all.
const BLOCKS: usize = 100;
const BLOCK: usize = 100;
/// Less than 32 bytes a run; an allocator may take another 64 KiB for itself now and then.
const GROWTH_GOAL_KIB: f64 = 256.0;

const RUNNING_AT_ONCE: usize = 500;
const RUNNING_GOAL_KIB: f64 = 256.0;

const BATCH: usize = 40;
const BATCHES: usize = 20;
const AT_ONCE: usize = 4;

pub(crate) fn figures() -> (Vec<Row>, Vec<Amount>) {
    let [spawn, with_pipes, runs, growth] = again::run(&[RUNS]);
    let [running] = again::run(&[RUNNING]);
    let [new, reused, at_once] = batches();
    let row = |name: &str, floor: &Times, ours: &Times, goal| {
        let (floor, ours) = (floor.clone(), ours.clone());
        Row { name: name.to_owned(), native: None, floor, ours, goal }
    };
    let rows = vec![
        row("run, 10,000 in a row", &spawn, &runs, Some(RUN_GOAL)),
        row("the same, to spawn with pipes", &with_pipes, &runs, None),
        row("one Sandbox, to one for each run", &new, &reused, None),
        row("run_all, 4 at once, to in a row", &reused, &at_once, None),
    ];
    let amount = |name, kib: &Times, goal| {
        let ours = median(kib.iter().copied());
        Amount { name, ours, goal, unit: Unit::Kib }
    };
    let amounts = vec![
        amount("memory after 10,000 runs, more", &growth, GROWTH_GOAL_KIB),
        amount("memory of a running sandbox", &running, RUNNING_GOAL_KIB),
    ];
    (rows, amounts)
}

/// Measures [`RUNS`] in this process.
pub(crate) fn measure_runs_here() {
    let spawn = Spawn::new(c"/bin/true");
    let sandbox = grants::sandbox(&grants::directories());
    let run = || assert!(sandbox.run([TRUE]).expect("run").success());
    // What allocator and kernel hold on to is there after the first.
    (0..BLOCK).for_each(|_| run());
    let before = resident_kib();
    let results = interleave(
        [
            each_of(BLOCK, || spawn.inherit()),
            each_of(BLOCK, || spawn.capture()),
            each_of(BLOCK, run),
        ],
        BLOCKS,
    );
    results.iter().for_each(|times| again::print(times));
    again::print(&[resident_kib() - before]);
}

/// Measures [`RUNNING`] in this process.
pub(crate) fn measure_running_here() {
    let sandbox = grants::sandbox(&grants::directories());
    let start = || sandbox.spawn(["sleep", "1000"]).expect("spawn");
    drop(start());
    let before = resident_kib();
    let running: Vec<_> = (0..RUNNING_AT_ONCE).map(|_| start()).collect();
    again::print(&[(resident_kib() - before) / RUNNING_AT_ONCE as f64]);
    drop(running);
}

/// The time of one run: in a sandbox of its own, in one for all, and several at once.
fn batches() -> [Times; 3] {
    let directories = grants::directories();
    let sandbox = grants::sandbox(&directories);
    let run = |sandbox: &Sandbox| assert!(sandbox.run([TRUE]).expect("run").success());
    let all_at_once = || {
        let start = Instant::now();
        for result in sandbox.run_all([[TRUE]; BATCH], AT_ONCE) {
            assert!(result.expect("run").success());
        }
        start.elapsed().as_nanos() as f64 / BATCH as f64
    };
    interleave(
        [
            each_of(BATCH, || run(&grants::sandbox(&directories))),
            each_of(BATCH, || run(&sandbox)),
            Box::new(all_at_once),
        ],
        BATCHES,
    )
}

/// Makes a subject that says how long `action` takes, on the average of `count` in a row.
fn each_of<'a>(count: usize, action: impl Fn() + 'a) -> Box<dyn FnMut() -> f64 + 'a> {
    Box::new(move || {
        let start = Instant::now();
        (0..count).for_each(|_| action());
        start.elapsed().as_nanos() as f64 / count as f64
    })
}

/// Memory of this process that is resident, from /proc.
fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
