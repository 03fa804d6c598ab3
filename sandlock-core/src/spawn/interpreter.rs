//! What execve(2) opens besides the program: the interpreter of a script, the loader of an ELF file.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file named behind `#!`, or the loader that an ELF program asks for.
pub(super) fn interpreter(path: &Path) -> Option<PathBuf> {
    let mut file = open(path)?;
    let mut start = [0u8; 256];
    let length = file.read(&mut start).ok()?;
    let start = start.get(..length)?;
    match start {
        [b'#', b'!', line @ ..] => script_interpreter(line),
        [0x7f, b'E', b'L', b'F', 2, 1, ..] => elf_interpreter(&mut file, start),
        _ => None,
    }
}

/// Whether `path` is an ELF file, of whatever architecture.
pub(super) fn is_elf(path: &Path) -> bool {
    let mut magic = [0u8; 4];
    let read = open(path).and_then(|mut file| file.read_exact(&mut magic).ok());
    read.is_some() && magic == *b"\x7fELF"
}

/// Opens a regular file. The program names it, and the host opens it: anything else could wait for
/// ever, or be a device that acts on being opened.
fn open(path: &Path) -> Option<File> {
    let pinned = File::options().read(true).custom_flags(libc::O_PATH).open(path).ok()?;
    if !pinned.metadata().ok()?.is_file() {
        return None;
    }
    File::open(format!("/proc/self/fd/{}", pinned.as_raw_fd())).ok()
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
