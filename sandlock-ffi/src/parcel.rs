//! What actions own until they are returned: bytes and descriptors.
//!
//! An action has only a number, so one that is returned twice, or was never made, reaches nobody's
//! memory and nobody's descriptor. The parcels are a thread's own: there is no lock, for which a
//! process that is forked meanwhile would wait for ever.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI64, Ordering};

thread_local! {
    static PARCELS: RefCell<HashMap<i64, Parcel>> = RefCell::default();
}

/// What an action owns.
pub(crate) enum Parcel {
    Bytes(Vec<u8>),
    Descriptor(OwnedFd),
    /// A number that was handed over as a descriptor, and is none.
    NotOpen(i32),
}

impl Parcel {
    /// The descriptor `number` of this process, which its owner hands over.
    pub(crate) fn descriptor(number: i32) -> Parcel {
        // SAFETY: it is looked at and no more; a number that is not open is an error.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        match flags {
            ..0 => Parcel::NotOpen(number),
            // SAFETY: it is open, and the header says that it is handed over.
            _ => Parcel::Descriptor(unsafe { OwnedFd::from_raw_fd(number) }),
        }
    }
}

/// Keeps `parcel` for the action that gets its number.
pub(crate) fn put(parcel: Parcel) -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    PARCELS.with_borrow_mut(|parcels| parcels.insert(number, parcel));
    number
}

/// The parcel of this number, once.
pub(crate) fn take(number: i64) -> Option<Parcel> {
    PARCELS.with_borrow_mut(|parcels| parcels.remove(&number))
}
