//! The calling thread confines itself.

use std::mem::MaybeUninit;

use crate::enforcement::sandlock_enforcement;
use crate::error::{sandlock_error, sandlock_status};
use crate::guard::attempt;
use crate::pointer::{give, needed};
use crate::policy::sandlock_policy;

/// Applies the policy's Landlock rules and its filter of system calls to the calling thread, for ever:
/// what it starts later is confined too, other threads are not. `enforcement` may be NULL; free
/// `*enforcement` with sandlock_enforcement_free().
///
/// SANDLOCK_ERROR_POLICY: settings contradict each other, a granted path is missing, or a setting applies
/// only to starting a program or to a whole process (limits.*, most of process.*), which cannot be applied to a thread.
/// SANDLOCK_ERROR_UNSUPPORTED: this kernel lacks a protection that the policy demands. The thread is as
/// it was then. SANDLOCK_ERROR_SPAWN: sandlock_error_step() failed; the thread may be confined in part.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_confine_self(
    policy: Option<&sandlock_policy>,
    enforcement: Option<&mut MaybeUninit<*mut sandlock_enforcement>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let enforced = sandlock::confine_self(&needed(policy, "policy")?.0)?;
        if let Some(place) = enforcement {
            give(place, sandlock_enforcement::new(&enforced));
        }
        Ok(())
    })
}
