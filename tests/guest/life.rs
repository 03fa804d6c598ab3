//! How a process starts, ends and outlives.

use std::ffi::OsStr;
use std::io::Write as _;

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    let number = || arguments.first().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(0);
    match name {
        "exit" => std::process::exit(number()),
        "raise" => raise(number()),
        "print" => print(number()),
        "descriptors" => descriptors(),
        "session" => session(),
        "orphans" => orphans(number()),
        "family" => family(),
        "hang" => hang(),
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
    match std::fs::File::open("/dev/tty") {
        Ok(_) => println!("tty ok"),
        Err(error) => println!("tty {}", error.raw_os_error().unwrap_or(0)),
    }
}

/// Leaves `count` descendants behind that do what they can to survive, and exits. Each holds the
/// standard output, so a reader of it sees when they are gone.
fn orphans(count: i32) {
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
                    if index % 2 == 0 {
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
}

/// Stays alive with descendants in sessions of their own.
fn family() {
    orphans(3);
    println!("family ok");
    hang();
}

fn hang() {
    loop {
        // SAFETY: waits for a signal.
        unsafe { libc::pause() };
    }
}
