//! Files inside and outside the grants, by every spelling and around every corner.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use libc::{
    AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, O_APPEND, O_CREAT, O_DIRECTORY, O_PATH, O_RDONLY,
    O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY, S_IFBLK, S_IFCHR, S_IFIFO, S_IFREG, S_IFSOCK,
};
use sandlock::{ErrorKind, Protection, ProtectionMode, Sandbox};

use crate::calls::{Answer, Calls, Text, calls, each_refused_and_granted};
use crate::harness::{GUEST, policy, require, require_root, run, says};
use crate::scene::Scene;

/// `struct open_how` of openat2(2), and its size.
fn how(flags: i32, mode: u64) -> Vec<u8> {
    [flags as u64, mode, 0].iter().flat_map(|field| field.to_ne_bytes()).collect()
}

const HOW_SIZE: usize = 24;

#[test]
fn a_file_outside_the_grants_cannot_be_read_by_any_spelling() {
    each_refused_and_granted(
        Scene::new,
        |scene| {
            let (hidden, secret) = (scene.path("hidden"), scene.path("hidden/secret"));
            vec![
                calls! { open(&secret, O_RDONLY) },
                calls! { openat(AT_FDCWD, &secret, O_RDONLY) },
                calls! { openat2(AT_FDCWD, &secret, how(O_RDONLY, 0), HOW_SIZE) },
                calls! { openat(AT_FDCWD, &hidden, O_PATH); openat(Answer(0), "secret", O_RDONLY) },
                calls! { chdir(&hidden); openat(AT_FDCWD, "secret", O_RDONLY) },
                calls! {
                    openat(AT_FDCWD, &hidden, O_PATH);
                    fchdir(Answer(0));
                    openat(AT_FDCWD, "secret", O_RDONLY)
                },
            ]
        },
        Scene::reads_granted,
        "EACCES",
        Scene::reads_all,
    );
}

#[test]
fn no_detour_leads_to_a_file_outside_the_grants() {
    let around = || {
        let scene = Scene::new();
        symlink(scene.path("hidden/secret"), scene.path("granted/file-link")).unwrap();
        symlink("../hidden", scene.path("granted/folder-link")).unwrap();
        symlink("/proc/self/root", scene.path("granted/root-link")).unwrap();
        scene
    };
    each_refused_and_granted(
        around,
        |scene| {
            let (granted, hidden) = (scene.path("granted"), scene.path("hidden"));
            let secret = scene.path("hidden/secret");
            let below = |prefix: &Path| prefix.join(secret.strip_prefix("/").unwrap());
            let read = |path: &Path| calls! { openat(AT_FDCWD, path, O_RDONLY) };
            vec![
                read(&granted.join("../hidden/secret")),
                read(&granted.join("folder/../../hidden/./secret")),
                read(&granted.join("file-link")),
                read(&granted.join("folder-link/secret")),
                read(&below(Path::new("/proc/self/root"))),
                read(&below(Path::new("/proc/thread-self/root"))),
                read(&below(&granted.join("root-link"))),
                calls! { chdir(&hidden); openat(AT_FDCWD, "/proc/self/cwd/secret", O_RDONLY) },
                // A descriptor that allows nothing but to name the file.
                calls! {
                    openat(AT_FDCWD, &secret, O_PATH);
                    openat(AT_FDCWD, Text("/proc/self/fd/{0}"), O_RDONLY)
                },
                calls! {
                    openat(AT_FDCWD, &secret, O_PATH);
                    openat(AT_FDCWD, Text("/dev/fd/{0}"), O_RDONLY)
                },
                calls! {
                    openat(AT_FDCWD, &hidden, O_PATH);
                    openat(AT_FDCWD, Text("/proc/self/fd/{0}/secret"), O_RDONLY)
                },
            ]
        },
        Scene::reads_granted,
        "EACCES",
        Scene::reads_all,
    );
}

#[test]
fn a_folder_outside_the_grants_is_not_listed() {
    let scene = Scene::new();
    let list =
        ["list".as_ref(), scene.path("hidden").into_os_string().as_os_str()].map(OsStr::to_owned);
    assert_eq!(says(scene.reads_granted(), &list), "list EACCES");
    assert_eq!(says(scene.reads_all(), &list), "list ok folder secret");
    let through_a_path_descriptor = calls! {
        openat(AT_FDCWD, &scene.path("hidden"), O_PATH);
        openat(Answer(0), ".", O_RDONLY | O_DIRECTORY)
    };
    assert_eq!(through_a_path_descriptor.under(&scene.reads_granted()), "EACCES");
    assert_eq!(through_a_path_descriptor.under(&scene.reads_all()), "ok");
}

