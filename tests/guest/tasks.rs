//! Threads, processes, and being the process that others attack.

use std::ffi::OsStr;
use std::io::Write as _;

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    match (name, arguments) {
        ("threads", []) => threads(),
        ("processes", []) => processes(),
        ("victim", []) => victim(),
        ("parent", words) => parent(words),
        ("read-memory", [pid]) => read_memory(pid.to_str().unwrap().parse().unwrap()),
        #[cfg(target_arch = "x86_64")]
        ("enter-32-bit", []) => println!("getpid ok {}", getpid_by_32_bit_entry()),
        _ => return false,
    }
    true
}

fn threads() {
    let thread = |number: u32| std::thread::spawn(move || number * 2);
    let sum: u32 = (0..8).map(thread).map(|thread| thread.join().unwrap()).sum();
    println!("threads ok {sum}");
}

fn processes() {
    // SAFETY: the child ends at once.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::_exit(7);
        }
        let mut status = 0;
        libc::waitpid(pid, &raw mut status, 0);
        println!("fork ok {}", libc::WEXITSTATUS(status));
    }
    let myself = std::env::current_exe().unwrap();
    let status = std::process::Command::new(myself).args(["exit", "8"]).status().unwrap();
    println!("spawn ok {}", status.code().unwrap());
}

/// Does another action of the guest, with `PARENT` in its arguments replaced by the parent's id.
fn parent(words: &[&OsStr]) {
    // SAFETY: takes nothing.
    let parent = unsafe { libc::getppid() };
    let myself = std::env::current_exe().unwrap();
    let words = words.iter().map(|word| {
        word.to_str()
            .map_or((*word).to_owned(), |w| w.replace("PARENT", &parent.to_string()).into())
    });
    let status = std::process::Command::new(myself).args(words).status().unwrap();
    std::process::exit(status.code().unwrap());
}

/// Asks another process for its memory, at an address where it has none.
fn read_memory(pid: i32) {
    let mut byte = 0u8;
    let here = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let there = libc::iovec { iov_base: std::ptr::without_provenance_mut(1), iov_len: 1 };
    crate::report::call("read-memory", || {
        // SAFETY: at most one byte is written, to a local.
        unsafe { libc::process_vm_readv(pid, &raw const here, 1, &raw const there, 1, 0) as i64 }
    });
}

/// Lets everybody trace it, says `ready`, and then the number of every signal that comes, until its
/// standard input ends.
fn victim() {
    // SAFETY: every address leads to a local of the type that the call takes.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY, 0, 0, 0);
        let signals = libc::signalfd(-1, &raw const all, libc::SFD_NONBLOCK);
        println!("ready");
        std::io::stdout().flush().unwrap();
        loop {
            let wait = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            let mut both = [wait(0), wait(signals)];
            // A test that has not come to an end by then never will.
            let timed_out = libc::poll(both.as_mut_ptr(), 2, 60_000) == 0;
            let mut signal: libc::signalfd_siginfo = std::mem::zeroed();
            while libc::read(signals, (&raw mut signal).cast(), size_of_val(&signal)) > 0 {
                println!("signal {}", signal.ssi_signo);
            }
            if timed_out || both[0].revents != 0 {
                return;
            }
        }
    }
}

/// getpid(2) as a 32-bit program calls it.
#[cfg(target_arch = "x86_64")]
fn getpid_by_32_bit_entry() -> i32 {
    let mut answer = 20i32;
    // SAFETY: the call takes nothing; older kernels clear the listed registers.
    unsafe {
        std::arch::asm!(
            "int 0x80",
            inlateout("eax") answer,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    answer
}
