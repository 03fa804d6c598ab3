//! What must stay true whatever is added: no setting does nothing, nothing is hidden.

use std::collections::BTreeSet;

use super::*;
use crate::error::ErrorKind;
use crate::plan::filter::Verdict;
use crate::policy::SETTINGS;

fn describe(policy: &Policy) -> String {
    Plan::new(policy, &Host::fake(7)).unwrap().describe()
}

#[test]
fn every_setting_changes_the_plan() {
    let default = describe(&Policy::default());
    let mut texts = BTreeSet::from([default.clone()]);
    for setting in SETTINGS {
        let mut policy = Policy::default();
        policy.set(setting.path, setting.text).unwrap();
        let text = describe(&policy);
        assert_ne!(text, default, "{} is accepted and does nothing", setting.path);
        assert!(texts.insert(text), "{} does the same as another setting", setting.path);
    }
}

#[test]
fn every_mode_of_every_protection_changes_the_plan_or_says_why_not() {
    let default = describe(&Policy::default());
    for protection in Protection::ALL {
        let with = |mode| Policy::builder().protection(protection, mode).build().unwrap();
        assert_ne!(describe(&with(ProtectionMode::Off)), default, "{protection}");
        // What is available is used, as strictly as by default.
        assert_eq!(describe(&with(ProtectionMode::IfAvailable)), default, "{protection}");
        assert_eq!(describe(&with(ProtectionMode::Strict)), default, "{protection}");
    }
}

#[test]
fn a_second_value_of_every_list_changes_the_plan() {
    for (setting, first, second) in [
        ("fs.read", "/usr", "/opt"),
        ("fs.read_if_exists", "/usr", "/opt"),
        ("fs.write", "/usr", "/opt"),
        ("fs.write_if_exists", "/usr", "/opt"),
        ("net.allow", "tcp://:80", "tcp://:443"),
        ("process.env", "A=1", "B=2"),
        ("process.keep_capabilities", "net_bind_service", "sys_time"),
        ("syscalls.deny", "getppid", "getpid"),
        ("syscalls.allow", "ptrace", "bpf"),
        ("syscalls.only", "execve", "read"),
    ] {
        let mut policy = Policy::default();
        policy.set(setting, first).unwrap();
        let one = describe(&policy);
        policy.set(setting, second).unwrap();
        assert_ne!(describe(&policy), one, "{setting}");
    }
}

#[test]
fn the_same_policy_makes_the_same_plan() {
    let mut policy = Policy::default();
    for setting in SETTINGS.iter().filter(|setting| setting.path != "syscalls.only") {
        policy.set(setting.path, setting.text).unwrap();
    }
    let again = Policy::from_toml(&policy.to_toml().unwrap()).unwrap();
    for arch in Arch::ALL {
        let host = host(7, arch);
        let plan = Plan::new(&policy, &host).unwrap();
        assert_eq!(plan, Plan::new(&again, &host).unwrap());
        assert_eq!(plan.describe(), Plan::new(&again, &host).unwrap().describe());
    }
}

#[test]
fn the_order_of_names_and_rules_is_no_matter() {
    for (setting, first, second) in [
        ("net.allow", "tcp://:80", "tcp://:443"),
        ("process.env", "A=1", "B=2"),
        ("process.keep_capabilities", "net_bind_service", "sys_time"),
        ("syscalls.deny", "getppid", "@file-metadata"),
        ("syscalls.only", "@processes", "read"),
    ] {
        let with = |first, second| plan(Policy::builder().set(setting, first).set(setting, second));
        assert_eq!(with(first, second).describe(), with(second, first).describe(), "{setting}");
    }
}

