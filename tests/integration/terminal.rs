//! The caller's terminal, in a process of its own that has one.

use std::time::Duration;

use sandlock::{Child, Launch, PolicyBuilder, Reason, Sandbox};

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
    let launch = Launch::new([GUEST]).args(attack.action("calls"));
    assert!(sandbox.run_interactive(launch).unwrap().success());
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

/// The process group in the foreground of this process's terminal.
fn foreground() -> i32 {
    // SAFETY: takes a number.
    unsafe { libc::tcgetpgrp(0) }
}

/// Demands that the program of `child` is in the foreground, and afterwards this process again.
fn expect_lent(launch: Launch, end: impl FnOnce(Child)) {
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    let child = sandbox.spawn(launch).unwrap();
    assert_eq!(foreground(), child.id().cast_signed());
    end(child);
    expect_back();
}

fn expect_back() {
    // SAFETY: takes nothing.
    assert_eq!(foreground(), unsafe { libc::getpgrp() });
}

fn wait(child: Child) {
    child.wait().unwrap();
}

#[test]
fn the_foreground_is_lent_and_comes_back_on_every_way_out() {
    if let Some(printed) = again(here!(), &["terminal"]) {
        assert!(printed.contains("foreground ok true"), "{printed}");
        return;
    }
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    assert!(sandbox.run_interactive([GUEST, "session"]).unwrap().success());
    expect_back();
    assert_eq!(sandbox.run_interactive([GUEST, "raise", "15"]).unwrap().signal(), Some(15));
    expect_back();
    for not_executed in ["/no/such/command", "/etc/passwd"] {
        assert!(sandbox.run_interactive([not_executed]).is_err());
        expect_back();
        assert!(sandbox.spawn(Launch::new([not_executed]).interactive()).is_err());
        expect_back();
    }
    let hang = || Launch::new([GUEST, "hang"]).interactive();
    let timeout = Duration::from_secs(1);
    assert_eq!(sandbox.run(hang().timeout(timeout)).unwrap().reason(), Reason::Timeout);
    expect_back();
    expect_lent(hang().timeout(timeout), wait);
    expect_lent(hang(), drop);
    expect_lent(hang(), |child| {
        child.kill().unwrap();
        wait(child);
    });
    expect_lent(hang(), |child| {
        child.signal(libc::SIGTERM).unwrap();
        wait(child);
    });
    // Stopped, for which nobody here waits: it goes on.
    expect_lent(hang(), |child| {
        child.signal(libc::SIGTSTP).unwrap();
        child.signal(libc::SIGTERM).unwrap();
        wait(child);
    });
    expect_lent(hang(), |child| {
        child.pause().unwrap();
        drop(child);
    });
}

#[test]
fn captured_runs_leave_the_foreground_alone() {
    if again(here!(), &["terminal"]).is_some() {
        return;
    }
    let sandbox = Sandbox::new(policy().fs_write("/dev/tty").build().unwrap()).unwrap();
    let terminal = || std::fs::File::options().read(true).write(true).open("/dev/tty").unwrap();
    // Not even with the terminal in their hands.
    for launch in [Launch::new([GUEST, "hang"]), Launch::new([GUEST, "hang"]).stdin(terminal())] {
        let child = sandbox.spawn(launch).unwrap();
        expect_back();
        child.kill().unwrap();
        wait(child);
        expect_back();
    }
    let output = sandbox.run(Launch::new([GUEST, "session"]).stdin(terminal())).unwrap();
    let printed = String::from_utf8_lossy(output.stdout());
    assert!(printed.contains("foreground ok false") && printed.contains("tty 6"), "{printed}");
}

/// A terminal of somebody who is in the background is somebody else's.
#[test]
fn a_host_in_the_background_lends_nothing() {
    if again(here!(), &["terminal"]).is_some() {
        return;
    }
    let mut holder = std::process::Command::new(GUEST);
    let holder = std::os::unix::process::CommandExt::process_group(holder.arg("hang"), 0);
    let mut holder = holder.spawn().unwrap();
    let group = holder.id().cast_signed();
    // SAFETY: takes numbers; this process leads the session of the terminal.
    assert_eq!(unsafe { libc::tcsetpgrp(0, group) }, 0);
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    assert!(sandbox.run_interactive([GUEST, "exit", "0"]).unwrap().success());
    assert_eq!(foreground(), group);
    let child = sandbox.spawn(Launch::new([GUEST, "hang"]).interactive()).unwrap();
    assert_eq!(foreground(), group);
    drop(child);
    assert_eq!(foreground(), group);
    holder.kill().unwrap();
    holder.wait().unwrap();
}
