//! The memory of a task that waits, as a handler sees and changes it.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use sandlock::{HandlerCtx, Launch, NotifAction, Observer, Sandbox, TaskError, Verdict};

use crate::asked::{Notes, line, lines, prints, sandbox, sandbox_of};
use crate::calls::{Answer, calls};
use crate::harness::{GUEST, policy};
use crate::scene::Scene;

type Bytes = Result<Vec<u8>, TaskError>;

/// What `look` sees of one getppid.
fn seen<T: Send + 'static>(
    action: &[&str],
    look: impl Fn(&HandlerCtx<'_>) -> T + Send + Sync + 'static,
) -> (T, String) {
    let notes = Notes::new();
    let sandbox = sandbox().add_handler("getppid", notes.taken(look)).unwrap();
    let printed = prints(&sandbox, action);
    let mut all = notes.take();
    assert_eq!(all.len(), 1, "{printed}");
    (all.remove(0), printed)
}

fn number() -> String {
    libc::SYS_getppid.to_string()
}

/// The arguments of the guest's action for `bytes` at the end of a mapping.
fn at_the_edge<T: Send + 'static>(
    bytes: &[u8],
    look: impl Fn(&HandlerCtx<'_>, u64, usize) -> T + Send + Sync + 'static,
) -> T {
    with_protection(bytes, libc::PROT_READ, look).0
}

fn with_protection<T: Send + 'static>(
    bytes: &[u8],
    protection: i32,
    look: impl Fn(&HandlerCtx<'_>, u64, usize) -> T + Send + Sync + 'static,
) -> (T, String) {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (number, protection) = (number(), protection.to_string());
    seen(&["mapped", &number, &protection, &hex], move |cx| {
        let [address, length, ..] = cx.args();
        look(cx, address, length as usize)
    })
}

#[test]
fn all_bytes_are_read_as_they_are() {
    let every: Vec<u8> = (0..=255).collect();
    assert_eq!(at_the_edge(&every, |cx, at, length| cx.read_child_mem(at, length)), Ok(every));
    let large: Vec<u8> = (0..40_000u32).map(|index| (index % 251) as u8).collect();
    assert_eq!(at_the_edge(&large, |cx, at, length| cx.read_child_mem(at, length)), Ok(large));
    assert_eq!(at_the_edge(b"x", |cx, at, _| cx.read_child_mem(at, 0)), Ok(vec![]));
}

#[test]
fn a_read_beyond_the_mapping_says_how_much_there_was() {
    for (bytes, more) in [(5, 1), (5, 4096), (4096, 1), (5000, 10_000)] {
        let content = vec![b'x'; bytes];
        let (at, read) =
            at_the_edge(&content, move |cx, at, length| (at, cx.read_child_mem(at, length + more)));
        assert_eq!(read, Err(TaskError::Unmapped { address: at, done: bytes }));
    }
    // The twin: up to there.
    assert_eq!(
        at_the_edge(b"12345", |cx, at, length| cx.read_child_mem(at, length)),
        Ok(b"12345".to_vec())
    );
}

#[test]
fn addresses_where_nothing_is_are_told() {
    let nowhere = [0, 1, 8, u64::MAX, u64::MAX - 7, 1 << 63, (1 << 63) - 1, 1 << 47, (1 << 47) - 8];
    let read = at_the_edge(b"x", move |cx, _, _| {
        nowhere.map(|at| {
            let all: [Result<(), TaskError>; 4] = [
                cx.read_child_mem(at, 8).map(drop),
                cx.read_child_cstr(at, 8).map(drop),
                cx.read_child_vectored(&[(at, 1)]).map(drop),
                cx.write_child_mem(at, b"12345678"),
            ];
            all
        })
    });
    for (at, results) in nowhere.into_iter().zip(read) {
        for result in results {
            assert_eq!(result, Err(TaskError::Unmapped { address: at, done: 0 }), "{at:#x}");
        }
    }
}