#[test]
fn grants_keep_their_order_and_their_place_in_the_settings() {
    let plan =
        plan(Policy::builder().fs_write("/w").fs_read("/b").fs_read("/a").fs_write_if_exists("/x"));
    let grants = plan.landlock.grants.iter();
    let places: Vec<_> = grants
        .map(|grant| (grant.setting, grant.index, grant.path.to_str().unwrap(), grant.if_exists))
        .collect();
    assert_eq!(
        places,
        [
            ("fs.read", 0, "/b", false),
            ("fs.read", 1, "/a", false),
            ("fs.write", 0, "/w", false),
            ("fs.write_if_exists", 0, "/x", true),
        ]
    );
}

/// The names on a line that gives them one errno.
fn refused(line: &str) -> Vec<&str> {
    line.split_once(": ").map_or(Vec::new(), |(_, names)| names.split(", ").collect())
}

#[test]
fn calls_are_told_with_whatever_errno_they_get() {
    let arch = Arch::NATIVE;
    let number = |name| arch.number_of(name).unwrap();
    let refuse = |name, errno| (number(name), Verdict::Refuse(errno));
    let verdicts = [refuse("bpf", libc::EACCES), refuse("ptrace", libc::ENOENT)].into();
    let text = FilterPlan { arch, verdicts }.to_string();
    for (errno, name) in [("EACCES", "bpf"), ("ENOENT", "ptrace")] {
        let line = text.lines().find(|line| line.trim().starts_with(errno)).unwrap();
        assert_eq!(refused(line), [name], "{text}");
    }
}

#[test]
fn every_verdict_is_in_the_text() {
    let policies = [
        Policy::builder(),
        Policy::builder().net_allow("*").deny_syscalls(["@file-metadata"]),
        Policy::builder().only_syscalls(["@processes"]),
    ];
    for policy in policies {
        for arch in Arch::ALL {
            let filter =
                Plan::new(&policy.clone().build().unwrap(), &host(7, arch)).unwrap().filter;
            let text = filter.to_string();
            for (number, verdict) in &filter.verdicts {
                let name = arch.name_of(*number).unwrap();
                let found = text.lines().any(|line| match verdict {
                    Verdict::Refuse(_) => refused(line).contains(&name),
                    Verdict::RefuseWhen(..) => line.starts_with(&format!("    {name}: ")),
                });
                assert!(found, "{arch:?}: {name} is not in\n{text}");
            }
        }
    }
}

#[test]
fn each_fact_is_one_line_of_the_text_whatever_characters_it_has() {
    let forged = "/tmp/a\n  grant write /\x1b[2J";
    let plain = plan(Policy::builder().fs_read("/tmp/a").cwd("/tmp/a").env("A", "b")).describe();
    let text = plan(Policy::builder().fs_read(forged).cwd(forged).env("A", forged)).describe();
    assert_eq!(text.lines().count(), plain.lines().count(), "{text}");
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    assert!(plan(Policy::builder().fs_read("/tmp/ü b")).describe().contains("read /tmp/ü b ("));
}

#[test]
fn what_lifts_a_default_is_listed_as_weakened() {
    let weakened = |policy| plan(policy).enforcement.weakened;
    assert_eq!(weakened(Policy::builder()), [] as [&str; 0]);
    for (policy, part) in [
        (Policy::builder().net_unix("*"), "net.unix"),
        (Policy::builder().net_allow("*"), "net.allow"),
        (Policy::builder().allow_syscalls(["clone"]), "clone"),
        (Policy::builder().allow_syscalls(["ptrace"]), "ptrace"),
        (Policy::builder().allow_syscalls(["@mount"]), "@mount"),
        (Policy::builder().keep_capability("net_bind_service"), "net_bind_service"),
        (Policy::builder().fs_write("/proc/self"), "/proc"),
        (Policy::builder().fs_write("/sys"), "/sys"),
    ] {
        let lines = weakened(policy);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(part), "{lines:?}");
    }
    // What is refused all the same, and what never was.
    let still = Policy::builder().allow_syscalls(["ptrace", "openat"]).deny_syscalls(["ptrace"]);
    assert_eq!(weakened(still), [] as [&str; 0]);
    let some = Policy::builder().allow_syscalls(["@debug"]).deny_syscalls(["ptrace"]);
    assert!(weakened(some)[0].starts_with("syscalls.allow: @debug is lifted (kcmp, pidfd_getfd"));
    assert_eq!(weakened(Policy::builder().fs_write("/")).len(), 2);
    assert_eq!(weakened(Policy::builder().fs_read("/").fs_write("/process")), [] as [&str; 0]);
}

