//! The filter that asks the supervisor: compiled by `seccompiler`, which knows no such action, and
//! given its action afterwards.

use std::collections::BTreeMap;

use libc::sock_filter;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::filter::Program;
use crate::plan::filter::{Case, Condition, Test, Width};
use crate::syscall::Arch;

/// A filter that asks the supervisor, and how it is installed.
#[derive(Debug)]
pub(crate) struct TrapFilter {
    pub(crate) program: Program,
    /// SECCOMP_FILTER_FLAG_NEW_LISTENER and others.
    pub(crate) flags: u64,
}

/// When a call is trapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trapped {
    Always,
    /// Where the conditions of one of these hold.
    When(Vec<Vec<SeccompCondition>>),
}

/// What is trapped, by the number of the call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trapping(pub(super) BTreeMap<i64, Trapped>);

impl Trapping {
    /// Traps call `number` also where all of `conditions` hold.
    pub(crate) fn add(&mut self, number: u32, conditions: Vec<SeccompCondition>) {
        let trapped = self.0.entry(number.into()).or_insert(Trapped::When(Vec::new()));
        match trapped {
            Trapped::Always => {}
            _ if conditions.is_empty() => *trapped = Trapped::Always,
            Trapped::When(rules) if rules.contains(&conditions) => {}
            Trapped::When(rules) => rules.push(conditions),
        }
    }

    /// The filter for `arch`. With `is_killable_only`, nothing but a fatal signal gets a task away
    /// whose call has been received (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19).
    pub(crate) fn compile(
        self,
        arch: Arch,
        is_killable_only: bool,
    ) -> Result<TrapFilter, BackendError> {
        let program = with_placeholder(self.0, arch)?;
        let killable =
            if is_killable_only { libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV } else { 0 };
        Ok(TrapFilter {
            program: program.into_iter().map(replace_placeholder).collect(),
            flags: libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | killable,
        })
    }
}

/// An action that `seccompiler` knows and that nothing else here uses, and its value.
const PLACEHOLDER: (SeccompAction, u32) = (SeccompAction::Trace(0), libc::SECCOMP_RET_TRACE);
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

pub(super) fn with_placeholder(
    trapped: BTreeMap<i64, Trapped>,
    arch: Arch,
) -> Result<BpfProgram, BackendError> {
    let mut rules = BTreeMap::new();
    for (number, trapped) in trapped {
        let rule = match trapped {
            Trapped::Always => Vec::new(),
            Trapped::When(rules) => {
                rules.into_iter().map(SeccompRule::new).collect::<Result<_, _>>()?
            }
        };
        rules.insert(number, rule);
    }
    let arch = match arch {
        Arch::X86_64 => TargetArch::x86_64,
        Arch::Aarch64 => TargetArch::aarch64,
    };
    SeccompFilter::new(rules, SeccompAction::Allow, PLACEHOLDER.0, arch)?.try_into()
}

fn replace_placeholder(instruction: seccompiler::sock_filter) -> sock_filter {
    let seccompiler::sock_filter { code, jt, jf, k } = instruction;
    let k = match (code, k) {
        (RETURN, value) if value == PLACEHOLDER.1 => libc::SECCOMP_RET_USER_NOTIF,
        _ => k,
    };
    sock_filter { code, jt, jf, k }
}

/// The conditions of `case`, as far as `seccompiler` has such comparisons: without one, more is
/// trapped than asked for, and whoever is asked judges it.
pub(crate) fn conditions(case: &Case) -> Result<Vec<SeccompCondition>, BackendError> {
    case.0.iter().filter_map(condition).collect()
}

fn condition(condition: &Condition) -> Option<Result<SeccompCondition, BackendError>> {
    let length = match condition.width {
        Width::Bits32 => SeccompCmpArgLen::Dword,
        Width::Bits64 => SeccompCmpArgLen::Qword,
    };
    let operator = match condition.test {
        Test::Eq => SeccompCmpOp::Eq,
        Test::Ne => SeccompCmpOp::Ne,
        Test::MaskedEq(mask) => SeccompCmpOp::MaskedEq(mask),
        Test::MaskedNe(_) | Test::AnyBit => return None,
    };
    Some(SeccompCondition::new(condition.argument, length, operator, condition.value))
}
