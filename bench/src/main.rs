//! What sandlock costs, as ratios to the least that the kernel allows. See `bench/README.md`.

#![allow(clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod again;
mod c;
mod calls;
mod embedder;
mod grants;
mod handlers;
mod library;
mod many;
mod python;
mod resident;
mod rounds;
mod spawn;
mod start;
mod supervised;
mod table;
mod trapped;

use std::process::ExitCode;

use table::{Amount, Row};

const USAGE: &str = "usage: sandlock-bench [--strict | handlers | c | python]
    --strict: exit 1 if a goal is missed    handlers: handlers and supervised runs alone
    c: the C library alone                  python: the Python package alone";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => report(false),
        ["--strict"] => report(true),
        [start::CHILD, resident_mib] => {
            let resident_mib = resident_mib.parse().expect("a number of MiB");
            start::measure_here(resident_mib);
            ExitCode::SUCCESS
        }
        ["handlers"] => {
            let (rows, latency) = supervision();
            table::print(&rows, &[latency]);
            ExitCode::SUCCESS
        }
        ["c"] => {
            let (rows, amounts) = c::figures();
            table::print(&rows, &amounts);
            ExitCode::SUCCESS
        }
        ["python"] => {
            let (rows, amounts) = python::figures();
            table::print(&rows, &amounts);
            ExitCode::SUCCESS
        }
        [many::RUNS] => {
            many::measure_runs_here();
            ExitCode::SUCCESS
        }
        [many::RUNNING] => {
            many::measure_running_here();
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn report(strict: bool) -> ExitCode {
    let mut rows = start::rows(0);
    rows.extend(start::rows(2048));
    let (many, mut amounts) = many::figures();
    rows.extend(many);
    rows.extend(calls::rows());
    let (supervision, latency) = supervision();
    rows.extend(supervision);
    amounts.push(latency);
    for (embedded, loading) in [c::figures(), python::figures()] {
        rows.extend(embedded);
        amounts.extend(loading);
    }
    table::print(&rows, &amounts);
    let missed = rows.iter().any(|row| row.passes() == Some(false))
        || amounts.iter().any(|amount| !amount.passes());
    ExitCode::from(u8::from(strict && missed))
}

/// What handlers cost.
fn supervision() -> (Vec<Row>, Amount) {
    let mut rows = handlers::rows();
    rows.extend(supervised::rows());
    (rows, handlers::latency())
}
