//! Every test that needs the real kernel, in one binary.

mod deny_list;
mod harness;
