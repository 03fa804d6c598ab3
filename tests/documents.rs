//! The examples of the documents for people, compiled and run as documentation tests.

#[doc = include_str!("../README.md")]
mod readme {}

#[doc = include_str!("../docs/lifecycle.md")]
mod lifecycle {}

#[doc = include_str!("../docs/extension-handlers.md")]
mod extension_handlers {}
