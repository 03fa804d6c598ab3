//! Calls that change a process by its id, and that Landlock does not scope: only the caller itself,
//! spelled 0, may be meant, or, where the supervisor judges them, whom that finds in the tree. A group
//! or a user as target could reach beyond the sandbox.

use super::{Rules, Verdict, none_of, refuse_when};
use crate::plan::filter::Case;
use crate::plan::traps::{BY_ID, BY_KIND};

/// With `judged`, other processes and threads are left to the supervisor.
pub(super) fn rules(judged: bool, rules: &mut Rules) {
    let other = || none_of(0, &[0]);
    for call in ["move_pages", "migrate_pages"] {
        rules.insert(call, refuse_when([other()]));
    }
    if !judged {
        rules.extend(BY_ID.map(|call| (call, refuse_when([other()]))));
    }
    for (call, process) in BY_KIND {
        let others = (!judged).then(|| none_of(1, &[0]));
        rules.insert(call, of_processes(process, others));
    }
}

/// What the first argument means (`process`: a process), and who else is refused.
fn of_processes(process: u32, others: Option<Case>) -> Verdict {
    refuse_when([Some(none_of(0, &[process])), others].into_iter().flatten())
}