#[test]
fn a_length_beyond_the_limit_is_too_long_and_allocates_nothing() {
    let limit = 16 << 20;
    let too_long: Bytes = Err(TaskError::TooLong { limit });
    let results = at_the_edge(b"x", move |cx, at, _| {
        [limit + 1, usize::MAX].map(|length| {
            let parts = cx.read_child_vectored(&[(at, length), (at, 1)]);
            [
                cx.read_child_mem(at, length),
                cx.read_child_cstr(at, length),
                parts.map(|_| Vec::new()),
            ]
        })
    });
    assert!(results.iter().flatten().all(|result| *result == too_long), "{results:?}");
    let halves = at_the_edge(b"x", move |cx, at, _| {
        cx.read_child_vectored(&[(at, limit / 2), (at, limit / 2 + 1)]).map(drop)
    });
    assert_eq!(halves, Err(TaskError::TooLong { limit }));
    let (data, most) = (vec![0; limit + 1], vec![0; limit]);
    let written = at_the_edge(b"x", move |cx, at, _| cx.write_child_mem(at, &data));
    assert_eq!(written, Err(TaskError::TooLong { limit }));
    // The twin: as much as there may be, which is not there.
    let written = at_the_edge(b"x", move |cx, _, _| cx.write_child_mem(0, &most));
    assert_eq!(written, Err(TaskError::Unmapped { address: 0, done: 0 }));
}

#[test]
fn a_text_that_ends_where_its_mapping_ends_is_read() {
    for text in [&b"text\0"[..], b"\0", b"caf\xe9 \xff\xfe\0", &[&[b'x'; 4999][..], b"\0"].concat()]
    {
        let read = at_the_edge(text, |cx, at, _| cx.read_child_cstr(at, 8192));
        assert_eq!(read.as_deref(), Ok(&text[..text.len() - 1]));
    }
    let path = at_the_edge(b"/caf\xe9\0", |cx, _, _| cx.path_arg(0));
    assert_eq!(path.unwrap().as_os_str().as_bytes(), b"/caf\xe9");
}

#[test]
fn a_text_without_an_end_says_how_much_there_was() {
    for length in [1, 255, 256, 257, 4096, 5000] {
        let text = vec![b'x'; length];
        let (at, read) = at_the_edge(&text, |cx, at, _| (at, cx.read_child_cstr(at, 8192)));
        assert_eq!(read, Err(TaskError::Unmapped { address: at, done: length }));
    }
}

#[test]
fn a_text_of_the_most_bytes_is_read_and_one_more_is_too_long() {
    let read = |text: &'static [u8], most| {
        at_the_edge(text, move |cx, at, _| cx.read_child_cstr(at, most))
    };
    assert_eq!(read(b"1234\0", 5), Ok(b"1234".to_vec()));
    assert_eq!(read(b"1234\0", 4), Err(TaskError::TooLong { limit: 4 }));
    assert_eq!(read(b"1234", 4), Err(TaskError::TooLong { limit: 4 }));
    assert_eq!(read(b"1234\0", 0), Err(TaskError::TooLong { limit: 0 }));
    // A path has 4096 bytes with its end.
    let path = |length: usize| {
        let text = [vec![b'a'; length], vec![0]].concat();
        at_the_edge(&text, |cx, _, _| cx.path_arg(0)).map(|path| path.as_os_str().len())
    };
    assert_eq!(path(4095), Ok(4095));
    assert_eq!(path(4096), Err(TaskError::TooLong { limit: 4096 }));
}

#[test]
fn a_call_has_six_arguments() {
    let read = at_the_edge(b"a\0", |cx, _, _| [cx.path_arg(6), cx.path_arg(usize::MAX)]);
    let [six, many] = read;
    assert_eq!(six, Err(TaskError::NoArgument(6)));
    assert_eq!(many, Err(TaskError::NoArgument(usize::MAX)));
    let calls = calls! { getppid(0, 0, 0, 0, 0, "/last") };
    let notes = Notes::new();
    let look = |cx: &HandlerCtx<'_>| cx.path_arg(5);
    let sandbox = sandbox().add_handler("getppid", notes.taken(look)).unwrap();
    line(&sandbox, &calls);
    assert_eq!(notes.take(), [Ok(PathBuf::from("/last"))]);
}

#[test]
fn several_ranges_are_read_at_once() {
    let read = at_the_edge(b"0123456789", |cx, at, _| {
        cx.read_child_vectored(&[(at, 3), (at + 7, 3), (at, 0), (at + 1, 1)])
    });
    let expected = [&b"012"[..], b"789", b"", b"1"].map(<[u8]>::to_vec);
    assert_eq!(read, Ok(expected.to_vec()));
    let (at, read) =
        at_the_edge(b"0123", |cx, at, _| (at, cx.read_child_vectored(&[(at, 4), (at + 2, 4)])));
    assert_eq!(read, Err(TaskError::Unmapped { address: at + 2, done: 2 }));
    assert_eq!(at_the_edge(b"x", |cx, _, _| cx.read_child_vectored(&[])), Ok(vec![]));
}

