//! What the program gets from its caller: words, variables, a directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use sandlock::PolicyBuilder;

use crate::harness::{policy, says};
use crate::scene::Scene;

fn environment(policy: PolicyBuilder) -> Vec<String> {
    says(policy, &["environment"]).lines().map(str::to_owned).collect()
}

#[test]
fn arguments_arrive_as_they_are_bytes_and_all() {
    let words = [
        OsStr::new("arguments"),
        OsStr::from_bytes(b"\xff\xfe"),
        OsStr::new(""),
        OsStr::new("a b\n"),
    ];
    assert_eq!(says(policy(), &words), "arguments ok <\\xff\\xfe><><a b\\n>");
}

#[test]
fn variables_are_inherited_added_and_replaced() {
    let inherited = format!("HOME={}", std::env::var("HOME").unwrap());
    let variables = environment(policy().env("SANDLOCK_NEW", "1").env("PATH", "/only/here"));
    assert!(variables.contains(&inherited), "{variables:?}");
    assert!(variables.contains(&"SANDLOCK_NEW=1".to_owned()), "{variables:?}");
    let path: Vec<_> = variables.iter().filter(|line| line.starts_with("PATH=")).collect();
    assert_eq!(path, ["PATH=/only/here"]);
    assert!(!environment(policy()).iter().any(|line| line.starts_with("SANDLOCK_NEW")));
}

#[test]
fn a_clean_environment_has_only_what_is_listed_and_what_is_added() {
    let dirty = environment(policy());
    let listed = ["PATH=", "HOME=", "USER=", "LANG=", "TERM="];
    let is_listed = |line: &String| listed.iter().any(|name| line.starts_with(name));
    // Cargo's own, or those of `make test`.
    assert!(!dirty.iter().all(is_listed), "nothing that must go: {dirty:?}");
    let clean = environment(policy().clean_env(true).env("ADDED", "yes"));
    let (known, added): (Vec<_>, Vec<_>) = clean.into_iter().partition(is_listed);
    assert_eq!(added, ["ADDED=yes"]);
    let expected: Vec<_> = dirty.into_iter().filter(is_listed).collect();
    assert_eq!(known, expected);
}

#[test]
fn values_of_variables_are_bytes() {
    let value = OsStr::from_bytes(b"\xff=\xfe");
    let variables = environment(policy().env("STRANGE", value));
    assert!(variables.contains(&"STRANGE=\\xff=\\xfe".to_owned()), "{variables:?}");
}

#[test]
fn the_directory_is_the_callers_or_the_one_that_is_asked_for() {
    let here = std::env::current_dir().unwrap();
    assert_eq!(says(policy(), &["directory"]), format!("directory ok {}", here.display()));
    let scene = Scene::new();
    let strange = scene.path("granted").join(OsStr::from_bytes(b"\xff"));
    std::fs::create_dir(&strange).unwrap();
    let real = std::fs::canonicalize(scene.path("granted")).unwrap();
    let mut expected = OsString::from("directory ok ");
    expected.push(real);
    expected.push("/\\xff");
    assert_eq!(OsString::from(says(policy().cwd(&strange), &["directory"])), expected);
}
