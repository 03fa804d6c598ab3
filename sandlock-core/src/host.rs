//! What this kernel can enforce: probed once, or faked in a test.

use std::sync::OnceLock;

use serde::Serialize;

pub use crate::sys::probe::Notifications;

use crate::sys;
use crate::syscall::Arch;

/// What a kernel can enforce.
///
/// [`Host::current`] asks the running kernel; [`Host::fake`] describes another one, so that plans
/// for every kernel can be made and compared anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Host {
    /// The architecture.
    #[serde(serialize_with = "serialize_arch")]
    pub arch: Arch,
    /// The Landlock ABI (landlock_create_ruleset(2)); 0 where Landlock is missing or disabled.
    pub landlock_abi: u32,
    /// Bits of the Landlock errata that are fixed (Linux 6.15).
    pub landlock_errata: u32,
    /// Whether seccomp filters can be installed (Linux 3.17).
    pub seccomp_filter: bool,
    /// Whether `/proc` lists a task's children, by the numbers that this process knows. Ending a whole
    /// tree needs that where signals cannot be scoped.
    pub child_lists: bool,
    /// Whether a process may make itself the reaper of its descendants, which ending a whole tree
    /// needs too. Inside a sandbox of this library it may not.
    pub subreaper: bool,
    /// What a fake says about notifications; the running kernel is asked when it matters.
    #[serde(skip)]
    notifications: Option<Notifications>,
}

/// The newest Landlock ABI whose rights are used; a newer kernel is used as this one.
pub const NEWEST_LANDLOCK_ABI: u32 = 7;

impl Host {
    /// The running kernel, probed at the first call in this process.
    ///
    /// # Examples
    ///
    /// ```
    /// println!("Landlock ABI {}", sandlock::Host::current().landlock_abi);
    /// ```
    pub fn current() -> &'static Host {
        static HOST: OnceLock<Host> = OnceLock::new();
        // Probed outside of the lock, for which a process that is forked meanwhile would wait for ever.
        HOST.get().unwrap_or_else(|| {
            let probed = Host::probe();
            HOST.get_or_init(|| probed)
        })
    }

    fn probe() -> Host {
        Host {
            arch: Arch::NATIVE,
            landlock_abi: sys::landlock::abi(),
            landlock_errata: sys::landlock::errata(),
            seccomp_filter: sys::seccomp::has_filters(),
            notifications: None,
            child_lists: std::fs::metadata("/proc/thread-self/children").is_ok() && is_our_proc(),
            subreaper: sys::raw::may_become_subreaper(),
        }
    }

    /// A kernel of this machine's architecture with Landlock ABI `landlock_abi` and everything
    /// else that there is.
    pub fn fake(landlock_abi: u32) -> Host {
        Host {
            arch: Arch::NATIVE,
            landlock_abi,
            landlock_errata: 0b111,
            seccomp_filter: true,
            child_lists: true,
            subreaper: true,
            notifications: Some(Notifications {
                user_notification: true,
                wait_killable_recv: true,
                sync_wake_up: true,
                addfd_send: true,
                receive_ends: true,
            }),
        }
    }

    /// This kernel with other abilities of notifications, for tests.
    pub fn with_notifications(mut self, notifications: Notifications) -> Host {
        self.notifications = Some(notifications);
        self
    }

    /// What notifications can do. The running kernel is probed until it has some: in a thread that
    /// then ends, because only a filter with a listener tells.
    pub fn notifications(&self) -> Notifications {
        static RUNNING: OnceLock<Notifications> = OnceLock::new();
        if let Some(known) = self.notifications.or(RUNNING.get().copied()) {
            return known;
        }
        let found = sys::probe::notifications();
        // What was lacking can have been room for a thread or a descriptor.
        if found.user_notification { *RUNNING.get_or_init(|| found) } else { found }
    }

    /// The Landlock ABI to plan for.
    pub(crate) fn usable_landlock_abi(&self) -> u32 {
        self.landlock_abi.min(NEWEST_LANDLOCK_ABI)
    }
}

/// Whether /proc numbers processes as this process does: one of another pid namespace shows this
/// process with several numbers, and lists children by numbers that are others' here.
pub(crate) fn is_our_proc() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| numbers.split_ascii_whitespace().count() == 1)
}

fn serialize_arch<S: serde::Serializer>(arch: &Arch, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(arch.name())
}
