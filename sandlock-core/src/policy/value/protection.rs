//! Protections that depend on the kernel, and what to do where it lacks one.

use std::ffi::{OsStr, OsString};
use std::fmt;

use super::{Value, utf8};
use crate::listed::listed;

listed! {
    /// A protection that came to Landlock after its first version.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum Protection {
        /// Renames and links between directories are bounded by the grants of both. Where it is
        /// missing or off, the kernel refuses all of them.
        FsRefer,
        /// Truncation needs a write grant.
        FsTruncate,
        /// Device-specific ioctls need a write grant.
        FsIoctlDev,
        /// TCP is bounded by `net.allow`, also on a socket the program was started with.
        NetTcp,
        /// Signals reach only processes of the sandbox.
        SignalScope,
        /// Abstract unix sockets reach only processes of the sandbox.
        AbstractUnixScope,
    }
}

impl Protection {
    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Protection::FsRefer => "fs_refer",
            Protection::FsTruncate => "fs_truncate",
            Protection::FsIoctlDev => "fs_ioctl_dev",
            Protection::NetTcp => "net_tcp",
            Protection::SignalScope => "signal_scope",
            Protection::AbstractUnixScope => "abstract_unix_scope",
        }
    }

    /// The Landlock ABI that has it, and the kernel that has this ABI.
    pub fn needs(self) -> (u32, &'static str) {
        match self {
            Protection::FsRefer => (2, "5.19"),
            Protection::FsTruncate => (3, "6.2"),
            Protection::NetTcp => (4, "6.7"),
            Protection::FsIoctlDev => (5, "6.10"),
            Protection::SignalScope | Protection::AbstractUnixScope => (6, "6.12"),
        }
    }
}

listed! {
    /// What to do about a protection.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub enum ProtectionMode {
        /// A kernel that lacks it is an error.
        #[default]
        Strict,
        /// A kernel that lacks it runs the program without, and the result says so.
        IfAvailable,
        /// It is not used; the result says so.
        Off,
    }
}

impl ProtectionMode {
    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            ProtectionMode::Strict => "strict",
            ProtectionMode::IfAvailable => "if-available",
            ProtectionMode::Off => "off",
        }
    }
}

/// Named values read and print by their name alone.
macro_rules! named_value {
    ($type:ty, $expected:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl Value for $type {
            const EXPECTED: &'static str = $expected;

            fn from_text(text: &OsStr) -> Result<Self, String> {
                let name = utf8(text, Self::EXPECTED)?;
                let found = Self::ALL.into_iter().find(|value| value.name() == name);
                found.ok_or_else(|| {
                    let names = Self::ALL.map(Self::name).join(", ");
                    format!("expected one of {names}, found \"{name}\"")
                })
            }

            fn to_text(&self) -> OsString {
                self.name().into()
            }
        }
    };
}

named_value!(Protection, "a protection");
named_value!(ProtectionMode, "strict, if-available or off");
