//! The C library as C programs have it: the file that cargo made of sandlock-ffi, and C programs
//! that are linked with it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The name that linked programs look for.
const SONAME: &str = concat!("libsandlock.so.0.", env!("CARGO_PKG_VERSION_MINOR"));
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/programs");
const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../include");

pub(crate) struct Library {
    file: PathBuf,
    /// Has the programs, and the library under the name that they look for.
    folder: TempDir,
}

impl Library {
    /// The library beside this program.
    pub(crate) fn new() -> Library {
        let program = std::env::current_exe().expect("the path of this program");
        let file = program.with_file_name("libsandlock.so");
        assert!(file.exists(), "{file:?} is made by `cargo build --release -p sandlock-ffi`");
        let folder = tempfile::tempdir().expect("a folder");
        symlink(&file, folder.path().join(SONAME)).expect("a link");
        Library { file, folder }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Compiles a program of `sources` that needs the library.
    pub(crate) fn link(&self, name: &str, sources: &[&str]) -> PathBuf {
        let folder = self.folder.path();
        let program = folder.join(name);
        run(Command::new("cc")
            .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-DLINKED", "-I", INCLUDE])
            .args(sources.iter().map(|source| Path::new(PROGRAMS).join(source)))
            .arg(folder.join(SONAME))
            .arg(format!("-Wl,-rpath,{}", folder.display()))
            .arg("-o")
            .arg(&program));
        program
    }

    /// The bytes of the file when symbols that nobody needs at run time are taken out.
    pub(crate) fn stripped_size(&self) -> u64 {
        let stripped = self.folder.path().join("stripped.so");
        run(Command::new("strip").arg("-o").args([&stripped, &self.file]));
        std::fs::metadata(stripped).expect("strip has made it").len()
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("a C compiler named cc and strip are in PATH");
    assert!(status.success(), "{command:?}: {status}");
}
