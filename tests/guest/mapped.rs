//! Calls with addresses at the edge of a mapping, and what is in the memory afterwards.

use std::ffi::OsStr;
use std::ptr::null_mut;

use crate::{calls, report};

const PAGE: usize = 4096;

/// Does the action `name`, if it is one of this file.
///
/// `mapped NUMBER PROTECTION HEX` makes the call with the address of these bytes, which end where
/// their mapping ends, and how many there are.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    let number = |word: &OsStr| word.to_str().unwrap().parse().unwrap();
    match (name, arguments) {
        ("mapped", [call, protection, hex]) => {
            mapped(number(call), number(protection) as i32, &calls::read_hex(hex));
        }
        _ => return false,
    }
    true
}

fn mapped(call: i64, protection: i32, content: &[u8]) {
    let pages = content.len().div_ceil(PAGE).max(1) * PAGE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let both = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, whose last page is taken away again; content lies before that.
    let text = unsafe {
        let base = libc::mmap(null_mut(), pages + PAGE, both, flags, -1, 0);
        assert_ne!(base, libc::MAP_FAILED);
        assert_eq!(libc::munmap(base.add(pages), PAGE), 0);
        let text = base.cast::<u8>().add(pages - content.len());
        text.copy_from(content.as_ptr(), content.len());
        assert_eq!(libc::mprotect(base, pages, protection), 0);
        text
    };
    // SAFETY: none of the calls that tests make here writes anything.
    report::call("mapped", || unsafe { libc::syscall(call, text, content.len()) });
    if protection != libc::PROT_NONE {
        // SAFETY: as above; the mapping is there for good.
        let now = unsafe { std::slice::from_raw_parts(text, content.len()) };
        println!("bytes ok {}", now.escape_ascii());
    }
}
