//! Handlers and observers that are ready to be registered: most programs pick one and write none.
//!
//! | type | kind | what it does |
//! |---|---|---|
//! | [`Deny`] | handler: decides | refuses with an error number |
//! | [`Return`] | handler: decides | answers with a value |
//! | [`Count`] | observer: watches | counts calls by name and verdict |
//! | [`Audit`] | observer: watches | records each call as a JSON object |
//!
//! None of them decides on the task's memory, so that nothing the program does to its memory gets past
//! one.

mod answer;
mod audit;
mod count;
mod deny;

pub use answer::Return;
pub use audit::Audit;
pub use count::Count;
pub use deny::Deny;
