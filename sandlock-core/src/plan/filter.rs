//! What the seccomp filter will refuse, as data: compiled by `confine`, printed by `describe`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::policy::{Policy, Selector};
use crate::syscall::{Arch, Class, GROUPS, Group, group_of};

use super::enforcement::Enforcement;
use super::judge;

/// The filter as data. Calls through a foreign architecture's entry, or with the x32 bit, kill the
/// process; numbers that are in no table are answered ENOSYS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPlan {
    /// The architecture whose numbers are used.
    pub arch: Arch,
    /// What happens to each call that is not simply allowed, by number.
    pub verdicts: BTreeMap<u32, Verdict>,
}

/// What the filter says to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Refused with this errno.
    Refuse(i32),
    /// Refused with this errno where one of the cases holds, allowed otherwise.
    RefuseWhen(i32, Vec<Case>),
}

/// Conditions that hold together; at least one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Case(pub Vec<Condition>);

/// A comparison of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    /// Number of the argument, 0 to 5.
    pub argument: u8,
    /// How much of it the kernel looks at.
    pub width: Width,
    /// The comparison, unsigned.
    pub test: Test,
    /// What it is compared with.
    pub value: u64,
}

/// How much of an argument register counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// The lower half: `int`, `unsigned int`, a descriptor, an ioctl command.
    Bits32,
    /// All of it: `long`, a pointer, a size.
    Bits64,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Equal after masking the argument.
    MaskedEq(u64),
    /// Not equal after masking the argument.
    MaskedNe(u64),
    /// At least one bit in common.
    AnyBit,
}

impl FilterPlan {
    pub(crate) fn new(
        policy: &Policy,
        arch: Arch,
        holds_signals: bool,
        enforcement: &mut Enforcement,
    ) -> FilterPlan {
        let lifted = names(&policy.syscalls.allow);
        let judged = judge::rules(policy, holds_signals, enforcement);
        let mut verdicts = BTreeMap::new();
        for group in GROUPS {
            for name in group.calls.iter().filter(|name| !lifted.contains(**name)) {
                let verdict = match group.class {
                    Class::Refused(errno) => Some(Verdict::Refuse(errno)),
                    Class::Judged => judged.get(name).cloned(),
                    Class::Harmless => None,
                };
                insert(&mut verdicts, arch, name, verdict);
            }
        }
        for name in names(&policy.syscalls.deny) {
            // Programs rely on what a missing call says: without ENOSYS, libc does not fall back.
            let errno = match group_of(name).map(|group| group.class) {
                Some(Class::Refused(errno)) => errno,
                _ => libc::EPERM,
            };
            insert(&mut verdicts, arch, name, Some(Verdict::Refuse(errno)));
        }
        refuse_all_but(&names(&policy.syscalls.only), arch, &mut verdicts);
        let filter = FilterPlan { arch, verdicts };
        for selector in &policy.syscalls.allow {
            enforcement.weakened.extend(filter.lifted(selector));
        }
        filter
    }

    /// Why `call` is refused whatever its arguments are, if it is.
    pub(crate) fn refusal(&self, number: u32) -> Option<String> {
        let Some(Verdict::Refuse(errno)) = self.verdicts.get(&number) else { return None };
        let name = self.arch.name_of(number)?;
        Some(match group_of(name) {
            Some(Group { name, reason, class: Class::Refused(base), .. }) if base == errno => {
                format!("the base deny list refuses it (@{name}: {reason})")
            }
            _ if *errno == libc::ENOSYS => "it is outside syscalls.only".to_owned(),
            _ if judge::is_network(name) => "the net settings refuse it".to_owned(),
            _ => "syscalls.deny refuses it".to_owned(),
        })
    }

    /// The line for what `selector` lifts from the base deny list, if that is anything.
    fn lifted(&self, selector: &Selector) -> Option<String> {
        let is_lifted = |name: &str| {
            let is_listed = group_of(name).is_some_and(|group| group.class != Class::Harmless);
            let number = self.arch.number_of(name);
            is_listed && number.is_some_and(|number| !self.verdicts.contains_key(&number))
        };
        let names: Vec<&str> =
            selector.calls().iter().copied().filter(|name| is_lifted(name)).collect();
        match selector {
            _ if names.is_empty() => None,
            Selector::Call(name) => Some(format!("syscalls.allow: {name} is lifted")),
            Selector::Group(group) => {
                let names = names.join(", ");
                Some(format!("syscalls.allow: @{} is lifted ({names})", group.name))
            }
        }
    }
}

fn names(selectors: &[Selector]) -> BTreeSet<&'static str> {
    selectors.iter().flat_map(|selector| selector.calls().to_vec()).collect()
}

fn insert(verdicts: &mut BTreeMap<u32, Verdict>, arch: Arch, name: &str, verdict: Option<Verdict>) {
    if let (Some(number), Some(verdict)) = (arch.number_of(name), verdict) {
        verdicts.insert(number, verdict);
    }
}

/// What no allow-list refuses: a start that failed would end by a crash instead.
const ALWAYS: &str = "exit_group";

/// The allow-list mode: whatever is outside `only` and not refused already is answered ENOSYS.
fn refuse_all_but(
    only: &BTreeSet<&'static str>,
    arch: Arch,
    verdicts: &mut BTreeMap<u32, Verdict>,
) {
    if only.is_empty() {
        return;
    }
    for (number, _) in arch.calls().filter(|(_, name)| !only.contains(name) && *name != ALWAYS) {
        match verdicts.get(&number) {
            Some(Verdict::Refuse(_)) => {}
            _ => drop(verdicts.insert(number, Verdict::Refuse(libc::ENOSYS))),
        }
    }
}

impl Case {
    /// Where both hold.
    pub(crate) fn and(mut self, other: Case) -> Case {
        self.0.extend(other.0);
        self
    }
}

impl Condition {
    /// The lower 32 bits of argument `argument` compared with `value`.
    pub(crate) fn low(argument: u8, test: Test, value: u32) -> Condition {
        Condition { argument, width: Width::Bits32, test, value: u64::from(value) }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Condition { argument, width, test, value } = self;
        let half = match width {
            Width::Bits32 => "",
            Width::Bits64 => ":64",
        };
        match test {
            Test::Eq => write!(f, "arg{argument}{half} == {value:#x}"),
            Test::Ne => write!(f, "arg{argument}{half} != {value:#x}"),
            Test::MaskedEq(mask) => write!(f, "arg{argument}{half} & {mask:#x} == {value:#x}"),
            Test::MaskedNe(mask) => write!(f, "arg{argument}{half} & {mask:#x} != {value:#x}"),
            Test::AnyBit => write!(f, "arg{argument}{half} & {value:#x} != 0"),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.0.iter().enumerate() {
            let and = if index > 0 { " and " } else { "" };
            write!(f, "{and}{condition}")?;
        }
        Ok(())
    }
}