#[test]
fn a_working_directory_outside_the_grants_gives_nothing() {
    let scene = Scene::new();
    let hidden = scene.path("hidden");
    for attack in [
        calls! { openat(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY) },
        calls! { openat(AT_FDCWD, "secret", O_RDONLY) },
        calls! { openat(AT_FDCWD, "./folder/../secret", O_RDONLY) },
    ] {
        assert_eq!(attack.under(&scene.reads_granted().cwd(&hidden)), "EACCES", "{attack:?}");
        assert_eq!(attack.under(&scene.reads_all().cwd(&hidden)), "ok", "{attack:?}");
    }
}

#[test]
fn a_read_grant_does_not_let_a_file_be_changed_by_any_spelling() {
    let attacks = |scene: &Scene| {
        let note = scene.path("granted/note");
        let open = |flags: i32| calls! { openat(AT_FDCWD, &note, flags) };
        vec![
            open(O_WRONLY),
            open(O_RDWR),
            open(O_WRONLY | O_APPEND),
            open(O_RDONLY | O_TRUNC),
            open(O_WRONLY | O_CREAT),
            calls! { open(&note, O_RDWR) },
            calls! { open(&note, O_RDONLY | O_TRUNC) },
            calls! { openat2(AT_FDCWD, &note, how(O_WRONLY, 0), HOW_SIZE) },
            calls! { openat2(AT_FDCWD, &note, how(O_RDONLY | O_TRUNC, 0), HOW_SIZE) },
            calls! { creat(&note, 0o600) },
            calls! { truncate(&note, 1) },
            calls! {
                openat(AT_FDCWD, &note, O_RDONLY);
                openat(AT_FDCWD, Text("/proc/self/fd/{0}"), O_RDWR)
            },
            calls! {
                openat(AT_FDCWD, &note, O_PATH);
                truncate(Text("/proc/self/fd/{0}"), 0)
            },
        ]
    };
    each_refused_and_granted(
        Scene::new,
        attacks,
        Scene::reads_granted,
        "EACCES",
        Scene::writes_granted,
    );
    let scene = Scene::new();
    for attack in attacks(&scene).iter().filter(|attack| attack.exist()) {
        attack.under(&scene.reads_granted());
    }
    assert_eq!(scene.content("granted/note"), "note");
}

#[test]
fn a_file_outside_the_grants_is_not_emptied_by_a_program_that_may_write_elsewhere() {
    each_refused_and_granted(
        Scene::new,
        |scene| {
            let secret = scene.path("hidden/secret");
            vec![
                calls! { creat(&secret, 0o600) },
                calls! { openat(AT_FDCWD, &secret, O_WRONLY | O_CREAT | O_TRUNC, 0o600) },
                calls! { truncate(&secret, 0) },
                calls! { openat(AT_FDCWD, &secret, O_RDONLY | O_TRUNC) },
            ]
        },
        Scene::writes_granted,
        "EACCES",
        Scene::writes_all,
    );
}

#[test]
fn truncation_is_held_by_the_protection_of_that_name() {
    let scene = Scene::new();
    let truncate = calls! { truncate(&scene.path("granted/note"), 1) };
    assert_eq!(truncate.under(&scene.reads_granted()), "EACCES");
    assert_eq!(scene.content("granted/note"), "note");
    let lifted = scene.reads_granted().protection(Protection::FsTruncate, ProtectionMode::Off);
    assert_eq!(truncate.under(&lifted), "ok");
    assert_eq!(scene.content("granted/note"), "n");
}

#[test]
fn a_read_only_descriptor_cannot_be_truncated_and_a_writable_one_can() {
    let scene = Scene::new();
    let note = scene.path("granted/note");
    let through = |flags: i32| calls! { openat(AT_FDCWD, &note, flags); ftruncate(Answer(0), 0) };
    assert_eq!(through(O_RDONLY).under(&scene.reads_granted()), "EINVAL");
    assert_eq!(through(O_RDWR).under(&scene.writes_granted()), "ok");
}

