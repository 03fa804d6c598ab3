//! Compiles the C programs that are timed, but for those that need the C library: see
//! `src/library.rs`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::env;
use std::path::Path;
use std::process::Command;

/// The programs and what they are made of.
const PROGRAMS: [(&str, &[&str]); 5] = [
    ("calls", &["programs/calls.c", "programs/confine.c", "programs/timing.c"]),
    ("trapped", &["programs/trapped.c", "programs/answer.c", "programs/timing.c"]),
    ("load", &["programs/load.c", "programs/timing.c"]),
    ("nothing", &["programs/nothing.c"]),
    ("libempty.so", &["-shared", "-fPIC", "programs/empty.c"]),
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
