//! Exit statuses, as env(1) and timeout(1) have them.

use sandlock::{ErrorKind, Output, Reason};

/// Everything went well.
pub(crate) const SUCCESS: u8 = 0;
/// `sandlock check`: a default policy is not enforced in full.
pub(crate) const NOT_ENFORCED: u8 = 1;
/// `limits.timeout` was over.
pub(crate) const TIMEOUT: u8 = 124;
/// sandlock itself failed, before or instead of the program.
pub(crate) const FAILED: u8 = 125;
/// The command exists and cannot be executed.
pub(crate) const CANNOT_EXECUTE: u8 = 126;
/// The command does not exist.
pub(crate) const NOT_FOUND: u8 = 127;

/// The status for a program that ended.
pub(crate) fn of_output(output: &Output) -> u8 {
    if output.reason() == Reason::Timeout {
        return TIMEOUT;
    }
    let status = output.code().or_else(|| output.signal().map(|signal| 128 + signal));
    status.and_then(|status| u8::try_from(status).ok()).unwrap_or(FAILED)
}

/// The status for a program that could not be run.
pub(crate) fn of_error(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::NotFound => NOT_FOUND,
        ErrorKind::CannotExecute => CANNOT_EXECUTE,
        _ => FAILED,
    }
}
