//! Every test that needs the real kernel, in one binary.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod address;
mod arguments;
mod asked;
mod bystanders;
mod calls;
mod child;
mod confine_self;
mod deadlines;
mod deny_list;
mod filesystem;
mod handler_answers;
mod handler_conditions;
mod handler_failures;
mod handler_leftovers;
mod handler_memory;
mod handler_open;
mod handler_processes;
mod handler_tasks;
mod handlers;
mod harness;
mod lifecycle;
mod limits;
mod merged;
mod network;
mod old_kernels;
mod polled;
mod privileges;
mod ready;
mod scene;
mod signals;
mod soak;
mod start;
mod tasks;
mod terminal;
mod tree;
mod unix_sockets;
