//! `sandlock explain`: the plan, without a run.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use sandlock::{Host, Plan, Policy};

use crate::harness::{SANDLOCK, command, sandlock};

const FLAGS: [&str; 6] =
    ["explain", "--fs-read=/no/such/path", "--net-allow=tcp://:443", "--net-unix=*", "-t", "2"];

fn plan() -> Plan {
    let policy = Policy::builder()
        .fs_read("/no/such/path")
        .net_allow("tcp://:443")
        .net_unix("*")
        .timeout(std::time::Duration::from_secs(2))
        .build()
        .unwrap();
    Plan::new(&policy, Host::current()).unwrap()
}

#[test]
fn the_plan_is_printed_and_does_not_change() {
    let first = sandlock(FLAGS);
    assert_eq!(first.printed(), plan().describe());
    assert_eq!(first.printed(), sandlock(FLAGS).printed());
}

#[test]
fn granted_paths_need_not_exist() {
    assert!(sandlock(FLAGS).printed().contains("\n  grant read /no/such/path (fs.read)\n"));
}

#[test]
fn json_holds_policy_plan_and_enforcement() {
    let json = sandlock(FLAGS.iter().chain(&["--json"])).json();
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["enforcement", "plan", "policy", "v"]);
    assert_eq!(json["v"], 1);
    assert_eq!(json["policy"]["limits"]["timeout"], "2s");
    let lines: Vec<_> =
        json["plan"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(lines.join("\n") + "\n", plan().describe());
    assert_eq!(
        json["enforcement"]["weakened"],
        serde_json::to_value(plan().enforcement.weakened).unwrap()
    );
}

#[test]
fn a_path_that_json_cannot_hold_is_an_error() {
    let explain = |flags: &[&str]| {
        let mut command = command(SANDLOCK);
        command.arg("explain").args(flags).arg("--fs-read").arg(OsStr::from_bytes(b"/\xff"));
        command.output().unwrap()
    };
    assert!(explain(&[]).status.success());
    let ended = explain(&["--json"]);
    assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(125), &b""[..]));
    assert!(ended.stderr.starts_with(b"sandlock: fs.read[0]: is not UTF-8"), "{ended:?}");
}
