//! A graph of decisions, and its layout as a program.

use std::collections::HashMap;

use libc::sock_filter;

use super::{Program, broken};
use crate::error::Result;

/// BPF_MAXINSNS of linux/bpf_common.h.
const MOST_INSTRUCTIONS: usize = 4096;

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// A point of the program from which the rest of the way to an answer is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Decision(usize);

/// How the accumulator is compared with a constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Comparison {
    Equal,
    AtLeast,
    AnyBit,
}

impl Comparison {
    fn code(self) -> u16 {
        match self {
            Comparison::Equal => 0x15,   // BPF_JMP | BPF_JEQ | BPF_K
            Comparison::AtLeast => 0x35, // BPF_JMP | BPF_JGE | BPF_K
            Comparison::AnyBit => 0x45,  // BPF_JMP | BPF_JSET | BPF_K
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Node {
    Answer(u32),
    Load { offset: u32, next: Decision },
    Mask { mask: u32, next: Decision },
    Compare { comparison: Comparison, value: u32, yes: Decision, no: Decision },
}

/// Decisions, equal ones only once.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    known: HashMap<Node, Decision>,
}

impl Graph {
    /// Returns `answer`.
    pub(super) fn answer(&mut self, answer: u32) -> Decision {
        self.add(Node::Answer(answer))
    }

    /// Loads the word of `struct seccomp_data` at `offset`.
    pub(super) fn load(&mut self, offset: u32, next: Decision) -> Decision {
        self.add(Node::Load { offset, next })
    }

    /// Leaves the bits of `mask` alone.
    pub(super) fn mask(&mut self, mask: u32, next: Decision) -> Decision {
        self.add(Node::Mask { mask, next })
    }

    /// Goes on with `yes` or `no`.
    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        value: u32,
        yes: Decision,
        no: Decision,
    ) -> Decision {
        self.add(Node::Compare { comparison, value, yes, no })
    }

    fn add(&mut self, node: Node) -> Decision {
        *self.known.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            Decision(self.nodes.len() - 1)
        })
    }

    /// The program that begins with `root`.
    pub(super) fn assemble(&self, root: Decision) -> Result<Program> {
        let mut layout = Layout { graph: self, backward: Vec::new(), places: HashMap::new() };
        layout.place(root)?;
        let mut program = layout.backward;
        if program.len() > MOST_INSTRUCTIONS {
            let length = program.len();
            return Err(broken(&format!("it has {length} instructions of at most 4096")));
        }
        program.reverse();
        Ok(program)
    }
}

/// A program being laid out from its end: whatever an instruction goes on with stands already, and
/// jumps lead forward, as they must.
struct Layout<'a> {
    graph: &'a Graph,
    backward: Program,
    places: HashMap<Decision, usize>,
}

/// How far a comparison may jump: 255, less one instruction that may come in between.
const REACH: usize = 254;

impl Layout<'_> {
    /// Where `decision` stands; it is put in front of everything if it does not stand yet.
    fn place(&mut self, decision: Decision) -> Result<usize> {
        if let Some(place) = self.places.get(&decision) {
            return Ok(*place);
        }
        let instruction = match self.graph.nodes[decision.0] {
            Node::Answer(answer) => statement(RETURN, answer),
            Node::Load { offset, next } => {
                self.place_within(next, 0)?;
                statement(LOAD, offset)
            }
            Node::Mask { mask, next } => {
                self.place_within(next, 0)?;
                statement(AND, mask)
            }
            Node::Compare { comparison, value, yes, no } => {
                self.place(yes)?;
                let no = self.place_within(no, REACH)?;
                let yes = self.place_within(yes, REACH)?;
                let (jt, jf) = (self.distance(yes)?, self.distance(no)?);
                sock_filter { code: comparison.code(), jt, jf, k: value }
            }
        };
        Ok(self.put(decision, instruction))
    }

    /// Where `decision` stands with at most `reach` instructions in between, if need be once more:
    /// an answer is repeated, anything else is jumped to.
    fn place_within(&mut self, decision: Decision, reach: usize) -> Result<usize> {
        let place = self.place(decision)?;
        let between = self.backward.len() - place - 1;
        if between <= reach {
            return Ok(place);
        }
        let repeated = match self.graph.nodes[decision.0] {
            Node::Answer(answer) => statement(RETURN, answer),
            _ => statement(JUMP, u32::try_from(between).map_err(|_| broken("a jump is too far"))?),
        };
        Ok(self.put(decision, repeated))
    }

    fn put(&mut self, decision: Decision, instruction: sock_filter) -> usize {
        self.backward.push(instruction);
        self.places.insert(decision, self.backward.len() - 1);
        self.backward.len() - 1
    }

    /// What the next instruction skips to reach `place`.
    fn distance(&self, place: usize) -> Result<u8> {
        u8::try_from(self.backward.len() - place - 1)
            .map_err(|_| broken("a comparison jumps too far"))
    }
}

fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}
