//! Audit.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libc::{AT_FDCWD, O_DIRECTORY, O_RDONLY};
use sandlock::{
    Audit, Count, Deny, HandlerCtx, HandlerOptions, Launch, NotifAction, Reason, Return, Sandbox,
};
use serde_json::{Value, json};

use crate::asked::{Gate, Notes, WAYS, continuing, lines, prints, sandbox, sandbox_of};
use crate::calls::{Answer, Calls, calls};
use crate::harness::{GUEST, alone, here, policy};
use crate::soak::Census;

/// What an audit has recorded.
#[derive(Clone)]
struct Records(Notes<Vec<u8>>);

impl Records {
    fn new() -> (Audit, Records) {
        let notes = Notes::new();
        let taken = notes.clone();
        (Audit::to_callback(move |record: &[u8]| taken.note(record.to_vec())), Records(notes))
    }

    /// All so far, which are forgotten.
    fn take(&self) -> Vec<Value> {
        self.0.take().iter().map(|record| serde_json::from_slice(record).unwrap()).collect()
    }

    /// The last one.
    fn last(&self) -> Value {
        self.take().pop().unwrap()
    }
}

fn parsed(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn getppid(times: usize) -> Calls {
    (0..times).fold(Calls::default(), |calls, _| calls.then("getppid", &[]))
}

/// A sandbox that grants a folder with a file `note`.
struct Scene {
    folder: tempfile::TempDir,
    sandbox: Sandbox,
    records: Records,
}

impl Scene {
    fn new(call: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("note"), "text").unwrap();
        let (audit, records) = Records::new();
        let sandbox = sandbox_of(policy().fs_write(folder.path()));
        Scene { sandbox: sandbox.add_observer(call, audit).unwrap(), folder, records }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).into_os_string().into_string().unwrap()
    }

    /// The paths of the last call that the guest makes, in the folder.
    fn paths(&self, calls: &Calls) -> Value {
        self.records.take();
        let launch = Launch::new([GUEST]).args(calls.action("calls")).cwd(self.folder.path());
        let output = self.sandbox.run(launch).unwrap();
        assert!(output.success(), "{output:?}");
        self.records.last()["args"]["paths"].clone()
    }
}

#[test]
fn a_record_tells_of_a_call_what_there_is_to_tell() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = Audit::to_file(&file).unwrap().sandbox_name("job \"1\"");
    let sandbox = sandbox().add_observer("openat", audit.clone()).unwrap();
    let calls = calls! { openat(AT_FDCWD, "/usr/../usr", O_RDONLY | O_DIRECTORY, 7) };
    for way in WAYS {
        let day_before = today();
        std::fs::write(&file, "").unwrap();
        way.run(&sandbox, &calls.action("calls"));
        let record = parsed(&file).pop().unwrap();
        let keys: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "v",
            "time",
            "mono_ns",
            "sandbox",
            "pid",
            "tid",
            "syscall",
            "nr",
            "args",
            "raw",
            "verdict",
            "by",
            "errno",
            "decision_ns",
        ];
        expected.sort();
        assert_eq!(keys, expected);
        assert_eq!(record["v"], 1);
        assert_eq!(record["sandbox"], "job \"1\"");
        assert_eq!(
            (&record["syscall"], &record["nr"]),
            (&json!("openat"), &json!(libc::SYS_openat))
        );
        let path = json!({ "arg": 1, "path": "/usr/../usr", "resolved": "/usr" });
        assert_eq!(record["args"], json!({ "paths": [path] }));
        let raw: Vec<u64> = serde_json::from_value(record["raw"].clone()).unwrap();
        let flags = (O_RDONLY | O_DIRECTORY) as u64;
        assert_eq!((raw[0] as i32, raw[2], raw[3], raw.len()), (AT_FDCWD, flags, 7, 6));
        let verdict = [&record["verdict"], &record["by"], &record["errno"]];
        assert_eq!(verdict, [&json!("continue"), &json!("policy"), &Value::Null]);
        assert!(record["pid"].as_u64().is_some() && record["pid"] == record["tid"]);
        let now = clock(libc::CLOCK_MONOTONIC);
        let (seen, took) = (&record["mono_ns"], &record["decision_ns"]);
        let (seen, took) = (seen.as_u64().unwrap(), took.as_u64().unwrap());
        assert!(seen < now && now - seen < 60_000_000_000, "{seen} {now}");
        assert!((1..60_000_000_000).contains(&took), "{took}");
        let time = record["time"].as_str().unwrap();
        assert!(time.starts_with(&day_before) || time.starts_with(&today()), "{time}");
        assert!(time.ends_with('Z') && time.len() == 30, "{time}");
    }
    assert_eq!((audit.dropped(), audit.write_error()), (0, None));
}

