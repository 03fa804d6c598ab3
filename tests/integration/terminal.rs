//! The caller's terminal, in a process of its own that has one.

use sandlock::{PolicyBuilder, Sandbox};

use crate::calls::{Argument, Calls, LET_THROUGH, calls};
use crate::harness::{GUEST, again, here, policy};

const TIOCSTI: i64 = 0x5412;
const TIOCLINUX: i64 = 0x541c;

/// Every command of terminals that is refused, and one that is not.
const REFUSED: [i64; 11] = [
    TIOCSTI, TIOCLINUX, 0x540c, 0x541d, 0x541f, 0x5423, 0x5437, // of terminals
    0x4b3a, 0x4b45, // KDSETMODE, KDSKBMODE
    0x5606, 0x560f, // VT_ACTIVATE, VT_SETACTIVATE
];
const TIOCGWINSZ: i64 = 0x5413;

fn ioctl(command: i64, argument: Argument) -> Calls {
    Calls::default().then("ioctl", &[0.into(), command.into(), argument])
}

#[test]
fn commands_that_take_the_terminal_over_are_refused_whatever_their_upper_half() {
    let lifted = policy().allow_syscalls(["@ioctl-commands"]);
    for command in REFUSED {
        for dirt in [0, 1 << 32, i64::MIN] {
            let attack = ioctl(command | dirt, 0.into());
            assert_eq!(attack.filtered_under(&policy()), "EPERM", "{attack:?}");
            assert_eq!(attack.filtered_under(&lifted), LET_THROUGH, "{attack:?}");
        }
        // Consoles have whole types of commands.
        for near in [command ^ 1 << 15, command ^ 1 << 12] {
            let answer = ioctl(near, 0.into()).filtered_under(&policy());
            assert_eq!(answer, LET_THROUGH, "{near:#x}");
        }
    }
    assert_eq!(ioctl(TIOCGWINSZ, 0.into()).filtered_under(&policy()), LET_THROUGH);
}

/// In the caller's session, with its terminal as descriptors 0 to 2.
fn interactive(policy: PolicyBuilder, attack: &Calls) {
    let sandbox = Sandbox::new(policy.build().unwrap()).unwrap();
    let words = [GUEST.into()].into_iter().chain(attack.action("calls"));
    assert!(sandbox.run_interactive(words).unwrap().success());
}

/// The answers to calls in what a test printed in between.
fn answers(printed: &str) -> Vec<&str> {
    printed
        .lines()
        .filter_map(|line| line.find("ioctl ").map(|start| line[start..].trim_end()))
        .collect()
}

#[test]
fn nothing_is_typed_into_the_terminal_of_an_interactive_run() {
    if let Some(printed) = again(here!(), &["terminal"]) {
        let answers = answers(&printed);
        assert_eq!(answers[..3], ["ioctl EPERM", "ioctl EPERM", "ioctl ok 0"], "{printed}");
        // Where the kernel does not know it any more it says EIO.
        assert!(["ioctl ok 0", "ioctl EIO"].contains(&answers[3]), "{printed}");
        return;
    }
    let typing = ioctl(TIOCSTI, "x".into());
    interactive(policy(), &typing);
    interactive(policy(), &ioctl(TIOCSTI | 1 << 32, "x".into()));
    interactive(policy(), &ioctl(TIOCGWINSZ, [0u8; 8].into()));
    interactive(policy().allow_syscalls(["ioctl"]), &typing);
}

/// A captured run has no terminal, although its caller has one and the device is granted.
#[test]
fn a_captured_run_cannot_open_the_terminal_of_its_caller() {
    if again(here!(), &["terminal"]).is_some() {
        return;
    }
    let open = calls! { openat(libc::AT_FDCWD, "/dev/tty", libc::O_RDWR) };
    let granted = policy().fs_write("/dev/tty");
    assert_eq!(open.under(&granted), "ENXIO");
    assert_eq!(open.outside(), "ok");
}
