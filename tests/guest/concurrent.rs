//! Calls that are made beside something else: another thread, a child, signals.

use std::ffi::{OsStr, OsString};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc;

use crate::{calls, report, timer};

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    let number = |word: &OsStr| word.to_str().unwrap().parse::<i64>().unwrap();
    match (name, arguments) {
        ("with-thread", words) => with_thread(words),
        ("with-child", words) => with_child(words),
        ("with-orphan", words) => with_orphan(words),
        ("with-own-id", words) => calls_on(std::process::id().into(), words),
        ("affinity-of-thread", []) => affinity_of_thread(),
        ("thread-calls", [call]) => thread_calls(number(call)),
        ("family-of-calls", [call]) => family_of_calls(number(call)),
        ("beside", [slow, fast, count]) => beside(number(slow), number(fast), number(count)),
        ("crowd", [threads, call]) => crowd(number(threads), number(call)),
        ("under-signals", [call, count]) => under_signals(number(call), number(count)),
        ("exchanged", [rounds, one, other]) => exchanged(number(rounds), one, other),
        _ => return false,
    }
    true
}

fn call(number: i64) -> i64 {
    // SAFETY: takes nothing.
    unsafe { libc::syscall(number) }
}

fn thread_id() -> i64 {
    call(libc::SYS_gettid)
}

/// Another thread of this process, which waits until it is dropped.
struct Waiting {
    id: i64,
    end: mpsc::Sender<()>,
}

impl Waiting {
    fn start() -> Self {
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            tell.send(thread_id()).unwrap();
            ended.recv().unwrap_err();
        });
        Waiting { id: told.recv().unwrap(), end }
    }
}

/// The action `calls` with the id of another thread in the place of `TARGET`.
fn with_thread(words: &[&OsStr]) {
    let thread = Waiting::start();
    calls_on(thread.id, words);
    drop(thread.end);
}

/// The same with the id of a child.
fn with_child(words: &[&OsStr]) {
    // SAFETY: the child of a process with one thread may do anything.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            loop {
                libc::pause();
            }
        }
        calls_on(child.into(), words);
        libc::kill(child, libc::SIGKILL);
    }
}

/// The same with the id of a grandchild whose parent has ended.
fn with_orphan(words: &[&OsStr]) {
    let (mut there, mut here) = std::io::pipe().unwrap();
    // SAFETY: the children of a process with one thread may do anything.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let orphan = libc::fork();
            if orphan == 0 {
                loop {
                    libc::pause();
                }
            }
            here.write_all(&orphan.to_ne_bytes()).unwrap();
            libc::_exit(0);
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
    }
    let mut orphan = [0; 4];
    there.read_exact(&mut orphan).unwrap();
    // The calls begin with no descriptors but three.
    drop((there, here));
    calls_on(i32::from_ne_bytes(orphan).into(), words);
}

/// `TARGET` is the id, and `TARGET+N` the id and something in the bits above it.
fn calls_on(target: i64, words: &[&OsStr]) {
    let number = |dirt: &[u8]| {
        let dirt = std::str::from_utf8(dirt).unwrap();
        OsString::from((target | dirt.parse::<i64>().unwrap()).to_string())
    };
    let words = words.iter().map(|word| match word.as_bytes().strip_prefix(b"TARGET") {
        Some([b'+', dirt @ ..]) => number(dirt),
        Some(_) => number(b"0"),
        None => OsString::from_vec(word.as_bytes().to_vec()),
    });
    let words: Vec<OsString> = words.collect();
    let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
    assert!(calls::run("calls", &words));
}

/// What thread pools do with each of their threads.
fn affinity_of_thread() {
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        // SAFETY: takes nothing.
        tell.send(unsafe { libc::pthread_self() }).unwrap();
        ended.recv().unwrap_err();
    });
    let thread = told.recv().unwrap();
    // SAFETY: the thread lives until it is told; the set is a local.
    let answer = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::pthread_getaffinity_np(thread, size_of_val(&set), &raw mut set);
        libc::pthread_setaffinity_np(thread, size_of_val(&set), &raw const set)
    };
    drop(end);
    let result = if answer == 0 { Ok(0) } else { Err(std::io::Error::from_raw_os_error(answer)) };
    report::result("affinity-of-thread", result);
}

