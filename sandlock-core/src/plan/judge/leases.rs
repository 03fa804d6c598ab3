//! fcntl(2) without leases and directory notifications: Landlock asks for no grant, and a lease
//! holds up whoever else opens the file for 45 seconds (fcntl(2), /proc/sys/fs/lease-break-time).

use super::{Rules, refuse_values, refuse_when};

/// Not in libc (linux/fcntl.h).
const F_NOTIFY: u32 = 1026;

pub(super) fn rules(rules: &mut Rules) {
    let commands = [libc::F_SETLEASE.cast_unsigned(), F_NOTIFY];
    rules.insert("fcntl", refuse_when(refuse_values(1, &commands)));
}
