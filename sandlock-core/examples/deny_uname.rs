//! Refuses uname(2), which no policy names: `uname` says why it fails.
//!
//!     cargo run --release --example deny_uname

#![allow(clippy::print_stdout)]

use sandlock::{HandlerCtx, NotifAction, Policy, Sandbox, Syscall};

fn main() -> sandlock::Result<()> {
    let policy = Policy::builder()
        .fs_read("/usr")
        .fs_read_if_exists("/lib")
        .fs_read_if_exists("/lib64")
        .build()?;
    let allowed = Sandbox::new(policy)?;
    let refuse = |_: &HandlerCtx<'_>| NotifAction::Errno(libc::EACCES);
    let denied = allowed.clone().add_handler(Syscall::UNAME, refuse)?;

    let out = allowed.run(["uname", "-s"])?;
    println!("without a handler: {}", String::from_utf8_lossy(out.stdout()).trim_end());
    let out = denied.run(["uname", "-s"])?;
    println!("with a handler:    {}", String::from_utf8_lossy(out.stderr()).trim_end());
    Ok(())
}
