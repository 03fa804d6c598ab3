//! One record: what is noted of a call, and the line that it becomes.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use serde::{Serialize, Serializer};

use super::clock::{Moment, monotonic};
use super::text::escaped;
use crate::handler::context::tidied;
use crate::handler::{HandlerCtx, Outcome, TaskError, Verdict};
use crate::syscall::{Begin, Syscall};

/// The version of the records' form.
const VERSION: u32 = 1;

/// What was seen of a call before anybody decided, while its task waited.
#[derive(Debug)]
pub(super) struct Seen {
    time: Moment,
    begun: u64,
    sandbox: Option<Arc<str>>,
    process: Option<u32>,
    thread: u32,
    syscall: Syscall,
    raw: [u64; 6],
    paths: Vec<PathArg>,
}

/// A path among the arguments.
#[derive(Debug)]
struct PathArg {
    argument: usize,
    /// The bytes as the task gave them, or the error number of reading them.
    text: Result<PathBuf, i32>,
    /// The directory that it is relative to, where it is.
    base: Option<PathBuf>,
}

/// A call and what became of it.
#[derive(Debug)]
pub(super) struct Record {
    seen: Box<Seen>,
    outcome: Outcome,
    by: Box<str>,
    decision: u64,
}

impl Seen {
    pub(super) fn new(
        cx: &HandlerCtx<'_>,
        sandbox: Option<Arc<str>>,
        process: Option<u32>,
    ) -> Seen {
        Seen {
            time: Moment::now(),
            begun: monotonic(),
            sandbox,
            process,
            thread: cx.pid(),
            syscall: cx.syscall(),
            raw: cx.args(),
            paths: cx.syscall().paths().map(|path| PathArg::read(cx, path)).collect(),
        }
    }
}

impl PathArg {
    fn read(cx: &HandlerCtx<'_>, (argument, begin): (usize, Begin)) -> PathArg {
        let text = cx.path_arg(argument);
        let base = match &text {
            Ok(path) if !path.is_absolute() => base(cx, begin),
            _ => None,
        };
        PathArg { argument, text: text.map_err(|error| errno_of(&error)), base }
    }

    /// The path from the task's root on, without what leads nowhere; `None` where it is not known from
    /// where it goes.
    fn resolved(&self) -> Option<PathBuf> {
        match (&self.text, &self.base) {
            (Ok(path), _) if path.is_absolute() => Some(tidied(path)),
            (Ok(path), Some(base)) => Some(tidied(&base.join(path))),
            _ => None,
        }
    }

    fn bytes(&self) -> usize {
        let text = self.text.as_ref().map_or(0, |path| path.capacity());
        size_of::<PathArg>() + text + self.base.as_ref().map_or(0, |base| base.capacity())
    }
}

fn base(cx: &HandlerCtx<'_>, begin: Begin) -> Option<PathBuf> {
    let directory = match begin {
        Begin::Cwd => libc::AT_FDCWD,
        Begin::At(argument) => *cx.args().get(argument)? as i32,
        Begin::Nowhere => return None,
    };
    cx.directory_name(directory).ok()
}

/// Why a path could not be read.
fn errno_of(error: &TaskError) -> i32 {
    match error {
        TaskError::Gone => libc::ESRCH,
        TaskError::Failed { errno, .. } => *errno,
        error => error.errno(),
    }
}

impl Record {
    pub(super) fn new(seen: Box<Seen>, verdict: &Verdict<'_>) -> Record {
        let decision = monotonic().saturating_sub(seen.begun);
        Record { seen, outcome: verdict.outcome, by: verdict.by.into(), decision }
    }

