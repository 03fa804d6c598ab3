//! Filters through an evaluator: no kernel is asked, so both architectures are tested on either.

mod comparison;
mod cost;
mod evaluator;
mod examples;
mod limits;
mod model;
mod network;
mod random;
mod trap;

use super::filter::{self, Program};
use crate::host::Host;
use crate::plan::Plan;
use crate::plan::filter::FilterPlan;
use crate::policy::{Policy, PolicyBuilder};
use crate::syscall::Arch;
use evaluator::{Call, Run, instruction};

const ALLOW: Answer = Answer(libc::SECCOMP_RET_ALLOW);
const KILL: Answer = Answer(libc::SECCOMP_RET_KILL_PROCESS);
const EPERM: Answer = Answer::errno(libc::EPERM);
const ENOSYS: Answer = Answer::errno(libc::ENOSYS);

/// What a program returns, printed as seccomp(2) calls it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Answer(u32);

impl Answer {
    const fn errno(errno: i32) -> Answer {
        Answer(libc::SECCOMP_RET_ERRNO | errno.cast_unsigned())
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            libc::SECCOMP_RET_ALLOW => f.write_str("ALLOW"),
            libc::SECCOMP_RET_KILL_PROCESS => f.write_str("KILL_PROCESS"),
            other if other & libc::SECCOMP_RET_ACTION_FULL == libc::SECCOMP_RET_ERRNO => {
                let errno = (other & libc::SECCOMP_RET_DATA).cast_signed();
                write!(f, "ERRNO({:?})", nix::errno::Errno::from_raw(errno))
            }
            other => write!(f, "{other:#x}"),
        }
    }
}

/// A plan and the program it is compiled to, which passed the kernel's own check.
struct Filter {
    plan: FilterPlan,
    program: Program,
}

impl Filter {
    fn new(plan: FilterPlan) -> Filter {
        let program = filter::compile(&plan).unwrap();
        evaluator::verify(&program).unwrap_or_else(|wrong| panic!("the kernel refuses: {wrong}"));
        Filter { plan, program }
    }

    fn of(policy: &Policy, arch: Arch) -> Filter {
        let mut host = Host::fake(7);
        host.arch = arch;
        Filter::new(Plan::new(policy, &host).unwrap().filter)
    }

    /// A native call.
    fn call(&self, number: u32, args: [u64; 6]) -> Call {
        Call { number, arch: model::audit_arch(self.plan.arch), args }
    }

    fn run(&self, call: &Call) -> Run {
        evaluator::run(&self.program, call).unwrap_or_else(|wrong| panic!("{call:x?}: {wrong}"))
    }

    fn answer(&self, call: &Call) -> Answer {
        Answer(self.run(call).answer)
    }

    /// Program and model must say the same.
    fn check(&self, call: &Call) -> Answer {
        let answer = self.answer(call);
        let expected = Answer(model::answer(&self.plan, call));
        let arch = self.plan.arch.name();
        let name = self.plan.arch.name_of(call.number).unwrap_or("no call");
        assert_eq!(answer, expected, "{arch} {name}: {call:x?}, model at the right");
        answer
    }
}

/// Arguments, the missing ones zero.
fn args(given: &[u64]) -> [u64; 6] {
    let mut args = [0; 6];
    args[..given.len()].copy_from_slice(given);
    args
}

/// A row of a table: call, arguments, what the filter says.
type Row<'a> = (&'a str, &'a [u64], Answer);

/// Checks every row on both architectures.
fn expect(policy: PolicyBuilder, rows: &[Row<'_>]) {
    let policy = policy.build().unwrap();
    for arch in Arch::ALL {
        let filter = Filter::of(&policy, arch);
        for (name, given, expected) in rows {
            let number = arch.number_of(name).unwrap();
            let answer = filter.check(&filter.call(number, args(given)));
            assert_eq!(answer, *expected, "{} {name}({given:x?})", arch.name());
        }
    }
}

/// Policies that differ in what their filters say.
fn policies() -> Vec<(&'static str, Policy)> {
    let builders = [
        ("default", Policy::builder()),
        ("tcp", Policy::builder().net_allow("tcp://:443")),
        ("any network", Policy::builder().net_allow("*")),
        ("unix", Policy::builder().net_unix("*")),
        ("tcp and unix", Policy::builder().net_allow("tcp://:443").net_unix("*")),
        ("any network and unix", Policy::builder().net_allow("*").net_unix("*")),
        ("only", Policy::builder().only_syscalls(["@processes", "@memory", "ioctl", "socket"])),
        ("deny", Policy::builder().deny_syscalls(["@file-metadata", "ioctl", "@namespaces"])),
        ("allow", Policy::builder().allow_syscalls(["ptrace", "@mount", "prctl", "clone3"])),
        (
            "all three",
            Policy::builder()
                .only_syscalls(["@processes", "@ioctl-commands", "@other-tasks"])
                .allow_syscalls(["setpriority", "bpf"])
                .deny_syscalls(["fork", "setpriority"]),
        ),
    ];
    builders.map(|(name, builder)| (name, builder.build().unwrap())).into()
}

/// Every policy of [`policies`] on both architectures.
fn filters() -> impl Iterator<Item = (&'static str, Filter)> {
    policies()
        .into_iter()
        .flat_map(|(name, policy)| Arch::ALL.map(|arch| (name, Filter::of(&policy, arch))))
}
