//! What a handler can answer, and what the program makes of it.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use libc::{AT_FDCWD, O_CLOEXEC, O_RDONLY, O_RDWR};
use sandlock::{Handler, HandlerCtx, Launch, NotifAction, Reason, Sandbox, Stdio, When};
use sandlock::{HandlerOptions, PolicyBuilder};

use crate::asked::{
    WAYS, continuing, line, lines, prints, refusing, returning, sandbox, sandbox_of,
};
use crate::calls::{Answer, Argument, calls};
use crate::harness::{GUEST, policy, read_to_end};
use crate::scene::Scene;

#[test]
fn a_value_is_what_the_call_returns_whatever_its_size() {
    let values = [0, 1, i64::from(i32::MAX) + 1, 1 << 40, i64::MAX, -4096, i64::MIN];
    for value in values {
        let sandbox = sandbox().add_handler("getppid", returning(value)).unwrap();
        assert_eq!(line(&sandbox, &calls! { getppid() }), format!("getppid ok {value}"));
    }
    for (value, printed) in [(-1, "EPERM"), (-2, "ENOENT"), (-4095, "errno 4095")] {
        let sandbox = sandbox().add_handler("getppid", returning(value)).unwrap();
        assert_eq!(line(&sandbox, &calls! { getppid() }), format!("getppid {printed}"));
    }
    for way in WAYS {
        let sandbox = sandbox().add_handler("getppid", returning(1 << 33)).unwrap();
        let action = calls! { getppid() }.action("calls");
        assert_eq!(way.run(&sandbox, &action).1, "getppid ok 8589934592\n", "{way:?}");
    }
}

#[test]
fn every_error_number_arrives() {
    for errno in [1, 2, libc::EACCES, 133, 512, 4094, 4095] {
        let sandbox = sandbox().add_handler("getppid", refusing(errno)).unwrap();
        let printed = line(&sandbox, &calls! { getppid() });
        let value: Vec<_> = printed.split(' ').collect();
        assert!(value[1] != "ok", "{errno}: {printed}");
        if errno > 133 {
            assert_eq!(printed, format!("getppid errno {errno}"));
        }
    }
}

/// A handler that hands out this text in a file of its own, without a name.
fn injecting(text: &'static [u8], cloexec: bool) -> impl Handler {
    move |_: &HandlerCtx<'_>| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        NotifAction::InjectFd { fd: OwnedFd::from(file), cloexec }
    }
}

#[test]
fn an_injected_descriptor_is_one_of_the_program() {
    for (cloexec, flag) in [(false, 0), (true, libc::FD_CLOEXEC)] {
        let sandbox = sandbox().add_handler("getppid", injecting(b"text", cloexec)).unwrap();
        let calls = calls! {
            getppid();
            pread64(Answer(0), [0u8; 16], 16, 0);
            fcntl(Answer(0), libc::F_GETFD);
            write(1, "\n", 0);
            close(Answer(0));
            fcntl(Answer(0), libc::F_GETFD)
        };
        let flag = format!("fcntl ok {flag}");
        let expected = [
            "getppid ok 3",
            "pread64 ok 4",
            flag.as_str(),
            "write ok 0",
            "close ok 0",
            "fcntl EBADF",
        ];
        assert_eq!(lines(&sandbox, &calls), expected);
    }
}

/// What the program reads from it goes to its output.
#[test]
fn the_program_reads_what_was_injected() {
    let calls = calls! { getppid(); sendfile(1, Answer(0), 0, 100) };
    let sandbox = sandbox().add_handler("getppid", injecting(b"<content>", false)).unwrap();
    for way in WAYS {
        let (output, printed) = way.run(&sandbox, &calls.action("calls"));
        assert!(output.success());
        assert!(printed.contains("<content>") && printed.contains("sendfile ok 9"), "{printed}");
    }
}

