//! Plans as committed texts: a change of what is enforced is a change that a reviewer reads.

use std::fs;
use std::path::Path;

use super::*;

/// Compares `text` with the committed file, or rewrites the file where the variable is set.
fn compare(name: &str, text: &str) {
    const REWRITE: &str = "UPDATE_SNAPSHOTS";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan/tests/snapshots");
    let path = folder.join(name);
    if std::env::var_os(REWRITE).is_some_and(|value| value == "1") {
        fs::write(&path, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let line_of = |text: &str, index: usize| text.lines().nth(index).unwrap_or("(end)").to_owned();
    if committed != text {
        let same = committed.lines().zip(text.lines()).take_while(|(old, new)| old == new).count();
        panic!(
            "{name} line {}:\n  committed: {}\n  planned:   {}\n\
             if the new plan is right, `make generate` rewrites the files",
            same + 1,
            line_of(&committed, same),
            line_of(text, same),
        );
    }
}

/// Something of every section.
fn policy() -> Policy {
    let policy = if_available()
        .fs_read("/usr")
        .fs_read_if_exists("/lib64")
        .fs_write("/tmp/job")
        .fs_write_if_exists("/dev/shm")
        .net_allow("tcp://:443,8000-8100")
        .max_open_files(64)
        .max_file_size("64M")
        .timeout(std::time::Duration::from_millis(1500))
        .cwd("/tmp/job")
        .clean_env(true)
        .env("LANG", "C")
        .keep_capability("net_bind_service");
    policy.build().unwrap()
}

#[test]
fn landlock_and_enforcement_at_every_level() {
    for level in 1..=7 {
        let plan = Plan::new(&policy(), &Host::fake(level)).unwrap();
        let text = format!("{}{}", plan.landlock, plan.enforcement);
        compare(&format!("level-{level}.txt"), &text);
    }
}

#[test]
fn the_whole_plan_on_each_architecture() {
    for arch in Arch::ALL {
        let plan = Plan::new(&policy(), &host(7, arch)).unwrap();
        compare(&format!("whole-{}.txt", arch.name()), &plan.describe());
    }
}

#[test]
fn the_default_plan() {
    let plan = Plan::new(&Policy::default(), &host(7, Arch::X86_64)).unwrap();
    let text = format!("{}{}", plan.landlock, plan.enforcement);
    compare("default.txt", &text);
}

#[test]
fn every_line_of_the_parts_is_in_the_whole() {
    let plan = Plan::new(&policy(), &Host::fake(7)).unwrap();
    let whole = plan.describe();
    for part in [plan.landlock.to_string(), plan.filter.to_string(), plan.enforcement.to_string()] {
        assert!(whole.contains(&part), "{part}");
    }
}
