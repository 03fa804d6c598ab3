//! How a process starts, ends and outlives.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    let number = || arguments.first().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(0);
    match name {
        "exit" => std::process::exit(number()),
        "raise" => raise(number()),
        "print" => print(number()),
        "descriptors" => descriptors(),
        "session" => session(),
        "orphans" => orphans(number(), true),
        "family" => family(true),
        "family-awake" => family(false),
        "family-calls" => family_calls(number()),
        "churn" => churn(),
        "headless" => headless(),
        "hang" => hang(),
        "deaf" => deaf(),
        "bomb" => bomb(number()),
        "run-away" => run_away(number()),
        "echo" => echo(),
        "spin" => spin(number()),
        "stop-and-die" => stop_and_die(number()),
        _ => return false,
    }
    true
}

fn raise(signal: i32) {
    // SAFETY: ends this process.
    unsafe { libc::raise(signal) };
}

/// `count` bytes on descriptor 1 and as many on 2, in turns.
fn print(count: i32) {
    let block = [b'x'; 1024];
    for _ in 0..count / 1024 {
        std::io::stdout().write_all(&block).unwrap();
        std::io::stderr().write_all(&block).unwrap();
    }
}

/// The numbers of all open descriptors.
fn descriptors() {
    let open = (0..4096).filter(|fd| {
        // SAFETY: asks for flags.
        unsafe { libc::fcntl(*fd, libc::F_GETFD) != -1 }
    });
    let numbers: Vec<String> = open.map(|fd| fd.to_string()).collect();
    println!("descriptors ok {}", numbers.join(","));
}

fn session() {
    // SAFETY: these calls take numbers.
    let leads = unsafe { libc::getsid(0) == libc::getpid() };
    println!("leads_session ok {leads}");
    // SAFETY: takes numbers.
    let is_foreground = unsafe { libc::tcgetpgrp(0) == libc::getpgrp() };
    println!("foreground ok {is_foreground}");
    match std::fs::File::open("/dev/tty") {
        Ok(_) => println!("tty ok"),
        Err(error) => println!("tty {}", error.raw_os_error().unwrap_or(0)),
    }
}

/// Leaves `count` descendants behind that do what they can to survive, and returns when they are
/// there. Each holds the standard output, so a reader of it sees when they are gone. Some stop.
fn orphans(count: i32, some_stop: bool) {
    let (mut there, here) = std::io::pipe().unwrap();
    for index in 0..count {
        // SAFETY: the child of a process with one thread may do anything.
        unsafe {
            if libc::fork() == 0 {
                libc::setsid();
                if libc::fork() == 0 {
                    libc::prctl(libc::PR_SET_PDEATHSIG, 0);
                    for signal in 1..=64 {
                        libc::signal(signal, libc::SIG_IGN);
                    }
                    println!("orphan ok {}", libc::getpid());
                    drop(here);
                    if some_stop && index % 2 == 0 {
                        libc::kill(libc::getpid(), libc::SIGSTOP);
                    }
                    hang();
                }
                libc::_exit(0);
            }
            let mut status = 0;
            libc::wait(&raw mut status);
        }
    }
    drop(here);
    there.read_to_end(&mut Vec::new()).unwrap();
}

/// Stays alive with descendants in sessions of their own.
fn family(some_stop: bool) {
    orphans(3, some_stop);
    println!("family ok");
    hang();
}

/// The same, and makes a call without arguments when all are there.
fn family_calls(number: i32) {
    orphans(3, true);
    // SAFETY: takes nothing.
    unsafe { libc::syscall(number.into()) };
    println!("family goes on");
    hang();
}

/// Hangs with every signal blocked, so that it keeps what it is sent.
fn deaf() {
    // SAFETY: the set is this process's own.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
    hang();
}

/// Starts other programs all the time, from two threads, as shells and builds do.
fn churn() {
    println!("churn ok");
    let again = || loop {
        let mut other = std::process::Command::new(std::env::current_exe().unwrap());
        assert!(other.args(["exit", "0"]).status().unwrap().success());
    };
    std::thread::spawn(again);
    again();
}

/// Goes on without its first thread, and says so all the time.
fn headless() {
    std::thread::spawn(|| {
        loop {
            println!("headless ok");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    // SAFETY: ends the calling thread alone.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Forks wherever there is room, in every copy, for so many seconds. Only where RLIMIT_NPROC counts,
/// which is not for user 0, there is an end to the room.
fn bomb(seconds: i32) {
    let end = Instant::now() + Duration::from_secs(seconds.unsigned_abs().into());
    // SAFETY: takes nothing; copies of a process with one thread may do anything.
    unsafe {
        assert_ne!(libc::getuid(), 0, "user 0 has room without end");
        println!("bomb ok");
        while Instant::now() < end {
            libc::fork();
        }
        libc::_exit(0);
    }
}

/// Forks once and ends, in a new session each time, for so many seconds: it is never the same
/// process that is looked at and killed.
fn run_away(seconds: i32) {
    let end = Instant::now() + Duration::from_secs(seconds.unsigned_abs().into());
    println!("run-away ok");
    // SAFETY: copies of a process with one thread may do anything.
    unsafe {
        while Instant::now() < end {
            match libc::fork() {
                0 => {
                    libc::setsid();
                }
                -1 => {}
                _ => libc::_exit(0),
            }
        }
        libc::_exit(0);
    }
}

/// Copies descriptor 0 to 1, and says on 2 how much it was.
fn echo() {
    let copied = std::io::copy(&mut std::io::stdin(), &mut std::io::stdout()).unwrap();
    eprintln!("{copied}");
}

/// Uses so many milliseconds of processor time.
fn spin(milliseconds: i32) {
    // SAFETY: the kernel writes one structure.
    let used = || unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    };
    while used() < milliseconds.into() {}
    println!("spin ok");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Stops itself and is killed by a child of its own, a moment apart that grows with `pause`.
fn stop_and_die(pause: i32) {
    // SAFETY: the child of a process with one thread may do anything; this process is meant.
    unsafe {
        let program = libc::getpid();
        if libc::fork() == 0 {
            for _ in 0..pause * 20 {
                std::hint::spin_loop();
            }
            libc::kill(program, libc::SIGKILL);
            libc::_exit(0);
        }
        libc::kill(program, libc::SIGSTOP);
    }
    hang();
}

fn hang() {
    loop {
        // SAFETY: waits for a signal.
        unsafe { libc::pause() };
    }
}