fn clock(clock: libc::clockid_t) -> u64 {
    // SAFETY: all zeros is a valid time, and the kernel fills it in.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        assert_eq!(libc::clock_gettime(clock, &raw mut time), 0);
        time
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// As the C library shows it: year, month and day in UTC.
fn today() -> String {
    let seconds = (clock(libc::CLOCK_REALTIME) / 1_000_000_000) as libc::time_t;
    // SAFETY: all zeros is a valid time, and the library fills it in.
    let date = unsafe {
        let mut date: libc::tm = std::mem::zeroed();
        assert!(!libc::gmtime_r(&raw const seconds, &raw mut date).is_null());
        date
    };
    format!("{:04}-{:02}-{:02}", date.tm_year + 1900, date.tm_mon + 1, date.tm_mday)
}

#[test]
fn a_new_file_is_its_owners_alone_and_every_run_appends() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    for runs in 1..=3 {
        let audit = Audit::to_file(&file).unwrap();
        lines(&sandbox().add_observer("getppid", audit).unwrap(), &getppid(4));
        assert_eq!(parsed(&file).len(), 4 * runs);
    }
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn relative_paths_are_resolved_from_where_they_begin() {
    let scene = Scene::new("openat");
    let note = scene.path("note");
    let open = |path: &str| calls! { openat(AT_FDCWD, path, O_RDONLY) };
    let expected =
        |path: &str, resolved: &str| json!([{"arg": 1, "path": path, "resolved": resolved}]);
    assert_eq!(scene.paths(&open("note")), expected("note", &note));
    assert_eq!(scene.paths(&open("./a/..//note")), expected("./a/..//note", &note));
    assert_eq!(scene.paths(&open(&note)), expected(&note, &note));
    let at = calls! {
        openat(AT_FDCWD, "/usr", O_RDONLY | O_DIRECTORY);
        openat(Answer(0), "lib/../lib", O_RDONLY | O_DIRECTORY)
    };
    assert_eq!(scene.paths(&at), expected("lib/../lib", "/usr/lib"));
    // No such descriptor: nobody knows where that leads.
    let nowhere = calls! { openat(77, "note", O_RDONLY) };
    assert_eq!(scene.paths(&nowhere), json!([{"arg": 1, "path": "note", "resolved": null}]));
}

#[test]
fn every_path_of_a_call_is_recorded() {
    let scene = Scene::new("renameat2");
    let (note, other) = (scene.path("note"), scene.path("other"));
    let rename = calls! { renameat2(AT_FDCWD, "note", AT_FDCWD, &*other, 0) };
    let expected = json!([
        {"arg": 1, "path": "note", "resolved": note},
        {"arg": 3, "path": other, "resolved": other},
    ]);
    assert_eq!(scene.paths(&rename), expected);
    let scene = Scene::new("symlinkat");
    let link = calls! { symlinkat("../text", AT_FDCWD, "link") };
    // The text of a link begins where the link is, and that is not looked up.
    let expected = json!([
        {"arg": 0, "path": "../text", "resolved": null},
        {"arg": 2, "path": "link", "resolved": scene.path("link")},
    ]);
    assert_eq!(scene.paths(&link), expected);
    let scene = Scene::new("getppid");
    assert_eq!(scene.paths(&getppid(1)), json!([]));
}

#[test]
fn a_descriptor_that_stands_for_a_path_shows_its_own() {
    let name = if cfg!(target_arch = "aarch64") { "fstatat" } else { "newfstatat" };
    let scene = Scene::new(name);
    let stat = calls! { openat(AT_FDCWD, "note", O_RDONLY) }
        .then(name, &[Answer(0).into(), "".into(), [0u8; 256].into(), libc::AT_EMPTY_PATH.into()]);
    let expected = json!([{"arg": 1, "path": "", "resolved": scene.path("note")}]);
    assert_eq!(scene.paths(&stat), expected);
}

#[test]
fn bytes_that_are_no_text_are_escaped_and_nothing_ends_a_line() {
    let scene = Scene::new("openat");
    let path = OsStr::from_bytes(b"/\xffa\n\\x\"\x01");
    let open = calls! { openat(AT_FDCWD, path, O_RDONLY) };
    let shown = "/\\xffa\n\\\\x\"\u{1}";
    let expected = json!([{"arg": 1, "path": shown, "resolved": shown}]);
    assert_eq!(scene.paths(&open), expected);
}

#[test]
fn a_path_that_cannot_be_read_says_why() {
    let scene = Scene::new("openat");
    let unread = |errno: &str| json!([{"arg": 1, "path": null, "resolved": null, "errno": errno}]);
    assert_eq!(scene.paths(&calls! { openat(AT_FDCWD, 0, O_RDONLY) }), unread("EFAULT"));
    assert_eq!(scene.paths(&calls! { openat(AT_FDCWD, -9i64, O_RDONLY) }), unread("EFAULT"));
    let long = "x".repeat(4096);
    assert_eq!(scene.paths(&calls! { openat(AT_FDCWD, &*long, O_RDONLY) }), unread("ENAMETOOLONG"));
    // The twin: one byte less.
    let recorded = scene.paths(&calls! { openat(AT_FDCWD, &long[1..], O_RDONLY) });
    assert_eq!(recorded[0]["path"], long[1..]);
}

#[test]
fn verdicts_tell_what_became_of_a_call_and_who_decided() {
    let (audit, records) = Records::new();
    let audited = || sandbox().add_observer("getppid", audit.clone()).unwrap();
    let named = || HandlerOptions::new().name("judge");
    let injecting = |_: &HandlerCtx<'_>| NotifAction::InjectBytes(b"text".to_vec());
    let killing = |_: &HandlerCtx<'_>| NotifAction::KillSandbox;
    let told = |sandbox: sandlock::Result<Sandbox>| {
        let launch = Launch::new([GUEST]).args(getppid(1).action("calls"));
        sandbox.unwrap().run(launch).unwrap();
        let record = records.last();
        ["verdict", "by", "errno"].map(|key| record[key].clone())
    };
    let refused = audited().add_handler_with("getppid", Deny::new(libc::EXDEV).unwrap(), named());
    assert_eq!(told(refused), ["refused", "judge", "EXDEV"]);
    let nobody = json!(null);
    let by_judge = |verdict: &str| [json!(verdict), json!("judge"), nobody.clone()];
    let answered = audited().add_handler_with("getppid", Return::new(5), named());
    assert_eq!(told(answered), by_judge("answered"));
    let injected = audited().add_handler_with("getppid", injecting, named());
    assert_eq!(told(injected), by_judge("injected"));
    let killed = audited().add_handler_with("getppid", killing, named());
    assert_eq!(told(killed), by_judge("killed"));
    let continued = audited().add_handler_with("getppid", continuing(), named());
    assert_eq!(told(continued), [json!("continue"), json!("policy"), nobody]);
}

#[test]
fn what_a_built_in_refuses_is_recorded_with_its_name() {
    let (audit, records) = Records::new();
    let audited = sandbox_of(policy().manage_tasks(true)).add_observer("prlimit64", audit).unwrap();
    let limit = |id: i32| calls! { prlimit64(id, libc::RLIMIT_CPU, 0, [0u8; 16]) };
    assert_eq!(lines(&audited, &limit(1)).pop().unwrap(), "prlimit64 EPERM");
    let record = records.last();
    let told = ["verdict", "by", "errno"].map(|key| record[key].clone());
    assert_eq!(told, ["refused", "tasks", "EPERM"]);
    assert_eq!(lines(&audited, &limit(0)).pop().unwrap(), "prlimit64 ok 0");
    assert_eq!(records.last()["verdict"], "continue");
}

/// The numbers behind `who ok` in what the guest printed.
fn number(printed: &str, who: &str) -> u64 {
    let begin = format!("{who} ok ");
    printed.lines().find_map(|line| line.strip_prefix(&begin)).unwrap().parse().unwrap()
}

#[test]
fn threads_are_told_apart_and_have_the_process_they_belong_to() {
    let (audit, records) = Records::new();
    let audited = sandbox().add_observer("getppid", audit).unwrap();
    let call = libc::SYS_getppid.to_string();
    let printed = prints(&audited, &["thread-calls", call.as_str()]);
    let [first, second] = ["first", "second"].map(|who| number(&printed, who));
    let seen = |record: &Value| ["pid", "tid"].map(|key| record[key].as_u64().unwrap());
    let seen: Vec<_> = records.take().iter().map(seen).collect();
    assert_eq!(seen, [[first, first], [first, second]]);
}

#[test]
fn every_member_of_a_tree_is_recorded_as_itself() {
    let (audit, records) = Records::new();
    let audited = sandbox().add_observer("getppid", audit).unwrap();
    let call = libc::SYS_getppid.to_string();
    // Twice: what is known of threads is of those that there were.
    for _ in 0..2 {
        prints(&audited, &["family-of-calls", call.as_str()]);
        let records = records.take();
        let ids =
            |record: &Value| (record["pid"].as_u64().unwrap(), record["tid"].as_u64().unwrap());
        let ids: Vec<_> = records.iter().map(ids).collect();
        let [process, fork, thread, program] = ids[..] else { panic!("{ids:?}") };
        for (pid, tid) in [process, fork, program] {
            assert_eq!(pid, tid, "{ids:?}");
        }
        assert_eq!(thread.0, fork.0, "{ids:?}");
        assert_eq!(ids.iter().map(|(_, tid)| tid).collect::<BTreeSet<_>>().len(), 4, "{ids:?}");
    }
}

#[test]
fn the_call_that_executes_the_program_is_the_first_one() {
    let (audit, records) = Records::new();
    let audited = sandbox().add_observer("execve", audit).unwrap();
    let child = audited.spawn([GUEST, "exit", "0"]).unwrap();
    let id = u64::from(child.id());
    assert!(child.wait().unwrap().success());
    let record = records.take().remove(0);
    assert_eq!([&record["pid"], &record["tid"]], [&json!(id), &json!(id)]);
    assert_eq!(record["args"]["paths"], json!([{"arg": 0, "path": GUEST, "resolved": GUEST}]));
}

#[test]
fn one_audit_serves_many_calls_and_records_each_once() {
    let (audit, records) = Records::new();
    let audited = sandbox()
        .add_observer("getppid", audit.clone())
        .unwrap()
        .add_observer("getppid", audit.clone().sandbox_name("again"))
        .unwrap()
        .add_observer("uname", audit)
        .unwrap();
    lines(&audited, &getppid(2).then("uname", &[0.into()]).then("getppid", &[]));
    let names: Vec<Value> = records.take().iter().map(|record| record["syscall"].clone()).collect();
    assert_eq!(names, ["getppid", "getppid", "uname", "getppid"]);
}

#[test]
fn clones_tell_the_sandboxes_of_one_sink_apart() {
    let (audit, records) = Records::new();
    for name in ["one", "two"] {
        let named = audit.clone().sandbox_name(name);
        lines(&sandbox().add_observer("getppid", named).unwrap(), &getppid(1));
    }
    lines(&sandbox().add_observer("getppid", audit).unwrap(), &getppid(1));
    let names: Vec<Value> = records.take().iter().map(|record| record["sandbox"].clone()).collect();
    assert_eq!(names, [json!("one"), json!("two"), Value::Null]);
}

#[test]
fn many_programs_at_the_same_time_lose_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = Audit::to_file(&file).unwrap();
    let audited = sandbox().add_observer("getppid", audit.clone()).unwrap();
    let launch = Launch::new([GUEST]).args(getppid(50).action("calls"));
    for output in audited.run_all(vec![launch; 16], 4) {
        assert!(output.unwrap().success());
    }
    let records = parsed(&file);
    let processes: BTreeSet<u64> =
        records.iter().map(|record| record["pid"].as_u64().unwrap()).collect();
    assert_eq!((records.len(), processes.len(), audit.dropped()), (16 * 50, 16, 0));
}

