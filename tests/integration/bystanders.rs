//! Nobody outside of a tree is ever signalled.

use std::process::{Child as Process, Command, Stdio};

use sandlock::{Child, PolicyBuilder, Protection, ProtectionMode, Reason, Sandbox};

use crate::harness::{GUEST, again, eventually, here, policy, require_root};

/// A process of the same user, in the same group and session, that keeps what it is sent.
struct Bystander(Process);

/// What /proc says of one that nobody has signalled.
const UNHARMED: [&str; 4] = [
    "State:\tS (sleeping)",
    "SigPnd:\t0000000000000000",
    "ShdPnd:\t0000000000000000",
    "SigBlk:\tfffffffe7ffbfeff",
];

impl Bystander {
    fn start() -> Bystander {
        let deaf = Command::new(GUEST).arg("deaf").stdin(Stdio::null()).spawn().unwrap();
        let one = Bystander(deaf);
        eventually(|| one.is_unharmed());
        one
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    fn is_unharmed(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        UNHARMED.iter().all(|wanted| status.lines().any(|line| line == *wanted))
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ended = (self.0.kill(), self.0.wait());
    }
}

fn unscoped() -> PolicyBuilder {
    policy().protection(Protection::SignalScope, ProtectionMode::Off)
}

#[test]
fn nobody_else_is_signalled_by_many_ends_of_trees() {
    let bystanders: Vec<_> = (0..8).map(|_| Bystander::start()).collect();
    for policy in [policy(), unscoped()] {
        let sandbox = Sandbox::new(policy.build().unwrap()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        assert!(sandbox.run([GUEST, "orphans", "2"]).unwrap().success());
                        let child = sandbox.spawn([GUEST, "hang"]).unwrap();
                        child.pause().unwrap();
                        child.kill().unwrap();
                        assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
                    }
                });
            }
        });
    }
    assert!(bystanders.iter().all(Bystander::is_unharmed));
    // The twin: a signal is seen.
    // SAFETY: a child of this test.
    unsafe { libc::kill(bystanders[0].id().cast_signed(), libc::SIGCONT) };
    eventually(|| !bystanders[0].is_unharmed());
}

/// In a pid namespace of its own, where the next number can be chosen.
#[test]
fn who_gets_the_number_of_one_that_has_ended_is_not_signalled() {
    require_root!();
    if again(here!(), &["first-process"]).is_some() {
        return;
    }
    for policy in [policy(), unscoped()] {
        let sandbox = Sandbox::new(policy.build().unwrap()).unwrap();
        for _ in 0..10 {
            let child = sandbox.spawn([GUEST, "family-awake"]).unwrap();
            eventually(|| child.processes().unwrap().len() == 4);
            let keeper = child.processes().unwrap()[0].parent;
            child.kill().unwrap();
            assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
            let heirs = [child.id(), keeper].map(with_number);
            reach_for(&child);
            drop(child);
            assert!(heirs.iter().all(Bystander::is_unharmed));
        }
    }
}

/// A bystander whose process id is `number`, which is free.
fn with_number(number: u32) -> Bystander {
    std::fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()).unwrap();
    let one = Bystander::start();
    assert_eq!(one.id(), number);
    one
}

/// Does to a tree that has ended whatever can be done.
fn reach_for(child: &Child) {
    child.signal(libc::SIGUSR1).unwrap();
    child.pause().unwrap();
    child.resume().unwrap();
    child.kill().unwrap();
    assert_eq!(child.processes().unwrap(), []);
}
