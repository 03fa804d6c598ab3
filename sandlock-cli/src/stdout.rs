//! Results on descriptor 1.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use crate::diagnostics::{Failure, describe};

/// Prints `bytes`. A reader that has seen enough, as in `| head`, is not a failure.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to standard output: {}", describe(&error))))
        }
        _ => Ok(()),
    }
}

/// Prints `value` as JSON, on one line.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&json_line(value)?)
}

/// `value` as one line of JSON.
pub(crate) fn json_line(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut line = serde_json::to_vec(value)
        .map_err(|error| Failure::new(format!("cannot be written as JSON: {error}")))?;
    line.push(b'\n');
    Ok(line)
}
