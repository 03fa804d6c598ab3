//! Limits of single processes.

use libc::{RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NOFILE};
use sandlock::PolicyBuilder;

use crate::calls::calls;
use crate::harness::{policy, require, run, says, says_outside};
use crate::scene::Scene;

/// Soft and hard limit.
fn limit(policy: PolicyBuilder, resource: u32) -> String {
    says(policy, &["limit", &resource.to_string()])
}

#[test]
fn descriptors_run_out_at_the_limit() {
    let open = |policy: PolicyBuilder| says(policy, &["open-many", "40"]);
    // Three are open when the program starts.
    assert_eq!(open(policy().max_open_files(16)), "open-many ok 13\nopen EMFILE");
    assert_eq!(open(policy()), "open-many ok 40\nopen ok 0");
    assert_eq!(limit(policy().max_open_files(16), RLIMIT_NOFILE), "limit ok 16 16");
}

#[test]
fn a_file_grows_no_larger_than_the_limit() {
    let scene = Scene::new();
    let file = scene.path("granted/large").into_os_string();
    let action = ["write".into(), file.clone(), "8192".into()];
    let limited = run(scene.writes_granted().max_file_size("4K"), &action);
    assert_eq!(limited.stdout(), b"write EFBIG\n", "with the signal ignored");
    assert_eq!(limited.signal(), Some(libc::SIGXFSZ), "and without");
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 4096);
    let free = says(scene.writes_granted(), &action);
    assert_eq!(free, "write ok 8192\nwrite ok 8192");
    assert_eq!(limit(policy().max_file_size("4K"), RLIMIT_FSIZE), "limit ok 4096 4096");
}

/// A limit of one byte: less than any core file, and unlike 0 also heeded for crash handlers.
#[test]
fn cores_are_dumped_only_where_the_caller_says_so() {
    let refused = "limit ok 1 1";
    let outside = says_outside(&["limit", &RLIMIT_CORE.to_string()]);
    require!(!outside.ends_with(" 0"), "needs a hard limit of core dumps above 0");
    assert_eq!(limit(policy(), RLIMIT_CORE), refused);
    let maximum = outside.rsplit(' ').next().unwrap();
    let raised = format!("limit ok {maximum} {maximum}");
    assert_eq!(limit(policy().core_dumps(true), RLIMIT_CORE), raised);
    assert_ne!(raised, refused);
}

#[test]
fn a_limit_is_lowered_but_never_raised_from_inside() {
    let set = |value: u64| {
        calls! { prlimit64(0, RLIMIT_NOFILE, [value, value].map(u64::to_ne_bytes).concat(), 0) }
    };
    let limited = policy().max_open_files(16);
    assert_eq!(set(8).under(&limited), "ok");
    assert_eq!(set(17).under(&limited), "EPERM");
    assert_eq!(set(17).under(&policy()), "ok");
}