#[test]
fn nothing_is_created_in_a_read_grant_by_any_spelling() {
    each_refused_and_granted(
        Scene::new,
        |scene| {
            let (new, note) = (scene.path("granted/new"), scene.path("granted/note"));
            let folder = scene.path("granted");
            vec![
                calls! { open(&new, O_CREAT | O_WRONLY, 0o600) },
                calls! { openat(AT_FDCWD, &new, O_CREAT | O_RDONLY, 0o600) },
                calls! { openat2(AT_FDCWD, &new, how(O_CREAT | O_RDWR, 0o600), HOW_SIZE) },
                calls! { openat(AT_FDCWD, &folder, O_TMPFILE | O_RDWR, 0o600) },
                calls! { creat(&new, 0o600) },
                calls! { mkdir(&new, 0o700) },
                calls! { mkdirat(AT_FDCWD, &new, 0o700) },
                calls! { mknod(&new, S_IFIFO | 0o600, 0) },
                calls! { mknodat(AT_FDCWD, &new, S_IFREG | 0o600, 0) },
                calls! { mknodat(AT_FDCWD, &new, S_IFIFO | 0o600, 0) },
                calls! { mknodat(AT_FDCWD, &new, S_IFSOCK | 0o600, 0) },
                calls! { symlink("note", &new) },
                calls! { symlinkat("note", AT_FDCWD, &new) },
                calls! { link(&note, &new) },
                calls! { linkat(AT_FDCWD, &note, AT_FDCWD, &new, 0) },
                calls! {
                    openat(AT_FDCWD, &folder, O_PATH);
                    mkdirat(Answer(0), "new", 0o700)
                },
            ]
        },
        Scene::reads_granted,
        "EACCES",
        Scene::writes_granted,
    );
}

#[test]
fn nothing_is_moved_or_removed_in_a_read_grant_by_any_spelling() {
    each_refused_and_granted(
        Scene::new,
        |scene| {
            let (note, folder) = (scene.path("granted/note"), scene.path("granted/folder"));
            let new = scene.path("granted/new");
            vec![
                calls! { unlink(&note) },
                calls! { unlinkat(AT_FDCWD, &note, 0) },
                calls! { rmdir(&folder) },
                calls! { unlinkat(AT_FDCWD, &folder, AT_REMOVEDIR) },
                calls! { rename(&note, &new) },
                calls! { renameat(AT_FDCWD, &note, AT_FDCWD, &new) },
                calls! { renameat2(AT_FDCWD, &note, AT_FDCWD, &new, 0) },
                calls! { renameat2(AT_FDCWD, &note, AT_FDCWD, &new, libc::RENAME_NOREPLACE) },
                calls! { renameat2(AT_FDCWD, &note, AT_FDCWD, &folder, libc::RENAME_EXCHANGE) },
                calls! { rename(&folder, &new) },
            ]
        },
        Scene::reads_granted,
        "EACCES",
        Scene::writes_granted,
    );
}

/// Into, out of and over what is only readable: the rights of a file never grow.
#[test]
fn renames_and_links_do_not_cross_into_a_place_with_other_rights() {
    let across = |scene: &Scene| {
        let (note, secret) = (scene.path("granted/note"), scene.path("hidden/secret"));
        let (inside, outside) = (scene.path("granted/new"), scene.path("hidden/new"));
        let exchange = libc::RENAME_EXCHANGE;
        vec![
            calls! { rename(&secret, &inside) },
            calls! { renameat(AT_FDCWD, &secret, AT_FDCWD, &inside) },
            calls! { renameat2(AT_FDCWD, &secret, AT_FDCWD, &inside, 0) },
            calls! { renameat2(AT_FDCWD, &note, AT_FDCWD, &outside, 0) },
            calls! { renameat2(AT_FDCWD, &note, AT_FDCWD, &secret, exchange) },
            calls! { renameat2(AT_FDCWD, &scene.path("hidden/folder"), AT_FDCWD, &inside, 0) },
            calls! { link(&secret, &inside) },
            calls! { linkat(AT_FDCWD, &secret, AT_FDCWD, &inside, 0) },
            calls! {
                openat(AT_FDCWD, &secret, O_PATH);
                linkat(AT_FDCWD, Text("/proc/self/fd/{0}"), AT_FDCWD, &inside, libc::AT_SYMLINK_FOLLOW)
            },
            calls! { linkat(AT_FDCWD, &note, AT_FDCWD, &outside, 0) },
        ]
    };
    let reads_hidden = |scene: &Scene| scene.writes_granted().fs_read(scene.path("hidden"));
    let number = across(&Scene::new()).len();
    for index in 0..number {
        let scene = Scene::new();
        let attack = &across(&scene)[index];
        if attack.exist() {
            let refused = ["EACCES".to_owned(), "EXDEV".to_owned()];
            assert!(refused.contains(&attack.under(&reads_hidden(&scene))), "{attack:?}");
            assert!(refused.contains(&attack.under(&scene.writes_granted())), "{attack:?}");
            let both = scene.writes_granted().fs_write(scene.path("hidden"));
            let without = both.clone().protection(Protection::FsRefer, ProtectionMode::Off);
            assert_eq!(attack.under(&without), "EXDEV", "{attack:?}");
            assert_eq!(attack.under(&both), "ok", "{attack:?}");
        }
    }
}

