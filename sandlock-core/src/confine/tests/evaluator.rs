//! The classic BPF machine, as far as seccomp programs may use it, and the kernel's check of them.

use libc::sock_filter;

/// BPF_MAXINSNS of linux/bpf_common.h.
const MOST_INSTRUCTIONS: usize = 4096;
/// sizeof(struct seccomp_data).
const DATA_SIZE: u32 = 64;
/// Offsets of its fields.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// What a program is asked about: `struct seccomp_data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) arch: u32,
    pub(super) args: [u64; 6],
}

/// How a program came to its answer.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) answer: u32,
    /// Instructions executed.
    pub(super) steps: usize,
    /// The step that first looked at more than number and architecture. The kernel caches an
    /// allowed call only if there is none (seccomp_is_const_allow).
    pub(super) uncachable_at: Option<usize>,
}

/// The instructions that are known here; seccomp takes some more, which nothing of ours compiles to.
#[derive(Clone, Copy)]
enum Instruction {
    Load,
    And,
    Jump,
    JumpIf(fn(u32, u32) -> bool),
    Return,
}

fn decode(instruction: &sock_filter) -> Option<Instruction> {
    Some(match instruction.code {
        0x20 => Instruction::Load,                  // BPF_LD | BPF_W | BPF_ABS
        0x54 => Instruction::And,                   // BPF_ALU | BPF_AND | BPF_K
        0x05 => Instruction::Jump,                  // BPF_JMP | BPF_JA
        0x15 => Instruction::JumpIf(|a, k| a == k), // BPF_JMP | BPF_JEQ | BPF_K
        0x25 => Instruction::JumpIf(|a, k| a > k),  // BPF_JMP | BPF_JGT | BPF_K
        0x35 => Instruction::JumpIf(|a, k| a >= k), // BPF_JMP | BPF_JGE | BPF_K
        0x45 => Instruction::JumpIf(|a, k| (a & k) != 0), // BPF_JMP | BPF_JSET | BPF_K
        0x06 => Instruction::Return,                // BPF_RET | BPF_K
        _ => return None,
    })
}

/// What the kernel checks before it takes a program: bpf_check_classic and seccomp_check_filter.
pub(super) fn verify(program: &[sock_filter]) -> Result<(), String> {
    if program.is_empty() || program.len() > MOST_INSTRUCTIONS {
        return Err(format!("{} instructions", program.len()));
    }
    for (position, instruction) in program.iter().enumerate() {
        let sock_filter { code, jt, jf, k } = *instruction;
        // Distances are unsigned: a jump that stays inside is a jump forward.
        let inside = |distance: u32| {
            let target = u64::try_from(position).unwrap() + 1 + u64::from(distance);
            target < u64::try_from(program.len()).unwrap()
        };
        let fine = match decode(instruction) {
            None => return Err(format!("{position}: unknown instruction {code:#x}")),
            Some(Instruction::Load) => k < DATA_SIZE && k.is_multiple_of(4),
            Some(Instruction::Jump) => inside(k),
            Some(Instruction::JumpIf(_)) => inside(jt.into()) && inside(jf.into()),
            Some(Instruction::And | Instruction::Return) => true,
        };
        if !fine {
            return Err(format!("{position}: {code:#x} jt {jt} jf {jf} k {k:#x}"));
        }
    }
    match program.last().and_then(decode) {
        Some(Instruction::Return) => Ok(()),
        _ => Err("the last instruction is no return".to_owned()),
    }
}

/// Runs `program` on `call`; an error where the machine cannot go on.
pub(super) fn run(program: &[sock_filter], call: &Call) -> Result<Run, String> {
    let mut accumulator = 0;
    let mut position = 0;
    let mut uncachable_at = None;
    // Without a jump back, a program ends after at most as many steps as it is long.
    for steps in 1..=program.len() {
        let instruction = program.get(position).ok_or("ran off the end")?;
        let k = instruction.k;
        position += 1;
        match decode(instruction).ok_or_else(|| format!("{position}: unknown instruction"))? {
            Instruction::Load => {
                accumulator = load(call, k)?;
                if k > ARCHITECTURE {
                    uncachable_at = uncachable_at.or(Some(steps));
                }
            }
            Instruction::And => accumulator &= k,
            Instruction::Jump => position += usize::try_from(k).unwrap(),
            Instruction::JumpIf(holds) => {
                let (jt, jf) = (instruction.jt, instruction.jf);
                position += usize::from(if holds(accumulator, k) { jt } else { jf });
            }
            Instruction::Return => return Ok(Run { answer: k, steps, uncachable_at }),
        }
    }
    Err("ran off the end".to_owned())
}

