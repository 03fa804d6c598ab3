//! fcntl(2) without leases and directory notifications: Landlock asks for no grant, and a lease
//! holds up whoever else opens the file for 45 seconds (fcntl(2), /proc/sys/fs/lease-break-time).

use super::{Rules, any_of, refuse_when};

/// A lease on a directory (Linux 6.19), not in libc yet.
const F_SETDELEG: i32 = 1040;

pub(super) fn rules(rules: &mut Rules) {
    let commands = [libc::F_SETLEASE, libc::F_NOTIFY, F_SETDELEG].map(i32::cast_unsigned);
    rules.insert("fcntl", refuse_when(any_of(1, &commands)));
}
