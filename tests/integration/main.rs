//! Every test that needs the real kernel, in one binary.

#![allow(unsafe_code)]

mod deny_list;
mod harness;
mod lifecycle;
mod start;