#[test]
fn a_nameless_file_cannot_be_linked_out_of_its_grant() {
    let scene = Scene::new();
    let attack = calls! {
        openat(AT_FDCWD, &scene.path("granted"), O_TMPFILE | O_RDWR, 0o600);
        linkat(
            AT_FDCWD,
            Text("/proc/self/fd/{0}"),
            AT_FDCWD,
            &scene.path("hidden/new"),
            libc::AT_SYMLINK_FOLLOW
        )
    };
    let refused = attack.under(&scene.writes_granted().fs_read(scene.path("hidden")));
    assert!(refused == "EACCES" || refused == "EXDEV", "{refused}");
    assert_eq!(attack.under(&scene.writes_all()), "ok");
}

#[test]
fn a_program_outside_the_grants_is_not_executed() {
    let scene = Scene::new();
    let program = scene.path("hidden/program");
    std::fs::copy(GUEST, &program).unwrap();
    let script = scene.path("granted/script");
    std::fs::write(&script, format!("#!{} exit\n", program.display())).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let execute = |how: &str, what: &Path| {
        [how.into(), what.as_os_str().to_owned(), "exit".into(), "0".into()]
    };
    for (how, what) in [
        ("execute", &program),
        ("execute-descriptor", &program),
        // Its interpreter is the hidden program.
        ("execute", &script),
    ] {
        let refused = says(scene.reads_granted(), &execute(how, what));
        assert_eq!(refused, format!("{how} EACCES"));
        assert_eq!(says(scene.reads_all(), &execute(how, what)), "");
    }
}

/// The loader is a program too, and opens what it runs like any other file.
#[test]
fn the_loader_cannot_be_told_to_run_a_hidden_program() {
    let scene = Scene::new();
    let program = scene.path("hidden/program");
    std::fs::copy(GUEST, &program).unwrap();
    let loader = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    let loader = loader.iter().find(|path| Path::new(path).exists()).unwrap();
    let load = |policy: sandlock::PolicyBuilder| {
        let sandbox = Sandbox::new(policy.build().unwrap()).unwrap();
        sandbox
            .run([OsStr::new(loader), program.as_os_str(), "exit".as_ref(), "5".as_ref()])
            .unwrap()
    };
    assert_eq!(load(scene.reads_granted()).code(), Some(127));
    assert_eq!(load(scene.reads_all()).code(), Some(5));
}

/// FIXME: a copy in memory is executed although its original's folder could be granted without
/// that right: Landlock judges files that have a path. What runs is held like anything else.
#[test]
fn a_program_in_memory_is_executed_unless_the_call_is_denied() {
    let action = ["execute-memory", GUEST, "exit", "6"];
    assert_eq!(run(policy(), &action).code(), Some(6));
    let denied = policy().deny_syscalls(["@memfd"]);
    assert_eq!(says(denied, &action), "execute-memory EPERM");
    assert_eq!(run(policy().deny_syscalls(["execveat"]), &action).code(), Some(0));
}

