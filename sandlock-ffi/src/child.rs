//! Programs under way.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::ptr::NonNull;
use std::time::Duration;

use sandlock::Child;

use crate::error::{SANDLOCK_OK, SANDLOCK_RUNNING, sandlock_error, sandlock_status};
use crate::extensible;
use crate::guard::{attempt, attempt_for, free, look};
use crate::output::{give_output, sandlock_output};
use crate::pointer::{give, needed, shared};
use crate::processes::sandlock_processes;
use crate::usage::sandlock_usage;

/// A running program and everything it started.
///
/// Every function may be called from any thread at any time, and as often as one likes, until
/// sandlock_child_free(): a call that comes too late has no effect. In a process that was forked from the one
/// that started the program, waiting and signalling are errors (SANDLOCK_ERROR_IO, ECHILD), and freeing
/// it ends nothing: the tree is not that process's.
pub struct sandlock_child(pub(crate) Child);

/// The process id of the program, which the kernel can give to another one when this one has ended; 0
/// for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_child_pid(child: Option<&sandlock_child>) -> i32 {
    look(child, 0, |child| child.0.id().cast_signed())
}

/// A descriptor that becomes readable when nothing of the tree is left: for poll(2) and its like. It is
/// the child's, not the caller's: do not close it. -1 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_child_fd(child: Option<&sandlock_child>) -> i32 {
    look(child, -1, |child| child.0.as_fd().as_raw_fd())
}

/// Our end of a piped descriptor 0, which is the caller's from here on, to be closed; -1 if it was
/// not piped, or has been given out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_child_stdin(child: Option<NonNull<sandlock_child>>) -> i32 {
    // SAFETY: as the header asks of callers.
    give_end(unsafe { shared(child, "child") }.ok(), |child| child.stdin().map(OwnedFd::from))
}

/// Our end of a piped descriptor 1: as sandlock_child_stdin().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_child_stdout(child: Option<NonNull<sandlock_child>>) -> i32 {
    // SAFETY: as the header asks of callers.
    give_end(unsafe { shared(child, "child") }.ok(), |child| child.stdout().map(OwnedFd::from))
}

/// Our end of a piped descriptor 2: as sandlock_child_stdin().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_child_stderr(child: Option<NonNull<sandlock_child>>) -> i32 {
    // SAFETY: as the header asks of callers.
    give_end(unsafe { shared(child, "child") }.ok(), |child| child.stderr().map(OwnedFd::from))
}

fn give_end(child: Option<&sandlock_child>, take: impl FnOnce(&Child) -> Option<OwnedFd>) -> i32 {
    look(child, -1, |child| take(&child.0).map_or(-1, IntoRawFd::into_raw_fd))
}

/// Waits until nothing of the tree is left; free `*output` (`output` may be NULL) with
/// sandlock_output_free(). A piped descriptor 0 that nobody took is closed first. What came out of piped
/// outputs must be read meanwhile, or the program waits for room. It can be called again, and gives the
/// same output.
///
/// SANDLOCK_ERROR_HANDLER: a handler failed and ended the run. SANDLOCK_ERROR_IO: somebody killed the
/// program's keeper, or the thread that serves it failed; the tree has ended then too.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_child_wait(
    child: Option<&sandlock_child>,
    output: Option<&mut MaybeUninit<*mut sandlock_output>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let ended = needed(child, "child")?.0.wait()?;
        give_output(output, ended);
        Ok(())
    })
}

/// As sandlock_child_wait(), for at most `timeout_ms` milliseconds; 0 only looks. A piped descriptor 0
/// stays open. SANDLOCK_RUNNING if something of the tree is still there: nothing is written then.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_child_wait_timeout(
    child: Option<&sandlock_child>,
    timeout_ms: u64,
    output: Option<&mut MaybeUninit<*mut sandlock_output>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt_for(err, || {
        let child = &needed(child, "child")?.0;
        match child.wait_timeout(Duration::from_millis(timeout_ms))? {
            Some(ended) => {
                give_output(output, ended);
                Ok(SANDLOCK_OK)
            }
            None => Ok(SANDLOCK_RUNNING),
        }
    })
}

/// Kills the whole tree, also what left the program's session and group, and what is stopped;
/// sandlock_child_wait() says when it is gone, and how.
///
/// SANDLOCK_ERROR_IO: this process may not signal, by a filter of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_child_kill(
    child: Option<NonNull<sandlock_child>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    // SAFETY: as the header asks of callers.
    attempt(err, || unsafe { shared(child, "child") }?.0.kill())
}

/// Sends a signal to the program itself. One that has ended gets none.
///
/// SANDLOCK_ERROR_IO: there is no such signal; otherwise as sandlock_child_kill().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_child_signal(
    child: Option<NonNull<sandlock_child>>,
    signal: i32,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    // SAFETY: as the header asks of callers.
    attempt(err, || unsafe { shared(child, "child") }?.0.signal(signal))
}

/// Stops every process of the tree (SIGSTOP) and returns when all have stopped. Time goes on: a timeout
/// still ends a paused tree.
///
/// SANDLOCK_ERROR_IO: a process could not be stopped, and others may be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_child_pause(
    child: Option<NonNull<sandlock_child>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    // SAFETY: as the header asks of callers.
    attempt(err, || unsafe { shared(child, "child") }?.0.pause())
}

/// Lets every process of the tree go on (SIGCONT).
///
/// SANDLOCK_ERROR_IO: a process could not be signalled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_child_resume(
    child: Option<NonNull<sandlock_child>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    // SAFETY: as the header asks of callers.
    attempt(err, || unsafe { shared(child, "child") }?.0.resume())
}

/// Every process of the tree at this moment; free `*processes` with sandlock_processes_free().
///
/// SANDLOCK_ERROR_IO: /proc cannot be read.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_child_processes(
    child: Option<&sandlock_child>,
    processes: Option<&mut MaybeUninit<*mut sandlock_processes>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let child = needed(child, "child")?;
        let place = needed(processes, "processes")?;
        give(place, sandlock_processes::new(&child.0.processes()?));
        Ok(())
    })
}

/// What the tree has used so far, to a hundredth of a second, and the peak of the largest process that
/// is there now; sandlock_output_usage() is exact. Set `usage->size` first.
///
/// SANDLOCK_ERROR_IO: /proc cannot be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_child_usage(
    child: Option<&sandlock_child>,
    usage: *mut sandlock_usage,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let used = sandlock_usage::new(&needed(child, "child")?.0.usage()?);
        // SAFETY: as the header asks of callers.
        unsafe { extensible::write(usage, used, "usage") }
    })
}

/// Frees a child. A tree that still runs is ended, and waited for. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_child_free(child: Option<Box<sandlock_child>>) {
    free(child);
}
