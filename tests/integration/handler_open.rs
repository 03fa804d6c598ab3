//! `open_for_child` against attacks: what is opened in the program's place is what the program could
//! have opened itself, or less.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use libc::{
    AT_FDCWD, O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_PATH,
    O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY, RESOLVE_BENEATH, RESOLVE_CACHED,
    RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV,
};
use sandlock::{
    HandlerCtx, Launch, NotifAction, PolicyBuilder, Sandbox, Stdio, Syscall, TaskError,
};

use crate::asked::{Notes, lines, prints, sandbox_of};
use crate::calls::{Answer, Argument, Calls, calls};
use crate::harness::{GUEST, again, alone, here, is_root, policy, require_root};
use crate::scene::Scene;

/// A handler that opens everything in the program's place.
fn opening(cx: &HandlerCtx<'_>) -> Result<NotifAction, TaskError> {
    cx.open_for_child(&cx.open_request()?)
}

/// All calls that open by path.
fn in_place(policy: PolicyBuilder) -> Sandbox {
    ["open", "creat", "openat", "openat2"]
        .into_iter()
        .filter(|name| Syscall::from_name(name).is_ok())
        .fold(sandbox_of(policy), |sandbox, name| sandbox.add_handler(name, opening).unwrap())
}

/// A scene with links and other things that are not regular files in its granted folder.
fn room() -> Scene {
    let scene = Scene::new();
    let granted = scene.path("granted");
    let link = |to: &Path, name: &str| symlink(to, granted.join(name)).unwrap();
    link(Path::new("note"), "in");
    link(&scene.path("hidden/secret"), "out");
    link(Path::new("../hidden/secret"), "out-relative");
    link(Path::new("nowhere"), "dangling");
    link(&scene.path("hidden/new"), "dangling-out");
    link(Path::new("loop"), "loop");
    link(Path::new(".."), "up");
    link(Path::new("folder"), "to-folder");
    std::fs::write(granted.join(OsStr::from_bytes(b"caf\xe9")), "note").unwrap();
    std::fs::write(granted.join("locked"), "note").unwrap();
    std::fs::write(granted.join("folder/inside"), "note").unwrap();
    let set = |name: &str, mode| {
        std::fs::set_permissions(granted.join(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    set("locked", 0);
    let fifo = std::ffi::CString::new(granted.join("fifo").as_os_str().as_bytes()).unwrap();
    // SAFETY: the text is terminated.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    scene
}

/// `struct open_how`.
fn how(flags: i32, mode: u64, resolve: u64) -> Vec<u8> {
    [flags as u64, mode, resolve].map(u64::to_ne_bytes).concat()
}

/// openat2 of `path` in the granted folder, which is the directory 0.
fn resolved(scene: &Scene, path: impl Into<Argument>, flags: i32, resolve: u64) -> Calls {
    let granted = scene.path("granted");
    let directory = calls! { openat(AT_FDCWD, &granted, O_RDONLY | O_DIRECTORY) };
    let arguments = [Answer(0).into(), path.into(), how(flags, 0, resolve).into(), 24.into()];
    directory.then("openat2", &arguments)
}

/// A last call, and how it is answered.
type Attack = (Calls, &'static str);

/// Every name, mode and content in the scene.
fn everything_in(scene: &Scene) -> Vec<String> {
    let mut all = Vec::new();
    let mut folders = vec![scene.path("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let status = path.symlink_metadata().unwrap();
            let content = if status.is_file() { std::fs::read(&path).ok() } else { None };
            let name = path.strip_prefix(scene.path("")).unwrap().display();
            all.push(format!("{name} {:o} {content:?}", status.permissions().mode()));
            if status.is_dir() {
                folders.push(path);
            }
        }
    }
    all.sort();
    all
}

/// Demands that each is answered as expected, by the kernel itself and in the program's place, with
/// the same flags of the descriptor, and leaves the same behind.
fn expect_as_the_kernel(attacks: fn(&Scene) -> Vec<Attack>, policy: fn(&Scene) -> PolicyBuilder) {
    let number = attacks(&room()).len();
    for index in 0..number {
        let outcome = |make: fn(PolicyBuilder) -> Sandbox| {
            let scene = room();
            let (calls, expected) = attacks(&scene).swap_remove(index);
            if !calls.exist() {
                return None;
            }
            let opened = calls.number() - 1;
            let flags = |command: i32| [Answer(opened).into(), command.into()];
            let calls =
                calls.then("fcntl", &flags(libc::F_GETFL)).then("fcntl", &flags(libc::F_GETFD));
            let mut printed = lines(&make(policy(&scene)), &calls);
            // A flag of the way there, which the kernel keeps with the descriptor: it says nothing.
            if let Some(flags) = printed[opened + 1].strip_prefix("fcntl ok ") {
                printed[opened + 1] = (flags.parse::<i32>().unwrap() & !O_NOFOLLOW).to_string();
            }
            let answer = printed[opened].split_once(' ').unwrap().1.to_owned();
            let is_expected = match expected {
                "ok" => answer.starts_with("ok "),
                errno => answer == errno,
            };
            assert!(is_expected, "{expected}: {calls:?} {printed:?}");
            Some((format!("{calls:?}"), printed, everything_in(&scene)))
        };
        if let (Some(kernels), Some(ours)) = (outcome(sandbox_of), outcome(in_place)) {
            assert_eq!((&ours.1, &ours.2), (&kernels.1, &kernels.2), "{}", ours.0);
        }
    }
}

fn reads(scene: &Scene) -> PolicyBuilder {
    scene.reads_granted()
}

fn writes(scene: &Scene) -> PolicyBuilder {
    scene.writes_granted()
}

#[test]
fn reading_is_as_the_kernel_has_it() {
    expect_as_the_kernel(
        |scene| {
            let open = |name: &str, flags: i32| {
                calls! { openat(AT_FDCWD, &scene.path(name), flags) }
            };
            let odd = scene.path("granted").join(OsStr::from_bytes(b"caf\xe9"));
            let missing = scene.path("granted").join(OsStr::from_bytes(b"caf\xe8"));
            vec![
                (open("granted/note", O_RDONLY), "ok"),
                (open("granted/note", O_RDONLY | O_CLOEXEC), "ok"),
                (open("granted/note", O_RDONLY | O_APPEND | O_NONBLOCK), "ok"),
                (open("granted/note", O_WRONLY), "EACCES"),
                (open("granted/note", O_RDWR), "EACCES"),
                (open("granted/note", O_RDONLY | O_TRUNC), "EACCES"),
                (open("granted/note", O_WRONLY | O_APPEND), "EACCES"),
                (open("granted/new", O_RDONLY | O_CREAT), "EACCES"),
                (open("granted/new", O_WRONLY | O_CREAT | O_EXCL), "EACCES"),
                (open("granted/missing", O_RDONLY), "ENOENT"),
                (open("granted/folder", O_RDONLY), "ok"),
                (open("granted/folder", O_RDONLY | O_DIRECTORY), "ok"),
                (open("granted/note", O_RDONLY | O_DIRECTORY), "ENOTDIR"),
                (open("granted/note/", O_RDONLY), "ENOTDIR"),
                (open("granted/note/below", O_RDONLY), "ENOTDIR"),
                (open("granted/folder/../note", O_RDONLY), "ok"),
                (open("granted/in", O_RDONLY), "ok"),
                (open("granted/to-folder/inside", O_RDONLY), "ok"),
                (open("granted/to-folder/../note", O_RDONLY), "ok"),
                (open("granted/loop", O_RDONLY), "ELOOP"),
                (open("granted/dangling", O_RDONLY), "ENOENT"),
                (open("granted/in", O_RDONLY | O_NOFOLLOW), "ELOOP"),
                (open("granted/to-folder", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), "ENOTDIR"),
                (open("granted/to-folder/inside", O_RDONLY | O_NOFOLLOW), "ok"),
                (open("granted/locked", O_RDONLY), "EACCES"),
                (calls! { openat(AT_FDCWD, &odd, O_RDONLY) }, "ok"),
                (calls! { openat(AT_FDCWD, &missing, O_RDONLY) }, "ENOENT"),
                (calls! { openat(AT_FDCWD, "", O_RDONLY) }, "ENOENT"),
                (calls! { openat(AT_FDCWD, "a".repeat(300).as_str(), O_RDONLY) }, "errno 36"),
                (calls! { openat(AT_FDCWD, "a/".repeat(2100).as_str(), O_RDONLY) }, "errno 36"),
                (calls! { openat(AT_FDCWD, 0, O_RDONLY) }, "EFAULT"),
                (calls! { openat(AT_FDCWD, -1, O_RDONLY) }, "EFAULT"),
                (calls! { open(&scene.path("granted/note"), O_RDONLY) }, "ok"),
                (calls! { open(&scene.path("hidden/secret"), O_RDONLY) }, "EACCES"),
                (calls! { creat(&scene.path("granted/new"), 0o600) }, "EACCES"),
            ]
        },
        reads,
    );
}

#[test]
fn what_is_not_granted_stays_closed_by_every_way_there() {
    expect_as_the_kernel(
        |scene| {
            let open = |name: &str| calls! { openat(AT_FDCWD, &scene.path(name), O_RDONLY) };
            let hidden = scene.path("hidden");
            let below = |path: &str| {
                calls! {
                    openat(AT_FDCWD, &scene.path("granted"), O_RDONLY | O_DIRECTORY);
                    openat(Answer(0), path, O_RDONLY)
                }
            };
            vec![
                (open("hidden/secret"), "EACCES"),
                (open("hidden"), "EACCES"),
                (open("granted/../hidden/secret"), "EACCES"),
                (open("granted/out"), "EACCES"),
                (open("granted/out-relative"), "EACCES"),
                (open("granted/up/hidden/secret"), "EACCES"),
                (open("granted/folder/../../hidden/secret"), "EACCES"),
                (below("../hidden/secret"), "EACCES"),
                (below("up/hidden/secret"), "EACCES"),
                (below("out"), "EACCES"),
                (calls! { chdir(&hidden); openat(AT_FDCWD, "secret", O_RDONLY) }, "EACCES"),
                (calls! { openat(AT_FDCWD, "/etc/shadow", O_RDONLY) }, "EACCES"),
                (calls! { openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY) }, "EACCES"),
            ]
        },
        reads,
    );
}

#[test]
fn writing_and_creating_are_as_the_kernel_has_them() {
    expect_as_the_kernel(
        |scene| {
            let open = |name: &str, flags: i32, mode: u32| {
                calls! { openat(AT_FDCWD, &scene.path(name), flags, mode) }
            };
            let under_mask = |mask: i32, mode: u32| {
                calls! {
                    umask(mask);
                    openat(AT_FDCWD, &scene.path("granted/new"), O_WRONLY | O_CREAT, mode)
                }
            };
            let create = O_WRONLY | O_CREAT;
            vec![
                (open("granted/note", O_WRONLY, 0), "ok"),
                (open("granted/note", O_RDWR | O_APPEND, 0), "ok"),
                (open("granted/note", O_WRONLY | O_TRUNC, 0), "ok"),
                (open("granted/note", O_RDONLY | O_TRUNC, 0), "ok"),
                (open("granted/note", create | O_TRUNC, 0o600), "ok"),
                (open("granted/note", create | O_EXCL, 0o600), "EEXIST"),
                (open("granted/new", create, 0o666), "ok"),
                (open("granted/new", create | O_EXCL, 0o4755), "ok"),
                (open("granted/new", create, 0), "ok"),
                (open("granted/new", create, 0o107_777), "ok"),
                (open("granted/new", O_RDONLY | O_CREAT, 0o400), "ok"),
                (under_mask(0, 0o666), "ok"),
                (under_mask(0o077, 0o777), "ok"),
                (under_mask(0o777, 0o777), "ok"),
                (open("granted/missing/new", create, 0o600), "ENOENT"),
                (open("granted/note/new", create, 0o600), "ENOTDIR"),
                (open("granted/folder", O_WRONLY, 0), "EISDIR"),
                (open("granted/folder", create, 0o600), "EISDIR"),
                (open("granted/folder", O_RDONLY | O_CREAT, 0o600), "EISDIR"),
                (open("granted/new/", create, 0o600), "EISDIR"),
                (open("granted/folder/", O_RDONLY | O_CREAT, 0o600), "EISDIR"),
                (open("granted/folder", O_RDONLY | O_TRUNC, 0), "EISDIR"),
                (open("granted/in", create | O_TRUNC, 0o600), "ok"),
                (open("granted/in", create | O_EXCL, 0o600), "EEXIST"),
                (open("granted/in", create | O_NOFOLLOW, 0o600), "ELOOP"),
                (open("granted/dangling", create | O_EXCL, 0o600), "EEXIST"),
                (open("granted/dangling", create | O_NOFOLLOW, 0o600), "ELOOP"),
                (open("granted/out", O_WRONLY | O_TRUNC, 0), "EACCES"),
                (open("granted/out", create | O_TRUNC, 0o600), "EACCES"),
                (open("hidden/new", create, 0o600), "EACCES"),
                (open("granted/../hidden/new", create, 0o600), "EACCES"),
                (open("granted/up/hidden/new", create | O_EXCL, 0o600), "EACCES"),
                (open("granted/locked", O_WRONLY, 0), "EACCES"),
                (open("granted/folder", O_WRONLY | O_TMPFILE, 0o600), "ok"),
                (open("granted/folder", O_RDWR | O_TMPFILE | O_EXCL, 0o600), "ok"),
                (open("granted/folder", O_RDONLY | O_TMPFILE, 0o600), "EINVAL"),
                (open("hidden/folder", O_RDWR | O_TMPFILE, 0o600), "EACCES"),
                (open("granted/note", O_RDWR | O_TMPFILE, 0o600), "ENOTDIR"),
                (calls! { creat(&scene.path("granted/new"), 0o640) }, "ok"),
                (calls! { creat(&scene.path("granted/note"), 0o640) }, "ok"),
                (calls! { creat(&scene.path("hidden/secret"), 0o640) }, "EACCES"),
                (calls! { open(&scene.path("granted/new"), create, 0o640) }, "ok"),
                (
                    calls! {
                        chdir(&scene.path("granted/folder"));
                        openat(AT_FDCWD, "new", create, 0o600)
                    },
                    "ok",
                ),
            ]
        },
        writes,
    );
}

/// Kernels say so since Linux 6.4.
#[test]
fn a_directory_is_not_created_by_opening() {
    for name in ["granted/folder", "granted/new", "granted/note"] {
        let scene = room();
        let flags = O_RDONLY | O_CREAT | O_DIRECTORY;
        let create = calls! { openat(AT_FDCWD, &scene.path(name), flags, 0o700) };
        assert_eq!(lines(&in_place(scene.writes_granted()), &create), ["openat EINVAL"]);
        assert!(!scene.path("granted/new").exists());
    }
}

/// What is written and cut arrives as it does without a handler.
#[test]
fn a_descriptor_has_the_rights_of_the_open_and_no_more() {
    let after = |granted: fn(&Scene) -> PolicyBuilder, flags: i32, name, arguments: &[Argument]| {
        let outcome = |make: fn(PolicyBuilder) -> Sandbox| {
            let scene = room();
            let calls = calls! { openat(AT_FDCWD, &scene.path("granted/note"), flags) };
            let calls = calls.then(name, &[&[Answer(0).into()], arguments].concat());
            let last = lines(&make(granted(&scene)), &calls).pop().unwrap();
            (last, scene.content("granted/note"))
        };
        assert_eq!(outcome(in_place), outcome(sandbox_of), "{flags:o} {name}");
        outcome(in_place)
    };
    let cut = |granted, flags| after(granted, flags, "ftruncate", &[1.into()]);
    assert_eq!(cut(reads, O_RDONLY).0, "ftruncate EINVAL");
    assert_eq!(cut(writes, O_RDONLY).0, "ftruncate EINVAL");
    assert_eq!(cut(writes, O_WRONLY), ("ftruncate ok 0".into(), "n".into()));
    let write = |granted, flags| after(granted, flags, "write", &["xy".into(), 2.into()]);
    assert_eq!(write(reads, O_RDONLY).0, "write EBADF");
    assert_eq!(write(writes, O_WRONLY), ("write ok 2".into(), "xyte".into()));
    assert_eq!(write(writes, O_WRONLY | O_APPEND), ("write ok 2".into(), "notexy".into()));
    assert_eq!(write(writes, O_WRONLY | O_TRUNC), ("write ok 2".into(), "xy".into()));
    let read = |flags| after(writes, flags, "read", &[[0u8; 8].into(), 8.into()]).0;
    assert_eq!((read(O_RDWR).as_str(), read(O_WRONLY).as_str()), ("read ok 4", "read EBADF"));
}

#[test]
fn a_path_begins_at_the_programs_own_directories() {
    expect_as_the_kernel(
        |scene| {
            let granted = scene.path("granted");
            let with = |path: &str| {
                calls! {
                    openat(AT_FDCWD, &granted, O_RDONLY | O_DIRECTORY);
                    openat(Answer(0), path, O_RDONLY)
                }
            };
            let closed = |directory: i64, path: &str| {
                calls! { openat(directory, path, O_RDONLY) }
            };
            vec![
                (calls! { chdir(&granted); openat(AT_FDCWD, "note", O_RDONLY) }, "ok"),
                (calls! { chdir(&granted); open("folder/../note", O_RDONLY) }, "ok"),
                (calls! { chdir(&granted); openat(AT_FDCWD, ".", O_RDONLY) }, "ok"),
                // The register above the descriptor's 32 bits is nothing to the kernel.
                (
                    calls! {
                        chdir(&granted);
                        openat(i64::from(AT_FDCWD as u32) | 5 << 32, "note", O_RDONLY)
                    },
                    "ok",
                ),
                (with("note"), "ok"),
                (with("folder/inside"), "ok"),
                (with(""), "ENOENT"),
                (with("."), "ok"),
                (with("../granted/note"), "ok"),
                (closed(99, "note"), "EBADF"),
                (closed(-5, "note"), "EBADF"),
                (closed(i32::MAX.into(), "note"), "EBADF"),
                (calls! { openat(99, &scene.path("granted/note"), O_RDONLY) }, "ok"),
                (
                    calls! {
                        openat(AT_FDCWD, &scene.path("granted/note"), O_RDONLY);
                        openat(Answer(0), "note", O_RDONLY)
                    },
                    "ENOTDIR",
                ),
                (calls! { openat(1, "note", O_RDONLY) }, "ENOTDIR"),
            ]
        },
        reads,
    );
    expect_as_the_kernel(
        |scene| {
            let gone = scene.path("granted/gone");
            let leave = calls! {
                mkdirat(AT_FDCWD, &gone, 0o700);
                chdir(&gone);
                unlinkat(AT_FDCWD, &gone, libc::AT_REMOVEDIR)
            };
            let create = |name: &str| {
                leave.clone().then(
                    "openat",
                    &[AT_FDCWD.into(), name.into(), (O_WRONLY | O_CREAT).into(), 0o600.into()],
                )
            };
            vec![(create("new"), "ENOENT"), (create("../new"), "ok")]
        },
        writes,
    );
}

#[test]
fn openat2_is_as_the_kernel_has_it() {
    expect_as_the_kernel(
        |scene| {
            let plain = |path: &str, resolve| resolved(scene, path, O_RDONLY, resolve);
            let note = scene.path("granted/note");
            let absolute = |resolve| resolved(scene, &note, O_RDONLY, resolve);
            let sized = |bytes: Vec<u8>, size: i64| {
                calls! { openat2(AT_FDCWD, &note, bytes, size) }
            };
            let valid = || how(O_RDONLY, 0, 0);
            let flags =
                |flags: u64, mode: u64| sized([flags, mode, 0].map(u64::to_ne_bytes).concat(), 24);
            vec![
                (plain("note", 0), "ok"),
                (plain("note", RESOLVE_BENEATH), "ok"),
                (plain("folder/../note", RESOLVE_BENEATH), "ok"),
                (plain("../granted/note", RESOLVE_BENEATH), "EXDEV"),
                (plain("up/granted/note", RESOLVE_BENEATH), "EXDEV"),
                (plain("out", RESOLVE_BENEATH), "EXDEV"),
                (absolute(RESOLVE_BENEATH), "EXDEV"),
                (plain("note", RESOLVE_IN_ROOT), "ok"),
                (plain("/note", RESOLVE_IN_ROOT), "ok"),
                (plain("../../note", RESOLVE_IN_ROOT), "ok"),
                (plain("/../folder/inside", RESOLVE_IN_ROOT), "ok"),
                (plain("out", RESOLVE_IN_ROOT), "ENOENT"),
                (absolute(RESOLVE_IN_ROOT), "ENOENT"),
                (plain("note", RESOLVE_NO_SYMLINKS), "ok"),
                (plain("in", RESOLVE_NO_SYMLINKS), "ELOOP"),
                (plain("to-folder/inside", RESOLVE_NO_SYMLINKS), "ELOOP"),
                (plain("in", RESOLVE_NO_MAGICLINKS), "ok"),
                (plain("note", RESOLVE_NO_XDEV), "ok"),
                (absolute(RESOLVE_NO_SYMLINKS), "ok"),
                (plain("note", RESOLVE_BENEATH | RESOLVE_IN_ROOT), "EINVAL"),
                (plain("note", 1 << 20), "EINVAL"),
                (plain("note", 1 << 40), "EINVAL"),
                (plain("../hidden/secret", 0), "EACCES"),
                (resolved(scene, "note", O_WRONLY, 0), "EACCES"),
                (resolved(scene, "note", O_RDONLY | O_CLOEXEC, 0), "ok"),
                (resolved(scene, "folder", O_RDONLY | O_DIRECTORY, 0), "ok"),
                (sized(valid(), 24), "ok"),
                (sized(valid(), 0), "EINVAL"),
                (sized(valid(), 23), "EINVAL"),
                (sized([valid(), vec![0; 8]].concat(), 32), "ok"),
                (sized([valid(), vec![1; 8]].concat(), 32), "E2BIG"),
                (sized(valid(), 5000), "E2BIG"),
                (calls! { openat2(AT_FDCWD, &note, 0, 24) }, "EFAULT"),
                (flags(1 << 32, 0), "EINVAL"),
                (flags(0o20, 0), "EINVAL"),
                (flags(O_RDONLY as u64, 0o600), "EINVAL"),
                (flags((O_WRONLY | O_CREAT) as u64, 0o1_0000), "EINVAL"),
                (flags((O_PATH | O_RDWR) as u64, 0), "EINVAL"),
                (flags((O_PATH | O_CREAT) as u64, 0), "EINVAL"),
            ]
        },
        reads,
    );
}

/// What the kernel has in its caches depends on everybody else.
#[test]
fn an_open_from_the_caches_alone_is_answered_or_asks_to_try_again() {
    let scene = room();
    let cached = resolved(&scene, "note", O_RDONLY, RESOLVE_CACHED);
    for sandbox in [in_place(scene.reads_granted()), sandbox_of(scene.reads_granted())] {
        let answer = lines(&sandbox, &cached).pop().unwrap();
        assert!(["openat2 ok 4", "openat2 EAGAIN"].contains(&answer.as_str()), "{answer}");
    }
    let hidden = resolved(&scene, "../hidden/secret", O_RDONLY, RESOLVE_CACHED);
    let answer = lines(&in_place(scene.reads_granted()), &hidden).pop().unwrap();
    assert!(["openat2 EACCES", "openat2 EAGAIN"].contains(&answer.as_str()), "{answer}");
}

/// Demands that each is refused with EPERM in the program's place, and is answered like this by the
/// kernel.
fn expect_left_to_the_program(policy: PolicyBuilder, attacks: &[(Calls, &str)]) {
    for (calls, kernels) in attacks {
        let answer = |sandbox: &Sandbox| {
            let last = lines(sandbox, calls).pop().unwrap();
            let answer = last.split_once(' ').unwrap().1;
            if answer.starts_with("ok ") { "ok".to_owned() } else { answer.to_owned() }
        };
        assert_eq!(answer(&sandbox_of(policy.clone())), *kernels, "{calls:?}");
        assert_eq!(answer(&in_place(policy.clone())), "EPERM", "{calls:?}");
    }
}

/// The kernel gives nobody a descriptor that only names a file.
#[test]
fn descriptors_that_only_name_a_file_are_refused() {
    let scene = room();
    let open = |name: &str, flags: i32| {
        calls! { openat(AT_FDCWD, &scene.path(name), O_PATH | flags) }
    };
    let attacks = [
        (open("granted/note", 0), "ok"),
        (open("granted/folder", O_DIRECTORY), "ok"),
        (open("granted/in", O_NOFOLLOW), "ok"),
        (open("granted/fifo", 0), "ok"),
        (open("granted/note", O_RDWR | O_CREAT | O_TRUNC), "ok"),
        (open("hidden/secret", 0), "ok"),
    ];
    expect_left_to_the_program(scene.reads_granted(), &attacks);
}

/// It opens nothing by itself, and is no way around what is granted.
#[test]
fn a_descriptor_of_a_folder_that_is_not_granted_leads_nowhere() {
    let scene = room();
    let directory = how(O_PATH | O_DIRECTORY, 0, 0);
    let below = |folder: &str, path: &str| {
        calls! {
            openat2(AT_FDCWD, &scene.path(folder), directory.clone(), 24);
            openat(Answer(0), path, O_RDONLY)
        }
    };
    let plain = sandbox_of(scene.reads_granted());
    // The descriptor itself comes from the kernel.
    let ours = plain.clone().add_handler("openat", opening).unwrap();
    for (folder, path, expected) in [
        ("hidden", "secret", "openat EACCES"),
        ("hidden", "../granted/note", "openat ok 4"),
        ("granted", "note", "openat ok 4"),
        ("granted", "../hidden/secret", "openat EACCES"),
    ] {
        for sandbox in [&plain, &ours] {
            assert_eq!(lines(sandbox, &below(folder, path)), ["openat2 ok 3", expected]);
        }
    }
}

#[test]
fn a_named_pipe_is_refused_and_not_waited_for() {
    let scene = room();
    let open = |flags: i32| calls! { openat(AT_FDCWD, &scene.path("granted/fifo"), flags) };
    let attacks = [(open(O_RDONLY | O_NONBLOCK), "ok"), (open(O_RDWR), "ok")];
    expect_left_to_the_program(scene.writes_granted(), &attacks);
    // These would wait.
    for flags in [O_RDONLY, O_WRONLY] {
        let answers = lines(&in_place(scene.writes_granted()), &open(flags));
        assert_eq!(answers, ["openat EPERM"]);
    }
}

#[test]
fn a_file_is_not_created_through_a_link_that_leads_nowhere() {
    for name in ["granted/dangling", "granted/dangling-out"] {
        let scene = room();
        let create = calls! { openat(AT_FDCWD, &scene.path(name), O_WRONLY | O_CREAT, 0o600) };
        assert_eq!(lines(&in_place(scene.writes_granted()), &create), ["openat EPERM"]);
        assert!(!scene.path("granted/nowhere").exists() && !scene.path("hidden/new").exists());
        // The kernel follows the link, as far as the policy lets it.
        let expected = if name.ends_with("out") { "openat EACCES" } else { "openat ok 3" };
        assert_eq!(lines(&sandbox_of(scene.writes_granted()), &create), [expected]);
    }
}

#[test]
fn access_mode_3_is_refused() {
    let scene = room();
    let open = calls! { openat(AT_FDCWD, &scene.path("granted/note"), 3) };
    expect_left_to_the_program(scene.writes_granted(), &[(open, "ok")]);
}

/// Each would show what is the host's own, if a thread of the host opened it.
#[test]
fn nothing_of_the_hosts_own_proc_is_shown() {
    let open = |path: &str| calls! { openat(AT_FDCWD, path, O_RDONLY) };
    let below = |directory: &str, path: &str| {
        calls! { chdir(directory); openat(AT_FDCWD, path, O_RDONLY) }
    };
    let host = std::process::id();
    let with_proc = || policy().fs_read("/proc");
    let attacks: Vec<_> = [
        "/proc/self/environ",
        "/proc/self/maps",
        "/proc/self/status",
        "/proc/self/task",
        "/proc/thread-self/stat",
        "/proc/self",
        "/proc/self/fd",
        "/proc/self/net/tcp",
        "/proc/mounts",
        "/proc/version",
        "/proc/./self/../self/environ",
    ]
    .into_iter()
    .map(|path| (open(path), "ok"))
    .chain([(below("/proc/self", "environ"), "ok"), (below("/proc", "self/environ"), "ok")])
    .collect();
    expect_left_to_the_program(with_proc(), &attacks);
    // Links of /proc lead to what is open in the host, or to its root and directory.
    let sandbox = in_place(with_proc());
    let links = [
        "/proc/self/exe".to_owned(),
        "/proc/self/fd/0".to_owned(),
        "/proc/self/fd/1".to_owned(),
        "/proc/self/root/proc/version".to_owned(),
        "/proc/self/cwd".to_owned(),
        "/proc/self/cwd/Cargo.toml".to_owned(),
        "/proc/thread-self/fd/3".to_owned(),
        format!("/proc/{host}/environ"),
        format!("/proc/{host}/root/proc/version"),
        format!("/proc/{host}/cwd/Cargo.toml"),
        "/dev/fd/0".to_owned(),
        "/dev/stdin".to_owned(),
    ];
    for link in links {
        for flags in [O_RDONLY, O_PATH, O_RDONLY | O_NOFOLLOW, O_PATH | O_NOFOLLOW] {
            let answer = lines(&sandbox, &calls! { openat(AT_FDCWD, link.as_str(), flags) });
            let is_refused =
                ["EPERM", "EACCES", "ELOOP"].iter().any(|errno| answer[0].ends_with(errno));
            // The link itself, which is one of /dev, names and shows nothing.
            let is_name = link.starts_with("/dev") && flags == O_PATH | O_NOFOLLOW;
            assert!(is_refused || is_name, "{link} {flags:o}: {answer:?}");
        }
    }
}

/// Also where the file is granted: the program has no such descriptor.
#[test]
fn a_descriptor_of_the_hosts_is_not_opened_by_its_number() {
    let scene = Scene::new();
    let held = std::fs::File::open(scene.path("granted/note")).unwrap();
    let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&held));
    let sandbox = in_place(scene.reads_granted().fs_read("/proc"));
    let opening = |path: &str| calls! { openat(AT_FDCWD, path, O_RDONLY) };
    assert_eq!(lines(&sandbox, &opening(&link)), ["openat ELOOP"]);
    let note = scene.path("granted/note");
    assert!(lines(&sandbox, &opening(note.to_str().unwrap()))[0].contains(" ok "));
}

/// A directory of /proc that the program has open is its own, but what is below it may not be.
#[test]
fn a_descriptor_of_proc_opens_nothing() {
    let below = |path: &str| {
        calls! {
            openat2(AT_FDCWD, "/proc/self", how(O_PATH | O_DIRECTORY, 0, 0), 24);
            openat(Answer(0), path, O_RDONLY)
        }
    };
    // The descriptor itself comes from the kernel.
    let with_proc = || policy().fs_read("/proc");
    let sandbox = sandbox_of(with_proc()).add_handler("openat", opening).unwrap();
    for path in ["environ", "maps", "fd/0", "root/proc/version", "exe", ".", "task"] {
        let answers = lines(&sandbox, &below(path));
        assert_eq!(answers[0], "openat2 ok 3");
        let errno = answers[1].rsplit(' ').next().unwrap();
        assert!(["EPERM", "EACCES", "ELOOP"].contains(&errno), "{answers:?}");
    }
    assert_eq!(lines(&sandbox_of(with_proc()), &below("environ"))[1], "openat ok 4");
}

#[test]
fn devices_of_memory_work() {
    expect_as_the_kernel(
        |_| {
            let open = |path: &str, flags: i32| calls! { openat(AT_FDCWD, path, flags) };
            vec![
                (open("/dev/null", O_RDWR), "ok"),
                (open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC), "ok"),
                (open("/dev/zero", O_RDONLY), "ok"),
                (open("/dev/urandom", O_RDONLY), "ok"),
                (open("/dev/full", O_WRONLY), "ok"),
            ]
        },
        |_| policy().fs_write("/dev"),
    );
}

