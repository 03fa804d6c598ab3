//! Kernels that lack something, imitated by a filter around the test's own process.

use sandlock::{ErrorKind, PolicyBuilder, Protection, ProtectionMode, Sandbox, Step, Syscall};

use crate::harness::{GUEST, again, here, policy};

/// Runs the calling test again where `call` fails with `errno`; `true` in that process.
pub(crate) fn without(test: &str, call: &str, errno: i32) -> bool {
    let number = Syscall::from_name(call).unwrap().nr();
    again(test, &["deny", &format!("{number}={errno}")]).is_none()
}

fn refusal() -> sandlock::Error {
    Sandbox::new(policy().build().unwrap()).unwrap_err()
}

/// What keeps a program from being started in an otherwise good sandbox.
fn failure(policy: PolicyBuilder) -> (ErrorKind, Option<Step>, Option<i32>) {
    let sandbox = Sandbox::new(policy.build().unwrap()).unwrap();
    let error = sandbox.run([GUEST, "exit", "0"]).unwrap_err();
    (error.kind(), error.step(), error.errno())
}

/// The positive control of every other test here.
#[test]
fn a_launcher_that_takes_nothing_away_changes_nothing() {
    if again(here!(), &["deny"]).is_some() {
        return;
    }
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    assert!(sandbox.run([GUEST, "exit", "0"]).unwrap().success());
}

#[test]
fn a_kernel_without_landlock_is_unsupported_and_says_what_is_needed() {
    if without(here!(), "landlock_create_ruleset", libc::ENOSYS) {
        let error = refusal();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("Landlock"), "{error}");
        assert!(error.hint().unwrap().contains("Linux 5.13"), "{error}");
    }
}

#[test]
fn landlock_that_is_disabled_at_boot_is_unsupported() {
    if without(here!(), "landlock_create_ruleset", libc::EOPNOTSUPP) {
        assert_eq!(refusal().kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn landlock_that_a_container_refuses_is_unsupported() {
    if without(here!(), "landlock_create_ruleset", libc::EPERM) {
        assert_eq!(refusal().kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn a_kernel_without_seccomp_is_unsupported() {
    if without(here!(), "seccomp", libc::ENOSYS) {
        let error = refusal();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("seccomp"), "{error}");
    }
}

#[test]
fn a_rule_that_the_kernel_refuses_starts_nothing() {
    if without(here!(), "landlock_add_rule", libc::ENOSYS) {
        assert_eq!(refusal().kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn a_ruleset_that_cannot_be_applied_is_a_failed_step() {
    if without(here!(), "landlock_restrict_self", libc::ENOSYS) {
        let failed = |step| (ErrorKind::Spawn, Some(step), Some(libc::ENOSYS));
        assert_eq!(failure(policy()), failed(Step::KeeperScope));
        let unscoped = policy().protection(Protection::SignalScope, ProtectionMode::Off);
        assert_eq!(failure(unscoped), failed(Step::Landlock));
    }
}

#[test]
fn descriptors_that_cannot_be_closed_are_a_failed_step() {
    if without(here!(), "close_range", libc::ENOSYS) {
        let expected = (ErrorKind::Spawn, Some(Step::Descriptors), Some(libc::ENOSYS));
        assert_eq!(failure(policy()), expected);
    }
}

#[test]
fn capabilities_that_cannot_be_read_are_a_failed_step() {
    if without(here!(), "capget", libc::EPERM) {
        let expected = (ErrorKind::Spawn, Some(Step::DropCapabilities), Some(libc::EPERM));
        assert_eq!(failure(policy()), expected);
    }
}

#[test]
fn a_session_that_cannot_be_started_is_a_failed_step() {
    if without(here!(), "setsid", libc::EPERM) {
        let expected = (ErrorKind::Spawn, Some(Step::NewSession), Some(libc::EPERM));
        assert_eq!(failure(policy()), expected);
    }
}

/// Many containers refuse it, because a filter cannot look into its arguments.
#[test]
fn without_clone3_handlers_still_run_in_the_host_alone() {
    if without(here!(), "clone3", libc::ENOSYS) {
        crate::lifecycle::expect_handlers_to_run_here_alone();
    }
}

/// FIXME: the keeper needs an option of prctl(2) that the sandbox refuses, because it would let a
/// program collect orphans in its keeper's place. So one sandbox inside another does not start; it
/// fails closed and says why.
#[test]
fn a_sandbox_inside_a_sandbox_is_unsupported() {
    let myself = std::env::current_exe().unwrap();
    let test = here!();
    if std::env::var_os("SANDLOCK_TEST_INNER").is_some() {
        let error = refusal();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.hint().unwrap().contains("in a sandbox already"), "{error}");
        return;
    }
    let nested = || {
        policy()
            .fs_read(&myself)
            .fs_read("/proc")
            .fs_read("/dev/null")
            .env("SANDLOCK_TEST_INNER", "1")
    };
    let words = || [myself.as_os_str(), "--exact".as_ref(), test.as_ref(), "--nocapture".as_ref()];
    let output = Sandbox::new(nested().build().unwrap()).unwrap().run(words()).unwrap();
    let printed = String::from_utf8_lossy(output.stdout());
    assert!(output.success() && printed.contains("1 passed"), "{output:?} {printed}");
}
