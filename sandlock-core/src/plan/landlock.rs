//! What Landlock will hold: the rights it handles and the rules that grant them.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use landlock::{ABI, Access as _, AccessFs, AccessNet, BitFlags, Scope};

use crate::error::{Error, ErrorKind, Problem, Result};
use crate::host::{Host, NEWEST_LANDLOCK_ABI};
use crate::policy::{NetRule, Policy, Protection, ProtectionMode};

use super::enforcement::Enforcement;
use crate::text::one_line;

/// The Landlock ruleset as data.
#[derive(Clone, Debug, PartialEq)]
pub struct LandlockPlan {
    /// The ABI it is made for.
    pub abi: u32,
    /// File system rights that are denied without a grant.
    pub handled_fs: BitFlags<AccessFs>,
    /// TCP rights that are denied without a grant.
    pub handled_net: BitFlags<AccessNet>,
    /// What is scoped to the sandbox.
    pub scoped: BitFlags<Scope>,
    /// Grants of paths, in the order of the settings.
    pub grants: Vec<Grant>,
    /// TCP ports that may be connected to, ascending.
    pub connect: Vec<RangeInclusive<u16>>,
}

/// A grant of everything at and below a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The path as the policy has it.
    pub path: PathBuf,
    /// Reading, or everything.
    pub kind: GrantKind,
    /// Whether a missing path is skipped.
    pub if_exists: bool,
    /// Dotted path of the setting it comes from, for messages.
    pub setting: &'static str,
    /// Place in that setting's list.
    pub index: usize,
}

/// What a [`Grant`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// Read, list, execute.
    Read,
    /// The same, and create, change, rename, remove; no device nodes.
    Write,
}

impl LandlockPlan {
    pub(crate) fn new(
        policy: &Policy,
        host: &Host,
        enforcement: &mut Enforcement,
    ) -> Result<LandlockPlan> {
        let abi_number = host.usable_landlock_abi();
        let used = used_protections(policy, abi_number, enforcement)?;
        let abi = abi_of(abi_number);
        let mut handled_fs = AccessFs::from_all(abi);
        for (protection, right) in [
            (Protection::FsRefer, AccessFs::Refer),
            (Protection::FsTruncate, AccessFs::Truncate),
            (Protection::FsIoctlDev, AccessFs::IoctlDev),
        ] {
            if !used.contains(&protection) {
                handled_fs.remove(right);
            }
        }
        let mut scoped = BitFlags::EMPTY;
        if used.contains(&Protection::SignalScope) {
            scoped |= Scope::Signal;
        }
        if used.contains(&Protection::AbstractUnixScope) {
            scoped |= Scope::AbstractUnixSocket;
        }
        let (handled_net, connect) =
            if used.contains(&Protection::NetTcp) { tcp(policy) } else { Default::default() };
        let grants = grants(policy);
        warn_of_kernel_interfaces(&grants, enforcement);
        Ok(LandlockPlan { abi: abi_number, handled_fs, handled_net, scoped, grants, connect })
    }

    /// The rights that a grant gives on a directory, as far as they are handled.
    pub(crate) fn rights(&self, kind: GrantKind) -> BitFlags<AccessFs> {
        let read = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
        let wanted = match kind {
            GrantKind::Read => read,
            GrantKind::Write => !(AccessFs::MakeChar | AccessFs::MakeBlock),
        };
        wanted & self.handled_fs
    }

    /// The rights among `rights` that a file, not a directory, can have.
    pub(crate) fn on_file(rights: BitFlags<AccessFs>) -> BitFlags<AccessFs> {
        rights & AccessFs::from_file(abi_of(NEWEST_LANDLOCK_ABI))
    }
}

/// The `landlock` crate's name of an ABI number.
fn abi_of(number: u32) -> ABI {
    ABI::from(i32::try_from(number).unwrap_or(0))
}

