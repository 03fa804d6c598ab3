//! What tests share: the guest program, policies that let it run, temporary directories.

use sandlock::{Output, Policy, PolicyBuilder, Sandbox};

/// The path of the guest program.
pub(crate) const GUEST: &str = env!("CARGO_BIN_EXE_guest");

/// A policy under which the guest can start, and nothing else.
pub(crate) fn policy() -> PolicyBuilder {
    Policy::builder()
        .fs_read(GUEST)
        .fs_read("/usr")
        .fs_read_if_exists("/lib")
        .fs_read_if_exists("/lib64")
        .fs_read_if_exists("/etc/ld.so.cache")
}

/// Runs the guest under `policy`.
pub(crate) fn run(policy: PolicyBuilder, action: &[&str]) -> Output {
    let sandbox = Sandbox::new(policy.build().unwrap()).unwrap();
    sandbox.run([&[GUEST], action].concat()).unwrap()
}

/// What the guest printed under `policy`, without the last line end.
pub(crate) fn says(policy: PolicyBuilder, action: &[&str]) -> String {
    let output = run(policy, action);
    let printed = String::from_utf8_lossy(output.stdout());
    assert!(output.success(), "{action:?}: {output:?} {printed}");
    printed.trim_end().to_owned()
}
