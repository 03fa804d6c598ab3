//! Serves a file that exists nowhere, and opens every other one in the program's place.
//!
//!     cargo run --release --example serve_file

#![allow(clippy::print_stdout)]

use std::path::Path;

use sandlock::{HandlerCtx, NotifAction, Policy, Sandbox, Syscall, TaskError};

const GREETING: &str = "/etc/greeting";

/// The path is read once, and what is opened is what was read: the program cannot exchange it in
/// between, as it could after `Continue`.
fn serve(cx: &HandlerCtx<'_>) -> Result<NotifAction, TaskError> {
    let request = cx.open_request()?;
    if request.path() == Path::new(GREETING) && !request.writes() {
        return Ok(NotifAction::InjectBytes(b"hello from nowhere\n".to_vec()));
    }
    cx.open_for_child(&request)
}

fn main() -> sandlock::Result<()> {
    let policy = Policy::builder()
        .fs_read("/usr")
        .fs_read_if_exists("/lib")
        .fs_read_if_exists("/lib64")
        .fs_read_if_exists("/etc/ld.so.cache")
        .build()?;
    let sandbox = Sandbox::new(policy)?.add_handler(Syscall::OPENAT, serve)?;
    for path in [GREETING, "/usr/lib/os-release", "/etc/hostname"] {
        let out = sandbox.run(["head", "-n", "1", path])?;
        let text = if out.success() { out.stdout() } else { out.stderr() };
        println!("{path:19}  {}", String::from_utf8_lossy(text).trim_end());
    }
    Ok(())
}
