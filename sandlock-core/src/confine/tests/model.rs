//! What a filter plan means, evaluated directly: slow, obvious, and written without a look at the
//! compiler.

use super::evaluator::Call;
use crate::plan::filter::{Condition, FilterPlan, Test, Verdict, Width};
use crate::syscall::Arch;

/// AUDIT_ARCH_* of linux/audit.h.
pub(super) fn audit_arch(arch: Arch) -> u32 {
    match arch {
        Arch::X86_64 => 0xc000_003e,
        Arch::Aarch64 => 0xc000_00b7,
    }
}

/// What the program of `plan` must return for `call`.
pub(super) fn answer(plan: &FilterPlan, call: &Call) -> u32 {
    if call.arch != audit_arch(plan.arch) || is_x32(plan.arch, call.number) {
        return libc::SECCOMP_RET_KILL_PROCESS;
    }
    if plan.arch.name_of(call.number).is_none() {
        return refusal(libc::ENOSYS);
    }
    match plan.verdicts.get(&call.number) {
        None => libc::SECCOMP_RET_ALLOW,
        Some(Verdict::Refuse(errno)) => refusal(*errno),
        Some(Verdict::RefuseWhen(errno, cases)) => {
            let one_holds = cases.iter().any(|case| case.0.iter().all(|one| holds(one, call)));
            if one_holds { refusal(*errno) } else { libc::SECCOMP_RET_ALLOW }
        }
    }
}

/// -1 has the bit and is no call.
fn is_x32(arch: Arch, number: u32) -> bool {
    arch == Arch::X86_64 && number & 0x4000_0000 != 0 && number != u32::MAX
}

fn refusal(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO + errno.cast_unsigned()
}

pub(super) fn holds(condition: &Condition, call: &Call) -> bool {
    let register = call.args[usize::from(condition.argument)];
    let argument = match condition.width {
        Width::Bits32 => register & u64::from(u32::MAX),
        Width::Bits64 => register,
    };
    match condition.test {
        Test::Eq => argument == condition.value,
        Test::Ne => argument != condition.value,
        Test::MaskedEq(mask) => argument & mask == condition.value,
        Test::MaskedNe(mask) => argument & mask != condition.value,
        Test::AnyBit => argument & condition.value > 0,
    }
}
