//! Runs that are supervised, against runs in which nothing is trapped: from the call of `run` to
//! the first instructions of the program's own code, and from there to the return of `run`.

use sandlock::{HandlerCtx, NotifAction, Sandbox, Syscall};

use crate::rounds::{interleave, median};
use crate::table::Row;
use crate::trapped::{self, now, row};

const ROUNDS: usize = 60;
/// Runs of one subject in a row; the round counts their medians.
const RUNS: usize = 9;

pub(crate) fn rows() -> Vec<Row> {
    let without = trapped::sandbox();
    // The program makes no such call.
    let nothing = |_: &HandlerCtx<'_>| NotifAction::Continue;
    let handler = trapped::sandbox().add_handler(Syscall::UNAME, nothing).expect("handled");
    let tasks = Sandbox::new(trapped::policy(true)).expect("this kernel enforces it");
    let [without, handler, tasks] =
        interleave([halves(&without), halves(&handler), halves(&tasks)], ROUNDS);
    let times = |rounds: &[Halves], half| rounds.iter().map(|halves| halves[half]).collect();
    let compared = |name: &str, ours: &[Halves], half| {
        row(name, &times(&without, half), &times(ours, half), None)
    };
    vec![
        compared("start with a handler, to without", &handler, START),
        compared("end with a handler, to without", &handler, END),
        compared("start with manage_tasks", &tasks, START),
        compared("end with manage_tasks", &tasks, END),
    ]
}

/// From the call to the program, and from the program to the return, in nanoseconds.
type Halves = [f64; 2];
const START: usize = 0;
const END: usize = 1;

fn halves(sandbox: &Sandbox) -> Box<dyn FnMut() -> Halves + '_> {
    Box::new(move || {
        let runs: Vec<Halves> = (0..RUNS).map(|_| run(sandbox)).collect();
        [START, END].map(|half| median(runs.iter().map(|halves| halves[half])))
    })
}

fn run(sandbox: &Sandbox) -> Halves {
    let begin = now();
    let moment = trapped::run(sandbox, "moment");
    [moment - begin, now() - moment]
}
