//! Structs that begin with their own size, so that later versions can append fields: programs that
//! were compiled with an earlier header hand over shorter ones, those with a later header longer
//! ones. As openat2(2) does with `struct open_how`.

use std::mem::MaybeUninit;

use sandlock::Result;

use crate::pointer::wrong;

/// The most bytes that such a struct can ever have: a size beyond it was never set.
const MOST: usize = 4096;

/// A struct of the header whose first field is its size in bytes.
///
/// # Safety
///
/// The type is `repr(C)`, begins with a `usize`, is a multiple of it in size, has no padding, and is
/// valid for all bits zero and whatever else a caller can write.
pub(crate) unsafe trait Extensible: Copy {
    /// Its size in the first version of the header that has it.
    const FIRST: usize;
}

/// What the caller set; fields that its version does not have are zero. `None` for NULL.
///
/// # Errors
///
/// A size that no version has, and fields of a later version that are set.
///
/// # Safety
///
/// NULL, or valid for reads of as many bytes as its first field says, and of that field.
pub(crate) unsafe fn read<T: Extensible>(pointer: *const T, name: &str) -> Result<Option<T>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the first field is there.
    let size = unsafe { size_of_caller(pointer, name) }?;
    // SAFETY: as many bytes are there as it says.
    let given = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), size) };
    let known = given.len().min(size_of::<T>());
    if given[known..].iter().any(|byte| *byte != 0) {
        let message = "sets fields that this version of sandlock does not have";
        return Err(wrong(format!("{name} {message}")));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: both have that many bytes, and the type takes any bits.
    unsafe {
        std::ptr::copy_nonoverlapping(given.as_ptr(), value.as_mut_ptr().cast(), known);
        Ok(Some(value.assume_init()))
    }
}

/// Writes as much of `value` as the caller's version has, but for the size; zeros behind it.
///
/// # Errors
///
/// NULL, and a size that no version has.
///
/// # Safety
///
/// NULL, or valid for reads of its first field and writes of as many bytes as that says.
pub(crate) unsafe fn write<T: Extensible>(pointer: *mut T, value: T, name: &str) -> Result<()> {
    if pointer.is_null() {
        return Err(wrong(format!("{name} is NULL")));
    }
    // SAFETY: the first field is there.
    let size = unsafe { size_of_caller(pointer, name) }?;
    let known = size.min(size_of::<T>());
    let head = size_of::<usize>();
    // SAFETY: as many bytes are there as it says, and `value` has no padding.
    unsafe {
        let (from, to) = ((&raw const value).cast::<u8>(), pointer.cast::<u8>());
        std::ptr::copy_nonoverlapping(from.add(head), to.add(head), known - head);
        std::ptr::write_bytes(to.add(known), 0, size - known);
    }
    Ok(())
}

/// # Safety
///
/// Valid for reads of its first field.
unsafe fn size_of_caller<T: Extensible>(pointer: *const T, name: &str) -> Result<usize> {
    // SAFETY: as the caller promises; aligned or not.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    let head = size_of::<usize>();
    match size {
        // Fields have whole words.
        _ if size < T::FIRST || size > MOST || size % head != 0 => {
            Err(wrong(format!("{name}.size is {size}, not sizeof: {} at least", T::FIRST)))
        }
        _ => Ok(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Later {
        size: usize,
        first: u64,
        later: u64,
    }

    // SAFETY: numbers without padding.
    unsafe impl Extensible for Later {
        const FIRST: usize = 16;
    }

    fn read_words(words: &[u64]) -> Result<Option<Later>> {
        // SAFETY: every size in these tests is that of the array, or refused before it matters.
        unsafe { read(words.as_ptr().cast(), "options") }
    }

    #[test]
    fn fields_that_a_caller_does_not_know_are_zero() {
        let given = read_words(&[16, 7]).unwrap().unwrap();
        assert_eq!((given.size, given.first, given.later), (16, 7, 0));
        let given = read_words(&[24, 7, 9]).unwrap().unwrap();
        assert_eq!((given.first, given.later), (7, 9));
    }

    #[test]
    fn fields_of_a_later_header_must_not_be_set() {
        assert_eq!(read_words(&[32, 7, 9, 0]).unwrap().unwrap().later, 9);
        assert!(read_words(&[32, 7, 9, 1]).is_err());
    }

    #[test]
    fn a_size_that_was_never_set_is_an_error() {
        for size in [0, 8, 15, 17, 23, 4097, 4104, u64::MAX] {
            assert!(read_words(&[size, 7, 9]).is_err(), "{size}");
        }
    }

    #[test]
    fn nothing_is_written_behind_what_the_caller_has() {
        let value = Later { size: 24, first: 7, later: 9 };
        for (size, expected) in
            [(16, [16, 7, 5, 5]), (24, [24, 7, 9, 5]), (32, [32, 7, 9, 0]), (8, [8, 5, 5, 5])]
        {
            let mut words: [u64; 4] = [size, 5, 5, 5];
            // SAFETY: no size is beyond the array.
            let written = unsafe { write(words.as_mut_ptr().cast(), value, "usage") };
            assert_eq!((words, written.is_ok()), (expected, size != 8));
        }
    }
}