#[test]
fn what_a_handler_writes_is_what_the_program_sees() {
    let both = libc::PROT_READ | libc::PROT_WRITE;
    let write = |protection| {
        with_protection(b"0123456789", protection, |cx, at, _| {
            cx.write_child_vectored(&[(at, b"ab"), (at + 8, b"\xff\0")])
        })
    };
    let (written, printed) = write(both);
    assert_eq!(written, Ok(()));
    assert!(printed.ends_with("bytes ok ab234567\\xff\\x00"), "{printed}");
    // As a debugger does.
    let (written, printed) = write(libc::PROT_READ);
    assert_eq!(written, Ok(()));
    assert!(printed.ends_with("bytes ok ab234567\\xff\\x00"), "{printed}");
    let (nothing, printed) =
        with_protection(b"0123", both, |cx, at, _| cx.write_child_mem(at, b""));
    assert_eq!((nothing, printed.ends_with("bytes ok 0123")), (Ok(()), true));
}

#[test]
fn a_write_beyond_the_mapping_says_how_much_there_was() {
    let both = libc::PROT_READ | libc::PROT_WRITE;
    let ((at, written), _) =
        with_protection(b"0123", both, |cx, at, _| (at, cx.write_child_mem(at, b"abcdef")));
    assert_eq!(written, Err(TaskError::Unmapped { address: at, done: 4 }));
}

/// An observer that tries everything when all is over.
struct Late(Notes<[Result<(), TaskError>; 8]>);

impl Observer for Late {
    fn call(&self, cx: &HandlerCtx<'_>) {
        assert!(cx.is_waiting());
    }

    fn verdict(&self, cx: &HandlerCtx<'_>, _: &Verdict<'_>) {
        assert!(!cx.is_waiting());
        self.0.note(everything(cx));
    }
}

/// Whatever touches the task.
fn everything(cx: &HandlerCtx<'_>) -> [Result<(), TaskError>; 8] {
    let at = cx.args()[0];
    let file = std::fs::File::open("/dev/null").unwrap();
    [
        cx.read_child_mem(at, 1).map(drop),
        cx.read_child_cstr(at, 8).map(drop),
        cx.read_child_vectored(&[(at, 1)]).map(drop),
        cx.write_child_mem(at, b"x"),
        cx.write_child_vectored(&[(at, b"x")]),
        cx.path_arg(0).map(drop),
        cx.display_path(None, "relative").map(drop),
        cx.replace_fd(100, &file, true),
    ]
}

#[test]
fn nothing_is_touched_after_the_verdict() {
    let notes = Notes::new();
    let sandbox = sandbox().add_observer("getppid", Late(notes.clone())).unwrap();
    let calls = calls! { getppid("text"); fcntl(100, libc::F_GETFD) };
    assert_eq!(line(&sandbox, &calls), "fcntl EBADF");
    assert_eq!(notes.take(), [[const { Err(TaskError::Gone) }; 8]]);
    // The twin: while it waits, everything works.
    let notes = Notes::new();
    let sandbox = self::sandbox().add_handler("getppid", notes.taken(everything)).unwrap();
    assert_eq!(line(&sandbox, &calls), "fcntl ok 1");
    assert_eq!(notes.take(), [[const { Ok(()) }; 8]]);
}

#[test]
fn nothing_is_touched_of_a_task_that_was_killed_meanwhile() {
    let notes = Notes::new();
    let noting = notes.clone();
    let kill_first = move |cx: &HandlerCtx<'_>| {
        // SAFETY: the task waits for this answer, so the id is its own.
        assert_eq!(unsafe { libc::kill(cx.pid().cast_signed(), libc::SIGKILL) }, 0);
        crate::harness::eventually(|| !cx.is_waiting());
        noting.note(everything(cx));
        NotifAction::InjectBytes(b"for nobody".to_vec())
    };
    let sandbox: Sandbox = sandbox().add_handler("getppid", kill_first).unwrap();
    let calls = calls! { getppid("text") };
    let output = sandbox.run(Launch::new([GUEST]).args(calls.action("calls"))).unwrap();
    assert_eq!(output.signal(), Some(libc::SIGKILL));
    assert_eq!(notes.take(), [[const { Err(TaskError::Gone) }; 8]]);
}

/// The child of a start shares this process's memory.
#[test]
fn memory_is_not_written_before_the_program_is_executed() {
    let notes = Notes::new();
    let look = |cx: &HandlerCtx<'_>| {
        let at = cx.args()[0];
        // What is there already.
        (cx.path_arg(0).is_ok(), cx.write_child_mem(at, b"/"), cx.write_child_vectored(&[]))
    };
    let sandbox = sandbox().add_handler("execve", notes.taken(look)).unwrap();
    assert_eq!(sandbox.run([GUEST, "execute", GUEST, "exit", "3"]).unwrap().code(), Some(3));
    let refused = || Err(TaskError::NotExecuted);
    // The twin is the second one, which is the program's own.
    assert_eq!(notes.take(), [(true, refused(), refused()), (true, Ok(()), Ok(()))]);
}