/// In a process that has one.
#[test]
fn no_terminal_is_opened_in_the_programs_place() {
    if again(here!(), &["terminal"]).is_some() {
        return;
    }
    let open = |path: &str| calls! { openat(AT_FDCWD, path, O_RDWR) };
    let granted = || policy().fs_write("/dev");
    let link = std::fs::read_link("/proc/self/fd/0").unwrap();
    let link = link.to_str().unwrap();
    assert!(link.starts_with("/dev/pts/"), "{link}");
    expect_left_to_the_program(
        granted(),
        &[(open("/dev/tty"), "ENXIO"), (open("/dev/ptmx"), "ok"), (open(link), "ok")],
    );
    // The twin: this process has a terminal, which a thread of it would open.
    assert!(std::fs::File::open("/dev/tty").is_ok());
}

/// Root inside has no capabilities, so permission bits are as good as for others.
#[test]
fn permission_bits_count_for_root_too() {
    require_root!();
    let answers = |mode: u32, user: u32, granted: fn(&Scene) -> PolicyBuilder, flags: i32| {
        let scene = Scene::new();
        let note = scene.path("granted/note");
        std::os::unix::fs::chown(&note, Some(user), Some(user)).unwrap();
        std::fs::set_permissions(&note, PermissionsExt::from_mode(mode)).unwrap();
        let open = calls! { openat(AT_FDCWD, &note, flags) };
        let [ours, kernels] = [in_place(granted(&scene)), sandbox_of(granted(&scene))]
            .map(|sandbox| lines(&sandbox, &open));
        assert_eq!(ours, kernels);
        ours
    };
    assert_eq!(answers(0o600, 12345, reads, O_RDONLY), ["openat EACCES"]);
    assert_eq!(answers(0o644, 12345, reads, O_RDONLY), ["openat ok 3"]);
    assert_eq!(answers(0o644, 12345, writes, O_RDWR), ["openat EACCES"]);
    assert_eq!(answers(0o666, 12345, writes, O_RDWR), ["openat ok 3"]);
    assert_eq!(answers(0o000, 0, writes, O_RDONLY), ["openat EACCES"]);
    let keeping: fn(&Scene) -> PolicyBuilder =
        |scene| scene.reads_granted().keep_capability("CAP_DAC_OVERRIDE");
    assert_eq!(answers(0o600, 12345, keeping, O_RDONLY), ["openat ok 3"]);
}

