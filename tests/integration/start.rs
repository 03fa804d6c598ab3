//! Starting a program: what it gets, how it ends, and what is wrong with commands.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use sandlock::{ErrorKind, Policy, Reason, Sandbox, Setting, Step};

use crate::harness::{GUEST, alone, here, is_root, policy, run, says, skip};

#[test]
fn exit_code_signal_and_reason_are_told_apart() {
    let output = run(policy(), &["exit", "7"]);
    assert_eq!((output.code(), output.signal()), (Some(7), None));
    assert_eq!((output.reason(), output.success()), (Reason::Exited, false));
    assert!(run(policy(), &["exit", "0"]).success());
    let output = run(policy(), &["raise", "6"]);
    assert_eq!((output.code(), output.signal()), (None, Some(6)));
    assert_eq!(output.reason(), Reason::Signaled);
}

#[test]
fn both_outputs_are_collected_whole_at_any_size() {
    for size in [0, 1024, 4 << 20] {
        let output = run(policy(), &["print", &size.to_string()]);
        assert!(output.success());
        assert_eq!((output.stdout().len(), output.stderr().len()), (size, size));
    }
}

#[test]
fn a_timeout_kills_the_tree_and_keeps_the_output_so_far() {
    let limited = policy().timeout(Duration::from_millis(300));
    let output = run(policy(), &["orphans", "2"]);
    assert_eq!(output.reason(), Reason::Exited, "the twin ends in time");
    let sandbox =
        Sandbox::new(limited.fs_read("/usr").fs_read_if_exists("/bin").build().unwrap()).unwrap();
    let output = sandbox.run(["sh", "-c", "echo begun; while :; do :; done"]).unwrap();
    assert_eq!((output.reason(), output.code()), (Reason::Timeout, None));
    assert_eq!(output.signal(), Some(libc::SIGKILL));
    assert_eq!(output.stdout(), b"begun\n");
    assert!(output.usage().wall >= Duration::from_millis(300));
}

#[test]
fn a_program_that_never_stops_writing_is_stopped_by_the_clock() {
    let output = run(policy().timeout(Duration::from_millis(100)), &["print", "2147483647"]);
    assert_eq!(output.reason(), Reason::Timeout);
    assert!(!output.stdout().is_empty());
}

/// The peak of a program that needs less than its host ever did is not known.
#[test]
fn peak_memory_is_that_of_the_program_or_unknown() {
    const MIB: u64 = 1 << 20;
    if !alone(here!()) {
        return;
    }
    let peak = |mib: &str| run(policy(), &["memory", mib]).usage().peak_memory;
    let small = peak("64").unwrap();
    assert!((64 * MIB..96 * MIB).contains(&small), "{small}");
    drop(std::hint::black_box(vec![1u8; 128 << 20]));
    assert_eq!(peak("64"), None);
    let large = peak("256").unwrap();
    assert!((256 * MIB..320 * MIB).contains(&large), "{large}");
}

#[test]
fn only_three_descriptors_reach_the_program() {
    let (reader, _writer) = inheritable_pipe();
    let inherited = format!(",{}", reader.as_raw_fd());
    let free = std::process::Command::new(GUEST).arg("descriptors").output().unwrap();
    let free = String::from_utf8(free.stdout).unwrap();
    assert!(free.contains(&inherited), "an ordinary child has it: {free}");
    assert_eq!(says(policy(), &["descriptors"]), "descriptors ok 0,1,2");
}

fn inheritable_pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two numbers, of descriptors that are ours alone.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

