//! Recording calls.

mod clock;
mod queue;
mod record;
mod sink;
mod text;
mod waiting;
mod writer;

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use self::record::{Record, Seen};
use self::sink::Sink;
use self::waiting::Waiting;
use self::writer::Writer;
use crate::error::{Error, Result};
use crate::handler::{HandlerCtx, Observer, Verdict};

/// An observer that records: one JSON object for each call, on a line of its own, to a file, a
/// descriptor or a function.
///
/// ```json
/// {"v":1,"time":"2026-01-31T12:00:00.123456789Z","mono_ns":81273645,"sandbox":null,"pid":41,"tid":42,
///  "syscall":"openat","nr":257,"args":{"paths":[{"arg":1,"path":"a/../b","resolved":"/tmp/b"}]},
///  "raw":[4294967196,140737488347136,0,0,0,0],"verdict":"continue","by":"policy","errno":null,
///  "decision_ns":4211}
/// ```
///
/// | key | what it is |
/// |---|---|
/// | `v` | the version of this form, 1; later ones may add keys |
/// | `time`, `mono_ns` | when the call was seen: RFC 3339 in UTC, and nanoseconds of CLOCK_MONOTONIC |
/// | `sandbox` | [`sandbox_name`](Audit::sandbox_name), or null |
/// | `pid`, `tid` | process and thread that made it, as the host numbers them; `pid` is null where the thread had ended before its process was looked up |
/// | `syscall`, `nr` | the call by name and number |
/// | `args` | `paths`: for each argument that [is a path](crate::Syscall::path_args) its index `arg`, its text `path`, and `resolved`: what that is from the task's root on, links not followed, null where it is not known. Where it could not be read, `path` is null and `errno` the name of the error |
/// | `raw` | the six arguments as the registers have them; a call looks at no more than it takes |
/// | `verdict`, `by` | the [name](crate::Outcome::name) of what became of it, and who decided |
/// | `errno` | the name of the error number that it was refused with, or null; digits where there is no name |
/// | `decision_ns` | the time between the moment it was seen and the moment it had been answered |
///
/// In `path` and `resolved` a byte that is no UTF-8 is `\x` and two hexadecimal digits, and a backslash
/// is two (which JSON doubles once more), so that every path can be had back.
///
/// **The program never waits for the sink.** Records wait in a queue, at most 32,768 of them and 16 MiB,
/// for a thread that is there only while there is something to write. What finds no room, or cannot be
/// written, is dropped; as soon as there is room, a record `{"v":1,"dropped":n}` says how many were lost
/// in its place. [`dropped`](Audit::dropped) and [`write_error`](Audit::write_error) say so too. When a
/// run returns, its records are written, but for those of pooled handlers that still run; a sink
/// that takes nothing holds it up for at most a second.
///
/// Clones write to the same sink through the same queue: register one for each call that is to be
/// recorded. A call is recorded once, however many clones are registered for it. In a process that is
/// forked, an audit goes on with a queue of its own.
///
/// *Watches* what the program attempts, also what is refused by a handler or a built-in.
///
/// *Does not hold against* a program that means to deceive: paths are what its memory had when the call
/// was seen, and another thread can exchange them before the kernel reads them. What the policy refuses
/// in the kernel is not seen, and neither is what Landlock says to a call that was let through: that is
/// `continue`. A program that can write to the file, or exchange it, can forge records: let it lie where
/// the policy grants nothing.
///
/// # Examples
///
/// ```
/// use sandlock::{Audit, Policy, Sandbox};
///
/// let folder = tempfile::tempdir().expect("a folder");
/// let file = folder.path().join("audit.jsonl");
/// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
/// let audit = Audit::to_file(&file)?.sandbox_name("job 1");
/// let sandbox = Sandbox::new(policy)?.add_observer("openat", audit.clone())?;
/// assert!(!sandbox.run(["cat", "/etc/hostname"])?.success());
///
/// let records = std::fs::read_to_string(&file).expect("records");
/// assert!(records.contains(r#""path":"/etc/hostname","resolved":"/etc/hostname""#));
/// assert_eq!(audit.dropped(), 0);
/// # Ok::<(), sandlock::Error>(())
/// ```
#[derive(Clone)]
pub struct Audit {
    sandbox: Option<Arc<str>>,
    log: Arc<Log>,
}

