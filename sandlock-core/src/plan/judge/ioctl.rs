//! ioctl(2) commands that act on the caller's terminal, or change a file through a read-only
//! descriptor. The kernel looks at the lower 32 bits of the command alone.

use super::{Rules, any_of, refuse_when};

/// Input injection, selection, line discipline, console and keyboard of ioctl_tty(2) and
/// ioctl_console(2). The numbers are the same on both architectures.
const TERMINAL: [u32; 15] = [
    0x5412, // TIOCSTI: types into the terminal as if the user had
    0x541c, // TIOCLINUX: pastes the selection
    0x541d, // TIOCCONS: takes the console's output
    0x541f, // TIOCSSERIAL
    0x5423, // TIOCSETD: loads line disciplines
    0x5437, // TIOCVHANGUP
    0x4b3a, // KDSETMODE
    0x4b45, // KDSKBMODE
    0x4b47, // KDSKBENT: remaps keys of every console
    0x4b49, // KDSKBSENT
    0x4b4b, // KDSKBDIACR
    0x4b4d, // KDSETKEYCODE
    0x4b4e, // KDSIGACCEPT
    0x4bfb, // KDSKBDIACRUC
    0x5606, // VT_ACTIVATE
];

/// Commands of ioctl_fs(2) that need only a read-only descriptor of a file the user owns.
const FILES: [u32; 15] = [
    0x4008_6602, // FS_IOC_SETFLAGS
    0x4004_6602, // FS_IOC32_SETFLAGS
    0x401c_5820, // FS_IOC_FSSETXATTR
    0x4008_7602, // FS_IOC_SETVERSION
    0x4080_6685, // FS_IOC_ENABLE_VERITY: makes a file read-only for good
    0x800c_6613, // FS_IOC_SET_ENCRYPTION_POLICY
    0xc050_6617, // FS_IOC_ADD_ENCRYPTION_KEY
    0xc040_6618, // FS_IOC_REMOVE_ENCRYPTION_KEY
    0x5000_9401, // BTRFS_IOC_SNAP_CREATE: makes and removes whole trees
    0x5000_940e, // BTRFS_IOC_SUBVOL_CREATE
    0x5000_940f, // BTRFS_IOC_SNAP_DESTROY
    0x5000_9417, // BTRFS_IOC_SNAP_CREATE_V2
    0x5000_9418, // BTRFS_IOC_SUBVOL_CREATE_V2
    0x5000_943f, // BTRFS_IOC_SNAP_DESTROY_V2
    0x4008_941a, // BTRFS_IOC_SUBVOL_SETFLAGS
];

pub(super) fn rules(rules: &mut Rules) {
    rules.insert("ioctl", refuse_when(any_of(1, &TERMINAL).chain(any_of(1, &FILES))));
}
