//! What is said to each call.

use super::members::{self, Membership};
use crate::handler::{HandlerCtx, NotifAction, TaskError};
use crate::syscall::Syscall;

/// Lets a call through whose target is in the tree.
pub(crate) fn judge(cx: &HandlerCtx<'_>) -> NotifAction {
    if cx.syscall() == Syscall::PIDFD_SEND_SIGNAL {
        // A descriptor can be exchanged after it was judged; programs fall back to kill(2).
        return NotifAction::Errno(libc::ENOSYS);
    }
    let id = target(cx.syscall(), &cx.args());
    let keeper = cx.dispatcher().keeper();
    if matches!((cx.syscall(), id), (Syscall::KILL, 0) | (Syscall::SETPGID, 1..)) {
        let group = (id > 0).then_some(id);
        return answer(cx.in_our_proc(|| members::of_group(group, cx.task(), keeper)));
    }
    match id {
        // The caller itself: trapped only where a handler is registered for all such calls.
        0 => return NotifAction::Continue,
        1.. => {}
        // More than one.
        _ => return NotifAction::Errno(libc::EPERM),
    }
    answer(cx.in_our_proc(|| members::of(id, keeper)))
}

fn answer(membership: Result<crate::error::Result<Membership>, TaskError>) -> NotifAction {
    match membership {
        Ok(Ok(Membership::Member)) => NotifAction::Continue,
        Ok(Ok(Membership::Nobody)) => NotifAction::Errno(libc::ESRCH),
        Ok(Ok(Membership::Stranger) | Err(_)) | Err(_) => NotifAction::Errno(libc::EPERM),
    }
}

/// The id of the process or thread that a call means.
fn target(call: Syscall, arguments: &[u64; 6]) -> i32 {
    // The kernel looks at 32 bits of each.
    let [first, second, ..] = arguments.map(|argument| argument as i32);
    match call {
        Syscall::GETPRIORITY | Syscall::SETPRIORITY | Syscall::IOPRIO_SET | Syscall::SETPGID => {
            second
        }
        // The thread; the group that it is said to be in only narrows that down.
        Syscall::TGKILL | Syscall::RT_TGSIGQUEUEINFO => second,
        // A group, which is judged by its leader: nobody outside joins a group of the tree.
        Syscall::KILL if first < -1 => first.checked_neg().unwrap_or(first),
        _ => first,
    }
}