/// Whose mask it is: the task's, and not that of the host or of another task.
#[test]
fn the_mask_of_the_host_is_as_it_was() {
    let status = || std::fs::read_to_string("/proc/self/status").unwrap();
    let mask =
        |status: String| status.lines().find(|line| line.starts_with("Umask:")).unwrap().to_owned();
    let before = mask(status());
    let scene = room();
    let create = calls! {
        umask(0o027);
        openat(AT_FDCWD, &scene.path("granted/new"), O_WRONLY | O_CREAT, 0o666)
    };
    assert_eq!(lines(&in_place(scene.writes_granted()), &create)[1], "openat ok 3");
    let mode = scene.path("granted/new").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    assert_eq!(mask(status()), before);
}

#[test]
fn a_program_that_changed_its_credentials_is_refused() {
    require_root!();
    let kept = || policy().fs_read("/usr").keep_capability("CAP_SETUID");
    let calls = calls! { setresuid(12345, 12345, 12345); openat(AT_FDCWD, "/usr", O_RDONLY) };
    assert_eq!(lines(&in_place(kept()), &calls), ["setresuid ok 0", "openat EPERM"]);
    assert_eq!(lines(&sandbox_of(kept()), &calls), ["setresuid ok 0", "openat ok 3"]);
    assert!(is_root());
}

