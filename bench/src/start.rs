//! Starting /bin/true in a sandbox, against posix_spawn(3) from the same process.

use std::process::{Command, Stdio};
use std::time::Instant;

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
    let printed = String::from_utf8(output.stdout).expect("numbers");
    let mut subjects = printed.lines().map(parse);
    let mut next = || subjects.next().expect("a line for each subject");
    let [spawn, with_pipes, run, interactive, new] = [(); 5].map(|()| next());
    let row = |what: &str, floor: &Times, ours: &Times, goal| {
        let name = format!("{what}, {resident_mib} MiB");
        Row { name, native: None, floor: floor.clone(), ours: ours.clone(), goal }
    };
    vec![
        row("run", &spawn, &run, Some(GOAL)),
        row("run, to spawn with pipes", &with_pipes, &run, None),
        row("run_interactive", &spawn, &interactive, None),
        row("Sandbox::new", &spawn, &new, None),
    ]
}

fn parse(line: &str) -> Times {
    line.split(' ').map(|time| time.parse().expect("nanoseconds")).collect()
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
                let output = sandbox.run_interactive(["/bin/true"]);
                assert!(output.expect("run_interactive").success());
            }),
            timed(|| drop(grants::sandbox(&directories))),
        ],
        ROUNDS,
    );
    drop(resident);
    for times in results {
        let texts: Vec<String> = times.iter().map(f64::to_string).collect();
        println!("{}", texts.join(" "));
    }
}

/// Makes a subject that says how long `action` takes.
fn timed<'a>(action: impl Fn() + 'a) -> Box<dyn FnMut() -> f64 + 'a> {
    Box::new(move || {
        median((0..RUNS).map(|_| {
            let start = Instant::now();
            action();
            start.elapsed().as_nanos() as f64
        }))
    })
}
