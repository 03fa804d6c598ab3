//! The programs in `examples/`, run as they are. `cargo test` builds them first, but for a single
//! test binary (`--test examples`): `cargo build --examples` does then.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

/// What an example prints.
fn says(example: &str) -> String {
    let this = std::env::current_exe().unwrap();
    // target/PROFILE/deps/THIS and target/PROFILE/examples/EXAMPLE
    let program = this.parent().and_then(Path::parent).unwrap().join("examples").join(example);
    let output = Command::new(&program).output().unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo build -p sandlock-core --examples` makes it", program.display())
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{example}: {:?}, {errors}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn deny_uname_shows_both_outcomes() {
    let text = says("deny_uname");
    let [without, with] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert_eq!(without, "without a handler: Linux");
    assert!(with.starts_with("with a handler: ") && with.contains("Permission denied"), "{text}");
}

#[test]
fn openat_audit_lists_the_paths_that_python_opens() {
    let text = says("openat_audit");
    assert!(text.starts_with("python3 printed 42\nit opened "), "{text}");
    let is_counted = |line: &str| {
        let (count, path) = line.trim_start().split_once(' ').unwrap();
        count.parse::<u32>().unwrap() > 0 && path.starts_with('/')
    };
    let paths: Vec<&str> = text.lines().skip(2).collect();
    assert!(paths.iter().all(|line| is_counted(line)), "{text}");
    assert!(paths.iter().any(|line| line.contains("/encodings")), "{text}");
}

#[test]
fn serve_file_serves_what_is_nowhere_and_refuses_what_is_not_granted() {
    let text = says("serve_file");
    let [served, granted, refused] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(
        served.starts_with("/etc/greeting ") && served.ends_with(" hello from nowhere"),
        "{text}"
    );
    assert!(granted.starts_with("/usr/lib/os-release ") && granted.contains("NAME="), "{text}");
    assert!(
        refused.starts_with("/etc/hostname ") && refused.contains("Permission denied"),
        "{text}"
    );
}
