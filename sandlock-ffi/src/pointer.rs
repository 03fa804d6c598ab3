//! What callers in C hand over, made into what Rust works on. The only place where a pointer of
//! theirs is followed, but for structs with a size (see `extensible`).

use std::ffi::{CStr, OsStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::ptr::NonNull;

use sandlock::{Error, ErrorKind, Result};

/// An argument that cannot be used.
pub(crate) fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Argument, message)
}

/// What must not be NULL.
pub(crate) fn needed<T>(pointer: Option<T>, name: &str) -> Result<T> {
    pointer.ok_or_else(|| wrong(format!("{name} is NULL")))
}

/// An array that must not be empty.
pub(crate) fn some<'a, T>(array: &'a [T], name: &str) -> Result<&'a [T]> {
    if array.is_empty() { Err(wrong(format!("{name} is empty"))) } else { Ok(array) }
}

/// An object that others may use too, although the caller changes it: what changes in it is made for
/// that.
///
/// # Safety
///
/// NULL, or valid for `'a`.
pub(crate) unsafe fn shared<'a, T>(pointer: Option<NonNull<T>>, name: &str) -> Result<&'a T> {
    // SAFETY: as the caller promises.
    needed(pointer, name).map(|pointer| unsafe { pointer.as_ref() })
}

/// Hands `value` out to a caller, who has to free it.
pub(crate) fn give<T>(place: &mut MaybeUninit<*mut T>, value: T) {
    place.write(Box::into_raw(Box::new(value)));
}

/// A text.
///
/// # Safety
///
/// NULL, or NUL-terminated and unchanged for `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a CStr> {
    if pointer.is_null() {
        return Err(wrong(format!("{name} is NULL")));
    }
    // SAFETY: as the caller promises.
    Ok(unsafe { CStr::from_ptr(pointer) })
}

/// A text of any bytes.
///
/// # Safety
///
/// As [`text`].
pub(crate) unsafe fn os<'a>(pointer: *const c_char, name: &str) -> Result<&'a OsStr> {
    // SAFETY: as the caller promises.
    unsafe { text(pointer, name) }.map(|text| OsStr::from_bytes(text.to_bytes()))
}

/// A text of any bytes, or nothing.
///
/// # Safety
///
/// As [`text`].
pub(crate) unsafe fn os_or_none<'a>(pointer: *const c_char) -> Option<&'a OsStr> {
    // SAFETY: as the caller promises.
    let text = (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) });
    text.map(|text| OsStr::from_bytes(text.to_bytes()))
}

/// A text that has to be UTF-8.
///
/// # Safety
///
/// As [`text`].
pub(crate) unsafe fn utf8<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: as the caller promises.
    let text = unsafe { text(pointer, name) }?;
    text.to_str().map_err(|_| wrong(format!("{name} is not UTF-8")))
}

/// The texts of an array that ends with NULL.
///
/// # Safety
///
/// NULL, or such an array of texts as for [`text`].
pub(crate) unsafe fn texts<'a>(
    pointer: *const *const c_char,
    name: &str,
) -> Result<Vec<&'a OsStr>> {
    if pointer.is_null() {
        return Err(wrong(format!("{name} is NULL")));
    }
    let mut texts = Vec::new();
    let mut next = pointer;
    // SAFETY: the array goes on until NULL has been met.
    while let Some(text) = unsafe { os_or_none(*next) } {
        texts.push(text);
        // SAFETY: the one behind a text is still in the array.
        next = unsafe { next.add(1) };
    }
    Ok(texts)
}

/// Data that is read, or an array: nothing where its length is 0.
///
/// # Safety
///
/// NULL, or valid for reads of `length` elements, unchanged for `'a`.
pub(crate) unsafe fn slice<'a, T>(pointer: *const T, length: usize, name: &str) -> Result<&'a [T]> {
    check_length::<T>(pointer.is_null(), length, name)?;
    match length {
        0 => Ok(&[]),
        // SAFETY: as the caller promises, and no longer than any object.
        _ => Ok(unsafe { std::slice::from_raw_parts(pointer, length) }),
    }
}

/// Bytes: see [`slice`].
///
/// # Safety
///
/// As [`slice`].
pub(crate) unsafe fn bytes<'a>(
    pointer: *const c_void,
    length: usize,
    name: &str,
) -> Result<&'a [u8]> {
    // SAFETY: as the caller promises.
    unsafe { slice(pointer.cast(), length, name) }
}

/// Room for what is written, or an array.
///
/// # Safety
///
/// NULL, or valid for writes of `length` elements, and nobody else's for `'a`.
pub(crate) unsafe fn room<'a, T>(
    pointer: *mut T,
    length: usize,
    name: &str,
) -> Result<&'a mut [MaybeUninit<T>]> {
    check_length::<T>(pointer.is_null(), length, name)?;
    match length {
        0 => Ok(&mut []),
        // SAFETY: as the caller promises, and no longer than any object.
        _ => Ok(unsafe { std::slice::from_raw_parts_mut(pointer.cast(), length) }),
    }
}

/// Room for bytes, which holds zeros from here on.
///
/// # Safety
///
/// As [`room`].
pub(crate) unsafe fn buffer<'a>(
    pointer: *mut c_void,
    length: usize,
    name: &str,
) -> Result<&'a mut [u8]> {
    // SAFETY: as the caller promises.
    let room = unsafe { room(pointer.cast::<u8>(), length, name) }?;
    room.fill(MaybeUninit::new(0));
    // SAFETY: every byte of it has just been written.
    Ok(unsafe { &mut *(std::ptr::from_mut(room) as *mut [u8]) })
}

fn check_length<T>(is_null: bool, length: usize, name: &str) -> Result<()> {
    let most = isize::MAX as usize / size_of::<T>().max(1);
    match length {
        0 => Ok(()),
        _ if is_null => Err(wrong(format!("{name} is NULL"))),
        _ if length > most => Err(wrong(format!("{name} cannot be that long"))),
        _ => Ok(()),
    }
}
