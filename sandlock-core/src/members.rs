//! The processes of a tree, as /proc shows them.
//!
//! Ids are reused, so nothing is signalled by its id alone: a process counts as a member only while
//! its parent is one, and the signal goes to a descriptor that was opened before that was seen.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};

use crate::error::{Error, ErrorKind, Result};
use crate::output::Usage;
use crate::spawn::Running;
use crate::sys::pidfd;
use crate::text::errno_of;

/// A process of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// Its id.
    pub pid: u32,
    /// The id of its parent; for those whose parent has ended, and the program itself, the keeper.
    pub parent: u32,
    /// The command and its arguments; the name in brackets where there are none, as of a process
    /// that has ended and was not waited for.
    pub command: Vec<OsString>,
}

/// How long processes may take to stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long those may take that wait in the kernel, of which some wait for what has stopped.
const PATIENCE_WITH_KERNEL: Duration = Duration::from_millis(100);

pub(crate) fn list(running: &Running) -> Result<Vec<ProcessInfo>> {
    let mut processes = Vec::new();
    each(running, |member| {
        processes.push(ProcessInfo {
            pid: member.pid.unsigned_abs(),
            parent: member.stat.parent.unsigned_abs(),
            command: command(member.pid, &member.stat.name),
        });
        Ok(())
    })?;
    Ok(processes)
}

/// Stops every member, until a look at all of them finds nobody who could run on.
pub(crate) fn pause(running: &Running) -> Result<()> {
    let begun = Instant::now();
    signal_all(running, libc::SIGSTOP)?;
    loop {
        let (mut active, mut blocked) = (0, 0);
        each(running, |member| {
            match activity(member)? {
                Activity::None => return Ok(()),
                Activity::Blocked => blocked += 1,
                Activity::Some => active += 1,
            }
            pidfd::send(&member.fd, "member", libc::SIGSTOP)
        })?;
        if active == 0 && (blocked == 0 || begun.elapsed() > PATIENCE_WITH_KERNEL) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            let message = format!("{active} processes of the tree have not stopped");
            return Err(Error::new(ErrorKind::Io, message));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Lets every member go on. What is stopped starts nobody, so one look finds all.
pub(crate) fn resume(running: &Running) -> Result<()> {
    signal_all(running, libc::SIGCONT)
}

fn signal_all(running: &Running, signal: i32) -> Result<()> {
    each(running, |member| pidfd::send(&member.fd, "member", signal))
}

/// What a process does that has been told to stop.
enum Activity {
    None,
    /// It waits in the kernel and stops before it gets back, as the parent in vfork(2) does, which
    /// waits for a child that has stopped.
    Blocked,
    Some,
}

/// Of all its threads: the first one can have ended before the others.
fn activity(member: &Member) -> Result<Activity> {
    let of = |state| match state {
        b'T' | b't' | b'Z' | b'X' => Activity::None,
        b'D' => Activity::Blocked,
        _ => Activity::Some,
    };
    if member.stat.state != b'Z' {
        return Ok(of(member.stat.state));
    }
    let mut all = Activity::None;
    for thread in threads(member.pid)? {
        let Some(stat) = stat(&thread)? else { continue };
        match of(stat.state) {
            Activity::None => {}
            other => all = other,
        }
    }
    Ok(all)
}

/// What keeper and members have used: the keeper has the times of everybody it reaped.
pub(crate) fn usage(running: &Running, wall: Duration) -> Result<Usage> {
    let mut usage = Usage { wall, ..Usage::default() };
    if let Some(keeper) = stat(&process(running.keeper))? {
        usage.user += ticks(keeper.reaped_user);
        usage.system += ticks(keeper.reaped_system);
    }
    each(running, |member| {
        usage.user += ticks(member.stat.user + member.stat.reaped_user);
        usage.system += ticks(member.stat.system + member.stat.reaped_system);
        usage.peak_memory = usage.peak_memory.max(peak(member.pid));
        Ok(())
    })?;
    Ok(usage)
}

/// A process that was a member when it was seen, whoever has its id now.
struct Member {
    pid: i32,
    fd: OwnedFd,
    stat: Stat,
}

/// Shows `visit` every member, parents before their children.
fn each(running: &Running, mut visit: impl FnMut(&Member) -> Result<()>) -> Result<()> {
    let keeper = running
        .keeper_fd
        .try_clone()
        .map_err(|error| Error::io("fcntl(keeper, F_DUPFD_CLOEXEC)", errno_of(&error)))?;
    let mut open = std::collections::VecDeque::from([(running.keeper, keeper)]);
    while let Some((parent, parent_fd)) = open.pop_front() {
        for pid in children(parent)? {
            let Some(fd) = pidfd::open(pid)? else { continue };
            let Some(stat) = stat(&process(pid))? else { continue };
            // A parent that is there now has its id now, and had it when we looked.
            if stat.parent != parent || !pidfd::is_there(&parent_fd) {
                continue;
            }
            let member = Member { pid, fd, stat };
            visit(&member)?;
            open.push_back((pid, member.fd));
        }
    }
    Ok(())
}

fn process(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// The directories of the threads of `pid`; none of a process that is gone.
fn threads(pid: i32) -> Result<Vec<PathBuf>> {
    let directory = process(pid).join("task");
    let Some(entries) = there(fs::read_dir(&directory), &directory)? else { return Ok(Vec::new()) };
    let mut threads = Vec::new();
    for entry in entries {
        threads.extend(there(entry, &directory)?.map(|entry| entry.path()));
    }
    Ok(threads)
}

/// The children of every thread of `pid`.
fn children(pid: i32) -> Result<Vec<i32>> {
    let mut found = Vec::new();
    for thread in threads(pid)? {
        let path = thread.join("children");
        let list = there(fs::read_to_string(&path), &path)?.unwrap_or_default();
        found.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    Ok(found)
}

/// What is wanted here of /proc/PID/stat, see proc_pid_stat(5).
struct Stat {
    name: String,
    state: u8,
    parent: i32,
    user: u64,
    system: u64,
    reaped_user: u64,
    reaped_system: u64,
}

/// Of the process or thread with this directory; `None` if it is gone.
fn stat(directory: &Path) -> Result<Option<Stat>> {
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
    let time = |number: usize| field(number)?.parse::<u64>().map_err(|_| unreadable());
    Ok(Some(Stat {
        name,
        state: field(3)?.bytes().next().ok_or_else(unreadable)?,
        parent: field(4)?.parse().map_err(|_| unreadable())?,
        user: time(14)?,
        system: time(15)?,
        reaped_user: time(16)?,
        reaped_system: time(17)?,
    }))
}

fn command(pid: i32, name: &str) -> Vec<OsString> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    match words.strip_suffix(b"\0") {
        Some(words) => {
            words.split(|&byte| byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect()
        }
        None => vec![format!("[{name}]").into()],
    }
}

/// The peak of a process's memory in bytes; `None` of one that has none any more.
fn peak(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn ticks(ticks: u64) -> Duration {
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
