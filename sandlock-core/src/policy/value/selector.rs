//! Names of system calls and of groups of them.

use std::ffi::{OsStr, OsString};
use std::fmt;

use super::{Value, utf8};
use crate::syscall::{Group, group_named, group_of};

/// A system call by name, or a group of them by `@name`.
///
/// A call that only another architecture has is accepted and has no effect on this one, so that
/// one policy serves both.
#[derive(Clone, Copy, Debug)]
pub enum Selector {
    /// One call.
    Call(&'static str),
    /// Every call of a group.
    Group(&'static Group),
}

impl Selector {
    /// The names of the calls it stands for.
    pub fn calls(&self) -> &[&'static str] {
        match self {
            Selector::Call(name) => std::slice::from_ref(name),
            Selector::Group(group) => group.calls,
        }
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Selector::Call(one), Selector::Call(two)) => one == two,
            (Selector::Group(one), Selector::Group(two)) => one.name == two.name,
            _ => false,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Call(name) => f.write_str(name),
            Selector::Group(group) => write!(f, "@{}", group.name),
        }
    }
}

impl Value for Selector {
    const EXPECTED: &'static str = "a system call or a @group";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        let text = utf8(text, Self::EXPECTED)?;
        if let Some(name) = text.strip_prefix('@') {
            return group_named(name)
                .map(Selector::Group)
                .ok_or_else(|| format!("there is no group of system calls named \"{text}\""));
        }
        group_of(text)
            .and_then(|group| group.calls.iter().find(|call| **call == text))
            .map(|call| Selector::Call(call))
            .ok_or_else(|| format!("there is no system call named \"{text}\""))
    }

    fn to_text(&self) -> OsString {
        self.to_string().into()
    }
}