#[test]
fn signals_are_reset_although_the_host_blocks_and_ignores_them() {
    if !alone(here!()) {
        return;
    }
    // SAFETY: Rust's runtime ignores it as well.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    extern "C" fn nothing(_: i32) {}
    let handler: extern "C" fn(i32) = nothing;
    // SAFETY: the handler does nothing; the mask is that of this test's own thread.
    unsafe {
        libc::signal(libc::SIGUSR1, handler as libc::sighandler_t);
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
    // Not the guest: a Rust program changes some of it before its main function.
    let with_proc = policy().fs_read("/proc").fs_read("/bin");
    let sandbox = Sandbox::new(with_proc.build().unwrap()).unwrap();
    let output = sandbox.run(["grep", "^Sig[BI]", "/proc/self/status"]).unwrap();
    let printed = String::from_utf8_lossy(output.stdout()).into_owned();
    let set = |name: &str| {
        let digits = printed.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(digits.trim(), 16).unwrap()
    };
    assert_eq!(set("SigBlk:"), 0);
    for signal in [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGCHLD, libc::SIGUSR1] {
        assert_eq!(set("SigIgn:") >> (signal - 1) & 1, 0, "signal {signal}");
    }
}

#[test]
fn a_captured_run_leads_a_session_without_terminal() {
    let printed = says(policy().fs_write("/dev/tty"), &["session"]);
    assert_eq!(printed, format!("leads_session ok true\nforeground ok false\ntty {}", libc::ENXIO));
}

#[test]
fn a_policy_no_program_could_start_under_says_what_is_missing() {
    let sandbox = Sandbox::new(Policy::default()).unwrap();
    let error = sandbox.run(["/bin/true"]).unwrap_err();
    assert_eq!((error.kind(), error.step()), (ErrorKind::CannotExecute, Some(Step::Execute)));
    assert_eq!((error.setting(), error.errno()), (Some("fs.read"), Some(libc::EACCES)));
    let text = error.to_string();
    assert!(text.contains("/true and /") && text.contains("ld-linux"), "{text}");
    assert!(error.hint().unwrap().contains("--fs-read"), "{text}");
}

#[test]
fn a_script_whose_interpreter_is_not_granted_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    let write = |text: &str| {
        std::fs::write(&script, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, mode).unwrap();
    };
    let run = |builder: sandlock::PolicyBuilder| {
        let sandbox = Sandbox::new(builder.fs_read(&script).build().unwrap()).unwrap();
        sandbox.run([&script])
    };
    write("#!/bin/sh\nexit 3\n");
    assert_eq!(run(policy()).unwrap().code(), Some(3));
    let error = run(Policy::builder()).unwrap_err().to_string();
    assert!(error.contains("/usr/bin/dash") || error.contains("/bin/sh"), "{error}");
    write("#!/no/such/interpreter\n");
    let error = run(policy()).unwrap_err();
    assert!(error.to_string().contains("\"/no/such/interpreter\""), "{error}");
    write("no shebang\n");
    let error = run(policy()).unwrap_err();
    assert_eq!(error.errno(), Some(libc::ENOEXEC));
    assert!(error.hint().unwrap().contains("#!"), "{error}");
    write("\x7fELF of no architecture\n");
    let error = run(policy()).unwrap_err();
    assert_eq!(error.errno(), Some(libc::ENOEXEC));
    assert!(error.hint().unwrap().contains("architecture"), "{error}");
}

#[test]
fn wrong_commands_are_typed_errors_before_anything_runs() {
    let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
    let kind = |command: &[&str]| sandbox.run(command).unwrap_err().kind();
    assert_eq!(kind(&[]), ErrorKind::Command);
    assert_eq!(kind(&["tr\0ue"]), ErrorKind::Command);
    assert_eq!(kind(&["no-such-command"]), ErrorKind::NotFound);
    assert_eq!(kind(&["/etc/hostname"]), ErrorKind::CannotExecute);
    assert!(sandbox.run([GUEST, "exit", "0"]).unwrap().success());
}

