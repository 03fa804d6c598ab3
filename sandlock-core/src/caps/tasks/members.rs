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
/// How often it is looked again where parents end meanwhile.
const MOST_LOOKS: usize = 5;

/// Whether process or thread `id` is below `keeper`.
pub(super) fn of(id: i32, keeper: i32) -> Result<Membership> {
    for _ in 0..MOST_LOOKS {
        let Some(first) = proc::stat(&proc::process(id))? else { return Ok(Membership::Nobody) };
        if !leads_to(first.parent, keeper)? {
            return Ok(Membership::Stranger);
        }
        // A parent that has ended may have given its id to somebody of the tree before it was looked
        // at: then this one has another parent now.
        match proc::stat(&proc::process(id))? {
            Some(second) if (second.parent, second.start) == (first.parent, first.start) => {
                return Ok(Membership::Member);
            }
            _ => {}
        }
    }
    Ok(Membership::Stranger)
}

/// Whether the process group of `task` is of the tree: its session is, or its leader. A group never
/// leaves its session, and nobody outside enters a group of a tree.
pub(super) fn of_group_of(task: i32, keeper: i32) -> Result<Membership> {
    let Some(stat) = proc::stat(&proc::process(task))? else { return Ok(Membership::Nobody) };
    match of(stat.session, keeper)? {
        Membership::Member => Ok(Membership::Member),
        _ => of(stat.group, keeper),
    }
}

/// Whether the way up from `parent` comes to `keeper`.
fn leads_to(mut parent: i32, keeper: i32) -> Result<bool> {
    for _ in 0..MOST_GENERATIONS {
        if parent == keeper {
            return Ok(true);
        }
        match proc::stat(&proc::process(parent))? {
            Some(stat) if parent > 1 => parent = stat.parent,
            _ => return Ok(false),
        }
    }
    Ok(false)
}