/// The same call from the first thread and from another, with their ids.
fn thread_calls(number: i64) {
    let once = move |who: &str| {
        println!("{who} ok {}", thread_id());
        report::call(who, || call(number));
    };
    once("first");
    std::thread::spawn(move || once("second")).join().unwrap();
}

/// The same call from this process, a fork of it, a thread of that, and a program that this executes.
fn family_of_calls(number: i64) {
    report::call("process", || call(number));
    // SAFETY: the child of a process with one thread may do anything.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            report::call("fork", || call(number));
            std::thread::spawn(move || report::call("thread", || call(number))).join().unwrap();
            libc::_exit(0);
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert_eq!(status, 0);
    }
    // The library does as vfork(2) here.
    let mut program = std::process::Command::new(std::env::current_exe().unwrap());
    let status = program.args(["calls", "program", &number.to_string()]).status().unwrap();
    println!("spawn ok {}", status.code().unwrap());
}

/// Makes a call that takes long in a thread, and another one `count` times meanwhile.
fn beside(slow: i64, fast: i64, count: i64) {
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        tell.send(()).unwrap();
        report::call("slow", || call(slow))
    });
    told.recv().unwrap();
    let answered = (0..count).filter(|_| call(fast) != -1).count();
    println!("fast ok {answered}");
    thread.join().unwrap();
}

/// Makes the same call from many threads at once, and says how many were answered.
fn crowd(threads: i64, number: i64) {
    let threads: Vec<_> = (0..threads).map(|_| std::thread::spawn(move || call(number))).collect();
    let answers = threads.into_iter().map(|thread| thread.join().unwrap());
    println!("crowd ok {}", answers.filter(|answer| *answer != -1).count());
}

/// Makes a call `count` times under a timer of 1 ms, without SA_RESTART, and prints each answer.
fn under_signals(number: i64, count: i64) {
    timer::start_ticks();
    for _ in 0..count {
        report::call("call", || call(number));
    }
    println!("ticks ok {}", timer::ticks());
}

/// Opens a path `rounds` times while another thread exchanges it in memory for another one of the
/// same length, and says how often it came to which content.
fn exchanged(rounds: i64, one: &OsStr, other: &OsStr) {
    assert_eq!(one.len(), other.len());
    let path: Vec<AtomicByte> = one.as_bytes().iter().chain(b"\0").map(|b| (*b).into()).collect();
    let path: &'static [AtomicByte] = path.leak();
    let over = AtomicBool::new(false);
    let exchanges = AtomicU64::new(0);
    // Where they differ, which is one byte: no third path is ever in memory.
    let differ = |(a, b): (&u8, &u8)| a != b;
    let place = one.as_bytes().iter().zip(other.as_bytes()).position(differ).unwrap();
    assert_eq!(one.as_bytes()[place + 1..], other.as_bytes()[place + 1..]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(SeqCst) {
                for byte in [other, one].map(|path| path.as_bytes()[place]) {
                    path[place].store(byte, SeqCst);
                    (0..100).for_each(|_| std::hint::spin_loop());
                }
                exchanges.fetch_add(1, SeqCst);
            }
        });
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..rounds {
            *seen.entry(open_and_read(path.as_ptr().cast())).or_insert(0) += 1;
        }
        over.store(true, SeqCst);
        for (content, count) in seen {
            println!("{content} ok {count}");
        }
    });
    println!("exchanges ok {}", exchanges.into_inner());
}

type AtomicByte = std::sync::atomic::AtomicU8;

/// The content, or `refused`.
fn open_and_read(path: *const libc::c_char) -> String {
    let mut content = [0u8; 32];
    // SAFETY: the path ends with a NUL, always; the kernel writes at most what there is room for.
    unsafe {
        let file = libc::openat(libc::AT_FDCWD, path, libc::O_RDONLY);
        if file == -1 {
            return "refused".to_owned();
        }
        let length = libc::read(file, content.as_mut_ptr().cast(), content.len());
        libc::close(file);
        String::from_utf8_lossy(&content[..length.unsigned_abs()]).into_owned()
    }
}
