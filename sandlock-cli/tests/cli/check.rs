//! `sandlock check`: what this kernel can enforce.

use sandlock::{Host, Plan, Policy, Protection};

use crate::harness::sandlock;

fn enforced_in_full() -> bool {
    Plan::new(&Policy::default(), Host::current()).is_ok()
}

#[test]
fn the_status_says_whether_a_default_policy_is_enforced_in_full() {
    for arguments in [&["check"][..], &["check", "--json"]] {
        let ended = sandlock(arguments);
        assert_eq!(ended.status == 0, enforced_in_full(), "{ended:?}");
        assert_eq!(ended.errors().is_empty(), enforced_in_full(), "{ended:?}");
        assert!(matches!(ended.status, 0 | 1), "{ended:?}");
    }
}

#[test]
fn every_protection_is_listed() {
    let text = sandlock(["check"]).stdout;
    let json: serde_json::Value =
        serde_json::from_str(&sandlock(["check", "--json"]).stdout).unwrap();
    assert_eq!(json["v"], 1);
    assert_eq!(json["host"], serde_json::to_value(Host::current()).unwrap());
    assert_eq!(json["enforced_in_full"], enforced_in_full());
    for protection in Protection::ALL {
        let (abi, kernel) = protection.needs();
        assert!(text.contains(&format!("  {protection} ")), "{text}");
        let entry = &json["protections"][protection.name()];
        assert_eq!(entry["available"], Host::current().landlock_abi >= abi);
        assert_eq!(
            (entry["landlock_abi"].as_u64(), entry["linux"].as_str()),
            (Some(abi.into()), Some(kernel))
        );
    }
}
