//! The handlers and observers that come with the library.

mod answers;
mod audit;
mod count;
mod ended;
