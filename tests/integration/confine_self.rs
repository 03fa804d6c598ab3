//! A thread that confines itself: what it may do afterwards, and who else may what.
//!
//! Every test confines threads of its own, which end with it.

use std::io::{Error, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread;

use sandlock::{
    Enforcement, ErrorKind, Host, Policy, PolicyBuilder, Protection, ProtectionMode, Reason,
    Sandbox, Step, confine_self,
};

use crate::calls::calls;
use crate::harness::{
    self, GUEST, alone_in_its_process, here, is_root, reads_guest, require, require_root,
};
use crate::old_kernels::without;
use crate::scene::Scene;
use crate::tasks::Victim;

/// What `action` says in a thread that has confined itself.
fn confined<T: Send>(policy: PolicyBuilder, action: impl FnOnce(&Enforcement) -> T + Send) -> T {
    let policy = policy.build().unwrap();
    in_a_thread(|| action(&confine_self(&policy).unwrap()))
}

/// What `action` says in a thread of its own, which is confined at most until its end.
fn in_a_thread<T: Send>(action: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(action).join().unwrap())
}

/// The error of a thread that cannot confine itself.
fn refusal(policy: PolicyBuilder) -> sandlock::Error {
    in_a_thread(|| confine_self(&policy.build().unwrap()).unwrap_err())
}

/// Grants what it takes to start the guest and to read what it prints.
fn starts_guests() -> PolicyBuilder {
    reads_guest().fs_read("/dev/null")
}

fn read(path: impl AsRef<Path>) -> Result<String, i32> {
    std::fs::read_to_string(path).map_err(errno)
}

fn errno(error: Error) -> i32 {
    error.raw_os_error().unwrap()
}

/// What a raw call without pointers returns.
fn call(number: i64, arguments: [i64; 3]) -> Result<i64, i32> {
    let [first, second, third] = arguments;
    // SAFETY: the tests pass numbers to calls that take numbers.
    match unsafe { libc::syscall(number, first, second, third, 0, 0, 0) } {
        -1 => Err(errno(Error::last_os_error())),
        value => Ok(value),
    }
}

fn thread_id() -> i64 {
    call(libc::SYS_gettid, [0; 3]).unwrap()
}

/// What a thread is confined by, as /proc tells: privileges, filters, capabilities.
fn confinement() -> Vec<String> {
    let status = read("/proc/thread-self/status").unwrap();
    let told = ["NoNewPrivs", "Seccomp", "Cap"];
    let lines = status.lines().filter(|line| told.iter().any(|name| line.starts_with(name)));
    lines.map(str::to_owned).collect()
}

/// One line of [`confinement`].
fn line(name: &str) -> String {
    let lines = confinement();
    let found = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    found.unwrap().to_owned()
}

#[test]
fn only_what_is_granted_can_be_read() {
    let scene = Scene::new();
    let (note, secret) = (scene.path("granted/note"), scene.path("hidden/secret"));
    let both = || (read(&note), read(&secret));
    let granted = || Policy::builder().fs_read(scene.path("granted"));
    let note = || Ok("note".to_owned());
    assert_eq!(confined(granted(), |_| both()), (note(), Err(libc::EACCES)));
    let all = granted().fs_read(scene.path("hidden"));
    assert_eq!(confined(all, |_| both()), (note(), Ok("secret".to_owned())));
}

#[test]
fn only_what_is_granted_can_be_written() {
    let scene = Scene::new();
    let write = |name: &str| std::fs::write(scene.path(name), "new").map_err(errno);
    let policy = || Policy::builder().fs_read(scene.path("")).fs_write(scene.path("granted"));
    confined(policy(), |_| {
        assert_eq!(write("granted/note"), Ok(()));
        assert_eq!(write("granted/made"), Ok(()));
        assert_eq!(write("hidden/secret"), Err(libc::EACCES));
        assert_eq!(write("hidden/made"), Err(libc::EACCES));
    });
    assert_eq!(scene.content("hidden/secret"), "secret");
    assert_eq!(confined(policy().fs_write(scene.path("hidden")), |_| write("hidden/made")), Ok(()));
}