/// What clones share.
struct Log {
    sink: Arc<Sink>,
    /// Exchanged in a process that was forked: the threads that hold locks of this one, and its writer,
    /// are not there.
    live: ArcSwap<Live>,
}

/// An audit's state in one process.
struct Live {
    process: u32,
    waiting: Waiting,
    writer: Arc<Writer>,
}

impl Audit {
    /// Records go to the end of this file, which is made for its owner alone (0600) if it is not there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where it cannot be opened; ENXIO for a named pipe that
    /// nobody reads.
    pub fn to_file(path: impl AsRef<Path>) -> Result<Audit> {
        Ok(Audit::new(Sink::file(path.as_ref())?))
    }

    /// Records go to this descriptor, which is closed when the last clone and the last sandbox that it
    /// is registered on are gone. One that does not block (O_NONBLOCK) is waited for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Argument`](crate::ErrorKind::Argument) where it is not open for writing;
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where it is not open at all.
    pub fn to_fd(fd: OwnedFd) -> Result<Audit> {
        Ok(Audit::new(Sink::descriptor(fd)?))
    }

    /// Each record is given to `callback`, without a line end, by a thread of the library, one after
    /// the other and soon after its call. A record whose callback panics counts as dropped.
    ///
    /// A callback that waits for a run with the same audit holds up that run's end, for a second.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use sandlock::{Audit, Policy, Sandbox};
    ///
    /// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
    /// let records = Arc::new(Mutex::new(Vec::new()));
    /// let seen = records.clone();
    /// let audit = Audit::to_callback(move |record: &[u8]| seen.lock().unwrap().push(record.to_vec()));
    /// assert!(Sandbox::new(policy)?.add_observer("uname", audit)?.run(["uname"])?.success());
    /// assert!(records.lock().unwrap()[0].starts_with(br#"{"v":1,"time":""#));
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn to_callback(callback: impl Fn(&[u8]) + Send + Sync + 'static) -> Audit {
        Audit::new(Sink::Callback(Box::new(callback)))
    }

    fn new(sink: Sink) -> Audit {
        let sink = Arc::new(sink);
        let live = ArcSwap::from_pointee(Live::new(&sink));
        Audit { sandbox: None, log: Arc::new(Log { sink, live }) }
    }

    /// What the records of this clone have as `sandbox`: to tell the sandboxes of one sink apart.
    pub fn sandbox_name(mut self, name: impl Into<String>) -> Audit {
        self.sandbox = Some(name.into().into());
        self
    }

    /// How many records were lost so far, because the sink was too slow or failed.
    pub fn dropped(&self) -> u64 {
        self.log.live().writer.dropped()
    }

    /// The first error of the sink, if there was one. Later records are tried nevertheless.
    pub fn write_error(&self) -> Option<Error> {
        self.log.live().writer.error()
    }
}

impl Log {
    /// The state of this process.
    fn live(&self) -> Guard<Arc<Live>> {
        let live = self.live.load();
        if live.process == std::process::id() {
            return live;
        }
        // Never freed: it is that of threads which are not here.
        std::mem::forget(Arc::clone(&live));
        self.live.compare_and_swap(&live, Arc::new(Live::new(&self.sink)));
        self.live.load()
    }
}

impl Live {
    fn new(sink: &Arc<Sink>) -> Live {
        Live {
            process: std::process::id(),
            waiting: Waiting::default(),
            writer: Arc::new(Writer::new(Arc::clone(sink))),
        }
    }
}

impl Observer for Audit {
    fn call(&self, cx: &HandlerCtx<'_>) {
        let live = self.log.live();
        if !live.waiting.contains(cx) {
            let process = live.waiting.process(cx);
            let seen = Seen::new(cx, self.sandbox.clone(), process);
            live.waiting.put(cx, Box::new(seen));
        }
    }

    fn verdict(&self, cx: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        // A thread that has seen the call is in the same process still.
        let live = self.log.live.load();
        if let Some(seen) = live.waiting.take(cx) {
            live.writer.add(Record::new(seen, verdict));
        }
    }

    fn ended(&self) {
        self.log.live().writer.flush();
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Audit");
        shown.field("sandbox", &self.sandbox).field("dropped", &self.dropped());
        shown.finish_non_exhaustive()
    }
}
