//! Why a start failed, in the user's words.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::command::Command;
use crate::error::{Error, ErrorKind, Problem};
use crate::plan::Plan;
use crate::step::Step;
use crate::text::{describe_errno, one_line};

/// The error for a start that failed at `step`.
pub(crate) fn failed_start(step: Step, errno: i32, command: &Command, plan: &Plan) -> Error {
    match step {
        Step::Execute => cannot_execute(errno, command, plan).with_step(step).with_errno(errno),
        _ => Error::step_failed(step, errno),
    }
}

fn cannot_execute(errno: i32, command: &Command, plan: &Plan) -> Error {
    let path = plan.cwd().map_or(command.path.clone(), |cwd| cwd.join(&command.path));
    let simple = |hint: &str| {
        let text = describe_errno(errno);
        let message = format!("cannot execute \"{}\": {text}", one_line(&command.path));
        Error::new(ErrorKind::CannotExecute, message).with_hint(hint)
    };
    match errno {
        libc::EACCES => {
            let uncovered = uncovered(&path, plan);
            if uncovered.is_empty() {
                return simple("its file system may be mounted noexec");
            }
            let message = format!(
                "does not cover {}, so \"{}\" cannot be started",
                list(&uncovered),
                one_line(&command.path)
            );
            Error::listing(ErrorKind::CannotExecute, vec![Problem::new("fs.read", message)])
                .with_hint(
                    "grant these paths, and for a dynamic program its libraries: \
                     `--fs-read /usr` is usual",
                )
        }
        libc::ENOENT => simple("the interpreter that it names does not exist"),
        libc::ENOEXEC => simple("a script must begin with #! and its interpreter"),
        libc::E2BIG => simple("arguments and environment are too long"),
        _ => simple("the file cannot be executed on this system"),
    }
}

/// The files execve(2) opens for `program` that no grant covers: itself, and its interpreters.
fn uncovered(program: &Path, plan: &Plan) -> Vec<PathBuf> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let granted: Vec<PathBuf> =
        plan.landlock.grants.iter().filter_map(|grant| real(&grant.path)).collect();
    let mut uncovered = Vec::new();
    let mut next = real(program);
    // The kernel follows at most five interpreters (BINPRM_MAX_RECURSION).
    for _ in 0..6 {
        let Some(file) = next else { break };
        next = interpreter(&file).and_then(|interpreter| real(&interpreter));
        if !granted.iter().any(|grant| file.starts_with(grant)) {
            uncovered.push(file);
        }
    }
    uncovered
}

fn list(paths: &[PathBuf]) -> String {
    let texts: Vec<String> = paths.iter().map(one_line).collect();
    texts.join(" and ")
}

/// The file named behind `#!`, or the loader that an ELF program asks for.
fn interpreter(path: &Path) -> Option<PathBuf> {
    let mut file = File::open(path).ok()?;
    let mut start = [0u8; 256];
    let length = file.read(&mut start).ok()?;
    let start = start.get(..length)?;
    match start {
        [b'#', b'!', line @ ..] => script_interpreter(line),
        [0x7f, b'E', b'L', b'F', 2, 1, ..] => elf_interpreter(&mut file, start),
        _ => None,
    }
}

fn script_interpreter(line: &[u8]) -> Option<PathBuf> {
    let line = line.split(|&byte| byte == b'\n').next()?;
    let mut words = line.split(|byte| b" \t".contains(byte)).filter(|word| !word.is_empty());
    words.next().map(|word| PathBuf::from(OsStr::from_bytes(word)))
}

/// PT_INTERP of a little-endian 64-bit ELF file, see elf(5).
fn elf_interpreter(file: &mut File, header: &[u8]) -> Option<PathBuf> {
    const PT_INTERP: u64 = 3;
    const PATH_MAX: u64 = 4096;
    let table = number(header, 32, 8)?;
    let entry_size = number(header, 54, 2)?;
    let entries = number(header, 56, 2)?;
    for index in 0..entries {
        let mut entry = [0u8; 56];
        file.seek(SeekFrom::Start(table.checked_add(index * entry_size)?)).ok()?;
        file.read_exact(&mut entry).ok()?;
        if number(&entry, 0, 4)? == PT_INTERP {
            file.seek(SeekFrom::Start(number(&entry, 8, 8)?)).ok()?;
            let mut name = Vec::new();
            file.take(number(&entry, 32, 8)?.min(PATH_MAX)).read_to_end(&mut name).ok()?;
            let name = name.split(|&byte| byte == 0).next()?;
            return Some(PathBuf::from(OsStr::from_bytes(name)));
        }
    }
    None
}

fn number(bytes: &[u8], offset: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(offset..offset.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_of_a_dynamic_program_is_found() {
        let loader = interpreter(Path::new("/bin/true")).unwrap();
        assert!(loader.to_str().unwrap().contains("ld-linux"), "{loader:?}");
        assert_eq!(interpreter(&loader), None);
    }

    #[test]
    fn the_interpreter_of_a_script_is_found() {
        let found = |line: &str| script_interpreter(line.as_bytes());
        assert_eq!(found("/bin/sh\n"), Some("/bin/sh".into()));
        assert_eq!(found(" /usr/bin/env python3\nrest"), Some("/usr/bin/env".into()));
        assert_eq!(found("\n/bin/sh"), None);
    }
}
