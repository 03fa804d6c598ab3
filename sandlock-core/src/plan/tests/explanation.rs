//! A policy with its plan, as JSON.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;

use super::*;

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

fn policy(path: &[u8]) -> Policy {
    let path = Path::new(OsStr::from_bytes(path));
    Policy::builder().fs_read(path).net_unix("*").build().unwrap()
}

#[test]
fn an_explanation_has_policy_plan_and_enforcement() {
    let (policy, host) = (policy(b"/usr"), Host::fake(7));
    let plan = Plan::new(&policy, &host).unwrap();
    let text = plan.describe();
    let lines: Vec<&str> = text.lines().collect();
    assert!(!plan.enforcement.weakened.is_empty());
    assert_eq!(
        json(&Explanation::new(&policy, &host).unwrap()),
        format!(
            r#"{{"v":1,"policy":{},"plan":{},"enforcement":{}}}"#,
            json(&policy),
            json(&lines),
            json(&plan.enforcement)
        )
    );
}

#[test]
fn a_path_that_json_cannot_hold_is_planned_but_not_explained() {
    let host = Host::fake(7);
    Explanation::new(&policy("/ü".as_bytes()), &host).unwrap();
    let policy = policy(b"/\xff");
    Plan::new(&policy, &host).unwrap();
    let error = Explanation::new(&policy, &host).unwrap_err();
    assert_eq!((error.kind(), error.setting()), (ErrorKind::Policy, Some("fs.read[0]")));
}

#[test]
fn what_cannot_be_enforced_is_not_explained() {
    let policy = policy(b"/usr");
    Explanation::new(&policy, &Host::fake(6)).unwrap();
    let error = Explanation::new(&policy, &Host::fake(5)).unwrap_err();
    assert_eq!(error, Plan::new(&policy, &Host::fake(5)).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
