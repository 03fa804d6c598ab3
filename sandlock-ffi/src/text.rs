//! Texts that the library gives out.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use sandlock::Result;

use crate::guard;
use crate::pointer::needed;

/// Frees a text that the caller owns. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_string_free(string: *mut c_char) {
    if !string.is_null() {
        // SAFETY: it was given out by `give_text`, and the caller has not freed it yet.
        guard::free(Some(Box::new(unsafe { CString::from_raw(string) })));
    }
}

/// A text for C. A NUL byte in it, which none of ours has, would end it there.
pub(crate) fn c_text(text: impl AsRef<[u8]>) -> CString {
    let text = text.as_ref();
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

/// Hands `text` out to a caller, who has to free it.
pub(crate) fn give_text(
    place: Option<&mut MaybeUninit<*mut c_char>>,
    make: impl FnOnce() -> Result<String>,
) -> Result<()> {
    let place = needed(place, "text")?;
    place.write(c_text(make()?).into_raw());
    Ok(())
}

/// A text that lives as long as what it belongs to; NULL for none.
pub(crate) fn lent(text: Option<&CString>) -> *const c_char {
    text.map_or(std::ptr::null(), |text| text.as_ptr())
}