#[test]
fn device_nodes_are_not_created_in_a_write_grant() {
    require_root!();
    const NULL: u64 = 1 << 8 | 3;
    for kind in [S_IFCHR, S_IFBLK] {
        let scene = Scene::new();
        let new = scene.path("granted/new");
        let with_the_capability = scene.writes_granted().keep_capability("mknod");
        for attack in [
            calls! { mknod(&new, kind | 0o600, NULL) },
            calls! { mknodat(AT_FDCWD, &new, kind, NULL) },
        ] {
            if attack.exist() {
                assert_eq!(attack.under(&with_the_capability), "EACCES", "{attack:?}");
                assert_eq!(attack.outside(), "ok", "{attack:?}");
                std::fs::remove_file(&new).unwrap();
            }
        }
    }
}

#[test]
fn a_grant_of_a_file_is_of_this_file_alone() {
    let scene = Scene::new();
    let (note, sibling) = (scene.path("granted/note"), scene.path("granted/sibling"));
    std::fs::write(&sibling, "sibling").unwrap();
    let open = |path: &Path, flags: i32| calls! { openat(AT_FDCWD, path, flags) };
    let reads = policy().fs_read(&note);
    assert_eq!(open(&note, O_RDONLY).under(&reads), "ok");
    assert_eq!(open(&note, O_RDWR).under(&reads), "EACCES");
    assert_eq!(open(&sibling, O_RDONLY).under(&reads), "EACCES");
    let writes = policy().fs_write(&note);
    assert_eq!(open(&note, O_RDWR).under(&writes), "ok");
    assert_eq!(calls! { truncate(&note, 0) }.under(&writes), "ok");
    assert_eq!(open(&sibling, O_RDONLY).under(&writes), "EACCES");
    // Its name belongs to the folder.
    assert_eq!(calls! { unlinkat(AT_FDCWD, &note, 0) }.under(&writes), "EACCES");
}

#[test]
fn a_grant_through_a_symlink_is_of_what_it_leads_to_at_that_time() {
    let scene = Scene::new();
    let link = scene.path("link");
    symlink(scene.path("granted"), &link).unwrap();
    let sandbox = Sandbox::new(policy().fs_read(&link).build().unwrap()).unwrap();
    let read = |path: &Path| {
        let output = sandbox.run([OsStr::new(GUEST), "read".as_ref(), path.as_os_str()]).unwrap();
        String::from_utf8(output.stdout().to_vec()).unwrap()
    };
    assert_eq!(read(&link.join("note")), "read ok note\n");
    assert_eq!(read(&scene.path("granted/note")), "read ok note\n");
    std::fs::remove_file(&link).unwrap();
    symlink(scene.path("hidden"), &link).unwrap();
    assert_eq!(read(&link.join("secret")), "read EACCES\n");
    assert_eq!(read(&scene.path("granted/note")), "read ok note\n");
}

#[test]
fn a_granted_folder_that_is_replaced_is_granted_no_longer() {
    let scene = Scene::new();
    let granted = scene.path("granted");
    let sandbox = Sandbox::new(scene.reads_granted().build().unwrap()).unwrap();
    let read = |path: &Path| {
        let output = sandbox.run([OsStr::new(GUEST), "read".as_ref(), path.as_os_str()]).unwrap();
        String::from_utf8(output.stdout().to_vec()).unwrap()
    };
    assert_eq!(read(&granted.join("note")), "read ok note\n");
    std::fs::rename(&granted, scene.path("moved")).unwrap();
    std::fs::create_dir(&granted).unwrap();
    std::fs::write(granted.join("note"), "another").unwrap();
    assert_eq!(read(&granted.join("note")), "read EACCES\n");
    assert_eq!(read(&scene.path("moved/note")), "read ok note\n");
}

#[test]
fn a_missing_grant_is_skipped_only_where_the_setting_says_so() {
    let scene = Scene::new();
    let missing = scene.path("missing");
    let error = Sandbox::new(policy().fs_read(&missing).build().unwrap()).unwrap_err();
    assert_eq!((error.kind(), error.setting()), (ErrorKind::Policy, Some("fs.read[2]")));
    let skips = policy().fs_read_if_exists(&missing).fs_write_if_exists(&missing);
    assert_eq!(says(skips.clone(), &["exit", "0"]), "");
    // What appears there later is not granted either.
    let sandbox = Sandbox::new(skips.build().unwrap()).unwrap();
    std::fs::write(&missing, "late").unwrap();
    let output = sandbox.run([GUEST.as_ref(), "read".as_ref(), missing.as_os_str()]).unwrap();
    assert_eq!(output.stdout(), b"read EACCES\n");
}