#[test]
fn calls_that_wait_in_a_pool_are_recorded_when_they_are_answered() {
    const WAIT: Duration = Duration::from_millis(20);
    let (audit, records) = Records::new();
    let waiting = |_: &HandlerCtx<'_>| {
        std::thread::sleep(WAIT);
        NotifAction::ReturnValue(1)
    };
    let pooled = HandlerOptions::new().name("pool").pooled(Duration::from_secs(60));
    let audited = sandbox()
        .add_observer("getppid", audit)
        .unwrap()
        .add_handler_with("getppid", waiting, pooled)
        .unwrap();
    let call = libc::SYS_getppid.to_string();
    assert_eq!(prints(&audited, &["crowd", "40", call.as_str()]), "crowd ok 40");
    let records = records.take();
    let threads: BTreeSet<u64> =
        records.iter().map(|record| record["tid"].as_u64().unwrap()).collect();
    assert_eq!((records.len(), threads.len()), (40, 40));
    for record in records {
        assert_eq!((&record["verdict"], &record["by"]), (&json!("answered"), &json!("pool")));
        assert!(u128::from(record["decision_ns"].as_u64().unwrap()) >= WAIT.as_nanos(), "{record}");
    }
}

#[test]
fn calls_that_are_refused_because_nobody_answered_in_time_are_recorded() {
    let (audit, records) = Records::new();
    let gate = Gate::default();
    let waiting = gate.clone();
    let late = move |_: &HandlerCtx<'_>| {
        waiting.pass();
        NotifAction::ReturnValue(1)
    };
    let pooled = HandlerOptions::new().name("late").pooled(Duration::from_millis(20));
    let audited = sandbox()
        .add_observer("getppid", audit)
        .unwrap()
        .add_handler_with("getppid", late, pooled)
        .unwrap();
    assert_eq!(lines(&audited, &getppid(1)), ["getppid EPERM"]);
    gate.open();
    let record = records.last();
    let told = ["verdict", "by", "errno"].map(|key| record[key].clone());
    assert_eq!(told, ["refused", "late", "EPERM"]);
}

