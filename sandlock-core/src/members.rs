//! The processes of a tree: found through /proc, signalled through descriptors.
//!
//! Ids are reused, so nothing is signalled by its id alone: a process counts as a member only while
//! its parent is one, and the signal goes to a descriptor that was opened before that was seen.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::host::is_our_proc;
use crate::output::Usage;
use crate::proc::{self, Stat};
use crate::spawn::Running;
use crate::sys::pidfd;

/// A process of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// Its id.
    pub pid: u32,
    /// The id of its parent; for those whose parent has ended, and the program itself, the keeper.
    pub parent: u32,
    /// The command and its arguments, up to 4 KiB; the name in brackets where there are none, as of a
    /// process that has ended and was not waited for.
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
            command: proc::command(member.pid, &member.stat.name),
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

/// Of all its threads: each stops for itself, and the first one can have ended before the others.
fn activity(member: &Member) -> Result<Activity> {
    let mut all = Activity::None;
    for thread in proc::threads(member.pid)? {
        match proc::stat(&thread)?.map(|stat| stat.state) {
            None | Some(b'T' | b't' | b'Z' | b'X') => {}
            Some(b'D') => all = Activity::Blocked,
            Some(_) => return Ok(Activity::Some),
        }
    }
    Ok(all)
}

/// What keeper and members have used: the keeper has the times of everybody it reaped.
pub(crate) fn usage(running: &Running, wall: Duration) -> Result<Usage> {
    let mut usage = Usage { wall, ..Usage::default() };
    if let Some(keeper) = keeper(running)? {
        usage.user += proc::ticks(keeper.reaped_user);
        usage.system += proc::ticks(keeper.reaped_system);
    }
    each(running, |member| {
        usage.user += proc::ticks(member.stat.user + member.stat.reaped_user);
        usage.system += proc::ticks(member.stat.system + member.stat.reaped_system);
        usage.peak_memory = usage.peak_memory.max(proc::peak(member.pid));
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
    let Some(keeper) = keeper(running)? else { return Ok(()) };
    // By number and start, not by descriptor: there can be more members than descriptors.
    let mut parents = VecDeque::from([(running.keeper, keeper.start)]);
    while let Some((parent, start)) = parents.pop_front() {
        let Some(parent_fd) = pidfd::open(parent)? else { continue };
        match proc::stat(&proc::process(parent))? {
            Some(stat) if stat.start == start => {}
            _ => continue,
        }
        for pid in proc::children(parent)? {
            let Some(member) = member(pid)? else { continue };
            // A parent that is there now has its id now, and had it when we looked.
            if member.stat.parent == parent && pidfd::is_there(&parent_fd) {
                visit(&member)?;
                parents.push_back((pid, member.stat.start));
            }
        }
    }
    Ok(())
}

/// The keeper of a tree; `None` if that has ended.
fn keeper(running: &Running) -> Result<Option<Stat>> {
    if !pidfd::is_there(&running.keeper_fd) {
        return Ok(None);
    }
    if !is_our_proc() {
        let message = "/proc is missing, or numbers processes as another pid namespace does";
        let hint = "mount one of this process's own pid namespace";
        return Err(Error::new(ErrorKind::Io, message).with_hint(hint));
    }
    match (proc::stat(&proc::process(running.keeper))?, pidfd::is_there(&running.keeper_fd)) {
        (_, false) => Ok(None),
        (Some(stat), true) => Ok(Some(stat)),
        (None, true) => Err(hidden(running.keeper)),
    }
}

fn member(pid: i32) -> Result<Option<Member>> {
    let Some(fd) = pidfd::open(pid)? else { return Ok(None) };
    match proc::stat(&proc::process(pid))? {
        Some(stat) => Ok(Some(Member { pid, fd, stat })),
        None if pidfd::is_there(&fd) => Err(hidden(pid)),
        None => Ok(None),
    }
}

fn hidden(pid: i32) -> Error {
    Error::new(ErrorKind::Io, format!("/proc does not show process {pid}, which is there"))
}