#[test]
fn a_start_directory_must_be_a_directory() {
    let start = |cwd: &str| {
        let sandbox = Sandbox::new(policy().cwd(cwd).build().unwrap()).unwrap();
        sandbox.run([GUEST, "exit", "0"])
    };
    assert!(start("/usr").unwrap().success());
    let error = start("/etc/passwd").unwrap_err();
    assert_eq!((error.setting(), error.errno()), (Some("process.cwd"), Some(libc::ENOTDIR)));
    let error = start("/no/such/place").unwrap_err();
    assert_eq!((error.setting(), error.errno()), (Some("process.cwd"), Some(libc::ENOENT)));
}

/// An ordinary user's: root may enter every directory.
#[test]
fn a_start_directory_that_may_not_be_entered_is_a_problem_of_its_setting() {
    if is_root() {
        skip(here!(), "needs an ordinary user", false);
        return;
    }
    let sandbox = Sandbox::new(policy().cwd("/root").build().unwrap()).unwrap();
    let error = sandbox.run([GUEST, "exit", "0"]).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Policy, Some(libc::EACCES)));
    assert_eq!(error.setting(), Some("process.cwd"), "{error}");
}

#[test]
fn the_groups_that_the_settings_page_names_are_enough_to_start() {
    let doc = Setting::find("syscalls.only").unwrap().doc;
    let sentence = doc.split("cannot start without").nth(1).unwrap().split('.').next().unwrap();
    let groups: Vec<&str> =
        sentence.split([' ', ',']).filter(|word| word.starts_with('@')).collect();
    assert!(groups.len() > 5, "{groups:?}");
    let start = |groups: &[&str]| {
        let policy = policy().fs_read_if_exists("/bin").only_syscalls(groups);
        Sandbox::new(policy.build().unwrap()).unwrap().run(["true"]).unwrap().success()
    };
    assert!(start(&groups));
    for index in 0..groups.len() {
        let mut fewer = groups.clone();
        if fewer.remove(index) != "@processes" {
            assert!(!start(&fewer), "{} is not needed", groups[index]);
        }
    }
}

#[test]
fn every_missing_grant_is_named_and_nothing_is_made() {
    let broken = policy().fs_read("/no/such/one").fs_write("/no/such/two").build().unwrap();
    let error = Sandbox::new(broken).unwrap_err();
    let settings: Vec<_> = error.problems().iter().map(|p| p.setting.clone()).collect();
    assert_eq!(error.kind(), ErrorKind::Policy);
    assert_eq!(settings.len(), 2, "{error}");
    assert!(settings[0].starts_with("fs.read[") && settings[1].starts_with("fs.write["));
    assert!(error.to_string().contains("fs.read_if_exists"), "{error}");
    let skipped = policy().fs_read_if_exists("/no/such/one").build().unwrap();
    assert!(Sandbox::new(skipped).unwrap().run([GUEST, "exit", "0"]).unwrap().success());
}

#[test]
fn what_a_sandbox_says_it_enforces_is_what_its_runs_say() {
    let weakened = policy().allow_syscalls(["name_to_handle_at"]);
    for policy in [policy(), weakened, policy().manage_tasks(true)] {
        let plain = Sandbox::new(policy.build().unwrap()).unwrap();
        let handled = plain.clone().add_handler("getppid", crate::asked::returning(7)).unwrap();
        for sandbox in [plain, handled] {
            let exit = [GUEST, "exit", "0"];
            assert_eq!(sandbox.enforcement(), *sandbox.run(exit).unwrap().enforcement());
            let spawned = sandbox.spawn(exit).unwrap().wait().unwrap();
            assert_eq!(sandbox.enforcement(), *spawned.enforcement());
        }
    }
    let enforcement = |policy: sandlock::PolicyBuilder| {
        Sandbox::new(policy.build().unwrap()).unwrap().enforcement()
    };
    let (plain, weak) =
        (enforcement(policy()), enforcement(policy().allow_syscalls(["name_to_handle_at"])));
    assert_ne!(plain, weak);
    assert!(weak.weakened.len() > plain.weakened.len(), "{weak:?}");
}