/// The program is asked for what it printed, so it has run to its end.
fn expect_undisturbed(sandbox: &Sandbox, calls: usize) {
    let begun = Instant::now();
    assert_eq!(lines(sandbox, &getppid(calls)).len(), calls);
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_reader_that_does_not_read_disturbs_nobody_and_gets_everything_later() {
    let (reader, pipe) = std::io::pipe().unwrap();
    let audit = Audit::to_fd(pipe.into()).unwrap();
    let audited = sandbox().add_observer("getppid", audit.clone()).unwrap();
    // The pipe takes 64 KiB, and a record has more than 200 bytes.
    expect_undisturbed(&audited, 600);
    // Now it is full.
    expect_undisturbed(&audited, 600);
    assert_eq!((audit.dropped(), audit.write_error()), (0, None));
    let read = std::thread::spawn(move || BufReader::new(reader).lines().count());
    drop((audited, audit));
    assert_eq!(read.join().unwrap(), 1200);
}

#[test]
fn what_a_slow_reader_loses_is_counted_in_the_stream_and_on_the_audit() {
    const CALLS: u64 = 60_000;
    let (reader, pipe) = std::io::pipe().unwrap();
    let (audit, count) = (Audit::to_fd(pipe.into()).unwrap(), Count::new());
    let audited = sandbox()
        .add_observer("getppid", audit.clone())
        .unwrap()
        .add_observer("getppid", count.clone())
        .unwrap();
    let call = libc::SYS_getppid.to_string();
    let printed = prints(&audited, &["beside", &call, &call, &CALLS.to_string()]);
    assert!(printed.contains(&format!("fast ok {CALLS}")), "{printed}");
    let counted: u64 = count.counts().values().flat_map(|counts| counts.values()).sum();
    assert_eq!(counted, CALLS + 1);
    let dropped = audit.dropped();
    assert!((1..CALLS).contains(&dropped), "{dropped}");
    let read = std::thread::spawn(move || {
        let lines = BufReader::new(reader).lines();
        let told = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let told: Vec<Option<u64>> = told.map(|value| value["dropped"].as_u64()).collect();
        let records = told.iter().filter(|told| told.is_none()).count() as u64;
        (records, told.into_iter().flatten().sum::<u64>())
    });
    drop((audited, audit));
    assert_eq!(read.join().unwrap(), (counted - dropped, dropped));
}

#[test]
fn a_full_disk_disturbs_nobody_and_is_told_once() {
    let full = Audit::to_file("/dev/full").unwrap();
    let audited = sandbox().add_observer("getppid", full.clone()).unwrap();
    for runs in 1..=2 {
        expect_undisturbed(&audited, 5);
        assert_eq!(full.dropped(), 5 * runs);
        assert_eq!(full.write_error().unwrap().errno(), Some(libc::ENOSPC));
    }
    // The twin: where there is room.
    let roomy = Audit::to_file("/dev/null").unwrap();
    expect_undisturbed(&sandbox().add_observer("getppid", roomy.clone()).unwrap(), 5);
    assert_eq!((roomy.dropped(), roomy.write_error()), (0, None));
}

static SIGNALS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

extern "C" fn count_signal(_: i32) {
    SIGNALS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
}

#[test]
fn a_reader_that_has_gone_is_an_error_and_no_signal() {
    if !alone(here!()) {
        return;
    }
    // SAFETY: the handler counts in an atomic.
    unsafe { libc::signal(libc::SIGPIPE, count_signal as *const () as usize) };
    let (reader, pipe) = std::io::pipe().unwrap();
    let pipe = OwnedFd::from(pipe);
    let again = std::fs::File::from(pipe.try_clone().unwrap());
    drop(reader);
    let audit = Audit::to_fd(pipe).unwrap();
    let audited = sandbox().add_observer("getppid", audit.clone()).unwrap();
    for runs in 1..=3 {
        expect_undisturbed(&audited, 5);
        assert_eq!(audit.dropped(), 5 * runs);
        assert_eq!(audit.write_error().unwrap().errno(), Some(libc::EPIPE));
    }
    assert_eq!(SIGNALS.load(std::sync::atomic::Ordering::SeqCst), 0);
    // The twin: the signal would come.
    std::io::Write::write_all(&mut &again, b"x").unwrap_err();
    assert_eq!(SIGNALS.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[test]
fn a_callback_that_panics_disturbs_nobody() {
    let audit = Audit::to_callback(|_: &[u8]| panic!("for this test"));
    let audited = sandbox().add_observer("getppid", audit.clone()).unwrap();
    expect_undisturbed(&audited, 3);
    assert_eq!(audit.dropped(), 3);
    assert!(audit.write_error().unwrap().to_string().contains("for this test"));
}

#[test]
fn what_cannot_be_written_to_is_an_error_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let error = Audit::to_file(folder.path().join("missing/audit")).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (sandlock::ErrorKind::Io, Some(libc::ENOENT)));
    let reader = std::io::pipe().unwrap().0;
    let error = Audit::to_fd(reader.into()).unwrap_err();
    assert_eq!(error.kind(), sandlock::ErrorKind::Argument, "{error}");
    assert!(Audit::to_file(folder.path().join("audit")).is_ok());
}

#[test]
fn killed_and_timed_out_programs_leave_whole_records() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = Audit::to_file(&file).unwrap();
    let audited = sandbox().add_observer("getppid", audit).unwrap();
    let call = libc::SYS_getppid.to_string();
    // It ends by its time.
    let launch = Launch::new([GUEST, "beside", &call, &call, "100000000"]);
    let output = audited.run(launch.timeout(Duration::from_millis(300))).unwrap();
    assert_eq!(output.reason(), Reason::Timeout);
    let records = parsed(&file);
    assert!(records.len() > 1, "{}", records.len());
}

