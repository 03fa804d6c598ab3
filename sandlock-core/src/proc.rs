//! What /proc says of processes, see proc(5). Everything is of a process that may end at any moment.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use crate::error::{Error, ErrorKind, Result};
use crate::text::errno_of;

pub(crate) fn process(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// The directories of the threads of `pid`; none of a process that is gone.
pub(crate) fn threads(pid: i32) -> Result<Vec<PathBuf>> {
    let directory = process(pid).join("task");
    let Some(entries) = there(fs::read_dir(&directory), &directory)? else { return Ok(Vec::new()) };
    let mut threads = Vec::new();
    for entry in entries {
        threads.extend(there(entry, &directory)?.map(|entry| entry.path()));
    }
    Ok(threads)
}

/// The children of every thread of `pid`.
pub(crate) fn children(pid: i32) -> Result<Vec<i32>> {
    let mut found = Vec::new();
    for thread in threads(pid)? {
        let path = thread.join("children");
        let list = match there(fs::read_to_string(&path), &path)? {
            Some(list) => list,
            None if thread.exists() => {
                let message = "this kernel lists no children (CONFIG_PROC_CHILDREN)";
                return Err(Error::new(ErrorKind::Io, message));
            }
            None => continue,
        };
        found.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    Ok(found)
}

/// What is wanted here of /proc/PID/stat, see proc_pid_stat(5).
pub(crate) struct Stat {
    pub(crate) name: String,
    pub(crate) state: u8,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    pub(crate) user: u64,
    pub(crate) system: u64,
    pub(crate) reaped_user: u64,
    pub(crate) reaped_system: u64,
    /// When it began, in ticks: what two processes that had one id differ in.
    pub(crate) start: u64,
}

/// Of the process or thread with this directory; `None` if it is gone.
pub(crate) fn stat(directory: &Path) -> Result<Option<Stat>> {
    let path = directory.join("stat");
    let Some(text) = there(fs::read(&path), &path)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&text);
    let unreadable = || Error::new(ErrorKind::Io, format!("{}: {text}", path.display()));
    // The name can hold anything, parentheses and blanks as well.
    let (name, rest) = text.rsplit_once(')').ok_or_else(unreadable)?;
    let name = name.split_once('(').map_or("", |(_, name)| name).to_owned();
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Field 3, the state, is the first behind the name.
    let field = |number: usize| fields.get(number - 3).ok_or_else(unreadable);
    let id = |number: usize| field(number)?.parse::<i32>().map_err(|_| unreadable());
    let time = |number: usize| field(number)?.parse::<u64>().map_err(|_| unreadable());
    Ok(Some(Stat {
        name,
        state: field(3)?.bytes().next().ok_or_else(unreadable)?,
        parent: id(4)?,
        group: id(5)?,
        session: id(6)?,
        user: time(14)?,
        system: time(15)?,
        reaped_user: time(16)?,
        reaped_system: time(17)?,
        start: time(22)?,
    }))
}

/// The most bytes that are shown of a command: a program can make its own as long as it likes.
const COMMAND_LIMIT: u64 = 4096;

pub(crate) fn command(pid: i32, name: &str) -> Vec<OsString> {
    let mut words = Vec::new();
    if let Ok(file) = fs::File::open(process(pid).join("cmdline")) {
        // What cannot be read is not there, as for a process that has ended.
        file.take(COMMAND_LIMIT).read_to_end(&mut words).ok();
    }
    if words.is_empty() {
        return vec![format!("[{name}]").into()];
    }
    let words = words.strip_suffix(b"\0").unwrap_or(&words);
    words.split(|&byte| byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect()
}

/// The peak of a process's memory in bytes; `None` of one that has none any more.
pub(crate) fn peak(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The process that a thread belongs to; `None` of one that is gone.
pub(crate) fn process_of(thread: u32) -> Option<u32> {
    let status = fs::read(format!("/proc/{thread}/status")).ok()?;
    // The name in front of it can hold anything but a line end.
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Tgid:"))?;
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}

pub(crate) fn ticks(ticks: u64) -> Duration {
    let per_second =
        sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|n| u64::try_from(n).ok());
    Duration::from_millis(ticks.saturating_mul(1000) / per_second.unwrap_or(100).max(1))
}

/// What was read of a process, or that it is gone.
fn there<T>(result: io::Result<T>, path: &Path) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match errno_of(&error) {
            libc::ENOENT | libc::ESRCH => Ok(None),
            errno => Err(Error::io(format!("read(\"{}\")", path.display()), errno)),
        },
    }
}
