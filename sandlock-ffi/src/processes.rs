//! The processes of a tree.

use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;

use sandlock::ProcessInfo;

use crate::guard::{free, look};
use crate::text::{c_text, lent};

/// The processes of a tree at one moment, parents before their children. It never changes.
pub struct sandlock_processes(Vec<Process>);

struct Process {
    pid: i32,
    parent: i32,
    command: Vec<CString>,
}

impl sandlock_processes {
    pub(crate) fn new(processes: &[ProcessInfo]) -> sandlock_processes {
        let process = |info: &ProcessInfo| Process {
            pid: info.pid.cast_signed(),
            parent: info.parent.cast_signed(),
            command: info.command.iter().map(|word| c_text(word.as_bytes())).collect(),
        };
        sandlock_processes(processes.iter().map(process).collect())
    }
}

/// How many there are; none when the tree has ended.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_processes_count(processes: Option<&sandlock_processes>) -> usize {
    look(processes, 0, |processes| processes.0.len())
}

/// The id of process `index`; 0 if there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_processes_pid(
    processes: Option<&sandlock_processes>,
    index: usize,
) -> i32 {
    look(processes, 0, |processes| processes.0.get(index).map_or(0, |process| process.pid))
}

/// The id of the parent of process `index`; for those whose parent has ended, and the program itself,
/// that of the library's keeper. 0 if there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_processes_parent(
    processes: Option<&sandlock_processes>,
    index: usize,
) -> i32 {
    look(processes, 0, |processes| processes.0.get(index).map_or(0, |process| process.parent))
}

/// Word `word` of the command of process `index`, any bytes; NULL if there are not so many. A process without
/// arguments has its name in brackets. It lives as long as the list.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_processes_command(
    processes: Option<&sandlock_processes>,
    index: usize,
    word: usize,
) -> *const c_char {
    look(processes, std::ptr::null(), |processes| {
        lent(processes.0.get(index).and_then(|process| process.command.get(word)))
    })
}

/// Frees a list of processes. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_processes_free(processes: Option<Box<sandlock_processes>>) {
    free(processes);
}