#[test]
fn threads_are_there_while_there_is_something_to_write_alone() {
    if !alone(here!()) {
        return;
    }
    let begun = Census::take();
    let gate = Gate::default();
    let waiting = gate.clone();
    let folder = tempfile::tempdir().unwrap();
    let file = Audit::to_file(folder.path().join("audit")).unwrap();
    let stuck = Audit::to_callback(move |_: &[u8]| waiting.pass());
    let filed = sandbox().add_observer("getppid", file.clone()).unwrap();
    let waits = sandbox().add_observer("getppid", stuck.clone()).unwrap();
    lines(&filed, &getppid(1));
    lines(&waits, &calls! { getuid() });
    let before = begun.with_descriptors_of(&Census::take());
    before.expect_again();
    for _ in 0..100 {
        lines(&filed, &getppid(1));
        lines(&waits, &calls! { getuid() });
    }
    before.expect_again();
    // The twin: one that still has something to write is seen.
    lines(&waits, &getppid(1));
    let busy = Census::take();
    assert_eq!(busy.threads(), before.threads() + 1);
    gate.open();
    before.expect_again();
}

/// Where a thread of the first process writes, and others could hold its locks.
#[test]
fn an_audit_goes_on_in_a_process_that_is_forked_while_it_writes() {
    if !alone(here!()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("theirs");
    let (gate, first) = (Gate::default(), std::process::id());
    let (waiting, theirs) = (gate.clone(), file.clone());
    let audit = Audit::to_callback(move |record: &[u8]| match std::process::id() == first {
        true => waiting.pass(),
        false => {
            let mut options = std::fs::File::options();
            let mut file = options.append(true).create(true).open(&theirs).unwrap();
            std::io::Write::write_all(&mut file, &[record, b"\n"].concat()).unwrap();
        }
    });
    let audited = sandbox().add_observer("getppid", audit.clone()).unwrap();
    // The thread waits from here on.
    expect_undisturbed(&audited, 2);
    // SAFETY: no other thread of this process has a lock that is used below.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let output = audited.run(Launch::new([GUEST]).args(getppid(3).action("calls")));
        let is_well = output.is_ok_and(|output| output.success()) && audit.dropped() == 0;
        // SAFETY: ends this process alone.
        unsafe { libc::_exit(if is_well { 0 } else { 1 }) };
    }
    let mut status = -1;
    // SAFETY: a child of this process.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(parsed(&file).len(), 3);
    gate.open();
    expect_undisturbed(&audited, 1);
    assert_eq!(audit.dropped(), 0);
}

#[test]
fn a_descriptor_is_closed_when_nobody_can_write_to_it_any_more() {
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let audit = Audit::to_fd(pipe.into()).unwrap();
    let audited = sandbox().add_observer("getppid", audit).unwrap();
    lines(&audited, &getppid(2));
    let copy = Arc::new(audited.clone());
    drop(audited);
    lines(&copy, &getppid(1));
    drop(copy);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    assert_eq!(text.lines().count(), 3);
}
