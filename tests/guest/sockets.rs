//! What takes more than single calls to do with sockets.

use std::ffi::OsStr;
use std::mem::zeroed;
use std::ptr::null_mut;

use crate::{guard, report};

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    let word = |index: usize| arguments.get(index).and_then(|word| word.to_str()).unwrap_or("");
    match name {
        "fast-open" => fast_open(word(0), word(1).parse().unwrap()),
        "sockets-let-through" => let_through(libc::SYS_socket as u32, 300),
        "socketpairs-let-through" => let_through(libc::SYS_socketpair as u32, 2),
        "change-routes" => change_routes(),
        _ => return false,
    }
    true
}

/// Connects to `port` of this machine with the first bytes, by one of the calls that can.
fn fast_open(spelling: &str, port: u16) {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(std::net::Ipv4Addr::LOCALHOST).to_be() },
        sin_zero: [0; 8],
    };
    let mut data = *b"hello";
    let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
    let flags = libc::MSG_FASTOPEN | libc::MSG_NOSIGNAL;
    // SAFETY: addresses lead to locals with the sizes that are named beside them.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        let mut message: libc::msghdr = zeroed();
        message.msg_name = (&raw const address).cast_mut().cast();
        message.msg_namelen = size_of_val(&address) as u32;
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        report::call(spelling, || match spelling {
            "sendto" => libc::sendto(
                socket,
                data.as_ptr().cast(),
                data.len(),
                flags,
                (&raw const address).cast(),
                size_of_val(&address) as u32,
            ) as i64,
            "sendmsg" => libc::sendmsg(socket, &raw const message, flags) as i64,
            "sendmmsg" => {
                let mut messages = libc::mmsghdr { msg_hdr: message, msg_len: 0 };
                i64::from(libc::sendmmsg(socket, &raw mut messages, 1, flags))
            }
            "header" => {
                message.msg_flags = libc::MSG_FASTOPEN;
                libc::sendmsg(socket, &raw const message, libc::MSG_NOSIGNAL) as i64
            }
            "headers" => {
                message.msg_flags = libc::MSG_FASTOPEN;
                let mut messages = [libc::mmsghdr { msg_hdr: message, msg_len: 0 }; 2];
                let flags = libc::MSG_NOSIGNAL;
                i64::from(libc::sendmmsg(socket, messages.as_mut_ptr(), 2, flags))
            }
            other => panic!("unknown spelling {other}"),
        });
    }
}

/// Prints every family, type and protocol below `protocols` that a filter lets through; the kernel
/// is asked for none of them.
fn let_through(call: u32, protocols: i64) {
    guard::install([call].into_iter());
    for family in 0..64i64 {
        for kind in 0..16i64 {
            let passes = |protocol: &i64| {
                // SAFETY: the guard keeps the call from being made.
                let answer = unsafe {
                    libc::syscall(i64::from(call), family, kind, *protocol, null_mut::<i32>())
                };
                let errno = std::io::Error::last_os_error().raw_os_error();
                assert_eq!(answer, -1);
                errno == Some(libc::ENOSYS)
            };
            let passed: Vec<i64> = (0..protocols).filter(passes).collect();
            match passed.as_slice() {
                [] => {}
                all if all.len() as i64 == protocols => println!("{family} {kind} all"),
                some => println!("{family} {kind} {some:?}"),
            }
        }
    }
}

/// Asks the kernel to add a route, in a message that is too short to name one.
fn change_routes() {
    #[repr(C)]
    struct Request {
        header: libc::nlmsghdr,
        family: u32,
    }
    let request = Request {
        header: libc::nlmsghdr {
            nlmsg_len: size_of::<Request>() as u32,
            nlmsg_type: libc::RTM_NEWROUTE,
            nlmsg_flags: (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16,
            nlmsg_seq: 1,
            nlmsg_pid: 0,
        },
        family: libc::AF_INET as u32,
    };
    let mut answer = [0u8; 256];
    // SAFETY: addresses lead to locals with the sizes that are named beside them.
    let length = unsafe {
        let socket = libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE);
        libc::send(socket, (&raw const request).cast(), size_of_val(&request), 0);
        libc::recv(socket, answer.as_mut_ptr().cast(), answer.len(), 0)
    };
    assert!(length >= 20, "{}", std::io::Error::last_os_error());
    let error = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
    report::result("change-routes", Err::<i32, _>(std::io::Error::from_raw_os_error(-error)));
}