    /// How much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let paths: usize = self.seen.paths.iter().map(PathArg::bytes).sum();
        size_of::<Record>() + size_of::<Seen>() + self.by.len() + paths
    }

    /// Puts its line behind `lines`, without a line end.
    pub(super) fn write_to(&self, lines: &mut Vec<u8>) -> serde_json::Result<()> {
        let Record { seen, outcome, by, decision } = self;
        let line = Line {
            v: VERSION,
            time: seen.time,
            mono_ns: seen.begun,
            sandbox: seen.sandbox.as_deref(),
            pid: seen.process,
            tid: seen.thread,
            syscall: seen.syscall.name(),
            nr: seen.syscall.nr(),
            args: Args { paths: &seen.paths },
            raw: seen.raw,
            verdict: outcome.name(),
            by,
            errno: match outcome {
                Outcome::Refused(errno) => Some(ErrnoName(*errno)),
                _ => None,
            },
            decision_ns: *decision,
        };
        serde_json::to_writer(lines, &line)
    }
}

/// Puts a line about lost records behind `lines`, without a line end.
pub(super) fn write_dropped_to(lines: &mut Vec<u8>, dropped: u64) -> serde_json::Result<()> {
    serde_json::to_writer(lines, &Dropped { v: VERSION, dropped })
}

#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    #[serde(serialize_with = "displayed")]
    time: Moment,
    mono_ns: u64,
    sandbox: Option<&'a str>,
    pid: Option<u32>,
    tid: u32,
    syscall: &'a str,
    nr: u32,
    args: Args<'a>,
    raw: [u64; 6],
    verdict: &'a str,
    by: &'a str,
    errno: Option<ErrnoName>,
    decision_ns: u64,
}

#[derive(Serialize)]
struct Args<'a> {
    paths: &'a [PathArg],
}

#[derive(Serialize)]
struct Dropped {
    v: u32,
    dropped: u64,
}

fn displayed<S: Serializer>(
    shown: &impl std::fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shown)
}

impl Serialize for PathArg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            arg: usize,
            path: Option<Escaped<'a>>,
            resolved: Option<Escaped<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            errno: Option<ErrnoName>,
        }
        let resolved = self.resolved();
        let shown = Shown {
            arg: self.argument,
            path: self.text.as_deref().ok().map(Escaped),
            resolved: resolved.as_deref().map(Escaped),
            errno: self.text.as_ref().err().map(|errno| ErrnoName(*errno)),
        };
        shown.serialize(serializer)
    }
}

/// A path as text.
struct Escaped<'a>(&'a Path);

impl Serialize for Escaped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&escaped(self.0.as_os_str().as_bytes()))
    }
}

/// An error number by its name; one that has none as digits.
struct ErrnoName(i32);

