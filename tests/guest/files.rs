//! What takes more than single calls to do with files.

use std::ffi::{CString, OsStr};
use std::io::Write as _;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use crate::report;

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    match (name, arguments) {
        ("list", [folder]) => report::result("list", list(folder)),
        ("read", [file]) => report::result("read", read(file)),
        ("write", [file, size]) => write(file, size.to_str().unwrap().parse().unwrap()),
        ("execute", [program, words @ ..]) => report::result("execute", execute(program, words)),
        ("execute-descriptor", [program, words @ ..]) => {
            report::result("execute-descriptor", execute_descriptor(program, words));
        }
        ("execute-memory", [program, words @ ..]) => {
            report::result("execute-memory", execute_memory(program, words));
        }
        _ => return false,
    }
    true
}

fn list(folder: &OsStr) -> std::io::Result<String> {
    let entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let mut names: Vec<_> = entries.iter().map(|entry| escaped(&entry.file_name())).collect();
    names.sort_unstable();
    Ok(names.join(" "))
}

fn read(file: &OsStr) -> std::io::Result<String> {
    std::fs::read(file).map(|content| content.escape_ascii().to_string())
}

/// Writes until `size` bytes are in the file or something fails; the first signal for too large a
/// file is taken as asked for, the second file is written with the signal ignored.
fn write(file: &OsStr, size: usize) {
    let write = || std::fs::File::create(file)?.write_all(&vec![b'x'; size]);
    // SAFETY: Rust's runtime leaves this signal alone.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    report::result("write", write().map(|()| size));
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
    report::result("write", write().map(|()| size));
}

pub(crate) fn escaped(text: &OsStr) -> String {
    text.as_bytes().escape_ascii().to_string()
}

/// Becomes `program`; returns only with an error.
fn execute(program: &OsStr, words: &[&OsStr]) -> std::io::Result<i32> {
    let (path, arguments) = (c(program), pointers(program, words));
    // SAFETY: texts and their array are terminated and live.
    unsafe { libc::execv(path.as_ptr(), arguments.as_ptr()) };
    Err(std::io::Error::last_os_error())
}

fn execute_descriptor(program: &OsStr, words: &[&OsStr]) -> std::io::Result<i32> {
    let file = std::fs::File::options().read(true).custom_flags(libc::O_PATH).open(program)?;
    execute_at(&file, program, words)
}

/// Copies `program`, which must be readable, into memory and becomes the copy.
fn execute_memory(program: &OsStr, words: &[&OsStr]) -> std::io::Result<i32> {
    // SAFETY: the descriptor is new and ours.
    let mut copy = unsafe {
        let fd = libc::memfd_create(c"copy".as_ptr(), libc::MFD_CLOEXEC);
        if fd == -1 {
            return Err(std::io::Error::last_os_error());
        }
        std::fs::File::from_raw_fd(fd)
    };
    copy.write_all(&std::fs::read(program)?)?;
    execute_at(&copy, program, words)
}

fn execute_at(file: &std::fs::File, program: &OsStr, words: &[&OsStr]) -> std::io::Result<i32> {
    let arguments = pointers(program, words);
    let (fd, flags) = (file.as_raw_fd(), libc::AT_EMPTY_PATH);
    let empty: [*const libc::c_char; 1] = [std::ptr::null()];
    // SAFETY: texts and arrays are terminated and live.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            fd,
            c"".as_ptr(),
            arguments.as_ptr(),
            empty.as_ptr(),
            flags,
        )
    };
    Err(std::io::Error::last_os_error())
}

fn c(text: &OsStr) -> CString {
    CString::new(text.as_bytes()).unwrap()
}

/// An argv, never freed: this process is about to end.
fn pointers(program: &OsStr, words: &[&OsStr]) -> Vec<*const libc::c_char> {
    let texts = [program].into_iter().chain(words.iter().copied());
    let raw = texts.map(|text| c(text).into_raw().cast_const());
    raw.chain([std::ptr::null()]).collect()
}
