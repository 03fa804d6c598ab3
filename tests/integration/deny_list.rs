//! The base deny list, from the inside.

use crate::harness::{policy, says};

#[test]
fn mount_is_refused_by_the_filter_and_reaches_the_kernel_when_lifted() {
    assert_eq!(says(policy(), &["mount"]), "mount EPERM");
    let lifted = policy().allow_syscalls(["@mount"]);
    // Without capabilities the kernel itself refuses, so the proof is that the errno is its own.
    assert_eq!(says(lifted.keep_capability("sys_admin"), &["mount"]), "mount EFAULT");
}
