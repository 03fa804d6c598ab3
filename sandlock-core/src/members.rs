//! The processes of a tree, as /proc shows them.
//!
//! Ids are reused, so nothing is signalled by its id alone: a process counts as a member only while
//! its parent is one, and the signal goes to a descriptor that was opened before that was seen.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{SysconfVar, sysconf};

use crate::error::{Error, ErrorKind, Result};
use crate::output::Usage;
use crate::spawn::Running;
use crate::sys::raw;
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

/// Stops every member, until a look at all of them finds nobody running.
pub(crate) fn pause(running: &Running) -> Result<()> {
    signal_until(running, libc::SIGSTOP, |state| matches!(state, b'T' | b't' | b'Z' | b'X'))
}

pub(crate) fn resume(running: &Running) -> Result<()> {
    signal_until(running, libc::SIGCONT, |state| state != b'T')
}

/// Signals every member that is not in a wanted state, until all are.
fn signal_until(running: &Running, signal: i32, wanted: fn(u8) -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut unwanted = 0;
        each(running, |member| {
            if wanted(member.stat.state) {
                return Ok(());
            }
            unwanted += 1;
            match raw::signal_pidfd(member.fd.as_raw_fd(), signal) {
                Ok(()) | Err(libc::ESRCH) => Ok(()),
                Err(errno) => Err(Error::io(format!("pidfd_send_signal(…, {signal})"), errno)),
            }
        })?;
        if unwanted == 0 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let message = format!("{unwanted} processes did not react to signal {signal}");
            return Err(Error::new(ErrorKind::Io, message));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What keeper and members have used: the keeper has the times of everybody it reaped.
pub(crate) fn usage(running: &Running, wall: Duration) -> Result<Usage> {
    let mut usage = Usage { wall, ..Usage::default() };
    if let Some(keeper) = stat(running.keeper)? {
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
            let Some(fd) = raw::pidfd_open(pid) else { continue };
            let Some(stat) = stat(pid)? else { continue };
            // Seen below a parent that lives now has its id now, and had it when we looked.
            if stat.parent != parent || !lives(&parent_fd)? {
                continue;
            }
            let member = Member { pid, fd, stat };
            visit(&member)?;
            open.push_back((pid, member.fd));
        }
    }
    Ok(())
}

fn lives(pidfd: &OwnedFd) -> Result<bool> {
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    let ready = poll(&mut fds, PollTimeout::ZERO)
        .map_err(|errno| Error::io("poll(pidfd)", errno as i32))?;
    Ok(ready == 0)
}

/// The children of every thread of `pid`; none of a process that is gone.
fn children(pid: i32) -> Result<Vec<i32>> {
    let mut found = Vec::new();
    let Some(threads) = there(fs::read_dir(format!("/proc/{pid}/task")), "task", pid)? else {
        return Ok(found);
    };
    for thread in threads.flatten() {
        let list = fs::read_to_string(thread.path().join("children"));
        let list = there(list, "children", pid)?.unwrap_or_default();
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

fn stat(pid: i32) -> Result<Option<Stat>> {
    let Some(text) = there(fs::read(format!("/proc/{pid}/stat")), "stat", pid)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&text);
    let unreadable = || Error::new(ErrorKind::Io, format!("/proc/{pid}/stat: {text}"));
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
fn there<T>(result: io::Result<T>, what: &str, pid: i32) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match errno_of(&error) {
            libc::ENOENT | libc::ESRCH => Ok(None),
            errno => Err(Error::io(format!("read(\"/proc/{pid}/{what}\")"), errno)),
        },
    }
}
