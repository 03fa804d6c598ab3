//! The program that tests run inside a sandbox: `guest ACTION [ARG…]` does one thing with raw
//! system calls and prints one line about each: `NAME ok VALUE` or `NAME ERRNO`.

#![allow(unsafe_code, clippy::print_stdout)]

use std::ffi::OsString;

mod life;
mod report;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let action = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    let words: Vec<&std::ffi::OsStr> = rest.iter().map(OsString::as_os_str).collect();
    if action.to_str().is_some_and(|action| life::run(action, &words)) {
        return;
    }
    match (action.to_str(), rest.as_slice()) {
        (Some("mount"), []) => report::call("mount", || {
            // SAFETY: null pointers are refused, not followed.
            unsafe { libc::syscall(libc::SYS_mount, 0, 0, 0, 0, 0) }
        }),
        _ => {
            println!("guest: unknown action {action:?} {rest:?}");
            std::process::exit(64);
        }
    }
}
