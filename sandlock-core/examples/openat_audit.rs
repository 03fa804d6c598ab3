//! Counts and prints the paths that `python3 -c 'print(42)'` opens.
//!
//!     cargo run --release --example openat_audit

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sandlock::{HandlerCtx, Observer, Policy, Sandbox, Syscall, TaskError};

type Counts = BTreeMap<PathBuf, u32>;

/// Counts how often each path is opened. Clones count together.
#[derive(Clone, Default)]
struct OpenAudit(Arc<Mutex<Counts>>);

impl OpenAudit {
    fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for OpenAudit {
    // Here the task waits, and its memory can be read; at the verdict it runs on.
    fn call(&self, cx: &HandlerCtx<'_>) {
        let path = shown_path(cx).unwrap_or_else(|error| format!("({error})").into());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(path).or_default() += 1;
    }
}

/// The path as a person would want to see it; the first argument is the directory it begins at.
fn shown_path(cx: &HandlerCtx<'_>) -> Result<PathBuf, TaskError> {
    let directory = cx.args()[0] as i32;
    cx.display_path(Some(directory), cx.path_arg(1)?)
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
    println!("python3 printed {}", String::from_utf8_lossy(out.stdout()).trim_end());

    let counts = audit.counts();
    println!("it opened {} paths with {} calls:", counts.len(), counts.values().sum::<u32>());
    for (path, count) in &counts {
        println!("{count:4} {}", path.display());
    }
    Ok(())
}
