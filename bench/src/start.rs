//! Starting /bin/true in a sandbox, against posix_spawn(3) from the same process.

use std::process::{Command, Stdio};

use crate::grants;
use crate::resident::Resident;
use crate::rounds::medians;
use crate::spawn::Spawn;
use crate::table::Row;

/// The argument that makes this program measure starts and print them.
pub(crate) const CHILD: &str = "measure-start";

const GOAL: f64 = 1.3;
const ROUNDS: usize = 40;
const RUNS: usize = 10;

/// Measures in a process of its own, with `resident_mib` resident, so that neither the memory nor
/// what it does to the allocator reaches other measurements.
pub(crate) fn rows(resident_mib: usize) -> Vec<Row> {
    let program = std::env::current_exe().expect("the path of this program");
    let output = Command::new(program)
        .args([CHILD, &resident_mib.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("this program runs again");
    assert!(output.status.success(), "measuring starts failed");
    let times: Vec<f64> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line.parse().expect("a number of nanoseconds"))
        .collect();
    let [spawn, spawn_captured, run, interactive, new] = times[..] else {
        unreachable!("measure_here prints five lines")
    };
    let row = |what: &str, floor, ours, goal| Row {
        name: format!("{what}, {resident_mib} MiB"),
        native: None,
        floor,
        ours,
        goal,
    };
    vec![
        row("run", spawn, run, Some(GOAL)),
        row("run / spawn with pipes", spawn_captured, run, None),
        row("run_interactive", spawn, interactive, None),
        row("Sandbox::new", spawn, new, None),
    ]
}

/// Measures in this process and prints a line of nanoseconds for each subject.
pub(crate) fn measure_here(resident_mib: usize) {
    let resident = Resident::new(resident_mib);
    let spawn = Spawn::new(c"/bin/true");
    let directories = grants::directories();
    let sandbox = grants::sandbox(&directories);
    let times = medians(
        [
            Box::new(|| spawn.inherit()),
            Box::new(|| drop(spawn.capture())),
            Box::new(|| assert!(sandbox.run(["/bin/true"]).expect("run").success())),
            Box::new(|| {
                let output = sandbox.run_interactive(["/bin/true"]);
                assert!(output.expect("run_interactive").success());
            }),
            Box::new(|| drop(grants::sandbox(&directories))),
        ],
        ROUNDS,
        RUNS,
    );
    drop(resident);
    for time in times {
        println!("{time}");
    }
}
