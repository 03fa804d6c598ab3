//! fcntl(2) without leases and directory notifications: Landlock asks for no grant, and a lease
//! holds up whoever else opens the file for 45 seconds (fcntl(2), /proc/sys/fs/lease-break-time).

use super::{Rules, any_of, refuse_when};

/// A lease on a directory (Linux 6.19), not in libc yet.
const F_SETDELEG: i32 = 1040;

/// Not in libc.
const F_SETOWN_EX: i32 = 15;

/// With `holds_signals` also without an owner for a descriptor's signals, whom the kernel signals in
/// the caller's name.
pub(super) fn rules(holds_signals: bool, rules: &mut Rules) {
    let always = [libc::F_SETLEASE, libc::F_NOTIFY, F_SETDELEG];
    let owners = [libc::F_SETOWN, F_SETOWN_EX];
    let owners = owners.into_iter().filter(|_| holds_signals);
    let commands: Vec<u32> = always.into_iter().chain(owners).map(i32::cast_unsigned).collect();
    rules.insert("fcntl", refuse_when(any_of(1, &commands)));
}
