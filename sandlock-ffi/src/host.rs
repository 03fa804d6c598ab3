//! What this kernel can enforce.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use sandlock::{Error, ErrorKind, Host};

use crate::error::{sandlock_error, sandlock_status};
use crate::guard::attempt;
use crate::text::give_text;

/// Whether this kernel enforces a policy without settings in full.
///
/// SANDLOCK_ERROR_UNSUPPORTED: it does not; the message says what is missing, and what to do.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_host_check(
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || match Host::current().report().shortfall() {
        None => Ok(()),
        Some(shortfall) => Err(shortfall.clone()),
    })
}

/// The Landlock ABI of this kernel; 0 where Landlock is missing or disabled.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_host_landlock_abi() -> u32 {
    let mut abi = 0;
    attempt(None, || {
        abi = Host::current().landlock_abi;
        Ok(())
    });
    abi
}

/// What this kernel can enforce, as the JSON object of `sandlock check --json`; free `*text` with
/// sandlock_string_free().
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_host_json(
    text: Option<&mut MaybeUninit<*mut c_char>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        give_text(text, || {
            serde_json::to_string(&Host::current().report())
                .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
        })
    })
}
