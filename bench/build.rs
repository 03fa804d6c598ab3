//! Compiles the C program that is timed in and outside a sandbox.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=programs");
    let output = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let status = Command::new("cc")
        .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"])
        .args(["programs/calls.c", "programs/confine.c", "-o"])
        .arg(Path::new(&output).join("calls"))
        .status()
        .expect("a C compiler named cc is in PATH");
    assert!(status.success(), "cc failed: {status}");
}
