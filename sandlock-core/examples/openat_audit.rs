//! Counts and prints the paths that `python3 -c 'print(42)'` opens.
//!
//!     cargo run --release --example openat_audit

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sandlock::{HandlerCtx, Observer, Policy, Sandbox, Syscall, Verdict};

type Counts = BTreeMap<PathBuf, u32>;

/// Counts how often each path is opened.
#[derive(Clone, Default)]
struct OpenAudit(Arc<Mutex<Counts>>);

impl OpenAudit {
    fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for OpenAudit {
    // Here the task waits, and its memory can be read; after the verdict it runs on.
    fn call(&self, cx: &HandlerCtx<'_>) {
        let path = match cx.path_arg(1).and_then(|path| cx.display_path(directory(cx), path)) {
            Ok(path) => path,
            Err(error) => format!("({error})").into(),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(path).or_default() += 1;
    }

    fn verdict(&self, _: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        assert_eq!(verdict.by, "policy", "nobody else decides here");
    }
}

/// The first argument is a descriptor, of 32 bits.
fn directory(cx: &HandlerCtx<'_>) -> Option<i32> {
    Some(cx.args()[0] as i32)
}

fn main() -> sandlock::Result<()> {
    let policy = Policy::builder()
        .fs_read("/usr")
        .fs_read_if_exists("/lib")
        .fs_read_if_exists("/lib64")
        .fs_read_if_exists("/etc/ld.so.cache")
        .build()?;
    let audit = OpenAudit::default();
    let sandbox = Sandbox::new(policy)?.add_observer(Syscall::OPENAT, audit.clone())?;
    let out = sandbox.run(["/usr/bin/python3", "-c", "print(42)"])?;

    let counts = audit.counts();
    for (path, count) in &counts {
        println!("{count:4} {}", path.display());
    }
    let calls: u32 = counts.values().sum();
    println!("{calls} opens of {} paths; {}", counts.len(), String::from_utf8_lossy(out.stdout()));
    Ok(())
}