#[test]
fn only_granted_ports_can_be_connected_to() {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [allowed, other] = listeners.each_ref().map(|one| one.local_addr().unwrap().port());
    let connect = |port| TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(errno);
    let both = || (connect(allowed), connect(other));
    let listen = || TcpListener::bind("127.0.0.1:0").map(drop).map_err(errno);
    let tcp = |ports: &[u16]| {
        ports
            .iter()
            .fold(Policy::builder(), |policy, port| policy.net_allow(format!("tcp://:{port}")))
    };
    let refused = Err(libc::EPERM);
    assert_eq!(confined(Policy::builder(), |_| both()), (refused, refused));
    assert_eq!(confined(tcp(&[allowed]), |_| both()), (Ok(()), Err(libc::EACCES)));
    assert_eq!(confined(tcp(&[allowed, other]), |_| both()), (Ok(()), Ok(())));
    assert_eq!(confined(tcp(&[allowed]), |_| listen()), Err(libc::EACCES));
    assert_eq!(confined(Policy::builder().net_allow("*"), |_| listen()), Ok(()));
}

#[test]
fn calls_of_the_deny_list_and_of_the_policy_are_refused() {
    let own = || call(libc::SYS_getppid, [0; 3]);
    let base = || call(libc::SYS_vmsplice, [-1, 0, 0]);
    assert!(own().is_ok());
    assert_eq!(base(), Err(libc::EBADF));
    let both = |policy| confined(policy, |_| (own(), base()));
    assert_eq!(both(Policy::builder()), (own(), Err(libc::EPERM)));
    let refused = (Err(libc::EPERM), Err(libc::EPERM));
    assert_eq!(both(Policy::builder().deny_syscalls(["getppid"])), refused);
    let lifted = (Err(libc::EPERM), Err(libc::EBADF));
    assert_eq!(
        both(Policy::builder().deny_syscalls(["getppid"]).allow_syscalls(["vmsplice"])),
        lifted
    );
}

#[test]
fn a_thread_may_give_up_to_start_programs() {
    let start = || Command::new(GUEST).args(["exit", "0"]).status().map_err(errno);
    let policy = || starts_guests();
    assert!(confined(policy(), |_| start()).unwrap().success());
    let refused = confined(policy().deny_syscalls(["execve"]), |_| start());
    assert_eq!(refused.unwrap_err(), libc::EPERM);
}

/// What a thread lives on is the caller's to list; execve is not among it.
#[test]
fn an_allow_list_needs_no_execve() {
    let scene = Scene::new();
    let lists = |names: &[&str]| {
        let policy = Policy::builder().fs_read(scene.path("granted"));
        policy
            .only_syscalls(["@memory", "@file-io", "@file-open", "@file-info", "@descriptors"])
            .only_syscalls(["@threads", "@signals"])
            .only_syscalls(names)
    };
    let action = || (read(scene.path("granted/note")), call(libc::SYS_getppid, [0; 3]).is_ok());
    let note = Ok("note".to_owned());
    assert_eq!(confined(lists(&["exit"]), |_| action()), (note.clone(), false));
    assert_eq!(confined(lists(&["exit", "getppid"]), |_| action()), (note, true));
}

#[test]
fn no_other_thread_is_confined() {
    let scene = Scene::new();
    let before = confinement();
    let read_secret = || read(scene.path("hidden/secret"));
    let earlier = |confine: bool| {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        thread::scope(|scope| {
            let earlier = scope.spawn(move || {
                receiver.recv().unwrap();
                (confinement(), read_secret())
            });
            let confining = scope.spawn(move || {
                if confine {
                    confine_self(&Policy::default()).unwrap();
                }
                let said = read_secret();
                sender.send(()).unwrap();
                said
            });
            (confining.join().unwrap(), earlier.join().unwrap())
        })
    };
    let secret = || Ok("secret".to_owned());
    assert_eq!(earlier(true), (Err(libc::EACCES), (before.clone(), secret())));
    assert_eq!(earlier(false), (secret(), (before.clone(), secret())));
    assert_eq!((confinement(), read_secret()), (before, secret()));
}

#[test]
fn threads_and_programs_that_are_started_afterwards_inherit() {
    let scene = Scene::new();
    let secret = scene.path("hidden/secret");
    let child = |path: &Path| calls! { openat(libc::AT_FDCWD, path, libc::O_RDONLY) }.outside();
    let policy = || starts_guests().fs_read(scene.path("granted"));
    let said = |policy| {
        confined(policy, |_| {
            let thread = in_a_thread(|| read(&secret).map_err(|errno| errno == libc::EACCES));
            (child(&scene.path("granted/note")), child(&secret), thread)
        })
    };
    let refused = ("ok".to_owned(), "EACCES".to_owned(), Err(true));
    assert_eq!(said(policy()), refused);
    let granted = ("ok".to_owned(), "ok".to_owned(), Ok("secret".to_owned()));
    assert_eq!(said(policy().fs_read(&secret)), granted);
}

