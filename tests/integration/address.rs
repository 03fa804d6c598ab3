//! Socket addresses as the bytes that calls take.

use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// `struct sockaddr_in` or `sockaddr_in6`.
pub(crate) fn internet(address: SocketAddr) -> Vec<u8> {
    let port = address.port().to_be_bytes();
    match address {
        SocketAddr::V4(v4) => {
            [&family(libc::AF_INET)[..], &port, &v4.ip().octets(), &[0; 8]].concat()
        }
        SocketAddr::V6(v6) => {
            let (flow, scope) = ([0; 4], [0; 4]);
            [&family(libc::AF_INET6)[..], &port, &flow, &v6.ip().octets(), &scope].concat()
        }
    }
}

/// `struct sockaddr` that names nothing: connecting to it disconnects.
pub(crate) fn nothing() -> Vec<u8> {
    [&family(libc::AF_UNSPEC)[..], &[0; 14]].concat()
}

/// `struct sockaddr_un` of a path.
pub(crate) fn path(path: &Path) -> Vec<u8> {
    [&family(libc::AF_UNIX)[..], path.as_os_str().as_bytes(), b"\0"].concat()
}

/// `struct sockaddr_un` of an abstract name.
pub(crate) fn name(name: &str) -> Vec<u8> {
    [&family(libc::AF_UNIX)[..], b"\0", name.as_bytes()].concat()
}

fn family(family: i32) -> [u8; 2] {
    (family as u16).to_ne_bytes()
}
