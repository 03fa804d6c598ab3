//! Privileges: none survive, none are gained.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, chown};

use sandlock::PolicyBuilder;

use crate::calls::calls;
use crate::harness::{GUEST, again, here, is_root, policy, require_root, says, says_outside, skip};
use crate::scene::Scene;

/// The fields of `/proc/self/status` of a program under `policy`, without blanks.
fn status(policy: PolicyBuilder) -> BTreeMap<String, String> {
    let printed = says(policy.fs_read("/proc"), &["read", "/proc/self/status"]);
    fields(&printed)
}

fn fields(printed: &str) -> BTreeMap<String, String> {
    let text = printed.strip_prefix("read ok ").unwrap().replace("\\t", "");
    let pairs = text.split("\\n").filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

const SETS: [&str; 4] = ["CapInh", "CapPrm", "CapEff", "CapAmb"];
const NONE: &str = "0000000000000000";

#[test]
fn no_capability_survives() {
    let inside = status(policy());
    for set in SETS {
        assert_eq!(inside[set], NONE, "{set}");
    }
    if is_root() {
        assert_eq!(inside["CapBnd"], NONE);
        let outside = fields(&says_outside(&["read", "/proc/self/status"]));
        assert_ne!(outside["CapEff"], NONE, "the twin has them");
        assert_ne!(outside["CapBnd"], NONE);
    }
}

#[test]
fn a_capability_that_is_kept_survives_alone() {
    require_root!();
    const NET_BIND_SERVICE: u64 = 1 << 10;
    let inside = status(policy().keep_capability("net_bind_service"));
    for set in SETS.into_iter().chain(["CapBnd"]) {
        assert_eq!(inside[set], format!("{NET_BIND_SERVICE:016x}"), "{set}");
    }
}

#[test]
fn an_ordinary_user_gets_no_capability_by_keeping_one() {
    if is_root() {
        skip(here!(), "needs an ordinary user", false);
        return;
    }
    let inside = status(policy().keep_capability("sys_admin"));
    for set in SETS {
        assert_eq!(inside[set], NONE, "{set}");
    }
}

/// Root of many containers lacks this one, and so cannot empty its bounding set.
#[test]
fn no_capability_survives_where_the_bounding_set_cannot_be_emptied() {
    require_root!();
    const CAP_SETPCAP: &str = "8";
    if again(here!(), &["without-capability", CAP_SETPCAP]).is_some() {
        return;
    }
    let outside = fields(&says_outside(&["read", "/proc/self/status"]));
    assert_ne!(outside["CapEff"], NONE);
    let inside = status(policy());
    for set in SETS {
        assert_eq!(inside[set], NONE, "{set}");
    }
    assert_eq!(inside["CapBnd"], outside["CapBnd"]);
    // Another exec by user 0 brings nothing back.
    let action = ["execute", GUEST, "read", "/proc/self/status"];
    let again = fields(&says(policy().fs_read("/proc"), &action));
    assert_eq!((&*again["CapEff"], &*again["CapPrm"]), (NONE, NONE));
}

#[test]
fn no_new_privileges_and_a_filter_are_set() {
    let inside = status(policy());
    assert_eq!((&*inside["NoNewPrivs"], &*inside["Seccomp"]), ("1", "2"));
    let outside = fields(&says_outside(&["read", "/proc/self/status"]));
    assert_eq!(&*outside["NoNewPrivs"], "0");
}

#[test]
fn a_set_user_id_program_gains_nothing() {
    require_root!();
    const NOBODY: u32 = 65534;
    let scene = Scene::new();
    let program = scene.path("granted/program");
    std::fs::copy(GUEST, &program).unwrap();
    chown(&program, Some(NOBODY), Some(NOBODY)).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o6755)).unwrap();
    // Outside, others must be able to reach it.
    std::fs::set_permissions(scene.path(""), PermissionsExt::from_mode(0o755)).unwrap();
    let action = ["execute", program.to_str().unwrap(), "user"];
    assert_eq!(says_outside(&action), format!("user ok 0 {NOBODY} {NOBODY}"));
    assert_eq!(says(scene.reads_granted(), &action), "user ok 0 0 0");
}

#[test]
fn a_program_with_capabilities_of_its_own_gains_nothing() {
    require_root!();
    let scene = Scene::new();
    let program = scene.path("granted/program");
    std::fs::copy(GUEST, &program).unwrap();
    // `struct vfs_cap_data`, revision 2: CAP_NET_RAW.
    let words = [0x0200_0000u32, 1 << 13, 0, 0, 0];
    let data = words.map(u32::to_le_bytes).concat();
    let set = calls! { setxattr(&program, "security.capability", data, 20, 0) };
    assert_eq!(set.outside(), "ok");
    let status = |policy: PolicyBuilder| {
        let path = program.to_str().unwrap();
        fields(&says(policy.fs_read("/proc"), &["execute", path, "read", "/proc/self/status"]))
    };
    assert_eq!(status(scene.reads_granted())["CapPrm"], NONE);
    // Root's own exec has everything, so the twin is a program that may keep this one.
    let kept = status(scene.reads_granted().keep_capability("net_raw"));
    assert_eq!(kept["CapPrm"], format!("{:016x}", 1 << 13));
}

#[test]
fn root_without_capabilities_cannot_become_somebody_else() {
    require_root!();
    for attack in [
        calls! { setuid(65534) },
        calls! { setgid(65534) },
        calls! { setgroups(0, 0) },
        calls! { setresuid(1, 1, 1) },
    ] {
        assert_eq!(attack.under(&policy()), "EPERM", "{attack:?}");
        assert_eq!(attack.outside(), "ok", "{attack:?}");
    }
}
