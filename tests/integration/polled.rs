//! Runs that the caller's own loop drives.

mod ends;
mod handlers;
mod leftovers;
mod starts;
mod streams;
mod wake_ups;

use std::io::{PipeReader, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use sandlock::{Launch, Output, Polled, Result, Sandbox};

use crate::harness::{GUEST, policy};

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn sandbox() -> Sandbox {
    Sandbox::new(policy().build().unwrap()).unwrap()
}

fn launch(action: &[&str]) -> Launch {
    Launch::new([&[GUEST], action].concat())
}

fn script(text: &str) -> Launch {
    Launch::new(["sh", "-c", text])
}

/// Whether `fd` becomes readable within this time.
fn is_readable(fd: impl AsFd, patience: Duration) -> bool {
    let events = libc::POLLIN;
    let mut polled = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events, revents: 0 };
    let patience = patience.as_millis().try_into().unwrap();
    // SAFETY: the kernel reads and writes one structure.
    match unsafe { libc::poll(&raw mut polled, 1, patience) } {
        -1 => panic!("{}", std::io::Error::last_os_error()),
        number => number == 1,
    }
}

/// Drives `run` to its end.
fn ended(run: &mut Polled) -> Result<Output> {
    loop {
        match run.advance()? {
            Some(output) => return Ok(output),
            None => assert!(is_readable(&run, PATIENCE), "nothing happens"),
        }
    }
}

/// How often whoever waits for `run`, and advances it each time, is woken within this time.
fn wake_ups(run: &mut Polled, time: Duration) -> usize {
    let deadline = Instant::now() + time;
    let mut number = 0;
    while let Some(left) = deadline.checked_duration_since(Instant::now())
        && is_readable(&run, left)
    {
        assert!(run.advance().unwrap().is_none());
        number += 1;
    }
    number
}

/// Nothing happens to `run`: who waits for it is not woken, but by what has happened before. A loop
/// that did not wait would go round many thousand times.
fn expect_quiet(run: &mut Polled, what: &str) {
    wake_ups(run, Duration::from_millis(20));
    let number = wake_ups(run, Duration::from_millis(200));
    assert!(number < 5, "{number} times: {what}");
}

/// Advances `run` until `reader` has something to read.
fn until_readable(run: &mut Polled, reader: &PipeReader) {
    let deadline = Instant::now() + PATIENCE;
    while !is_readable(reader, Duration::from_millis(1)) {
        assert!(run.advance().unwrap().is_none(), "it has ended");
        assert!(Instant::now() < deadline, "nothing comes");
    }
}

/// The next line of `reader`, which is what `run` is advanced for.
fn next_line(run: &mut Polled, reader: &mut PipeReader) -> String {
    let mut line = String::new();
    let mut byte = [0];
    while !line.ends_with('\n') {
        until_readable(run, reader);
        assert_eq!(reader.read(&mut byte).unwrap(), 1, "{line:?} is all there is");
        line.push(char::from(byte[0]));
    }
    line
}

/// Whether nobody holds the other end of `reader` any more. Only in a process of its own: what other
/// tests start has a copy of everything until it is executed.
fn is_at_its_end(reader: &mut PipeReader) -> bool {
    is_readable(&*reader, Duration::ZERO) && reader.read(&mut [0]).unwrap() == 0
}

/// A copy of this process, with all its descriptors, until it is dropped.
struct Fork(i32);

impl Fork {
    fn new() -> Fork {
        // SAFETY: the copy makes system calls only.
        unsafe {
            let pid = libc::fork();
            if pid == 0 {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                loop {
                    libc::pause();
                }
            }
            assert_ne!(pid, -1);
            Fork(pid)
        }
    }
}

impl Drop for Fork {
    fn drop(&mut self) {
        // SAFETY: the copy is a child of this process that nobody else waits for.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

/// An epoll(7) loop, as hosts have one for everything.
struct Loop(OwnedFd);

impl Loop {
    fn new() -> Loop {
        // SAFETY: the descriptor is new and ours.
        Loop(unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) })
    }

    fn add(&self, run: &Polled, number: usize) {
        self.add_for(libc::EPOLLIN, run, number);
    }

    fn add_for(&self, events: i32, run: &Polled, number: usize) {
        let mut event = libc::epoll_event { events: events as u32, u64: number as u64 };
        self.control(libc::EPOLL_CTL_ADD, run, &raw mut event);
    }

    fn remove(&self, run: &Polled) {
        self.control(libc::EPOLL_CTL_DEL, run, std::ptr::null_mut());
    }

    fn control(&self, operation: i32, run: &Polled, event: *mut libc::epoll_event) {
        let (epoll, fd) = (self.0.as_raw_fd(), run.as_fd().as_raw_fd());
        // SAFETY: the kernel reads one structure, or none.
        let done = unsafe { libc::epoll_ctl(epoll, operation, fd, event) };
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    }

    /// The numbers of those that are ready; there must be some.
    fn ready(&self) -> Vec<usize> {
        const MOST: usize = 8;
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; MOST];
        let patience = PATIENCE.as_millis().try_into().unwrap();
        let epoll = self.0.as_raw_fd();
        // SAFETY: the kernel writes as many structures as there is room for.
        let number = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), MOST as i32, patience) };
        assert!(number > 0, "nothing happens");
        events[..number as usize].iter().map(|event| event.u64 as usize).collect()
    }
}

/// Drives all of them in this thread; how each ended, in their order.
fn all_ended(runs: &mut [Polled]) -> Vec<Result<Output>> {
    let epoll = Loop::new();
    runs.iter().enumerate().for_each(|(number, run)| epoll.add(run, number));
    let mut results: Vec<_> = runs.iter().map(|_| None).collect();
    while results.iter().any(Option::is_none) {
        for number in epoll.ready() {
            let Some(result) = runs[number].advance().transpose() else { continue };
            epoll.remove(&runs[number]);
            assert!(results[number].replace(result).is_none(), "it was told before");
        }
    }
    results.into_iter().map(Option::unwrap).collect()
}
