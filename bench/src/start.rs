//! Starting /bin/true in a sandbox, against posix_spawn(3) from the same process.

use std::time::Instant;

use crate::again;
use crate::grants;
use crate::resident::Resident;
use crate::rounds::{Times, interleave, median};
use crate::spawn::Spawn;
use crate::table::Row;

/// The argument that makes this program measure starts and print them.
pub(crate) const CHILD: &str = "measure-start";

const GOAL: f64 = 1.3;
const ROUNDS: usize = 60;
/// Starts of one subject in a row; the round counts their median.
const RUNS: usize = 9;

/// Measures with `resident_mib` resident.
pub(crate) fn rows(resident_mib: usize) -> Vec<Row> {
    let [spawn, with_pipes, run, child, interactive, new] =
        again::run(&[CHILD, &resident_mib.to_string()]);
    let row = |what: &str, floor: &Times, ours: &Times, goal| {
        let name = format!("{what}, {resident_mib} MiB");
        Row { name, native: None, floor: floor.clone(), ours: ours.clone(), goal }
    };
    vec![
        row("run", &spawn, &run, Some(GOAL)),
        row("run, to spawn with pipes", &with_pipes, &run, None),
        row("spawn and wait", &spawn, &child, None),
        row("run_interactive", &spawn, &interactive, None),
        row("Sandbox::new", &spawn, &new, None),
    ]
}

/// Measures in this process and prints a line for each subject: its nanoseconds in every round.
pub(crate) fn measure_here(resident_mib: usize) {
    let resident = Resident::new(resident_mib);
    let spawn = Spawn::new(c"/bin/true");
    let directories = grants::directories();
    let sandbox = grants::sandbox(&directories);
    let results = interleave(
        [
            timed(|| spawn.inherit()),
            timed(|| spawn.capture()),
            timed(|| assert!(sandbox.run(["/bin/true"]).expect("run").success())),
            timed(|| {
                let child = sandbox.spawn(["/bin/true"]).expect("spawn");
                assert!(child.wait().expect("wait").success());
            }),
            timed(|| {
                let output = sandbox.run_interactive(["/bin/true"]);
                assert!(output.expect("run_interactive").success());
            }),
            timed(|| drop(grants::sandbox(&directories))),
        ],
        ROUNDS,
    );
    drop(resident);
    results.iter().for_each(|times| again::print(times));
}

/// Makes a subject that says how long `action` takes.
pub(crate) fn timed<'a>(action: impl Fn() + 'a) -> Box<dyn FnMut() -> f64 + 'a> {
    Box::new(move || {
        median((0..RUNS).map(|_| {
            let start = Instant::now();
            action();
            start.elapsed().as_nanos() as f64
        }))
    })
}