#[test]
fn a_program_that_is_executed_has_it_unless_it_is_close_on_exec() {
    for (cloexec, has_it) in [(false, true), (true, false)] {
        // Where the guest opens this, it gets something else.
        let handler = injecting(b"text", cloexec);
        let named = move |cx: &HandlerCtx<'_>| match cx.path_arg(1) {
            Ok(path) if path.as_os_str() == "/the/note" => handler.handle(cx),
            _ => NotifAction::Continue,
        };
        let sandbox = sandbox().add_handler("openat", named).unwrap();
        let script = "exec 3</the/note; exec \"$0\" descriptors";
        // dash itself opens without O_CLOEXEC and moves what it got.
        let command = ["sh", "-c", script, GUEST];
        let output = sandbox.run(command).unwrap();
        let printed = String::from_utf8_lossy(output.stdout()).into_owned();
        assert!(output.success(), "{printed} {:?}", String::from_utf8_lossy(output.stderr()));
        assert_eq!(printed.trim_end().ends_with(",3"), has_it, "{printed}");
    }
}

#[test]
fn each_task_gets_a_descriptor_of_its_own_and_ours_is_closed() {
    let sandbox = sandbox().add_handler("getppid", injecting(b"text", false)).unwrap();
    let calls = calls! { getppid(); getppid(); getppid(); close(Answer(1)); getppid() };
    let expected = ["getppid ok 3", "getppid ok 4", "getppid ok 5", "close ok 0", "getppid ok 4"];
    assert_eq!(lines(&sandbox, &calls), expected);
}

#[test]
fn a_full_table_of_the_program_is_emfile() {
    let sandbox = sandbox_of(policy().max_open_files(4));
    let injecting = sandbox.add_handler("getppid", injecting(b"text", false)).unwrap();
    let printed = lines(&injecting, &calls! { getppid(); getppid() });
    assert_eq!(printed, ["getppid ok 3", "getppid EMFILE"]);
}

/// A handler for opens of `/the/note`, which is nowhere.
fn serving(policy: PolicyBuilder, content: &'static [u8]) -> Sandbox {
    let serve = move |cx: &HandlerCtx<'_>| match cx.path_arg(1) {
        Ok(path) if path.as_os_str() == "/the/note" => NotifAction::InjectBytes(content.to_vec()),
        _ => NotifAction::Continue,
    };
    sandbox_of(policy).add_handler("openat", serve).unwrap()
}

#[test]
fn bytes_are_the_content_of_an_opened_file() {
    let read = |sandbox: &Sandbox| prints(sandbox, &["read", "/the/note"]);
    assert_eq!(read(&serving(policy(), b"line\n\0\xff")), "read ok line\\n\\x00\\xff");
    assert_eq!(read(&serving(policy(), b"")), "read ok");
    assert_eq!(read(&sandbox()), "read ENOENT");
    static LARGE: [u8; 3 << 20] = [b'x'; 3 << 20];
    let calls = calls! {
        openat(AT_FDCWD, "/the/note", O_RDONLY); lseek(Answer(0), 0, libc::SEEK_END)
    };
    let large = lines(&serving(policy(), &LARGE), &calls);
    assert_eq!(large[1], format!("lseek ok {}", 3 << 20));
}

#[test]
fn bytes_begin_at_their_beginning_for_each_open() {
    let open = || {
        calls! {
            openat(AT_FDCWD, "/the/note", O_RDONLY);
            read(Answer(0), [0u8; 8], 2);
            openat(AT_FDCWD, "/the/note", O_RDONLY);
            read(Answer(2), [0u8; 8], 8)
        }
    };
    assert_eq!(line(&serving(policy(), b"text"), &open()), "read ok 4");
}

