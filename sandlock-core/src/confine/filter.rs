//! The seccomp program of a plan.
//!
//! The front is a search tree over the call numbers, our own: a chain of comparisons, which is what
//! `seccompiler` makes of numbers, costs the kernel 0.4 ms at every start, because it runs the
//! program once for every number to learn which calls need no filter. The argument conditions are
//! compiled by `seccompiler`, one block for each call, and the tree jumps to them.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use crate::error::{Error, ErrorKind, Result};
use crate::plan::filter::{Case, Condition, FilterPlan, Test, Verdict, Width};
use crate::syscall::Arch;

/// BPF_MAXINSNS of linux/bpf_common.h.
const MOST_INSTRUCTIONS: usize = 4096;
/// The bit that makes an x86_64 number an x32 one.
const X32_BIT: u32 = 0x4000_0000;

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// A search tree, and the positions in it that must jump to a block, with the block's number.
type Tree = (Vec<sock_filter>, Vec<(usize, u32)>);

/// What the tree says to a range of numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaf {
    /// Returned as it is.
    Answer(u32),
    /// Decided by the block of this call.
    Block(u32),
}

/// Compiles `plan` for its architecture.
pub(crate) fn compile(plan: &FilterPlan) -> Result<BpfProgram> {
    let mut program = vec![
        statement(LOAD, ARCHITECTURE),
        jump(JUMP_IF_EQUAL, audit_arch(plan.arch), 1, 0),
        statement(RETURN, libc::SECCOMP_RET_KILL_PROCESS),
        statement(LOAD, NUMBER),
    ];
    let ranges = ranges(plan);
    let tree_start = program.len();
    let (tree, to_blocks) = tree(&ranges)?;
    program.extend(tree);
    let mut starts = BTreeMap::new();
    for (number, verdict) in &plan.verdicts {
        if let Verdict::RefuseWhen(errno, cases) = verdict {
            starts.insert(*number, program.len());
            let block = block(plan.arch, *number, *errno, cases)?;
            // The architecture is known here, whatever the block would check first.
            let known = if block.starts_with(&program[..3]) { 3 } else { 0 };
            program.extend(block.into_iter().skip(known));
        }
    }
    for (position, number) in to_blocks {
        let from = tree_start + position;
        let Some(start) = starts.get(&number) else { return Err(broken("a block is missing")) };
        program[from].k =
            u32::try_from(start - from - 1).map_err(|_| broken("a jump is too far"))?;
    }
    if program.len() > MOST_INSTRUCTIONS {
        let message = format!("the filter needs {} instructions of at most 4096", program.len());
        return Err(Error::new(ErrorKind::Policy, message));
    }
    Ok(program)
}

/// Every number from 0 up, as ascending ranges with one leaf each: `(first number, leaf)`.
fn ranges(plan: &FilterPlan) -> Vec<(u32, Leaf)> {
    let unknown = Leaf::Answer(refusal(libc::ENOSYS));
    let mut ranges = Vec::new();
    for number in 0..=plan.arch.newest() {
        let leaf = match plan.verdicts.get(&number) {
            _ if plan.arch.name_of(number).is_none() => unknown,
            None => Leaf::Answer(libc::SECCOMP_RET_ALLOW),
            Some(Verdict::Refuse(errno)) => Leaf::Answer(refusal(*errno)),
            Some(Verdict::RefuseWhen(..)) => Leaf::Block(number),
        };
        push(&mut ranges, number, leaf);
    }
    push(&mut ranges, plan.arch.newest() + 1, unknown);
    if plan.arch.has_x32() {
        let kill = Leaf::Answer(libc::SECCOMP_RET_KILL_PROCESS);
        let without_bit = X32_BIT << 1;
        push(&mut ranges, X32_BIT, kill);
        push(&mut ranges, without_bit, unknown);
        push(&mut ranges, without_bit | X32_BIT, kill);
        // -1 is no call but how a tracer says "skip it"; it has the bit by accident.
        push(&mut ranges, u32::MAX, unknown);
    }
    ranges
}