#[test]
fn a_policy_under_which_the_program_may_change_its_root_gets_nothing_opened() {
    for lifted in ["chroot", "unshare", "mount", "clone"] {
        let granted = || policy().allow_syscalls([lifted]);
        let open = calls! { openat(AT_FDCWD, "/usr", O_RDONLY) };
        let when = sandlock::HandlerOptions::new().when(sandlock::When::arg(2).eq(0));
        let sandbox = sandbox_of(granted()).add_handler_with("openat", opening, when).unwrap();
        assert_eq!(lines(&sandbox, &open), ["openat EPERM"], "{lifted}");
    }
}

#[test]
fn a_call_that_opens_nothing_cannot_be_opened() {
    let notes = Notes::new();
    let look = |cx: &HandlerCtx<'_>| cx.open_request().unwrap_err();
    let sandbox = sandbox_of(policy()).add_handler("getppid", notes.taken(look)).unwrap();
    lines(&sandbox, &calls! { getppid() });
    assert_eq!(notes.take(), [TaskError::NotAnOpen(Syscall::GETPPID)]);
}

#[test]
fn a_request_says_what_the_call_asks_for() {
    let notes = Notes::new();
    let look = |cx: &HandlerCtx<'_>| {
        let request = cx.open_request().unwrap();
        let path = request.path().as_os_str().as_bytes().to_vec();
        let (flags, mode) = (request.flags(), request.mode());
        (request.directory(), path, flags, mode, request.resolve(), request.writes())
    };
    let sandbox = ["open", "creat", "openat", "openat2"]
        .into_iter()
        .filter(|name| Syscall::from_name(name).is_ok())
        .fold(sandbox_of(policy()), |sandbox, name| {
            sandbox.add_handler(name, notes.taken(look)).unwrap()
        });
    let create = O_WRONLY | O_CREAT;
    let calls = calls! {
        openat(7, "a", O_RDONLY, 0o777);
        openat(-100, "b", create, 0o1777);
        openat2(9, "c", how(O_RDWR | O_CREAT, 0o600, RESOLVE_BENEATH), 24);
        openat(7, "d", O_PATH | O_RDWR | O_CREAT, 0o777);
        openat(7, "e", O_RDONLY | O_TRUNC)
    };
    lines(&sandbox, &calls);
    let seen = notes.take();
    let path = |text: &str| text.as_bytes().to_vec();
    let expected = [
        (7, path("a"), O_RDONLY, 0, 0, false),
        (AT_FDCWD, path("b"), create, 0o1777, 0, true),
        (9, path("c"), O_RDWR | O_CREAT, 0o600, RESOLVE_BENEATH, true),
        (7, path("d"), O_PATH, 0, 0, false),
        (7, path("e"), O_TRUNC, 0, 0, true),
    ];
    assert_eq!(seen[seen.len() - 5..], expected);
}