#[test]
fn capabilities_are_dropped_but_for_those_that_are_kept() {
    const NONE: &str = "0000000000000000";
    let sets = || ["CapInh", "CapPrm", "CapEff", "CapAmb"].map(line);
    let policy = || Policy::builder().fs_read("/proc");
    assert_eq!(confined(policy(), |_| sets()), [NONE; 4]);
    if is_root() {
        assert_ne!(sets(), [NONE; 4]);
        assert_ne!(line("CapBnd"), NONE);
        assert_eq!(confined(policy(), |_| line("CapBnd")), NONE);
        let kept = confined(policy().keep_capability("net_bind_service"), |_| sets());
        assert_eq!(kept, [format!("{:016x}", 1 << 10).as_str(); 4]);
    }
}

#[test]
fn no_privileges_are_gained_and_a_filter_is_set() {
    let policy = Policy::builder().fs_read("/proc");
    let lines = || (line("NoNewPrivs"), line("Seccomp"));
    assert_eq!(confined(policy, |_| lines()), ("1".to_owned(), "2".to_owned()));
    assert_eq!(line("NoNewPrivs"), "0");
}

#[test]
fn a_second_policy_narrows_and_never_widens() {
    let scene = Scene::new();
    let both = || (read(scene.path("granted/note")), read(scene.path("hidden/secret")));
    let granted = || Policy::builder().fs_read(scene.path("granted"));
    let all = || granted().fs_read(scene.path("hidden"));
    let then = |first: PolicyBuilder, second: PolicyBuilder| {
        let second = second.build().unwrap();
        confined(first, |_| {
            let between = both();
            confine_self(&second).unwrap();
            (between, both())
        })
    };
    let (note, secret) = (|| Ok("note".to_owned()), || Ok("secret".to_owned()));
    let (everything, some) = (|| (note(), secret()), || (note(), Err(libc::EACCES)));
    assert_eq!(then(all(), granted()), (everything(), some()));
    assert_eq!(then(granted(), all()), (some(), some()));
    assert_eq!(then(all(), all()), (everything(), everything()));
}

#[test]
fn what_is_enforced_is_returned() {
    let policy = Policy::builder()
        .net_unix("*")
        .keep_capability("net_bind_service")
        .allow_syscalls(["vmsplice"])
        .protection(Protection::FsIoctlDev, ProtectionMode::Off);
    let enforcement = confined(policy, Enforcement::clone);
    assert_eq!(
        enforcement.enforced,
        ["fs_refer", "fs_truncate", "net_tcp", "signal_scope", "abstract_unix_scope"]
    );
    assert_eq!(enforcement.degraded, [] as [&str; 0]);
    let weakened = ["protections.fs_ioctl_dev", "net.unix", "syscalls.allow", "process.keep_cap"];
    assert_eq!(enforcement.weakened.len(), weakened.len(), "{enforcement:?}");
    for (line, part) in enforcement.weakened.iter().zip(weakened) {
        assert!(line.starts_with(part), "{line}");
    }
    assert_eq!(enforcement.landlock_abi, Host::current().landlock_abi.min(7));
}

#[test]
fn what_cannot_be_done_leaves_the_thread_as_it_was() {
    let scene = Scene::new();
    let missing = scene.path("missing");
    for (policy, setting) in [
        (Policy::builder().fs_read(&missing), "fs.read[0]"),
        (Policy::builder().max_open_files(8), "limits.open_files"),
        (Policy::builder().cwd("/"), "process.cwd"),
        (Policy::builder().allow_syscalls(["socket"]), "syscalls.allow"),
    ] {
        let policy = policy.build().unwrap();
        in_a_thread(|| {
            let before = confinement();
            let error = confine_self(&policy).unwrap_err();
            assert_eq!((error.kind(), error.setting()), (ErrorKind::Policy, Some(setting)));
            assert_eq!(error.step(), None);
            assert_eq!(confinement(), before);
            assert_eq!(read(scene.path("hidden/secret")), Ok("secret".to_owned()));
        });
    }
}

/// The kernel has room for so many domains around one task (landlock(7)).
const DOMAINS: usize = 16;