/// Begins a new range unless the last one has the same leaf.
fn push(ranges: &mut Vec<(u32, Leaf)>, first: u32, leaf: Leaf) {
    if ranges.last().is_none_or(|(_, last)| *last != leaf) {
        ranges.push((first, leaf));
    }
}

/// Ranges that one search shares its exits for: every jump in it stays within 255 instructions.
const NEAR: usize = 100;

/// The search tree, and the positions in it that must jump to a block, with the block's number.
fn tree(ranges: &[(u32, Leaf)]) -> Result<Tree> {
    if ranges.len() <= NEAR {
        return near_tree(ranges);
    }
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let (low_tree, low_jumps) = tree(low)?;
    let (high_tree, high_jumps) = tree(high)?;
    let mut code = branch(high[0].0, low_tree.len());
    let low_start = code.len();
    let high_start = low_start + low_tree.len();
    code.extend(low_tree);
    code.extend(high_tree);
    let shift = |jumps: Vec<(usize, u32)>, by: usize| {
        jumps.into_iter().map(move |(position, number)| (position + by, number))
    };
    let jumps = shift(low_jumps, low_start).chain(shift(high_jumps, high_start)).collect();
    Ok((code, jumps))
}

/// A search whose comparisons jump to exits that they share: the kernel translates a program at
/// every start, and takes time for every instruction.
fn near_tree(ranges: &[(u32, Leaf)]) -> Result<Tree> {
    let mut search = Search { code: Vec::new(), exits: Vec::new() };
    if let [(_, leaf)] = ranges {
        search.exit(None, *leaf);
    } else {
        search.compare(ranges)?;
    }
    search.finish()
}

/// A search being written.
struct Search {
    code: Vec<sock_filter>,
    /// Which comparison leaves by which of its sides, and to what; `None` is the very start.
    exits: Vec<(Option<(usize, Side)>, Leaf)>,
}

/// The side of a comparison: the number is below the one compared with, or not.
#[derive(Clone, Copy)]
enum Side {
    Low,
    High,
}

impl Search {
    fn exit(&mut self, from: Option<(usize, Side)>, leaf: Leaf) {
        self.exits.push((from, leaf));
    }

    /// Compares with the middle of `ranges`, at least two, and goes on with either half.
    fn compare(&mut self, ranges: &[(u32, Leaf)]) -> Result<()> {
        let (low, high) = ranges.split_at(ranges.len() / 2);
        let position = self.code.len();
        self.code.push(jump(JUMP_IF_AT_LEAST, high[0].0, 0, 0));
        match low {
            [(_, leaf)] => self.exit(Some((position, Side::Low)), *leaf),
            _ => self.compare(low)?,
        }
        match high {
            [(_, leaf)] => self.exit(Some((position, Side::High)), *leaf),
            _ => {
                self.code[position].jt = distance(position, self.code.len())?;
                self.compare(high)?;
            }
        }
        Ok(())
    }

    /// Puts one exit of each kind behind the comparisons and directs them there.
    fn finish(mut self) -> Result<Tree> {
        let mut places: Vec<(Leaf, usize)> = Vec::new();
        let mut to_blocks = Vec::new();
        for (from, leaf) in std::mem::take(&mut self.exits) {
            let place = match places.iter().find(|(known, _)| *known == leaf) {
                Some((_, place)) => *place,
                None => {
                    places.push((leaf, self.code.len()));
                    self.code.push(match leaf {
                        Leaf::Answer(answer) => statement(RETURN, answer),
                        Leaf::Block(number) => {
                            to_blocks.push((self.code.len(), number));
                            statement(JUMP, 0)
                        }
                    });
                    self.code.len() - 1
                }
            };
            match from {
                Some((position, Side::Low)) => {
                    self.code[position].jf = distance(position, place)?;
                }
                Some((position, Side::High)) => {
                    self.code[position].jt = distance(position, place)?;
                }
                None => {}
            }
        }
        Ok((self.code, to_blocks))
    }
}

