//! Filters that the guest puts on itself, beside the sandbox's.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;

/// Answers `calls` with ENOSYS instead of making them, unless a filter that was there before
/// refuses them: "trace", which without a tracer is ENOSYS, ranks below every refusal. So a test can
/// ask the sandbox's filter about calls that must not be made, and knows that it was the filter.
pub(crate) fn install(calls: impl Iterator<Item = u32>) {
    filter(calls.map(|call| (call, libc::SECCOMP_RET_TRACE)).collect());
}

/// Does the action `name`, if it is one of this file.
///
/// `deny NUMBER=ERRNO… -- COMMAND…` executes a command for which these calls fail, as they do on an
/// older kernel or under a container profile.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    if name != "deny" {
        return false;
    }
    let end = arguments.iter().position(|word| *word == "--").unwrap();
    let answers = arguments[..end].iter().map(|word| {
        let (number, errno) = word.to_str().unwrap().split_once('=').unwrap();
        let errno: u32 = errno.parse().unwrap();
        (number.parse().unwrap(), libc::SECCOMP_RET_ERRNO | errno)
    });
    filter(answers.collect());
    let error = std::process::Command::new(arguments[end + 1]).args(&arguments[end + 2..]).exec();
    panic!("{error}")
}

/// Gives each of these calls its answer, and allows everything else.
fn filter(answers: Vec<(u32, u32)>) {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let mut program = vec![statement(load, 0)];
    for (call, answer) in answers {
        program.push(libc::sock_filter { jf: 1, ..statement(equal, call) });
        program.push(statement(libc::BPF_RET, answer));
    }
    program.push(statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW));
    let description = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the kernel copies the program, which is live.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        assert_eq!(libc::syscall(libc::SYS_seccomp, mode, 0, &raw const description), 0);
    }
}