/// A handler that forbids every path that ends with `b`, both of which the policy grants.
fn forbids(cx: &HandlerCtx<'_>) -> Result<bool, TaskError> {
    Ok(cx.path_arg(1)?.as_os_str().as_bytes().ends_with(b"note-b"))
}

/// How often the program came to which content, while another thread of it exchanged the path, and
/// how often that was.
fn race(sandbox: &Sandbox, scene: &Scene, rounds: u32) -> (u64, u64, u64) {
    let [one, other] = ["granted/note-a", "granted/note-b"].map(|name| scene.path(name));
    let rounds = rounds.to_string();
    let action = ["exchanged".as_ref(), rounds.as_ref(), one.as_os_str(), other.as_os_str()];
    let printed = prints(sandbox, &action);
    let count = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |line| line.trim_start_matches(" ok ").parse().unwrap())
    };
    assert!(count("exchanges") > 0, "{printed}");
    (count("permitted"), count("forbidden"), count("refused"))
}

#[test]
fn a_path_that_is_exchanged_meanwhile_never_leads_to_what_was_forbidden() {
    let scene = Scene::new();
    std::fs::write(scene.path("granted/note-a"), "permitted").unwrap();
    std::fs::write(scene.path("granted/note-b"), "forbidden").unwrap();
    let safe = |cx: &HandlerCtx<'_>| -> Result<NotifAction, TaskError> {
        let request = cx.open_request()?;
        if request.path().as_os_str().as_bytes().ends_with(b"note-b") {
            return Ok(NotifAction::Errno(libc::EACCES));
        }
        cx.open_for_child(&request)
    };
    let unsafe_one = |cx: &HandlerCtx<'_>| -> Result<NotifAction, TaskError> {
        Ok(if forbids(cx)? { NotifAction::Errno(libc::EACCES) } else { NotifAction::Continue })
    };
    let with = |handler: &dyn Fn(Sandbox) -> Sandbox| handler(sandbox_of(scene.reads_granted()));
    let safe = with(&|sandbox| sandbox.add_handler("openat", safe).unwrap());
    let unsafe_one = with(&|sandbox| sandbox.add_handler("openat", unsafe_one).unwrap());

    // The path is really being exchanged: without a handler both are read.
    let (permitted, forbidden, refused) = race(&with(&|sandbox| sandbox), &scene, 20_000);
    assert!(permitted > 0 && forbidden > 0 && refused == 0, "{permitted} {forbidden} {refused}");

    let end = Instant::now() + Duration::from_secs(3);
    let mut seen = (0, 0);
    while Instant::now() < end {
        let (permitted, forbidden, refused) = race(&safe, &scene, 5_000);
        assert_eq!(forbidden, 0, "the forbidden file was read");
        seen = (seen.0 + permitted, seen.1 + refused);
    }
    assert!(seen.0 > 0 && seen.1 > 0, "{seen:?}");

    // The twin: to check and to let the kernel read the path again does lose.
    let end = Instant::now() + Duration::from_secs(10);
    let has_lost = || race(&unsafe_one, &scene, 5_000).1 > 0;
    assert!(std::iter::from_fn(|| (Instant::now() < end).then(has_lost)).any(|lost| lost));
}

