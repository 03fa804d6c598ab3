//! clone(2) and unshare(2) without namespaces: a user namespace would hand out capabilities in it.
//! clone3(2), whose flags a filter cannot see, is answered ENOSYS so that libc falls back to clone.

use super::{Rules, any_bit, refuse_when};

const CLONE_NEWTIME: u32 = libc::CLONE_NEWTIME.cast_unsigned();

/// The flags of clone(2); CLONE_NEWTIME is one of unshare(2) alone, clone reads a signal there.
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET)
    .cast_unsigned();

pub(super) fn rules(rules: &mut Rules) {
    rules.insert("clone", refuse_when([any_bit(0, NAMESPACES)]));
    rules.insert("unshare", refuse_when([any_bit(0, NAMESPACES | CLONE_NEWTIME)]));
}
