//! What the program gets from its caller: words, variables, a directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use sandlock::{ErrorKind, Launch, PolicyBuilder, Sandbox};

use crate::harness::{GUEST, alone, here, policy, says};
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

fn names(launch: Launch) -> Vec<String> {
    let output = sandbox(policy().env("POLICYS", "1")).run(launch).unwrap();
    let printed = String::from_utf8_lossy(output.stdout()).into_owned();
    let mut names: Vec<_> =
        printed.lines().map(|line| line.split('=').next().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn sandbox(policy: PolicyBuilder) -> Sandbox {
    Sandbox::new(policy.build().unwrap()).unwrap()
}

#[test]
fn a_launch_without_the_callers_variables_has_the_policys_and_its_own() {
    let launch = || Launch::new([GUEST, "environment"]);
    assert_eq!(names(launch().env_clear()), ["POLICYS"]);
    let own = launch().env("OWN", "1").env_clear().env("HOME", "/here");
    assert_eq!(names(own), ["HOME", "OWN", "POLICYS"]);
    // The twin: without it the caller's are there, those that a clean environment keeps too.
    let all = names(launch());
    assert!(["PATH", "HOME"].iter().all(|name| all.contains(&(*name).to_owned())), "{all:?}");
    let clean = sandbox(policy().clean_env(true));
    assert!(!clean.run(launch()).unwrap().stdout().is_empty());
    assert!(clean.run(launch().env_clear()).unwrap().stdout().is_empty());
}

#[test]
fn a_launch_replaces_what_the_policy_sets_also_where_it_clears() {
    let set = sandbox(policy().env("WORD", "policy"));
    let launch = || Launch::new([GUEST, "environment"]).env_clear();
    assert_eq!(set.run(launch()).unwrap().stdout(), b"WORD=policy\n");
    assert_eq!(set.run(launch().env("WORD", "own")).unwrap().stdout(), b"WORD=own\n");
}

/// In the caller's PATH, in the launch's, and in the policy's.
#[test]
fn commands_of_a_cleared_launch_are_searched_where_its_own_path_says() {
    let scene = Scene::new();
    let tool = scene.path("granted/tool-of-this-test");
    std::fs::write(&tool, "#!/bin/sh\necho $PATH\n").unwrap();
    std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).unwrap();
    let folder = scene.path("granted");
    if !alone(here!()) {
        return;
    }
    // SAFETY: this process is the test's own, and no other thread looks.
    unsafe { std::env::set_var("PATH", &folder) };
    let plain = sandbox(scene.reads_granted());
    let launch = || Launch::new(["tool-of-this-test"]);
    let found = format!("{}\n", folder.display());
    let printed = |launch: Launch| plain.run(launch).unwrap().stdout().to_vec();
    assert_eq!(printed(launch()), found.as_bytes(), "the caller's");
    let error = plain.run(launch().env_clear()).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(libc::ENOENT)));
    assert_eq!(printed(launch().env_clear().env("PATH", &folder)), found.as_bytes());
    let set = sandbox(scene.reads_granted().env("PATH", &folder));
    assert_eq!(set.run(launch().env_clear()).unwrap().stdout(), found.as_bytes());
    let error = set.run(launch().env_clear().env("PATH", "/nowhere")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    // Without one, where execvp(3) looks.
    assert!(plain.run(Launch::new(["true"]).env_clear()).unwrap().success());
    assert_eq!(plain.run(Launch::new(["true"])).unwrap_err().kind(), ErrorKind::NotFound);
    // By every way.
    let cleared = || launch().env_clear();
    assert_eq!(plain.spawn(cleared()).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(plain.run_polled(cleared()).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(plain.run_interactive(cleared()).unwrap_err().kind(), ErrorKind::NotFound);
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