impl Serialize for ErrnoName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match Errno::from_raw(self.0) {
            Errno::UnknownErrno => serializer.collect_str(&self.0),
            errno => serializer.collect_str(&format_args!("{errno:?}")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    /// The bytes of a path, and its directory.
    type Given<'a> = (&'a [u8], Option<&'a str>);

    fn given(argument: usize, (path, base): Given<'_>) -> PathArg {
        let text = Ok(std::ffi::OsString::from_vec(path.to_vec()).into());
        PathArg { argument, text, base: base.map(PathBuf::from) }
    }

    fn record(outcome: Outcome, paths: Vec<PathArg>) -> Record {
        let seen = Seen {
            time: Moment::EPOCH,
            begun: 81,
            sandbox: Some("job".into()),
            process: Some(41),
            thread: 42,
            syscall: Syscall::OPENAT,
            raw: [u64::MAX, 2, 3, 4, 5, 6],
            paths,
        };
        Record { seen: Box::new(seen), outcome, by: "policy".into(), decision: 7 }
    }

    /// One of many.
    pub(in super::super) fn sample() -> Record {
        record(Outcome::Continue, vec![given(1, (b"/usr", None))])
    }

    fn line(record: &Record) -> String {
        let mut line = Vec::new();
        record.write_to(&mut line).unwrap();
        String::from_utf8(line).unwrap()
    }

    fn value(record: &Record) -> serde_json::Value {
        serde_json::from_str(&line(record)).unwrap()
    }

    #[test]
    fn a_record_is_one_line_with_its_keys_in_order() {
        let expected = concat!(
            r#"{"v":1,"time":"1970-01-01T00:00:00.000000000Z","mono_ns":81,"sandbox":"job","pid":41,"#,
            r#""tid":42,"syscall":"openat","nr":NR,"args":{"paths":[{"arg":1,"path":"/usr","#,
            r#""resolved":"/usr"}]},"raw":[18446744073709551615,2,3,4,5,6],"verdict":"continue","#,
            r#""by":"policy","errno":null,"decision_ns":7}"#,
        );
        assert_eq!(line(&sample()), expected.replace("NR", &libc::SYS_openat.to_string()));
    }

    #[test]
    fn verdicts_have_their_words_and_refusals_their_errors() {
        let cases = [
            (Outcome::Continue, "continue", serde_json::Value::Null),
            (Outcome::Refused(libc::EACCES), "refused", "EACCES".into()),
            (Outcome::Refused(libc::EAGAIN), "refused", "EAGAIN".into()),
            (Outcome::Refused(4000), "refused", "4000".into()),
            (Outcome::Answered(-13), "answered", serde_json::Value::Null),
            (Outcome::Gone, "gone", serde_json::Value::Null),
        ];
        for (outcome, word, errno) in cases {
            let value = value(&record(outcome, Vec::new()));
            assert_eq!((&value["verdict"], &value["errno"]), (&word.into(), &errno));
            assert_eq!(value["args"], serde_json::json!({ "paths": [] }));
        }
    }

    #[test]
    fn paths_are_shown_as_given_and_as_resolved() {
        let cases: [(Given<'_>, &str, Option<&str>); 7] = [
            ((b"/a/./b//../c", None), "/a/./b//../c", Some("/a/c")),
            ((b"c", Some("/a/b")), "c", Some("/a/b/c")),
            ((b"../c", Some("/a/b")), "../c", Some("/a/c")),
            ((b"", Some("/a/b")), "", Some("/a/b")),
            ((b"c", None), "c", None),
            ((b"/\xff\\\n\"", None), "/\\xff\\\\\n\"", Some("/\\xff\\\\\n\"")),
            ((b"x", Some("socket:[7]")), "x", Some("/socket:[7]/x")),
        ];
        for (path, shown, resolved) in cases {
            let line = line(&record(Outcome::Continue, vec![given(3, path)]));
            assert!(!line.contains('\n'), "{line}");
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            let expected = serde_json::json!({ "arg": 3, "path": shown, "resolved": resolved });
            assert_eq!(value["args"]["paths"][0], expected);
        }
    }

    #[test]
    fn a_path_that_could_not_be_read_says_why() {
        for (errno, name) in [(libc::EFAULT, "EFAULT"), (libc::ENAMETOOLONG, "ENAMETOOLONG")] {
            let unread = PathArg { argument: 0, text: Err(errno), base: None };
            let value = value(&record(Outcome::Continue, vec![unread]));
            let expected =
                serde_json::json!({ "arg": 0, "path": null, "resolved": null, "errno": name });
            assert_eq!(value["args"]["paths"][0], expected);
        }
        let unmapped = TaskError::Unmapped { address: 8, done: 0 };
        let failed = TaskError::Failed { call: "read".to_owned(), errno: libc::EIO };
        assert_eq!(errno_of(&unmapped), libc::EFAULT);
        assert_eq!(errno_of(&failed), libc::EIO);
        assert_eq!(errno_of(&TaskError::Gone), libc::ESRCH);
        assert_eq!(errno_of(&TaskError::TooLong { limit: 4096 }), libc::ENAMETOOLONG);
    }

    #[test]
    fn what_was_not_known_is_null() {
        let mut unknown = sample();
        unknown.seen.process = None;
        unknown.seen.sandbox = None;
        let value = value(&unknown);
        assert!(value["pid"].is_null() && value["sandbox"].is_null());
    }

    #[test]
    fn a_record_of_dropped_ones_has_their_number() {
        let mut line = Vec::new();
        write_dropped_to(&mut line, 17).unwrap();
        assert_eq!(line, br#"{"v":1,"dropped":17}"#);
    }

    #[test]
    fn longer_paths_take_more_room() {
        let with = |path: &[u8]| record(Outcome::Continue, vec![given(1, (path, None))]).bytes();
        assert!(with(&[b'x'; 4000]) >= with(b"x") + 3900);
    }
}
