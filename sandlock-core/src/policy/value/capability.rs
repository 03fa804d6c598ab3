//! Capabilities by name.

use std::ffi::{OsStr, OsString};
use std::fmt;

use super::{Value, utf8};

/// A capability of capabilities(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capability(u8);

/// The names in the order of their numbers, from `linux/capability.h`.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

impl Capability {
    /// The bits of `capabilities`, as the kernel's sets have them.
    pub(crate) fn mask(capabilities: &[Capability]) -> u64 {
        capabilities.iter().fold(0, |mask, capability| mask | 1 << capability.number())
    }

    /// The number of the capability, as the kernel counts.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The name in small letters, without `CAP_`.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Value for Capability {
    const EXPECTED: &'static str = "a capability";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        let text = utf8(text, Self::EXPECTED)?;
        let lower = text.to_ascii_lowercase();
        let name = lower.strip_prefix("cap_").unwrap_or(&lower);
        let number = NAMES.iter().position(|known| *known == name);
        number
            .and_then(|number| u8::try_from(number).ok())
            .map(Capability)
            .ok_or_else(|| format!("there is no capability named \"{text}\""))
    }

    fn to_text(&self) -> OsString {
        self.name().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_prefix_in_either_case() {
        for text in ["net_raw", "CAP_NET_RAW", "cap_net_raw", "NET_RAW"] {
            assert_eq!(Capability::from_text(OsStr::new(text)).unwrap().number(), 13);
        }
        assert_eq!(Capability::from_text(OsStr::new("checkpoint_restore")).unwrap().number(), 40);
        assert!(Capability::from_text(OsStr::new("net_ra")).is_err());
        assert!(Capability::from_text(OsStr::new("cap_cap_net_raw")).is_err());
    }
}