#[test]
fn a_step_that_fails_is_named_and_undoes_nothing() {
    let scene = Scene::new();
    let read_secret = || read(scene.path("hidden/secret"));
    let all = Policy::builder().fs_read(scene.path("")).build().unwrap();
    in_a_thread(|| {
        for _ in 1..DOMAINS {
            confine_self(&all).unwrap();
        }
        assert_eq!(read_secret(), Ok("secret".to_owned()));
        confine_self(&Policy::default()).unwrap();
        let error = confine_self(&all).unwrap_err();
        let failed = (ErrorKind::Spawn, Some(Step::Landlock), Some(libc::E2BIG));
        assert_eq!((error.kind(), error.step(), error.errno()), failed, "{error}");
        assert_eq!(read_secret(), Err(libc::EACCES));
    });
}

#[test]
fn a_kernel_that_refuses_a_step_gives_an_error_that_names_it() {
    if without(here!(), "landlock_restrict_self", libc::ENOSYS) {
        let error = refusal(Policy::builder());
        let failed = (ErrorKind::Spawn, Some(Step::Landlock), Some(libc::ENOSYS));
        assert_eq!((error.kind(), error.step(), error.errno()), failed, "{error}");
    }
}

#[test]
fn a_kernel_without_landlock_confines_nobody() {
    if without(here!(), "landlock_create_ruleset", libc::ENOSYS) {
        in_a_thread(|| {
            let before = confinement();
            let error = confine_self(&Policy::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert_eq!(confinement(), before);
        });
    }
}

#[test]
fn descriptors_that_are_open_stay_usable() {
    let scene = Scene::new();
    let mut file = std::fs::File::open(scene.path("hidden/secret")).unwrap();
    let said = confined(Policy::builder(), |_| {
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        (text, read(scene.path("hidden/secret")))
    });
    assert_eq!(said, ("secret".to_owned(), Err(libc::EACCES)));
}

const NO_SIGNAL: i64 = 0;

fn signal(pid: i64) -> Result<i64, i32> {
    call(libc::SYS_kill, [pid, NO_SIGNAL, 0])
}

#[test]
fn signals_reach_the_own_process_and_nobody_else() {
    const SIGNALS_BETWEEN_THREADS: u32 = 1 << 1;
    let fixed = Host::current().landlock_errata & SIGNALS_BETWEEN_THREADS != 0;
    require!(fixed, "needs a kernel that lets threads of one process signal each other");
    let victim = Victim::new();
    let (process, other) = (i64::from(std::process::id()), thread_id());
    let reach = || {
        let tgkill = call(libc::SYS_tgkill, [process, other, NO_SIGNAL]);
        [signal(victim.pid()), signal(process), tgkill]
    };
    assert_eq!(reach(), [Ok(0); 3]);
    assert_eq!(confined(Policy::builder(), |_| reach()), [Err(libc::EPERM), Ok(0), Ok(0)]);
    let off = Policy::builder().protection(Protection::SignalScope, ProtectionMode::Off);
    assert_eq!(confined(off, |_| reach()), [Ok(0); 3]);
}

/// Landlock keeps tasks of one domain no more apart than tasks of none: what the thread starts
/// reaches the thread, and by that the process around it.
#[test]
fn a_program_that_it_starts_reaches_the_thread_and_not_the_others() {
    let process = i64::from(std::process::id());
    let other = thread_id();
    let reach = |thread: i64| calls! { tgkill(process, thread, NO_SIGNAL) }.outside();
    let memory = |thread: i64| {
        let path = format!("/proc/{process}/task/{thread}/mem");
        calls! { openat(libc::AT_FDCWD, path.as_str(), libc::O_RDONLY) }.outside()
    };
    let said = confined(starts_guests().fs_read("/proc"), |_| {
        let this = thread_id();
        (reach(this), memory(this), reach(other), memory(other))
    });
    let [ok, eperm, eacces] = ["ok", "EPERM", "EACCES"].map(str::to_owned);
    assert_eq!(said, (ok.clone(), ok.clone(), eperm, eacces.clone()));
    let without_proc = confined(starts_guests(), |_| memory(thread_id()));
    assert_eq!(without_proc, eacces);
    // Where nobody is confined both are in reach.
    assert_eq!((reach(other), memory(other)), (ok.clone(), ok));
}

/// Names what a test does in a process that it starts for it.
const PART: &str = "SANDLOCK_TEST_PART";

/// Runs the calling test, `here!()`, alone in a process, as `part`: how that ended, and whether the
/// test passed there.
fn ending_of(test: &str, part: &str) -> (ExitStatus, bool) {
    let mut process = Command::new(std::env::current_exe().unwrap());
    let output = process.args(alone_in_its_process(test)).env(PART, part).output().unwrap();
    (output.status, String::from_utf8_lossy(&output.stdout).contains("1 passed"))
}

/// libc changes the user of all threads it knows at once, and ends the process where one cannot.
#[test]
fn a_change_of_user_ends_a_process_with_a_thread_that_cannot() {
    require_root!();
    const NOBODY: u32 = 65534;
    let change_while = |confine: bool, keep: bool| {
        thread::scope(|scope| {
            let (ready, begun) = std::sync::mpsc::channel();
            let (end, ended) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                let policy = Policy::builder();
                let policy = if keep { policy.keep_capability("setuid") } else { policy };
                if confine {
                    confine_self(&policy.build().unwrap()).unwrap();
                }
                ready.send(()).unwrap();
                ended.recv().ok();
            });
            begun.recv().unwrap();
            // SAFETY: takes a number; the process is this test's alone.
            assert_eq!(unsafe { libc::setuid(NOBODY) }, 0);
            drop(end);
        });
    };
    match std::env::var(PART).as_deref() {
        Ok("confined") => change_while(true, false),
        Ok("keeps it") => change_while(true, true),
        Ok(_) => change_while(false, false),
        Err(_) => {
            let test = here!();
            let (confined, passed) = ending_of(test, "confined");
            assert_eq!((confined.signal(), passed), (Some(libc::SIGABRT), false), "{confined}");
            for part in ["free", "keeps it"] {
                let (status, passed) = ending_of(test, part);
                assert!(status.success() && passed, "{part}: {status}");
            }
        }
    }
}

