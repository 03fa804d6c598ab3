//! The handlers and observers that come with the library.

mod answers;
mod count;
mod ended;