/// libc changes the user of every thread that it knows, and ends the process where one cannot.
#[test]
fn a_host_can_change_its_user_while_files_are_opened_for_a_program() {
    require_root!();
    if !alone(here!()) {
        return;
    }
    let sandbox = in_place(policy());
    let launch = Launch::new([GUEST, "echo"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let child = sandbox.spawn(launch).unwrap();
    let (mut input, mut output) = (child.stdin().unwrap(), child.stdout().unwrap());
    input.write_all(b"x\n").unwrap();
    output.read_exact(&mut [0; 2]).unwrap();
    for user in [65534, 0] {
        // SAFETY: takes a number.
        assert_eq!(unsafe { libc::seteuid(user) }, 0);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

/// The process that opens files for the trees of this one.
fn deputy() -> i32 {
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap();
    let others = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("children")).ok());
    let all = others.fold(children, |all, more| all + &more);
    let is_deputy = |pid: &&str| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name == "sandlock-deputy\n")
    };
    all.split_ascii_whitespace().find(is_deputy).expect("a deputy").parse().unwrap()
}

fn signal_deputy(signal: i32) {
    // SAFETY: takes numbers; the deputy is this process's own.
    assert_eq!(unsafe { libc::kill(deputy(), signal) }, 0);
}

/// A shell that has had files opened for it, and opens another one when it is told to.
fn waiting_shell(policy: PolicyBuilder, script: &str) -> sandlock::Child {
    let script = format!("echo ready; read line; {script}");
    let launch = Launch::new(["sh", "-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    in_place(policy).spawn(launch).unwrap()
}

#[test]
fn a_deputy_that_does_not_answer_holds_up_nobody_who_has_ended() {
    if !alone(here!()) {
        return;
    }
    let shell = waiting_shell(policy().timeout(Duration::from_secs(2)), "cat /usr/lib/os-release");
    shell.stdout().unwrap().read_exact(&mut [0; 6]).unwrap();
    signal_deputy(libc::SIGSTOP);
    drop(shell.stdin());
    let output = shell.wait_timeout(Duration::from_secs(30)).unwrap().expect("it hangs");
    assert_eq!(output.reason(), sandlock::Reason::Timeout);
}

#[test]
fn a_deputy_that_is_killed_is_replaced() {
    if !alone(here!()) {
        return;
    }
    let shell = waiting_shell(policy(), "cat /usr/lib/os-release");
    let mut printed = shell.stdout().unwrap();
    printed.read_exact(&mut [0; 6]).unwrap();
    signal_deputy(libc::SIGKILL);
    drop(shell.stdin());
    let mut text = String::new();
    printed.read_to_string(&mut text).unwrap();
    assert_eq!(text, std::fs::read_to_string("/usr/lib/os-release").unwrap());
    assert!(shell.wait().unwrap().success());
}

/// It shares the host's memory, so it must be no easier to look into.
#[test]
fn a_deputy_is_as_closed_to_others_as_its_host() {
    require_root!();
    if !alone(here!()) {
        return;
    }
    let shell = waiting_shell(policy(), "exit 0");
    shell.stdout().unwrap().read_exact(&mut [0; 6]).unwrap();
    let shows = |command: &[&str], pid: i32| {
        let path = format!("/proc/{pid}/maps");
        let output = std::process::Command::new(command[0])
            .args(&command[1..])
            .args(["head", "-c", "1", &path])
            .output()
            .unwrap();
        output.status.success() && !output.stdout.is_empty()
    };
    let weak = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"];
    for pid in [deputy(), std::process::id() as i32] {
        assert!(!shows(&weak, pid));
        assert!(shows(&["env"], pid), "the twin");
    }
    drop(shell);
}