/// As for a program in a sandbox: it may not become a subreaper.
#[test]
fn a_confined_thread_starts_no_sandbox() {
    let sandbox = || Sandbox::new(harness::policy().build().unwrap()).unwrap();
    let run = |sandbox: &Sandbox| sandbox.run([GUEST, "exit", "0"]);
    assert!(run(&sandbox()).unwrap().success());
    let before = sandbox();
    for error in confined(reads_guest().fs_write("/dev/null"), |_| {
        [run(&before).unwrap_err(), run(&sandbox()).unwrap_err()]
    }) {
        let failed = (ErrorKind::Spawn, Some(Step::Subreaper), Some(libc::EPERM));
        assert_eq!((error.kind(), error.step(), error.errno()), failed, "{error}");
    }
    // Nothing else keeps it from that.
    let lifted = reads_guest().fs_write("/dev/null").allow_syscalls(["prctl"]);
    assert!(confined(lifted, |_| run(&before)).unwrap().success());
    // The others of the process still do.
    assert!(run(&before).unwrap().success());
}

/// The tree is outside of the thread's reach, like every process that it did not start.
#[test]
fn a_confined_thread_ends_no_tree_of_others() {
    let sandbox = Sandbox::new(harness::policy().build().unwrap()).unwrap();
    let child = sandbox.spawn([GUEST, "hang"]).unwrap();
    let error = confined(Policy::builder(), |_| child.kill().unwrap_err());
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, Some(libc::EPERM)), "{error}");
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
}

/// There nobody may become a subreaper, which a thread needs not.
#[test]
fn a_program_in_a_sandbox_can_confine_itself_further() {
    let scene = Scene::new();
    let both = || (read(scene.path("granted/note")), read(scene.path("hidden/secret")));
    if std::env::var_os(PART).is_some() {
        let folder = std::env::var_os("SANDLOCK_TEST_FOLDER").unwrap();
        let folder = Path::new(&folder);
        let both = || (read(folder.join("granted/note")), read(folder.join("hidden/secret")));
        let (note, secret) = (Ok("note".to_owned()), Ok("secret".to_owned()));
        assert_eq!(both(), (note.clone(), secret));
        let policy = Policy::builder().fs_read(folder.join("granted"));
        assert_eq!(confined(policy, |_| both()), (note, Err(libc::EACCES)));
        return;
    }
    assert!(both().0.is_ok() && both().1.is_ok());
    let myself = std::env::current_exe().unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let policy = scene
        .reads_all()
        .fs_read(&myself)
        .fs_read("/proc")
        .fs_write(temporary.path())
        .env("TMPDIR", temporary.path())
        .env("SANDLOCK_TEST_FOLDER", scene.path(""))
        .env(PART, "inside");
    let words = [vec![myself.to_str().unwrap()], alone_in_its_process(here!()).to_vec()].concat();
    let output = Sandbox::new(policy.build().unwrap()).unwrap().run(words).unwrap();
    let printed = String::from_utf8_lossy(output.stdout());
    assert!(output.success() && printed.contains("1 passed"), "{output:?} {printed}");
}
