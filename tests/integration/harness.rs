//! What tests share: the guest program, policies that let it run, what a machine may lack.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sandlock::{Launch, Output, Policy, PolicyBuilder, Sandbox};

/// The path of the guest program.
pub(crate) const GUEST: &str = env!("CARGO_BIN_EXE_guest");

/// Names the process that [`again`] started.
const AGAIN: &str = "SANDLOCK_TEST_AGAIN";

/// A policy under which the guest can start, and nothing else.
pub(crate) fn policy() -> PolicyBuilder {
    reads_guest().timeout(Duration::from_secs(60))
}

/// Grants what the guest needs to start.
pub(crate) fn reads_guest() -> PolicyBuilder {
    Policy::builder()
        .fs_read(GUEST)
        .fs_read("/usr")
        .fs_read_if_exists("/lib")
        .fs_read_if_exists("/lib64")
        .fs_read_if_exists("/etc/ld.so.cache")
}

/// Runs the guest under `policy`.
pub(crate) fn run(policy: PolicyBuilder, action: &[impl AsRef<OsStr>]) -> Output {
    let sandbox = Sandbox::new(policy.build().unwrap()).unwrap();
    sandbox.run(Launch::new([GUEST]).args(action)).unwrap()
}

/// What the guest printed under `policy`, without the last line end.
pub(crate) fn says(policy: PolicyBuilder, action: &[impl AsRef<OsStr>]) -> String {
    let output = run(policy, action);
    let printed = String::from_utf8_lossy(output.stdout());
    assert!(output.success(), "{}: {output:?} {printed}", line(action));
    printed.trim_end().to_owned()
}

/// What the guest prints outside of any sandbox, without the last line end.
pub(crate) fn says_outside(action: &[impl AsRef<OsStr>]) -> String {
    let output = Command::new(GUEST).args(action).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {output:?} {printed}", line(action));
    printed.trim_end().to_owned()
}

fn line(action: &[impl AsRef<OsStr>]) -> String {
    action.iter().fold(String::from("guest"), |mut line, word| {
        write!(line, " {}", word.as_ref().display()).unwrap();
        line
    })
}

/// Runs the calling test, `here!()`, once more, in a process of its own behind a launcher of the
/// guest, and demands that it passes. `None` in that process; otherwise what was printed there.
pub(crate) fn again(test: &str, launcher: &[&str]) -> Option<String> {
    if std::env::var_os(AGAIN).is_some_and(|name| name == test) {
        return None;
    }
    let mut process = Command::new(GUEST)
        .args(launcher)
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(alone_in_its_process(test))
        .env(AGAIN, test)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let printed = read_to_end(process.stdout.take().unwrap());
    let status = process.wait().unwrap();
    // Not the exit status alone: a name that no test has is also a success.
    assert!(status.success() && printed.contains("1 passed"), "{launcher:?} {test}: {printed}");
    Some(printed)
}

/// The arguments with which this program runs `test` and nothing else.
pub(crate) fn alone_in_its_process(test: &str) -> [&str; 4] {
    ["--exact", test, "--nocapture", "--test-threads=1"]
}

/// Waits for `condition`, which must come in time.
pub(crate) fn eventually(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "it has not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sets a flag at its end, also at one by a panic: whoever waits for that must not wait for ever.
pub(crate) struct SetAtEnd<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Everything that comes out of `reader`, whose end must come in time: it comes when the last
/// process that holds the other side is gone.
pub(crate) fn read_to_end(mut reader: impl Read + Send + 'static) -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        sender.send(bytes).unwrap();
    });
    let bytes = receiver.recv_timeout(Duration::from_secs(180)).expect("somebody holds the output");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether this is the process that was started for `test`, `here!()`, alone: what that changes or
/// counts belongs to the whole process. Otherwise runs the test there.
pub(crate) fn alone(test: &str) -> bool {
    again(test, &["plain"]).is_none()
}

/// The name of the calling test, as the test runner has it.
macro_rules! here {
    () => {{
        fn here() {}
        let path = std::any::type_name_of_val(&here);
        let path = path.strip_suffix("::here").unwrap();
        path.split_once("::").unwrap().1
    }};
}

/// Ends a test that this machine cannot run, with one line; with `SANDLOCK_TEST_REQUIRE=all` that
/// is a failure.
macro_rules! require {
    ($condition:expr, $reason:literal) => {
        if !$condition {
            $crate::harness::skip($crate::harness::here!(), $reason, true);
            return;
        }
    };
}

/// Ends a test that only root can run. Never a failure: no setting makes a user root, and `make
/// test` runs everything as both where it can.
macro_rules! require_root {
    () => {
        if !$crate::harness::is_root() {
            $crate::harness::skip($crate::harness::here!(), "needs root", false);
            return;
        }
    };
}

pub(crate) use {here, require, require_root};

/// Says past the test runner's capture, which macros do not get past, that a test did not run.
#[allow(clippy::explicit_write)]
pub(crate) fn skip(test: &str, reason: &str, could_run: bool) {
    let all = std::env::var_os("SANDLOCK_TEST_REQUIRE").is_some_and(|value| value == "all");
    assert!(!(all && could_run), "{test}: {reason}, and SANDLOCK_TEST_REQUIRE=all");
    writeln!(std::io::stderr(), "SKIP {test}: {reason}").unwrap();
}

pub(crate) fn is_root() -> bool {
    // SAFETY: takes nothing.
    unsafe { libc::geteuid() == 0 }
}
