//! Commands started in unusual surroundings: `NAME … -- COMMAND…`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    let Some(end) = arguments.iter().position(|word| *word == "--") else { return false };
    let word = arguments.first().and_then(|word| word.to_str()).unwrap_or("");
    let mut command = Command::new(arguments[end + 1]);
    command.args(&arguments[end + 2..]);
    match name {
        "plain" => panic!("{}", command.exec()),
        "first-process" => as_first_process(true, command),
        "first-process-with-foreign-proc" => as_first_process(false, command),
        "terminal" => in_a_terminal(command),
        "socket" => with_socket(word, command),
        "as-user" => as_user(word.parse().unwrap(), command),
        "without-capability" => without_capability(word.parse().unwrap(), command),
        _ => return false,
    }
    true
}

/// Runs `command` as the leader of a session with a terminal, and copies what comes out of that.
fn in_a_terminal(mut command: Command) {
    // SAFETY: descriptors are new and ours; the closure makes system calls only.
    unsafe {
        let mut master = File::from_raw_fd(libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY));
        libc::grantpt(master.as_raw_fd());
        libc::unlockpt(master.as_raw_fd());
        let path = format!("/dev/pts/{}", terminal_number(&master));
        let slave = File::options().read(true).write(true).open(path).unwrap();
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        command.pre_exec(|| {
            libc::setsid();
            libc::ioctl(0, libc::TIOCSCTTY, 0);
            Ok(())
        });
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut block = [0; 1024];
        // EIO: nobody has the terminal open any more.
        while let Ok(length @ 1..) = master.read(&mut block) {
            std::io::stdout().write_all(&block[..length]).unwrap();
        }
        std::process::exit(child.wait().unwrap().code().unwrap_or(1));
    }
}

/// Runs `command` as process 1 of a pid namespace, with that namespace's /proc or its parent's.
fn as_first_process(with_proc: bool, mut command: Command) {
    // SAFETY: the texts are NUL-terminated, and what is unshared is this process's own.
    unsafe {
        assert_eq!(libc::unshare(libc::CLONE_NEWPID | libc::CLONE_NEWNS), 0);
        let none = std::ptr::null();
        let private = libc::MS_REC | libc::MS_PRIVATE;
        assert_eq!(libc::mount(none, c"/".as_ptr(), none, private, none.cast()), 0);
        let pid = libc::fork();
        if pid == 0 {
            if with_proc {
                let proc = c"proc".as_ptr();
                assert_eq!(libc::mount(proc, c"/proc".as_ptr(), proc, 0, none.cast()), 0);
            }
            panic!("{}", command.exec());
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
        std::process::exit(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 1 });
    }
}

/// Runs `command` as a user and group of this number.
fn as_user(number: u32, mut command: Command) {
    panic!("{}", command.uid(number).gid(number).exec());
}

fn terminal_number(master: &File) -> libc::c_uint {
    let mut number = 0;
    // SAFETY: the kernel writes one number.
    unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) };
    number
}

/// Becomes `command` with a new socket as standard input.
fn with_socket(kind: &str, mut command: Command) {
    let (kind, protocol) = match kind {
        "tcp" => (libc::SOCK_STREAM, 0),
        "udp" => (libc::SOCK_DGRAM, 0),
        other => panic!("unknown socket {other}"),
    };
    // SAFETY: the descriptor is new and ours.
    let socket = unsafe { libc::socket(libc::AF_INET, kind, protocol) };
    assert_ne!(socket, -1, "{}", std::io::Error::last_os_error());
    // SAFETY: as above.
    command.stdin(unsafe { OwnedFd::from_raw_fd(socket) });
    panic!("{}", command.exec());
}

/// Becomes `command` as a user without the capability of this number, in any set.
fn without_capability(number: u32, mut command: Command) {
    let header = [0x2008_0522u32, 0];
    let mut data = [0u32; 6];
    // SAFETY: version 3 reads and writes two structures of three words.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0), 0);
        libc::syscall(libc::SYS_capget, header.as_ptr(), data.as_mut_ptr());
        for word in &mut data[..3] {
            *word &= !(1 << number);
        }
        assert_eq!(libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()), 0);
    }
    panic!("{}", command.exec());
}