#[test]
fn bytes_cannot_be_changed_by_anybody() {
    let sandbox = serving(policy(), b"text");
    let shared = libc::MAP_SHARED;
    let (read, write) = (libc::PROT_READ, libc::PROT_WRITE);
    let open = || calls! { openat(AT_FDCWD, "/the/note", O_RDWR) };
    const F_ADD_SEALS: i32 = 1033;
    let attempts: [(&str, &[Argument]); 6] = [
        ("write", &["x".into(), 1.into()]),
        ("pwrite64", &["x".into(), 1.into(), 0.into()]),
        ("ftruncate", &[0.into()]),
        ("ftruncate", &[100.into()]),
        ("fallocate", &[0.into(), 0.into(), 100.into()]),
        // Not even more seals.
        ("fcntl", &[F_ADD_SEALS.into(), 1.into()]),
    ];
    for (name, arguments) in attempts {
        let attempt = open().then(name, &[&[Answer(0).into()], arguments].concat());
        assert_eq!(line(&sandbox, &attempt), format!("{name} EPERM"), "{attempt:?}");
    }
    let map = |protection: i32, flags: i32| {
        open().then(
            "mmap",
            &[0.into(), 4.into(), protection.into(), flags.into(), Answer(0).into(), 0.into()],
        )
    };
    assert_eq!(line(&sandbox, &map(read | write, shared)), "mmap EPERM");
    assert!(line(&sandbox, &map(read, shared)).starts_with("mmap ok"));
    assert!(line(&sandbox, &map(read | write, libc::MAP_PRIVATE)).starts_with("mmap ok"));
    // The twin: a file of the policy that may be written.
    let scene = Scene::new();
    let note = scene.path("granted/note");
    let writing = calls! { openat(AT_FDCWD, &note, O_RDWR); write(Answer(0), "x", 1) };
    assert_eq!(line(&sandbox_of(scene.writes_granted()), &writing), "write ok 1");
}

/// A mapping that may not be written cannot be made writable either.
#[test]
fn a_mapping_of_bytes_stays_read_only() {
    let calls = calls! {
        openat(AT_FDCWD, "/the/note", O_RDWR);
        mmap(0, 4096, libc::PROT_READ, libc::MAP_SHARED, Answer(0), 0);
        mprotect(Answer(1), 4096, libc::PROT_READ | libc::PROT_WRITE)
    };
    assert_eq!(line(&serving(policy(), b"text"), &calls), "mprotect EACCES");
    let scene = Scene::new();
    let note = scene.path("granted/note");
    let twin = calls! {
        openat(AT_FDCWD, &note, O_RDWR);
        mmap(0, 4096, libc::PROT_READ, libc::MAP_SHARED, Answer(0), 0);
        mprotect(Answer(1), 4096, libc::PROT_READ | libc::PROT_WRITE)
    };
    assert_eq!(line(&sandbox_of(scene.writes_granted()), &twin), "mprotect ok 0");
}

#[test]
fn bytes_are_close_on_exec_if_the_call_says_so() {
    let flags = |flags: i32| {
        let calls = calls! {
            openat(AT_FDCWD, "/the/note", flags); fcntl(Answer(0), libc::F_GETFD)
        };
        line(&serving(policy(), b"text"), &calls)
    };
    assert_eq!(flags(O_RDONLY), "fcntl ok 0");
    assert_eq!(flags(O_RDONLY | O_CLOEXEC), "fcntl ok 1");
    // A call that opens nothing.
    let bytes = |_: &HandlerCtx<'_>| NotifAction::InjectBytes(b"text".to_vec());
    let sandbox = sandbox().add_handler("getppid", bytes).unwrap();
    let calls = calls! { getppid(); fcntl(Answer(0), libc::F_GETFD) };
    assert_eq!(line(&sandbox, &calls), "fcntl ok 1");
}

#[test]
fn a_handler_can_have_the_sandbox_killed() {
    let kill = |_: &HandlerCtx<'_>| NotifAction::KillSandbox;
    let killing = sandbox().add_handler("uname", kill).unwrap();
    let action = calls! { uname([0u8; 390]); getpid() }.action("calls");
    for way in WAYS {
        let (output, printed) = way.run(&killing, &action);
        assert_eq!((output.reason(), output.signal()), (Reason::Killed, Some(libc::SIGKILL)));
        assert!(!output.success() && printed.is_empty(), "{printed}");
        let let_through = sandbox().add_handler("uname", continuing()).unwrap();
        assert_eq!(way.run(&let_through, &action).0.reason(), Reason::Exited);
    }
}