#[test]
fn paths_are_displayed_from_the_root_on() {
    let scene = Scene::new();
    let (granted, notes) = (scene.path("granted"), Notes::new());
    let look =
        |cx: &HandlerCtx<'_>| cx.display_path(Some(cx.args()[0] as i32), cx.path_arg(1).unwrap());
    let sandbox = sandbox_of(scene.reads_granted().fs_read("/dev/null").cwd(&granted))
        .add_handler("getppid", notes.taken(look))
        .unwrap();
    let here = libc::AT_FDCWD;
    let calls = calls! {
        openat(here, "folder", libc::O_RDONLY | libc::O_DIRECTORY);
        getppid(here, "note");
        getppid(here, "./folder/..//note");
        getppid(here, "../../../../../../../../..");
        getppid(here, "/absolute/./to/../path/");
        getppid(here, "");
        getppid(Answer(0), "inside");
        getppid(Answer(0), "../note");
        getppid(Answer(0), "/absolute");
        getppid(here, "caf\u{e9}");
        getppid(99, "x");
        getppid(99, "/absolute")
    };
    lines(&sandbox, &calls);
    let granted = granted.canonicalize().unwrap();
    let mut shown = notes.take();
    let failed = shown.remove(9);
    assert!(matches!(failed, Err(TaskError::Gone | TaskError::Failed { .. })), "{failed:?}");
    let shown: Vec<PathBuf> = shown.into_iter().map(Result::unwrap).collect();
    let expected = [
        granted.join("note"),
        granted.join("note"),
        "/".into(),
        "/absolute/path".into(),
        granted.clone(),
        granted.join("folder/inside"),
        granted.join("note"),
        "/absolute".into(),
        granted.join("caf\u{e9}"),
        "/absolute".into(),
    ];
    assert_eq!(shown, expected);
}

/// `display_path` documents a missing descriptor as a failed call; the task is there.
#[test]
fn a_descriptor_that_is_not_there_is_no_task_that_has_gone() {
    let notes = Notes::new();
    let look = |cx: &HandlerCtx<'_>| cx.display_path(Some(99), "x");
    let sandbox = sandbox_of(policy()).add_handler("getppid", notes.taken(look)).unwrap();
    lines(&sandbox, &calls! { getppid() });
    let shown = notes.take();
    let [Err(TaskError::Failed { call, errno })] = &shown[..] else { panic!("{shown:?}") };
    assert!(call.contains("readlink") && call.ends_with("/fd/99)"), "{call}");
    assert_eq!(*errno, libc::ENOENT);
}

#[test]
fn an_error_of_the_context_is_a_refusal_with_the_kernels_number() {
    let read = |at: u64, most: usize| {
        let handler = move |cx: &HandlerCtx<'_>| -> Result<NotifAction, TaskError> {
            cx.read_child_cstr(if at == 1 { cx.args()[0] } else { at }, most)?;
            Ok(NotifAction::Continue)
        };
        line(&sandbox().add_handler("getppid", handler).unwrap(), &calls! { getppid("text") })
    };
    assert_eq!(read(0, 10), "getppid EFAULT");
    assert_eq!(read(1, 3), "getppid errno 36");
    assert!(read(1, 10).starts_with("getppid ok"));
}

#[test]
fn a_buffer_of_the_callers_is_filled_whole_or_holds_zeros() {
    let read = |cx: &HandlerCtx<'_>, at, length: usize| {
        let mut buffer = vec![7; length];
        (cx.read_child_mem_into(at, &mut buffer), buffer)
    };
    let whole = at_the_edge(b"text", move |cx, at, length| read(cx, at, length));
    assert_eq!(whole, (Ok(()), b"text".to_vec()));
    let (result, buffer) = at_the_edge(b"text", move |cx, at, length| read(cx, at, length + 1));
    assert!(matches!(result, Err(TaskError::Unmapped { done: 4, .. })), "{result:?}");
    assert_eq!(buffer, [0; 5], "nothing of it is handed out");
    let (result, buffer) = at_the_edge(b"text", move |cx, at, _| read(cx, at, (16 << 20) + 1));
    assert!(matches!(result, Err(TaskError::TooLong { .. })), "{result:?}");
    assert!(buffer.iter().all(|byte| *byte == 7), "nothing was read");
}
