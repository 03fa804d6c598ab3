//! The thread that writes records, and what it found.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::queue::{Attendance, Item, Queue};
use super::record::{Record, write_dropped_to};
use super::sink::Sink;
use crate::error::Error;
use crate::threads::start_deaf;

/// How long the end of a run is held up by a sink that takes nothing.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    sink: Arc<Sink>,
    queue: Queue<Record>,
    /// The first thing that went wrong.
    error: OnceLock<Error>,
}

impl Writer {
    pub(super) fn new(sink: Arc<Sink>) -> Writer {
        Writer { sink, queue: Queue::new(), error: OnceLock::new() }
    }

    pub(super) fn add(self: &Arc<Self>, record: Record) {
        let bytes = record.bytes();
        if self.queue.push(record, bytes) == Attendance::Unattended {
            self.start();
        }
    }

    /// Its signals are all blocked, so that a SIGPIPE of its own reaches nobody.
    fn start(self: &Arc<Self>) {
        let writer = Arc::clone(self);
        match start_deaf(|builder| builder.spawn(move || writer.work())) {
            Ok(thread) => self.queue.attend(thread),
            Err(error) => {
                self.note(error);
                self.queue.abandon();
            }
        }
    }

    fn work(&self) {
        let mut lines = Vec::new();
        while let Some(batch) = self.queue.next() {
            self.write(batch, &mut lines);
        }
    }

    fn write(&self, batch: Vec<Item<Record>>, lines: &mut Vec<u8>) {
        let mut chunk = Vec::new();
        let mut items = batch.into_iter().peekable();
        while let Some(item) = items.next() {
            write_line(&item, lines);
            chunk.push(item);
            if lines.len() >= self.sink.chunk() || items.peek().is_none() {
                self.write_chunk(&chunk, lines);
                chunk.clear();
                lines.clear();
            }
        }
    }

    fn write_chunk(&self, chunk: &[Item<Record>], lines: &[u8]) {
        let written = match self.sink.write(lines) {
            Ok(()) => chunk.len(),
            Err(failure) => {
                self.note(failure.error);
                failure.lines
            }
        };
        self.queue.settle(chunk, written);
    }

    fn note(&self, error: Error) {
        self.error.get_or_init(|| error);
    }

    pub(super) fn flush(&self) {
        self.queue.flush(PATIENCE);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    pub(super) fn error(&self) -> Option<Error> {
        self.error.get().cloned()
    }
}

/// Puts a line behind `lines`. A record that has no form counts as dropped.
fn write_line(item: &Item<Record>, lines: &mut Vec<u8>) {
    let begin = lines.len();
    let formed = match item {
        Item::One { record, .. } => record.write_to(lines),
        Item::Dropped(count) => write_dropped_to(lines, *count),
    };
    if formed.is_err() {
        lines.truncate(begin);
        lines.extend_from_slice(br#"{"v":1,"dropped":1}"#);
    }
    lines.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::fd::OwnedFd;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::super::record::tests::sample;
    use super::*;

    fn writer(sink: Sink) -> Arc<Writer> {
        Arc::new(Writer::new(Arc::new(sink)))
    }

    fn add(writer: &Arc<Writer>, count: u64) {
        (0..count).for_each(|_| writer.add(sample()));
    }

    /// How many records there are among lines, and how many others they say were dropped.
    fn told(lines: impl IntoIterator<Item = String>) -> (u64, u64) {
        let mut told = (0, 0);
        for line in lines {
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            match value["dropped"].as_u64() {
                Some(count) => told.1 += count,
                None => told.0 += 1,
            }
        }
        told
    }

    /// Waits until the thread has nothing left to write, which must come in time.
    fn await_end(writer: &Arc<Writer>) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Arc::strong_count(writer) > 1 {
            assert!(Instant::now() < deadline, "the thread goes on");
            std::thread::yield_now();
        }
    }

    #[test]
    fn everything_is_written_before_a_flush_returns_and_the_thread_is_gone() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&lines);
        let sink = Sink::Callback(Box::new(move |line: &[u8]| {
            taken.lock().unwrap().push(String::from_utf8(line.to_vec()).unwrap());
        }));
        let writer = writer(sink);
        for round in 1..=3 {
            add(&writer, 1000);
            writer.flush();
            assert_eq!(told(lines.lock().unwrap().clone()), (round * 1000, 0));
            assert_eq!(Arc::strong_count(&writer), 1, "a thread has it");
        }
        assert_eq!((writer.dropped(), writer.error()), (0, None));
    }

    #[test]
    fn a_sink_that_takes_nothing_holds_nobody_up_and_what_is_lost_is_counted() {
        const COUNT: u64 = 100_000;
        let (reader, pipe) = std::io::pipe().unwrap();
        let writer = writer(Sink::descriptor(pipe.into()).unwrap());
        let begun = Instant::now();
        add(&writer, COUNT);
        writer.flush();
        writer.flush();
        assert!(begun.elapsed() < Duration::from_secs(30));
        let dropped = writer.dropped();
        assert!((1..COUNT).contains(&dropped), "{dropped}");
        assert_eq!(writer.error(), None);
        // When somebody reads again, nothing is lost any more, and the number of those that were is told.
        let lines = std::thread::spawn(move || {
            let lines = BufReader::new(reader).lines();
            told(lines.map(Result::unwrap))
        });
        await_end(&writer);
        add(&writer, 10);
        writer.flush();
        assert_eq!(writer.dropped(), dropped);
        drop(writer);
        assert_eq!(lines.join().unwrap(), (COUNT + 10 - dropped, dropped));
    }

    #[test]
    fn a_dead_sink_drops_everything_and_says_why_once() {
        let (reader, pipe) = std::io::pipe().unwrap();
        drop(reader);
        let writer = writer(Sink::descriptor(OwnedFd::from(pipe)).unwrap());
        for round in 1..=3 {
            add(&writer, 100);
            writer.flush();
            assert_eq!(writer.dropped(), round * 100);
            assert_eq!(writer.error().unwrap().errno(), Some(libc::EPIPE));
        }
    }

    #[test]
    fn a_record_whose_callback_panics_is_dropped_and_the_next_one_tells() {
        let (tell, told_lines) = channel();
        let calls = std::sync::atomic::AtomicU64::new(0);
        let sink = Sink::Callback(Box::new(move |line: &[u8]| {
            let call = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            assert_ne!(call, 0, "at the first one");
            tell.send(String::from_utf8(line.to_vec()).unwrap()).unwrap();
        }));
        let writer = writer(sink);
        add(&writer, 1);
        writer.flush();
        assert_eq!(writer.dropped(), 1);
        assert!(writer.error().unwrap().to_string().contains("at the first one"));
        add(&writer, 2);
        writer.flush();
        drop(writer);
        let lines: Vec<String> = told_lines.iter().collect();
        assert_eq!(lines[0], r#"{"v":1,"dropped":1}"#);
        assert_eq!(told(lines), (2, 1));
    }

    #[test]
    fn a_callback_that_never_returns_holds_a_flush_up_for_a_second() {
        let (release, released) = channel::<()>();
        let released = Mutex::new(released);
        let sink = Sink::Callback(Box::new(move |_: &[u8]| {
            released.lock().unwrap().recv().ok();
        }));
        let writer = writer(sink);
        add(&writer, 3);
        let begun = Instant::now();
        writer.flush();
        assert!(begun.elapsed() >= PATIENCE && begun.elapsed() < 30 * PATIENCE);
        assert_eq!(writer.dropped(), 0);
        drop(release);
        await_end(&writer);
        assert_eq!((writer.dropped(), writer.error()), (0, None));
    }
}