#[test]
fn a_sandbox_that_is_killed_takes_its_grandchildren_along() {
    let number = libc::SYS_getppid.to_string();
    let action = ["family-calls", number.as_str()];
    let kill = |_: &HandlerCtx<'_>| NotifAction::KillSandbox;
    let killing = sandbox().add_handler("getppid", kill).unwrap();
    let launch = || Launch::new([GUEST]).args(action).stdout(Stdio::piped());
    let child = killing.spawn(launch()).unwrap();
    // The end of the text comes when the last of them is gone.
    let printed = read_to_end(child.stdout().unwrap());
    assert_eq!(printed.matches("orphan ok").count(), 3, "{printed}");
    assert!(!printed.contains("goes on"), "{printed}");
    assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
    // The twin: otherwise they live on.
    let child = sandbox().spawn(launch()).unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout().unwrap()));
    assert!(lines.any(|line| line.unwrap().contains("goes on")));
    assert!(child.processes().unwrap().len() >= 4);
}

/// The kernel looks at the descriptor, and not at what else is open at that number in the host.
#[test]
fn a_descriptor_that_is_replaced_is_the_programs() {
    let replace = |cx: &HandlerCtx<'_>| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"replaced").unwrap();
        match cx.replace_fd(cx.args()[0] as u32, &file, false) {
            Ok(()) => NotifAction::Continue,
            Err(error) => NotifAction::from(error),
        }
    };
    let scene = Scene::new();
    let note = scene.path("granted/note");
    let sandbox = sandbox_of(scene.reads_granted()).add_handler("fsync", replace).unwrap();
    let calls = calls! {
        openat(AT_FDCWD, &note, O_RDONLY);
        fsync(Answer(0));
        lseek(Answer(0), 0, libc::SEEK_END)
    };
    assert_eq!(lines(&sandbox, &calls), ["openat ok 3", "fsync ok 0", "lseek ok 8"]);
    let plain = sandbox_of(scene.reads_granted());
    assert_eq!(line(&plain, &calls), "lseek ok 4");
    // A number beyond the limit of the program.
    assert_eq!(line(&sandbox, &calls! { fsync(1 << 30) }), "fsync EPERM");
}

/// Only the calls that match are answered.
#[test]
fn an_open_for_writing_is_refused_and_one_for_reading_is_not() {
    let scene = Scene::new();
    let note = scene.path("granted/note");
    let writing = HandlerOptions::new().when(When::arg(2).masked_eq(0o3, 2));
    let sandbox = sandbox_of(scene.writes_granted())
        .add_handler_with("openat", refusing(libc::EROFS), writing)
        .unwrap();
    let open = |flags: i32| line(&sandbox, &calls! { openat(AT_FDCWD, &note, flags) });
    assert_eq!(open(O_RDWR), "openat EROFS");
    assert_eq!(open(O_RDONLY), "openat ok 3");
    assert_eq!(open(libc::O_WRONLY), "openat ok 3");
}

/// The file of a handler is not reopened with more rights than it has.
#[test]
fn a_descriptor_has_the_rights_that_the_handler_opened_it_with() {
    let scene = Scene::new();
    let note = scene.path("hidden/secret");
    let handler = move |_: &HandlerCtx<'_>| NotifAction::InjectFd {
        fd: File::open(&note).unwrap().into(),
        cloexec: true,
    };
    let sandbox = sandbox_of(policy()).add_handler("getppid", handler).unwrap();
    let calls = |last: &str, arguments: &[Argument]| {
        calls! { getppid() }.then(last, &[&[Answer(0).into()], arguments].concat())
    };
    assert_eq!(line(&sandbox, &calls("write", &["x".into(), 1.into()])), "write EBADF");
    assert_eq!(line(&sandbox, &calls("ftruncate", &[0.into()])), "ftruncate EINVAL");
    assert_eq!(line(&sandbox, &calls("read", &[[0u8; 8].into(), 8.into()])), "read ok 6");
    assert_eq!(scene.content("hidden/secret"), "secret");
}