/// How far a comparison at `from` jumps to reach `to`.
fn distance(from: usize, to: usize) -> Result<u8> {
    u8::try_from(to - from - 1).map_err(|_| broken("a comparison jumps too far"))
}

/// Goes on behind the next `low` instructions if the number is at least `number`.
fn branch(number: u32, low: usize) -> Vec<sock_filter> {
    match (u8::try_from(low), u32::try_from(low)) {
        (Ok(near), _) => vec![jump(JUMP_IF_AT_LEAST, number, near, 0)],
        (Err(_), far) => {
            let far = far.unwrap_or(u32::MAX);
            vec![jump(JUMP_IF_AT_LEAST, number, 0, 1), statement(JUMP, far)]
        }
    }
}

/// A whole program of `seccompiler` that judges one call.
fn block(arch: Arch, number: u32, errno: i32, cases: &[Case]) -> Result<BpfProgram> {
    check_exact(cases)?;
    let rules = cases.iter().map(rule).collect::<Result<Vec<_>, _>>();
    let compile = |rules| -> Result<BpfProgram, seccompiler::BackendError> {
        SeccompFilter::new(
            [(i64::from(number), rules)].into(),
            SeccompAction::Allow,
            SeccompAction::Errno(errno.unsigned_abs()),
            match arch {
                Arch::X86_64 => TargetArch::x86_64,
                Arch::Aarch64 => TargetArch::aarch64,
            },
        )?
        .try_into()
    };
    rules.and_then(compile).map_err(|error| broken(&error.to_string()))
}

/// Rejects what `seccompiler` reads differently from the plan: no case at all, which it takes for
/// "always", and bits outside the width or the mask, which it drops.
fn check_exact(cases: &[Case]) -> Result<()> {
    if cases.is_empty() {
        return Err(broken("a judged call has no case"));
    }
    for condition in cases.iter().flat_map(|case| &case.0) {
        let width = match condition.width {
            Width::Bits32 => u64::from(u32::MAX),
            Width::Bits64 => u64::MAX,
        };
        let mask = match condition.test {
            Test::MaskedEq(mask) => mask,
            Test::Eq | Test::Ne | Test::Gt => width,
        };
        if mask & !width != 0 || condition.value & !mask != 0 {
            return Err(broken(&format!("\"{condition}\" compares bits it does not look at")));
        }
    }
    Ok(())
}

fn rule(case: &Case) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(case.0.iter().map(condition).collect::<Result<_, _>>()?)
}

fn condition(condition: &Condition) -> Result<SeccompCondition, seccompiler::BackendError> {
    let width = match condition.width {
        Width::Bits32 => SeccompCmpArgLen::Dword,
        Width::Bits64 => SeccompCmpArgLen::Qword,
    };
    let test = match condition.test {
        Test::Eq => SeccompCmpOp::Eq,
        Test::Ne => SeccompCmpOp::Ne,
        Test::Gt => SeccompCmpOp::Gt,
        Test::MaskedEq(mask) => SeccompCmpOp::MaskedEq(mask),
    };
    SeccompCondition::new(condition.argument, width, test, condition.value)
}

fn audit_arch(arch: Arch) -> u32 {
    /// __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE of linux/audit.h.
    const LITTLE_64_BIT: u32 = 0xc000_0000;
    let machine = match arch {
        Arch::X86_64 => libc::EM_X86_64,
        Arch::Aarch64 => libc::EM_AARCH64,
    };
    LITTLE_64_BIT | u32::from(machine)
}

fn refusal(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | (errno.cast_unsigned() & libc::SECCOMP_RET_DATA)
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Policy, format!("the filter cannot be compiled: {what}"))
}

fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}
