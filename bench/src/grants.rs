//! The grants of every measured sandbox, and of the programs it is compared with.

use sandlock::{Policy, Sandbox};

const DIRECTORIES: [&str; 4] = ["/usr", "/lib", "/lib64", "/etc"];

/// Those directories that this system has; /lib64 is not everywhere.
pub(crate) fn directories() -> Vec<&'static str> {
    DIRECTORIES.into_iter().filter(|path| std::fs::exists(path).unwrap_or(false)).collect()
}

/// A sandbox that may read `paths` and has default settings otherwise.
pub(crate) fn sandbox(paths: &[&str]) -> Sandbox {
    let policy = paths.iter().fold(Policy::builder(), |builder, path| builder.fs_read(path));
    Sandbox::new(policy.build().expect("a valid policy")).expect("this kernel enforces it")
}
