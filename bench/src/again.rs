//! Measuring in a process of its own, so that neither memory nor what it does to the allocator
//! reaches other measurements.

use std::process::{Command, Stdio};

use crate::rounds::Times;

/// Runs this program with `arguments` and returns the numbers of each line that it prints.
pub(crate) fn run<const N: usize>(arguments: &[&str]) -> [Times; N] {
    let program = std::env::current_exe().expect("the path of this program");
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("this program runs again");
    assert!(output.status.success(), "{arguments:?} failed");
    let printed = String::from_utf8(output.stdout).expect("numbers");
    let lines: Vec<Times> = printed.lines().map(parse).collect();
    lines.try_into().expect("a line for each subject")
}

fn parse(line: &str) -> Times {
    line.split(' ').map(|number| number.parse().expect("a number")).collect()
}

/// Prints the line that [`run`] reads.
pub(crate) fn print(numbers: &[f64]) {
    let texts: Vec<String> = numbers.iter().map(f64::to_string).collect();
    println!("{}", texts.join(" "));
}
