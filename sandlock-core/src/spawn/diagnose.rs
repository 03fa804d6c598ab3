//! Why a start failed, in the user's words.

use std::path::{Path, PathBuf};

use super::command::Command;
use super::interpreter::{interpreter, is_elf};
use crate::error::{Error, ErrorKind, Problem};
use crate::plan::Plan;
use crate::step::Step;
use crate::text::{describe_errno, one_line};

/// The error for a start that failed at `step`.
pub(crate) fn failed_start(step: Step, errno: i32, command: &Command, plan: &Plan) -> Error {
    match step {
        Step::Execute => {
            let error = cannot_execute(errno, command, plan).with_step(step);
            if errno == 0 { error } else { error.with_errno(errno) }
        }
        Step::ChangeDirectory if let Some(directory) = &command.directory => {
            directory.refused(errno).with_step(step)
        }
        Step::Subreaper if errno == libc::EPERM => Error::step_failed(step, errno).with_hint(
            "the calling thread may be in a sandbox already: one inside another cannot be started",
        ),
        Step::Listener if errno == libc::EBUSY => {
            let error = Error::step_failed(step, errno);
            error.with_hint(
                "this process is itself below a seccomp listener, a container's or another sandbox's, and the \
                 kernel allows one",
            )
        }
        _ => Error::step_failed(step, errno),
    }
}

fn cannot_execute(errno: i32, command: &Command, plan: &Plan) -> Error {
    let path = match &command.directory {
        Some(directory) => directory.path.join(&command.path),
        None => command.path.clone(),
    };
    let simple = |hint: &str| {
        let text = describe_errno(errno);
        let message = format!("cannot execute \"{}\": {text}", one_line(&command.path));
        Error::new(ErrorKind::CannotExecute, message).with_hint(hint)
    };
    match errno {
        // Nothing else returns from a successful execve(2).
        0 => Error::new(
            ErrorKind::CannotExecute,
            format!("cannot execute \"{}\": a handler answered instead", one_line(&command.path)),
        ),
        libc::EACCES => {
            let uncovered = uncovered(&path, plan);
            if uncovered.is_empty() {
                return simple("its file system may be mounted noexec");
            }
            let message = format!(
                "does not cover {}, so \"{}\" cannot be started",
                list(&uncovered),
                one_line(&command.path)
            );
            Error::listing(ErrorKind::CannotExecute, vec![Problem::new("fs.read", message)])
                .with_hint(
                    "grant these paths, and for a dynamic program its libraries: \
                     fs.read of /usr is usual",
                )
        }
        libc::ENOENT => match interpreter(&path) {
            Some(interpreter) => {
                let interpreter = one_line(interpreter);
                simple(&format!("the interpreter that it names does not exist: \"{interpreter}\""))
            }
            None => simple("it, or the interpreter that it names, does not exist"),
        },
        libc::ENOEXEC if is_elf(&path) => {
            simple("it is damaged, or built for another architecture")
        }
        libc::ENOEXEC => simple("a script must begin with #! and its interpreter"),
        libc::E2BIG => simple("arguments and environment are too long"),
        _ => simple("the file cannot be executed on this system"),
    }
}

/// The files execve(2) opens for `program` that no grant covers: itself, and its interpreters.
fn uncovered(program: &Path, plan: &Plan) -> Vec<PathBuf> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let granted: Vec<PathBuf> =
        plan.landlock.grants.iter().filter_map(|grant| real(&grant.path)).collect();
    let mut uncovered = Vec::new();
    let mut next = real(program);
    // The kernel follows at most five interpreters (BINPRM_MAX_RECURSION).
    for _ in 0..6 {
        let Some(file) = next else { break };
        next = interpreter(&file).and_then(|interpreter| real(&interpreter));
        if !granted.iter().any(|grant| file.starts_with(grant)) {
            uncovered.push(file);
        }
    }
    uncovered
}

fn list(paths: &[PathBuf]) -> String {
    let texts: Vec<String> = paths.iter().map(one_line).collect();
    texts.join(" and ")
}