#[test]
fn a_write_grant_includes_reading_listing_and_executing() {
    let scene = Scene::new();
    let program = scene.path("granted/program");
    std::fs::copy(GUEST, &program).unwrap();
    let path = |name: &str| scene.path(name).into_os_string();
    let writes = scene.writes_granted();
    assert_eq!(says(writes.clone(), &["read".into(), path("granted/note")]), "read ok note");
    let listed = says(writes.clone(), &["list".into(), path("granted")]);
    assert_eq!(listed, "list ok folder note program");
    let execute = ["execute".into(), path("granted/program"), "exit".into(), "4".into()];
    assert_eq!(run(writes, &execute).code(), Some(4));
    assert_eq!(says(policy(), &["read".into(), path("granted/note")]), "read EACCES");
}

#[test]
fn device_commands_need_a_write_grant() {
    const ANY: i32 = 0x1234;
    let attack = calls! { openat(AT_FDCWD, "/dev/zero", O_RDONLY); ioctl(Answer(0), ANY, 0) };
    let reads = policy().fs_read("/dev/zero");
    assert_eq!(attack.under(&reads), "EACCES");
    // The device's own answer.
    assert_eq!(attack.under(&policy().fs_write("/dev/zero")), "ENOTTY");
    let lifted = reads.protection(Protection::FsIoctlDev, ProtectionMode::Off);
    assert_eq!(attack.under(&lifted), "ENOTTY");
}

#[test]
fn attributes_are_not_changed_through_a_read_only_descriptor_by_ioctl() {
    const FS_IOC_SETFLAGS: i64 = 0x4008_6602;
    let scene = Scene::new();
    let note = scene.path("granted/note");
    for command in [FS_IOC_SETFLAGS, FS_IOC_SETFLAGS | 0x7777 << 32] {
        let attack = calls! {
            openat(AT_FDCWD, &note, O_RDONLY);
            ioctl(Answer(0), command, 0u64.to_ne_bytes())
        };
        assert_eq!(attack.under(&scene.reads_granted()), "EPERM");
        let lifted = scene.reads_granted().allow_syscalls(["ioctl"]);
        assert_eq!(attack.under(&lifted), attack.outside());
        assert_ne!(attack.outside(), "EPERM");
    }
}

/// Paths are bytes.
#[test]
fn a_grant_of_a_path_that_is_not_utf_8_is_held_like_any_other() {
    let scene = Scene::new();
    let strange = scene.path("strange").join(OsStr::from_bytes(b"\xff\xfe \n'"));
    std::fs::create_dir_all(&strange).unwrap();
    let new = strange.join(OsStr::from_bytes(b"\x80new"));
    let create = calls! { openat(AT_FDCWD, &new, O_CREAT | O_WRONLY, 0o600) };
    assert_eq!(create.under(&policy().fs_read(&strange)), "EACCES");
    assert_eq!(create.under(&policy().fs_write(&strange)), "ok");
    assert!(new.exists());
}

fn metadata_attacks(scene: &Scene) -> Vec<Calls> {
    let (secret, note) = (scene.path("hidden/secret"), scene.path("granted/note"));
    let mine = -1;
    let (name, value) = ("user.sandlock", *b"value");
    vec![
        calls! { chmod(&secret, 0o640) },
        calls! { fchmodat(AT_FDCWD, &secret, 0o640) },
        calls! { fchmodat2(AT_FDCWD, &secret, 0o640, 0) },
        calls! { openat(AT_FDCWD, &secret, O_PATH); fchmodat2(Answer(0), "", 0o640, AT_EMPTY_PATH) },
        calls! { chown(&secret, mine, mine) },
        calls! { lchown(&secret, mine, mine) },
        calls! { fchownat(AT_FDCWD, &secret, mine, mine, 0) },
        calls! { utime(&secret, 0) },
        calls! { utimes(&secret, 0) },
        calls! { futimesat(AT_FDCWD, &secret, 0) },
        calls! { utimensat(AT_FDCWD, &secret, 0, 0) },
        calls! { setxattr(&secret, name, value, value.len(), 0) },
        calls! { lsetxattr(&secret, name, value, value.len(), 0) },
        calls! { removexattr(&secret, "user.missing") },
        calls! { lremovexattr(&secret, "user.missing") },
        calls! { setxattrat(AT_FDCWD, &secret, 0, name, [0u8; 16], 16) },
        calls! { removexattrat(AT_FDCWD, &secret, 0, "user.missing") },
        calls! { openat(AT_FDCWD, &note, O_RDONLY); fchmod(Answer(0), 0o640) },
        calls! { openat(AT_FDCWD, &note, O_RDONLY); fchown(Answer(0), mine, mine) },
        calls! { openat(AT_FDCWD, &note, O_RDONLY); utimensat(Answer(0), 0, 0, 0) },
        calls! { openat(AT_FDCWD, &note, O_RDONLY); fsetxattr(Answer(0), name, value, 5, 0) },
        calls! { openat(AT_FDCWD, &note, O_RDONLY); fremovexattr(Answer(0), "user.missing") },
    ]
}