/// A word of `struct seccomp_data` on a little-endian machine.
fn load(call: &Call, offset: u32) -> Result<u32, String> {
    /// Half of the instruction pointer: no program of ours may depend on it.
    const POINTER: u32 = 0xdead_beef;
    if offset >= DATA_SIZE || !offset.is_multiple_of(4) {
        return Err(format!("load from {offset}"));
    }
    Ok(match offset {
        NUMBER => call.number,
        ARCHITECTURE => call.arch,
        8..ARGUMENTS => POINTER,
        _ => {
            let argument = call.args[usize::try_from((offset - ARGUMENTS) / 8).unwrap()];
            let upper = !offset.is_multiple_of(8);
            let half = if upper { argument >> 32 } else { argument & u64::from(u32::MAX) };
            u32::try_from(half).unwrap()
        }
    })
}

const LOAD: u16 = 0x20;
const RETURN: sock_filter = sock_filter { code: 0x06, jt: 0, jf: 0, k: 7 };
const OTHER: sock_filter = sock_filter { code: 0x06, jt: 0, jf: 0, k: 8 };

pub(super) fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

#[test]
fn programs_that_the_kernel_refuses_are_refused() {
    let cases: &[(&str, Vec<sock_filter>)] = &[
        ("empty", vec![]),
        ("too long", vec![RETURN; MOST_INSTRUCTIONS + 1]),
        ("no return at the end", vec![RETURN, instruction(LOAD, 0, 0, 0)]),
        ("load outside the data", vec![instruction(LOAD, 0, 0, DATA_SIZE), RETURN]),
        ("unaligned load", vec![instruction(LOAD, 0, 0, 18), RETURN]),
        ("load of a byte", vec![instruction(0x30, 0, 0, 0), RETURN]),
        ("jump past the end", vec![instruction(0x05, 0, 0, 1), RETURN]),
        ("jump back", vec![instruction(0x05, 0, 0, u32::MAX), RETURN]),
        ("true branch past the end", vec![instruction(0x15, 1, 0, 0), RETURN]),
        ("false branch past the end", vec![instruction(0x35, 0, 1, 0), RETURN]),
    ];
    for (name, program) in cases {
        assert!(verify(program).is_err(), "{name}");
    }
    assert_eq!(verify(&[RETURN; MOST_INSTRUCTIONS]), Ok(()));
    assert_eq!(verify(&[instruction(0x05, 0, 0, 0), RETURN]), Ok(()));
}

#[test]
fn each_instruction_does_what_its_manual_says() {
    let call = Call { number: 5, arch: 9, args: [0, 0xaaaa_bbbb_cccc_dddd, 0, 0, 0, 1 << 32] };
    let answer = |program: &[sock_filter]| run(program, &call).unwrap().answer;
    for (offset, loaded) in [(0, 5), (4, 9), (24, 0xcccc_dddd), (28, 0xaaaa_bbbb), (60, 1)] {
        let equal = instruction(0x15, 0, 1, loaded);
        assert_eq!(answer(&[instruction(LOAD, 0, 0, offset), equal, RETURN, OTHER]), 7);
    }
    for (code, k, holds) in [
        (0x15, 5, true),
        (0x15, 4, false),
        (0x25, 4, true),
        (0x25, 5, false),
        (0x35, 5, true),
        (0x35, 6, false),
        (0x45, 0b110, true),
        (0x45, 0b010, false),
    ] {
        let program = [instruction(LOAD, 0, 0, 0), instruction(code, 0, 1, k), RETURN, OTHER];
        assert_eq!(answer(&program) == 7, holds, "{code:#x} {k}");
    }
    let and = [instruction(LOAD, 0, 0, 0), instruction(0x54, 0, 0, 4), instruction(0x15, 0, 1, 4)];
    assert_eq!(answer(&[&and[..], &[RETURN, OTHER]].concat()), 7);
    assert!(run(&[instruction(0x05, 0, 0, 1), RETURN], &call).is_err());
    assert!(run(&[instruction(LOAD, 0, 0, 0)], &call).is_err());
}
