//! How a run ended.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::sync::OnceLock;

use sandlock::{Output, Reason};

use crate::enforcement::sandlock_enforcement;
use crate::error::{sandlock_error, sandlock_status};
use crate::extensible;
use crate::guard::{attempt, free, look};
use crate::handler_error::sandlock_handler_error;
use crate::pointer::{give, needed};
use crate::text::c_text;
use crate::usage::sandlock_usage;

/// The program exited by itself.
pub const SANDLOCK_REASON_EXITED: i32 = 1;
/// A signal ended it; SIGSYS is a call that the filter kills for.
pub const SANDLOCK_REASON_SIGNALED: i32 = 2;
/// Its time was over and the tree was killed.
pub const SANDLOCK_REASON_TIMEOUT: i32 = 3;
/// sandlock_child_kill() or a handler's sandlock_kill() ended the tree.
pub const SANDLOCK_REASON_KILLED: i32 = 4;

/// What a run left: how it ended, what it printed, what it used and what was enforced. It never
/// changes; bytes, texts and objects that it gives out live as long as it does.
pub struct sandlock_output {
    output: Output,
    enforcement: sandlock_enforcement,
    handler_errors: Vec<sandlock_handler_error>,
    json: OnceLock<CString>,
}

/// Hands an output out to a caller who wants it.
pub(crate) fn give_output(place: Option<&mut MaybeUninit<*mut sandlock_output>>, output: Output) {
    if let Some(place) = place {
        give(place, sandlock_output::new(output));
    }
}

impl sandlock_output {
    pub(crate) fn new(output: Output) -> sandlock_output {
        let failures = output.handler_errors().iter().cloned();
        sandlock_output {
            enforcement: sandlock_enforcement::new(output.enforcement()),
            handler_errors: failures.map(sandlock_handler_error::new).collect(),
            json: OnceLock::new(),
            output,
        }
    }

    fn json(&self) -> &CString {
        // Numbers and texts alone, which cannot fail.
        self.json.get_or_init(|| c_text(serde_json::to_string(&self.output).unwrap_or_default()))
    }
}

/// Whether the program exited with 0, in time.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_success(output: Option<&sandlock_output>) -> bool {
    look(output, false, |output| output.output.success())
}

/// The exit code; -1 if a signal, the timeout or a kill ended the program, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_exit_code(output: Option<&sandlock_output>) -> i32 {
    look(output, -1, |output| output.output.code().unwrap_or(-1))
}

/// The signal that ended the program, SIGKILL after a timeout or a kill; 0 if none did.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_signal(output: Option<&sandlock_output>) -> i32 {
    look(output, 0, |output| output.output.signal().unwrap_or(0))
}

/// The status as wait(2) has it, for WIFEXITED() and its like; -1 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_status(output: Option<&sandlock_output>) -> i32 {
    look(output, -1, |output| output.output.status().into_raw())
}

/// Why it ended, one of SANDLOCK_REASON_; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_reason(output: Option<&sandlock_output>) -> i32 {
    look(output, 0, |output| number(output.output.reason()))
}

fn number(reason: Reason) -> i32 {
    match reason {
        Reason::Exited => SANDLOCK_REASON_EXITED,
        Reason::Signaled => SANDLOCK_REASON_SIGNALED,
        Reason::Timeout => SANDLOCK_REASON_TIMEOUT,
        Reason::Killed => SANDLOCK_REASON_KILLED,
        // Of none that there is.
        _ => 0,
    }
}

/// What was written to descriptor 1, up to the limit; `*length` (which may be NULL) is its length in
/// bytes. Any bytes, NULs too, and one more NUL behind the last one, which does not count. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_stdout(
    output: Option<&sandlock_output>,
    length: Option<&mut MaybeUninit<usize>>,
) -> *const c_char {
    lend(output.map(|output| output.output.captured_with_nul()[0]), length)
}

/// What was written to descriptor 2: as sandlock_output_stdout().
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_stderr(
    output: Option<&sandlock_output>,
    length: Option<&mut MaybeUninit<usize>>,
) -> *const c_char {
    lend(output.map(|output| output.output.captured_with_nul()[1]), length)
}

fn lend(with_nul: Option<&[u8]>, length: Option<&mut MaybeUninit<usize>>) -> *const c_char {
    if let Some(length) = length {
        length.write(with_nul.map_or(0, |bytes| bytes.len() - 1));
    }
    with_nul.map_or(std::ptr::null(), |bytes| bytes.as_ptr().cast())
}

/// How many bytes were written to descriptor 1 beyond the limit of capture, and are lost.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_stdout_dropped(output: Option<&sandlock_output>) -> u64 {
    look(output, 0, |output| output.output.stdout_dropped())
}

/// How many bytes were written to descriptor 2 beyond the limit of capture, and are lost.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_stderr_dropped(output: Option<&sandlock_output>) -> u64 {
    look(output, 0, |output| output.output.stderr_dropped())
}

/// What the tree used; set `usage->size` first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_output_usage(
    output: Option<&sandlock_output>,
    usage: *mut sandlock_usage,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let used = sandlock_usage::new(&needed(output, "output")?.output.usage());
        // SAFETY: as the header asks of callers.
        unsafe { extensible::write(usage, used, "usage") }
    })
}

/// What was enforced; it belongs to the output. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_enforcement(
    output: Option<&sandlock_output>,
) -> Option<&sandlock_enforcement> {
    output.map(|output| &output.enforcement)
}

/// How many failures of handlers and observers are listed, at most a hundred.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_handler_error_count(output: Option<&sandlock_output>) -> usize {
    look(output, 0, |output| output.handler_errors.len())
}

/// Failure `index` of a handler or observer that did not end the run, of the first hundred; NULL if
/// there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_handler_error(
    output: Option<&sandlock_output>,
    index: usize,
) -> Option<&sandlock_handler_error> {
    output.and_then(|output| output.handler_errors.get(index))
}

/// How many more failures there were.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_handler_errors_dropped(output: Option<&sandlock_output>) -> u64 {
    look(output, 0, |output| output.output.handler_errors_dropped())
}

/// All of it but the captured bytes, as the JSON object of `sandlock run --status-fd`. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_json(output: Option<&sandlock_output>) -> *const c_char {
    look(output, std::ptr::null(), |output| output.json().as_ptr())
}

/// An output of its own that says the same, which takes little: to keep what sandlock_error_output() lends.
/// NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_clone(
    output: Option<&sandlock_output>,
) -> Option<Box<sandlock_output>> {
    look(output, None, |output| Some(Box::new(sandlock_output::new(output.output.clone()))))
}

/// Frees an output. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_output_free(output: Option<Box<sandlock_output>>) {
    free(output);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_permanent_number() {
        assert_eq!(Reason::ALL.map(number), [1, 2, 3, 4]);
    }
}
