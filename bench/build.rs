//! Compiles the C programs that are timed in and outside a sandbox.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::env;
use std::path::Path;
use std::process::Command;

/// The programs and their sources.
const PROGRAMS: [(&str, &[&str]); 2] = [
    ("calls", &["programs/calls.c", "programs/confine.c", "programs/timing.c"]),
    ("trapped", &["programs/trapped.c", "programs/answer.c", "programs/timing.c"]),
];

fn main() {
    println!("cargo:rerun-if-changed=programs");
    let output = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    for (name, sources) in PROGRAMS {
        let status = Command::new("cc")
            .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"])
            .args(sources)
            .arg("-o")
            .arg(Path::new(&output).join(name))
            .status()
            .expect("a C compiler named cc is in PATH");
        assert!(status.success(), "cc failed: {status}");
    }
}
