//! System calls by number and name, and what is known about each.

mod arch;
mod constants;
mod groups;
mod paths;

pub use arch::Arch;
pub(crate) use groups::SOCKETS;
pub use groups::{Class, GROUPS, Group};
pub(crate) use paths::Begin;

use std::fmt;

/// A system call number that exists on this architecture.
///
/// Numbers and names come from the `syscalls` crate, which takes them from the kernel's tables.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Syscall(u32);

/// Why a number or a name is not a [`Syscall`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyscallError {
    /// The number is negative.
    #[error("{0} is not a system call number: it is negative")]
    Negative(i64),
    /// The architecture has no call of this number.
    #[error("this architecture has no system call {0}")]
    UnknownForArch(i64),
    /// The architecture has no call of this name.
    #[error("this architecture has no system call named \"{0}\"")]
    UnknownName(String),
}

impl Syscall {
    /// The call with number `nr`.
    ///
    /// # Errors
    ///
    /// [`SyscallError::Negative`] and [`SyscallError::UnknownForArch`].
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::{Syscall, SyscallError};
    ///
    /// assert_eq!(Syscall::checked(-1), Err(SyscallError::Negative(-1)));
    /// assert!(Syscall::checked(100_000).is_err());
    /// ```
    pub fn checked(nr: i64) -> Result<Syscall, SyscallError> {
        if nr < 0 {
            return Err(SyscallError::Negative(nr));
        }
        u32::try_from(nr)
            .ok()
            .filter(|&number| Arch::NATIVE.name_of(number).is_some())
            .map(Syscall)
            .ok_or(SyscallError::UnknownForArch(nr))
    }

    /// The call named `name`, as in its manual page.
    ///
    /// # Errors
    ///
    /// [`SyscallError::UnknownName`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use sandlock::Syscall;
    /// assert_eq!(Syscall::from_name("openat")?.name(), "openat");
    /// # Ok::<(), sandlock::SyscallError>(())
    /// ```
    pub fn from_name(name: &str) -> Result<Syscall, SyscallError> {
        Arch::NATIVE
            .number_of(name)
            .map(Syscall)
            .ok_or_else(|| SyscallError::UnknownName(name.to_owned()))
    }

    /// The number on this architecture.
    pub fn nr(self) -> u32 {
        self.0
    }

    /// The name, as in the manual page.
    pub fn name(self) -> &'static str {
        Arch::NATIVE.name_of(self.0).unwrap_or("?")
    }
}

/// Defines a constant of `Syscall` for each name.
macro_rules! named {
    ($($(#[$attribute:meta])* $constant:ident = $name:ident;)*) => {
        impl $crate::syscall::Syscall {
            $(
                #[doc = concat!("`", stringify!($name), "`, see its manual page in section 2.")]
                $(#[$attribute])*
                pub const $constant: Self = Self(syscalls::Sysno::$name as u32);
            )*
        }
    };
}

use named;

macro_rules! from_numbers {
    ($($number:ty),*) => {
        $(impl TryFrom<$number> for Syscall {
            type Error = SyscallError;

            fn try_from(number: $number) -> Result<Syscall, SyscallError> {
                Syscall::checked(i64::from(number))
            }
        })*
    };
}

from_numbers!(i32, u32, i64);

impl TryFrom<&str> for Syscall {
    type Error = SyscallError;

    fn try_from(name: &str) -> Result<Syscall, SyscallError> {
        Syscall::from_name(name)
    }
}

/// For generic code: a [`Syscall`] is one without fail.
impl From<std::convert::Infallible> for SyscallError {
    fn from(never: std::convert::Infallible) -> SyscallError {
        match never {}
    }
}

impl fmt::Debug for Syscall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

impl fmt::Display for Syscall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The group that classifies the call named `name`, on whichever architecture has it.
pub fn group_of(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.calls.contains(&name))
}

/// The group named `name` (without the `@`).
pub fn group_named(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        let openat = Syscall::from_name("openat").unwrap();
        assert_eq!(i64::from(openat.nr()), libc::SYS_openat);
        assert_eq!(Syscall::checked(libc::SYS_openat), Ok(openat));
    }

    #[test]
    fn numbers_no_call_has_are_refused() {
        assert_eq!(Syscall::checked(-5), Err(SyscallError::Negative(-5)));
        assert_eq!(Syscall::checked(1 << 40), Err(SyscallError::UnknownForArch(1 << 40)));
        assert!(Syscall::from_name("opena").is_err());
    }
}
