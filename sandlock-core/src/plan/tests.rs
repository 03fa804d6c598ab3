//! Plans for every kernel, made without one.

mod explanation;
mod guards;
mod levels;
mod snapshots;
mod syscalls;
mod thread;
mod traps;

use super::*;
use crate::policy::{PolicyBuilder, Protection, ProtectionMode};
use crate::syscall::Arch;

/// A host of `arch` with Landlock ABI `level`.
fn host(level: u32, arch: Arch) -> Host {
    let mut host = Host::fake(level);
    host.arch = arch;
    host
}

fn plan(policy: PolicyBuilder) -> Plan {
    plan_at(7, policy)
}

fn plan_at(level: u32, policy: PolicyBuilder) -> Plan {
    Plan::new(&policy.build().unwrap(), &Host::fake(level)).unwrap()
}

fn error(policy: PolicyBuilder) -> Error {
    Plan::new(&policy.build().unwrap(), &Host::fake(7)).unwrap_err()
}

/// A policy that any Landlock will do for.
fn if_available() -> PolicyBuilder {
    let all = Protection::ALL.into_iter();
    all.fold(Policy::builder(), |builder, one| builder.protection(one, ProtectionMode::IfAvailable))
}
