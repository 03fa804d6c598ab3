//! What a kernel can enforce, as the one object that every surface gives out.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::host::{Host, Notifications};
use crate::plan::Plan;
use crate::policy::{Policy, Protection};

/// What a kernel can enforce, with every protection: what `sandlock check --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HostReport {
    /// The format, 1; keys can be added to it.
    pub v: u32,
    /// The features of the kernel.
    pub host: Host,
    /// What it can do with trapped calls.
    pub notifications: Notifications,
    /// Every protection, by its name in settings.
    pub protections: BTreeMap<&'static str, Availability>,
    #[serde(rename = "enforced_in_full", serialize_with = "is_none")]
    shortfall: Option<Error>,
}

/// Whether a kernel has a protection, and which one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Availability {
    /// Whether this kernel has it.
    pub available: bool,
    /// The first Landlock ABI that has it.
    pub landlock_abi: u32,
    /// The first Linux that has this ABI.
    pub linux: &'static str,
}

impl Host {
    /// What this kernel can enforce, for people and programs to read.
    ///
    /// # Examples
    ///
    /// ```
    /// let report = sandlock::Host::fake(5).report();
    /// assert!(report.protections["net_tcp"].available);
    /// assert!(!report.protections["signal_scope"].available);
    /// assert!(!report.enforced_in_full());
    /// ```
    pub fn report(&self) -> HostReport {
        let entry =
            |protection: Protection| (protection.name(), Availability::of(protection, self));
        HostReport {
            v: 1,
            host: self.clone(),
            notifications: self.notifications(),
            protections: Protection::ALL.map(entry).into(),
            shortfall: Plan::new(&Policy::default(), self).err(),
        }
    }
}

impl HostReport {
    /// Whether a default policy is enforced in full.
    pub fn enforced_in_full(&self) -> bool {
        self.shortfall.is_none()
    }

    /// Why it is not: which protections are missing, and what to do. JSON says only whether.
    pub fn shortfall(&self) -> Option<&Error> {
        self.shortfall.as_ref()
    }
}

impl Availability {
    fn of(protection: Protection, host: &Host) -> Availability {
        let (landlock_abi, linux) = protection.needs();
        Availability { available: host.landlock_abi >= landlock_abi, landlock_abi, linux }
    }
}

fn is_none<S: Serializer>(shortfall: &Option<Error>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(shortfall.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn every_key_has_its_place_and_form() {
        let mut host = Host::fake(5);
        host.arch = crate::syscall::Arch::X86_64;
        assert_eq!(
            serde_json::to_string(&host.report()).unwrap(),
            concat!(
                r#"{"v":1,"host":{"arch":"x86_64","landlock_abi":5,"landlock_errata":7,"#,
                r#""seccomp_filter":true,"child_lists":true,"subreaper":true},"#,
                r#""notifications":{"user_notification":true,"wait_killable_recv":true,"#,
                r#""sync_wake_up":true,"addfd_send":true,"receive_ends":true},"protections":{"#,
                r#""abstract_unix_scope":{"available":false,"landlock_abi":6,"linux":"6.12"},"#,
                r#""fs_ioctl_dev":{"available":true,"landlock_abi":5,"linux":"6.10"},"#,
                r#""fs_refer":{"available":true,"landlock_abi":2,"linux":"5.19"},"#,
                r#""fs_truncate":{"available":true,"landlock_abi":3,"linux":"6.2"},"#,
                r#""net_tcp":{"available":true,"landlock_abi":4,"linux":"6.7"},"#,
                r#""signal_scope":{"available":false,"landlock_abi":6,"linux":"6.12"}},"#,
                r#""enforced_in_full":false}"#,
            )
        );
    }

    #[test]
    fn every_kernel_has_what_its_landlock_abi_has() {
        for abi in 0..=7 {
            let report = Host::fake(abi).report();
            for protection in Protection::ALL {
                let there = abi >= protection.needs().0;
                assert_eq!(report.protections[protection.name()].available, there, "{abi}");
            }
            assert_eq!(report.enforced_in_full(), abi >= 6);
            let kind = report.shortfall().map(Error::kind);
            assert_eq!(kind, (abi < 6).then_some(ErrorKind::Unsupported));
            let json = serde_json::to_value(&report).unwrap();
            assert_eq!(json["enforced_in_full"], abi >= 6);
        }
    }
}
