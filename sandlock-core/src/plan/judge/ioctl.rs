//! ioctl(2) without the commands that take the caller's terminal or console over, or that act on a
//! file through a descriptor which Landlock did not judge for that. The kernel looks at the lower 32
//! bits of the command alone.
//!
//! open(2) with access mode 3 gives a descriptor that can neither be read nor written, without a
//! grant, and so without a question to Landlock about what follows.

use super::{Case, Condition, Rules, any_of, refuse_when};
use crate::plan::filter::Test;

/// The numbers are the same on both architectures.
const TERMINAL: [u32; 7] = [
    0x540c, // TIOCEXCL: nobody else can open it any more
    0x5412, // TIOCSTI: types into it as if the user had
    0x541c, // TIOCLINUX: pastes the selection
    0x541d, // TIOCCONS: takes the console's output
    0x541f, // TIOCSSERIAL
    0x5423, // TIOCSETD: loads line disciplines
    0x5437, // TIOCVHANGUP
];

/// The types of ioctl_console(2): virtual terminals, keyboards and fonts of everybody.
const CONSOLE: [u32; 2] = [0x5600, 0x4b00];

/// Commands of ioctl_fs(2) and of file systems that need no more than such a descriptor.
const FILES: [u32; 12] = [
    0x4008_6602, // FS_IOC_SETFLAGS
    0x4004_6602, // FS_IOC32_SETFLAGS
    0x4008_6604, // EXT4_IOC_SETVERSION
    0x401c_5820, // FS_IOC_FSSETXATTR
    0x4008_7602, // FS_IOC_SETVERSION
    0x4080_6685, // FS_IOC_ENABLE_VERITY: makes a file read-only for good
    0x800c_6613, // FS_IOC_SET_ENCRYPTION_POLICY
    0xc050_6617, // FS_IOC_ADD_ENCRYPTION_KEY
    0xc040_6618, // FS_IOC_REMOVE_ENCRYPTION_KEY
    0x4004_7211, // FAT_IOCTL_SET_ATTRIBUTES
    0x4004_cf03, // CIFS_IOC_COPYCHUNK_FILE
    0x4018_6f04, // OCFS2_IOC_REFLINK: by paths
];

/// The type of btrfs, which the kernel took over for others: snapshots and subvolumes, and
/// FIDEDUPERANGE, which compares what a file holds with guesses.
const BTRFS: u32 = 0x9400;
/// FICLONE and FICLONERANGE: Landlock has judged both descriptors when they were opened.
const CLONES: [u32; 2] = [0x4004_9409, 0x4020_940d];

/// FIOSETOWN and SIOCSPGRP, which are F_SETOWN of fcntl(2) once more.
const OWNERS: [u32; 2] = [0x8901, 0x8902];

pub(super) fn rules(holds_signals: bool, rules: &mut Rules) {
    let consoles = CONSOLE.into_iter().map(of_type);
    let btrfs = CLONES.iter().fold(of_type(BTRFS), |case, &clone| {
        case.and(Case(vec![Condition::low(1, Test::Ne, clone)]))
    });
    let cases = any_of(1, &TERMINAL).chain(any_of(1, &FILES)).chain(consoles).chain([btrfs]);
    let owners: &[u32] = if holds_signals { &OWNERS } else { &[] };
    let cases = cases.chain(any_of(1, owners));
    rules.insert("ioctl", refuse_when(cases));
}

/// Commands with this type, whatever their number, direction and size.
fn of_type(kind: u32) -> Case {
    const TYPE: u64 = 0xff00;
    Case(vec![Condition::low(1, Test::MaskedEq(TYPE), kind)])
}