#[test]
fn contradictions_are_problems_of_their_setting() {
    for (policy, setting, part) in [
        (Policy::builder().only_syscalls(["@memory"]), "syscalls.only", "@processes"),
        (Policy::builder().only_syscalls(["execveat"]), "syscalls.only", "execve"),
        (Policy::builder().deny_syscalls(["execve"]), "syscalls.deny", "execve"),
        (Policy::builder().deny_syscalls(["exit_group"]), "syscalls.deny", "crash"),
        (Policy::builder().allow_syscalls(["socket"]), "syscalls.allow", "net.*"),
        (Policy::builder().allow_syscalls(["@sockets"]), "syscalls.allow", "net.*"),
        (Policy::builder().allow_syscalls(["listen"]), "syscalls.allow", "listen"),
        (
            Policy::builder()
                .net_allow("tcp://:443")
                .protection(Protection::NetTcp, ProtectionMode::Off),
            "protections.net_tcp",
            "names ports",
        ),
    ] {
        let error = error(policy);
        assert_eq!(error.kind(), ErrorKind::Policy);
        assert_eq!(error.setting(), Some(setting), "{error}");
        assert_eq!(error.problems().len(), 1, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// The fields of a policy are open: what no text could have put there is found here.
#[test]
fn values_that_no_text_could_say_are_problems_of_their_setting() {
    let changed = |change: fn(&mut Policy)| {
        let mut policy = Policy::default();
        change(&mut policy);
        let error = Plan::new(&policy, &Host::fake(7)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Policy);
        error.setting().unwrap().to_owned()
    };
    assert_eq!(changed(|policy| policy.fs.write.push("/a\0b".into())), "fs.write[0]");
    assert_eq!(changed(|policy| policy.fs.read.push("".into())), "fs.read[0]");
    assert_eq!(changed(|policy| policy.process.cwd = Some("\0".into())), "process.cwd");
    assert_eq!(changed(|policy| policy.limits.open_files = Some(0)), "limits.open_files");
    let set = |policy: &mut Policy| {
        policy.process.env.insert("A".parse().unwrap(), "\0".into());
    };
    assert_eq!(changed(set), "process.env.A");
}

#[test]
fn what_a_failed_start_needs_is_outside_no_allow_list() {
    let filter = plan(Policy::builder().only_syscalls(["execve"])).filter;
    let number = Arch::NATIVE.number_of("exit_group").unwrap();
    assert_eq!(filter.verdicts.get(&number), None);
}

#[test]
fn all_contradictions_are_reported_at_once() {
    let error = error(
        Policy::builder()
            .only_syscalls(["@memory"])
            .deny_syscalls(["getppid", "execve"])
            .allow_syscalls(["ptrace", "socket", "@sockets"]),
    );
    let settings: Vec<_> = error.problems().iter().map(|p| p.setting.as_str()).collect();
    assert_eq!(settings, ["syscalls.only", "syscalls.deny", "syscalls.allow", "syscalls.allow"]);
}

#[test]
fn settings_that_only_look_like_contradictions_are_fine() {
    for policy in [
        Policy::builder().only_syscalls(["execve"]),
        Policy::builder().only_syscalls(["@memory", "@processes"]),
        Policy::builder().deny_syscalls(["execveat", "@sockets"]),
        Policy::builder().allow_syscalls(["@sockets-io", "connect"]),
        Policy::builder().allow_syscalls(["ptrace"]).deny_syscalls(["ptrace"]),
    ] {
        plan(policy);
    }
}