/// The protections that are both wanted and there; an error for those that are wanted strictly and
/// missing.
fn used_protections(
    policy: &Policy,
    abi: u32,
    enforcement: &mut Enforcement,
) -> Result<Vec<Protection>> {
    let mut missing = Vec::new();
    let mut used = Vec::new();
    for protection in Protection::ALL {
        if protection == Protection::NetTcp && allows_any_network(policy) {
            continue;
        }
        let (needs, kernel) = protection.needs();
        let lacks = abi < needs;
        match policy.mode(protection) {
            ProtectionMode::Off => {
                enforcement.weakened.push(format!("protections.{protection}: off"))
            }
            ProtectionMode::IfAvailable if lacks => {
                let loss = match protection {
                    Protection::NetTcp if names_ports(policy) => {
                        "; net.allow: every TCP port is in reach"
                    }
                    Protection::SignalScope if policy.process.manage_tasks => {
                        "; the supervisor judges signals instead"
                    }
                    _ => "",
                };
                enforcement.degraded.push(format!(
                    "{protection}: needs Landlock ABI {needs} (Linux {kernel}), this kernel has \
                     {abi}{loss}"
                ));
            }
            ProtectionMode::Strict if lacks => missing.push(Problem::new(
                format!("protections.{protection}"),
                format!(
                    "this kernel has Landlock ABI {abi}, and {protection} needs {needs} \
                     (Linux {kernel}); set it to \"if-available\" to run without"
                ),
            )),
            ProtectionMode::Strict | ProtectionMode::IfAvailable => {
                enforcement.enforced.push(protection.name().to_owned());
                used.push(protection);
            }
        }
    }
    if missing.is_empty() { Ok(used) } else { Err(Error::listing(ErrorKind::Unsupported, missing)) }
}

/// Whether `net.allow` grants some TCP ports, and not everything.
pub(crate) fn names_ports(policy: &Policy) -> bool {
    policy.net.allow.iter().any(|rule| matches!(rule, NetRule::Tcp(_)))
        && !allows_any_network(policy)
}

pub(crate) fn allows_any_network(policy: &Policy) -> bool {
    policy.net.allow.contains(&NetRule::Any)
}

/// Binding is never granted; connecting is granted by port, or not handled where every port is.
fn tcp(policy: &Policy) -> (BitFlags<AccessNet>, Vec<RangeInclusive<u16>>) {
    let ports: Vec<_> = policy
        .net
        .allow
        .iter()
        .filter_map(|rule| match rule {
            NetRule::Tcp(ports) => Some(ports),
            NetRule::Any => None,
        })
        .collect();
    if ports.iter().any(|ports| ports.is_all()) {
        return (AccessNet::BindTcp.into(), Vec::new());
    }
    let mut connect: Vec<_> = ports.iter().flat_map(|ports| ports.ranges().to_vec()).collect();
    connect.sort_by_key(|range| *range.start());
    (AccessNet::BindTcp | AccessNet::ConnectTcp, connect)
}

fn grants(policy: &Policy) -> Vec<Grant> {
    let lists = [
        (&policy.fs.read, GrantKind::Read, false, "fs.read"),
        (&policy.fs.read_if_exists, GrantKind::Read, true, "fs.read_if_exists"),
        (&policy.fs.write, GrantKind::Write, false, "fs.write"),
        (&policy.fs.write_if_exists, GrantKind::Write, true, "fs.write_if_exists"),
    ];
    let mut grants = Vec::new();
    for (paths, kind, if_exists, setting) in lists {
        for (index, path) in paths.iter().enumerate() {
            grants.push(Grant { path: path.clone(), kind, if_exists, setting, index });
        }
    }
    grants
}

/// A write grant that covers the kernel's own interfaces can undo the sandbox from outside it:
/// file permissions there look at the user, not at capabilities.
fn warn_of_kernel_interfaces(grants: &[Grant], enforcement: &mut Enforcement) {
    for grant in grants.iter().filter(|grant| grant.kind == GrantKind::Write) {
        for interface in ["/proc", "/sys"] {
            let covers = std::path::Path::new(interface).starts_with(&grant.path);
            if covers || grant.path.starts_with(interface) {
                enforcement.weakened.push(format!(
                    "{}: {} makes {interface} writable as far as file permissions let the user",
                    grant.setting,
                    one_line(&grant.path)
                ));
            }
        }
    }
}
