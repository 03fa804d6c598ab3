//! Who is in the tree.

use crate::error::Result;
use crate::proc;

/// What an id means, as seen from a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    /// A process or thread of the tree.
    Member,
    /// One outside.
    Stranger,
    /// There is none.
    Nobody,
}

/// How many generations are looked at.
const MOST_GENERATIONS: usize = 1000;

/// Whether process or thread `id` is below `keeper`. Parents end meanwhile, and their ids can come to
/// mean others, but only in a tree does a way up lead to its keeper.
pub(super) fn of(id: i32, keeper: i32) -> Result<Membership> {
    let Some(first) = proc::stat(&proc::process(id))? else { return Ok(Membership::Nobody) };
    let mut parent = first.parent;
    for _ in 0..MOST_GENERATIONS {
        if parent == keeper {
            return Ok(Membership::Member);
        }
        match proc::stat(&proc::process(parent))? {
            Some(stat) if parent > 1 => parent = stat.parent,
            _ => break,
        }
    }
    Ok(Membership::Stranger)
}
