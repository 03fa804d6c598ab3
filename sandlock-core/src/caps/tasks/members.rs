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
        match way_up(id, keeper)? {
            Way::LeadsTo(found) => return Ok(found),
            Way::Changed => {}
        }
    }
    Ok(Membership::Stranger)
}

/// Whether a process group is of the tree: `group`, or that of `task`, which is to enter it or to
/// signal it. It is where the session of `task` is, which it shares with every group that it can enter,
/// or the group's leader.
pub(super) fn of_group(group: Option<i32>, task: i32, keeper: i32) -> Result<Membership> {
    let Some(stat) = proc::stat(&proc::process(task))? else { return Ok(Membership::Nobody) };
    match of(stat.session, keeper)? {
        Membership::Member => Ok(Membership::Member),
        _ => of(group.unwrap_or(stat.group), keeper),
    }
}

/// What the way up from a task comes to.
enum Way {
    LeadsTo(Membership),
    /// Somebody on it ended meanwhile, and whoever has that id now was not on it.
    Changed,
}

/// Every parent is looked at before its child is looked at again: if that still has this parent, the
/// id has not changed hands in between.
fn way_up(id: i32, keeper: i32) -> Result<Way> {
    let (mut child, mut seen) = match proc::stat(&proc::process(id))? {
        Some(stat) => (id, stat),
        None => return Ok(Way::LeadsTo(Membership::Nobody)),
    };
    for _ in 0..MOST_GENERATIONS {
        let parent = seen.parent;
        let above = proc::stat(&proc::process(parent))?;
        match proc::stat(&proc::process(child))? {
            Some(again) if (again.parent, again.start) == (parent, seen.start) => {}
            _ => return Ok(Way::Changed),
        }
        match above {
            _ if parent == keeper => return Ok(Way::LeadsTo(Membership::Member)),
            Some(above) if parent > 1 => (child, seen) = (parent, above),
            _ => break,
        }
    }
    Ok(Way::LeadsTo(Membership::Stranger))
}
