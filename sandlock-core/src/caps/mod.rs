//! Built-in capabilities: what the library itself answers, between the user's handlers with
//! [`Priority::Before`](crate::handler::Priority::Before) and the others.
//!
//! The plan says which calls a capability is asked about (`plan/traps.rs`); here is what it says.

mod tasks;

use std::sync::Arc;

use crate::handler::Handler;
use crate::plan::BuiltIn;

/// Who answers for `built_in`.
pub(crate) fn handler(built_in: BuiltIn) -> Arc<dyn Handler> {
    match built_in {
        BuiltIn::Tasks => Arc::new(tasks::judge),
    }
}
