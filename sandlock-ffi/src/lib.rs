//! libsandlock: the C interface of sandlock.
//!
//! Translation and nothing else: every function turns what C gave into what the crate `sandlock`
//! takes ([`pointer`], [`extensible`]), calls it, and turns what comes of it into a status, an error
//! object or a handle ([`guard`]). One file per noun of the interface; its reference is
//! `include/sandlock.h`, which is made from the comments here by `make generate`.
//!
//! # Safety
//!
//! A pointer of a caller in C is believed to be what the header says: NULL, or valid for the call.
//! References in signatures say the same in Rust's terms, and `Option` is what catches NULL.

// What C calls has C's names, and exporting a name is unsafe: nobody else may have it.
#![allow(non_camel_case_types, unsafe_code)]
// What a caller must hold to is said once, in the header's conventions.
#![allow(clippy::missing_safety_doc)]

pub mod action;
mod cause;
pub mod child;
pub mod confine;
pub mod enforcement;
pub mod error;
mod extensible;
mod guard;
pub mod handler;
pub mod handler_error;
pub mod host;
pub mod launch;
pub mod notif;
pub mod observer;
pub mod open_request;
pub mod options;
pub mod output;
mod parcel;
mod pointer;
pub mod policy;
pub mod processes;
pub mod sandbox;
pub mod syscall;
pub mod text;
pub mod usage;
pub mod user_data;
pub mod version;
pub mod when;