/// FIXME: Landlock does not judge metadata, so on the user's own files these calls have the answer
/// that they have without a sandbox. Closed by the setting that the second half shows.
#[test]
fn metadata_outside_the_grants_changes_unless_the_group_is_denied() {
    for index in 0..metadata_attacks(&Scene::new()).len() {
        let scene = Scene::new();
        let attack = &metadata_attacks(&scene)[index];
        if attack.exist() {
            let denied = scene.reads_granted().deny_syscalls(["@file-metadata"]);
            assert_eq!(attack.under(&denied), "EPERM", "{attack:?}");
            let open = attack.under(&scene.reads_granted());
            assert_eq!(open, attack.outside(), "{attack:?}");
            assert_ne!(open, "EPERM", "{attack:?}");
        }
    }
    let scene = Scene::new();
    metadata_attacks(&scene)[1].under(&scene.reads_granted());
    let mode = std::fs::metadata(scene.path("hidden/secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "the gap is real");
}

/// FIXME: Landlock does not judge looking, so names that are known, sizes and times show outside
/// the grants, and their changes can be watched. Nothing but watching can be denied.
#[test]
fn existence_and_size_show_outside_the_grants() {
    let scene = Scene::new();
    let (secret, hidden) = (scene.path("hidden/secret"), scene.path("hidden"));
    symlink("elsewhere", scene.path("hidden/link")).unwrap();
    for look in [
        calls! { newfstatat(AT_FDCWD, &secret, [0u8; 256], 0) },
        calls! { statx(AT_FDCWD, &secret, 0, 0xfff, [0u8; 256]) },
        calls! { faccessat(AT_FDCWD, &secret, libc::R_OK) },
        calls! { readlinkat(AT_FDCWD, &scene.path("hidden/link"), [0u8; 64], 64) },
        calls! { openat(AT_FDCWD, &secret, O_PATH); fstat(Answer(0), [0u8; 256]) },
        calls! { chdir(&hidden) },
    ] {
        if look.exist() {
            assert_eq!(look.under(&scene.reads_granted()), "ok", "{look:?}");
        }
    }
    let watch =
        calls! { inotify_init1(0); inotify_add_watch(Answer(0), &hidden, libc::IN_ALL_EVENTS) };
    assert_eq!(watch.under(&scene.reads_granted()), "ok");
    let denied = scene.reads_granted().deny_syscalls(["inotify_add_watch"]);
    assert_eq!(watch.under(&denied), "EPERM");
}

/// "Neither reading nor writing, only ioctl": an access mode of open(2).
const NEITHER: i32 = 3;

/// FIXME: this access mode asks for no right that Landlock knows, so the open succeeds outside the
/// grants. What comes back cannot be read, written, mapped or reopened, and device commands on it
/// are refused; but opening a device can have effects. A filter cannot close it: the flags of
/// openat2(2) lie in memory.
#[test]
fn an_open_that_asks_for_no_access_is_not_held_and_gives_no_access() {
    let scene = Scene::new();
    let (secret, hidden) = (scene.path("hidden/secret"), scene.path("hidden"));
    let open = |path: &Path, flags: i32| calls! { openat(AT_FDCWD, path, NEITHER | flags, 0o600) };
    let opened = open(&secret, 0);
    assert_eq!(opened.under(&scene.reads_granted()), "ok");
    let buffer = || [0u8; 8].into();
    for (use_of_it, errno) in [
        (opened.clone().then("read", &[Answer(0).into(), buffer(), 8.into()]), "EBADF"),
        (opened.clone().then("write", &[Answer(0).into(), buffer(), 8.into()]), "EBADF"),
        (opened.clone().then("flock", &[Answer(0).into(), libc::LOCK_EX.into()]), "EBADF"),
        (opened.clone().then("ftruncate", &[Answer(0).into(), 0.into()]), "EINVAL"),
        (
            opened.clone().then(
                "mmap",
                &[0.into(), 4096.into(), 1.into(), 2.into(), Answer(0).into(), 0.into()],
            ),
            "EACCES",
        ),
        (
            opened.then(
                "openat",
                &[AT_FDCWD.into(), Text("/proc/self/fd/{0}").into(), O_RDONLY.into()],
            ),
            "EACCES",
        ),
        (open(&secret, O_TRUNC), "EACCES"),
        (open(&scene.path("hidden/new"), O_CREAT), "EACCES"),
        (open(&hidden, 0), "EISDIR"),
    ] {
        assert_eq!(use_of_it.under(&scene.reads_granted()), errno, "{use_of_it:?}");
    }
    // A file without a name, which cannot get one either.
    let nameless = open(&hidden, O_TMPFILE);
    assert_eq!(nameless.under(&scene.writes_granted()), "ok");
    let inside = scene.path("granted/new");
    let linked = nameless.then(
        "linkat",
        &[
            AT_FDCWD.into(),
            Text("/proc/self/fd/{0}").into(),
            AT_FDCWD.into(),
            (&inside).into(),
            libc::AT_SYMLINK_FOLLOW.into(),
        ],
    );
    assert_eq!(linked.under(&scene.writes_granted()), "EXDEV");
    assert_eq!(linked.under(&scene.writes_all()), "ok");
    let device = calls! { openat(AT_FDCWD, "/dev/zero", NEITHER); ioctl(Answer(0), 0x1234, 0) };
    assert_eq!(device.under(&policy()), "EACCES");
    assert_eq!(device.under(&policy().fs_write("/dev/zero")), "ENOTTY");
}

#[test]
fn setting_file_attributes_by_a_call_of_their_own_is_refused() {
    let scene = Scene::new();
    let secret = scene.path("hidden/secret");
    let attributes = [0u8; 24];
    let attack = calls! { file_setattr(AT_FDCWD, &secret, attributes, attributes.len(), 0) };
    assert_eq!(attack.under(&scene.reads_granted()), "EPERM");
    if attack.exist() {
        let lifted = scene.reads_granted().allow_syscalls(["file_setattr"]);
        assert_eq!(attack.under(&lifted), attack.outside());
        assert_ne!(attack.outside(), "EPERM");
    }
}

/// A lease on a file of the user holds up whoever opens it, for 45 seconds by default, and Landlock
/// asks for no grant.
#[test]
fn a_lease_is_refused() {
    let scene = Scene::new();
    let lease = calls! {
        openat(AT_FDCWD, &scene.path("hidden/secret"), NEITHER);
        fcntl(Answer(0), libc::F_SETLEASE, libc::F_WRLCK)
    };
    assert_eq!(lease.under(&scene.reads_granted()), "EPERM");
    assert_eq!(lease.under(&scene.reads_granted().allow_syscalls(["fcntl"])), "ok");
    assert_eq!(lease.outside(), "ok");
}

/// A rename can leave a device of number 0 behind, which nobody can open.
#[test]
fn the_only_device_node_a_rename_leaves_is_the_one_that_is_no_device() {
    let scene = Scene::new();
    let (note, new) = (scene.path("granted/note"), scene.path("granted/new"));
    let whiteout = calls! { renameat2(AT_FDCWD, &note, AT_FDCWD, &new, libc::RENAME_WHITEOUT) };
    assert_eq!(whiteout.under(&scene.reads_granted()), "EACCES");
    require!(whiteout.outside() == "ok", "needs a file system with whiteouts");
    let open = calls! { fchmodat(AT_FDCWD, &note, 0o600); openat(AT_FDCWD, &note, O_RDWR) };
    assert_eq!(open.under(&scene.writes_granted()), "ENXIO");
    let node = calls! { mknodat(AT_FDCWD, &scene.path("granted/node"), S_IFCHR | 0o600, 0) };
    assert_eq!(node.under(&scene.writes_granted()), "EACCES");
    assert_eq!(node.outside(), "ok");
}
