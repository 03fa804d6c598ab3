//! Writes the files that are made from the settings table, the table of system calls and the
//! command line: `docs/settings.md`, `docs/syscalls.md`, `docs/man/`, `completions/`, the constants
//! of `Syscall`, the types of settings in Python, and of the C interface `include/sandlock.h` and its
//! manual pages.
//!
//! With `--check` it compares them instead, and exits with 1 where one is not current.

mod completions;
mod constants;
mod declarations;
mod header;
mod keywords;
mod man;
mod reference;
mod settings;
mod syscalls;

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const REWRITE: &str = "make generate";

/// A file by its path below the repository, and what it must hold.
type Generated = (String, String);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => rewrite(),
        ["--check"] => check(),
        _ => Err("the only argument is --check".into()),
    }
}

fn rewrite() -> Result<ExitCode, Box<dyn Error>> {
    for (name, text) in generated()? {
        let path = place(&name);
        fs::create_dir_all(path.parent().ok_or("a file has a directory")?)?;
        fs::write(path, text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check() -> Result<ExitCode, Box<dyn Error>> {
    let stale = stale()?;
    for name in &stale {
        writeln!(io::stderr(), "{name} is not current; `{REWRITE}` rewrites it")?;
    }
    Ok(if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The names of the files that do not hold what they must.
fn stale() -> Result<Vec<String>, Box<dyn Error>> {
    let mut stale = Vec::new();
    for (name, text) in generated()? {
        match fs::read(place(&name)) {
            Ok(bytes) if bytes == text.as_bytes() => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => stale.push(name),
        }
    }
    Ok(stale)
}

fn generated() -> Result<Vec<Generated>, Box<dyn Error>> {
    let header = header::header()?;
    let mut files = reference::pages(&header);
    files.extend([
        ("docs/settings.md".to_owned(), settings::page()),
        ("docs/syscalls.md".to_owned(), syscalls::page()),
        ("sandlock-core/src/syscall/constants.rs".to_owned(), constants::page()?),
        ("include/sandlock.h".to_owned(), header),
        ("python/sandlock/_settings.py".to_owned(), keywords::page()?),
    ]);
    files.extend(man::pages()?);
    files.extend(completions::scripts()?);
    Ok(files)
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_are_current() {
        let stale = stale().unwrap();
        assert!(stale.is_empty(), "{stale:?} are not current; `{REWRITE}` rewrites them");
    }
}
