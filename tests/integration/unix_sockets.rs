//! Unix sockets: services of the host, and pairs of one's own.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

use libc::{AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM};
use sandlock::{PolicyBuilder, Protection, ProtectionMode};

use crate::address;
use crate::calls::{Answer, Calls, calls};
use crate::harness::{policy, says, says_outside};
use crate::scene::Scene;

const ROOM_FOR_TWO: [u8; 8] = [0; 8];

fn any_unix() -> PolicyBuilder {
    policy().net_unix("*")
}

fn connect(kind: i32, bytes: Vec<u8>) -> Calls {
    let length = bytes.len();
    calls! { socket(AF_UNIX, kind, 0); connect(Answer(0), bytes, length) }
}

/// A name that no other test and no other run has.
fn unique_name(purpose: &str) -> String {
    format!("sandlock-test-{}-{purpose}", std::process::id())
}

#[test]
fn a_service_in_a_granted_folder_is_not_reached_unless_unix_sockets_are_allowed() {
    let scene = Scene::new();
    let path = scene.path("granted/service");
    let _service = UnixListener::bind(&path).unwrap();
    let attack = connect(SOCK_STREAM, address::path(&path));
    let socket = calls! { socket(AF_UNIX, SOCK_STREAM, 0) };
    for refused in [scene.reads_granted(), scene.writes_granted(), policy().net_allow("*")] {
        assert_eq!(socket.under(&refused), "EPERM");
    }
    assert_eq!(attack.under(&scene.reads_granted().net_unix("*")), "ok");
    // Lifted means lifted: file permissions are all that is left.
    assert_eq!(attack.under(&any_unix()), "ok");
}

#[test]
fn allowing_unix_sockets_allows_no_other_family() {
    let let_through = says(any_unix(), &["sockets-let-through"]);
    assert_eq!(let_through.lines().count(), 16, "{let_through}");
    assert!(let_through.lines().all(|line| line.starts_with("1 ")), "{let_through}");
    let warning = "net.unix: every unix socket of the host is in reach";
    let sandbox = sandlock::Sandbox::new(any_unix().build().unwrap()).unwrap();
    assert!(sandbox.plan().enforcement.weakened.iter().any(|line| line == warning));
}

/// Types: 1 stream, 5 sequenced packets.
#[test]
fn only_pairs_that_stay_connected_are_made() {
    assert_eq!(says(policy(), &["socketpairs-let-through"]), "1 1 all\n1 5 all");
    let free = says_outside(&["socketpairs-let-through"]);
    assert_eq!(free.lines().count(), 64 * 16, "{free}");
    for kind in [SOCK_DGRAM, SOCK_RAW, SOCK_DGRAM | libc::SOCK_CLOEXEC] {
        let dirty = i64::from(kind) | 1 << 32;
        for attack in [
            calls! { socketpair(AF_UNIX, kind, 0, ROOM_FOR_TWO) },
            calls! { socketpair(i64::from(AF_UNIX) | 1 << 35, dirty, 0, ROOM_FOR_TWO) },
        ] {
            assert_eq!(attack.under(&policy()), "EPERM", "{attack:?}");
            assert_eq!(attack.under(&any_unix()), "ok", "{attack:?}");
        }
    }
}

/// A listener of any type, which the standard library lacks.
fn service(kind: i32, address: &[u8]) -> OwnedFd {
    // SAFETY: the address has the length that is named beside it; the descriptor is new and ours.
    unsafe {
        let socket = OwnedFd::from_raw_fd(libc::socket(AF_UNIX, kind | libc::SOCK_CLOEXEC, 0));
        let length = address.len() as libc::socklen_t;
        assert_eq!(libc::bind(socket.as_raw_fd(), address.as_ptr().cast(), length), 0);
        assert_eq!(libc::listen(socket.as_raw_fd(), 8), 0);
        socket
    }
}

/// The ends of the first pair are the descriptors 3 and 4.
#[test]
fn an_end_of_a_pair_cannot_be_pointed_elsewhere() {
    let scene = Scene::new();
    let datagrams = scene.path("granted/datagrams");
    let _receiver = UnixDatagram::bind(&datagrams).unwrap();
    let allowed = scene.writes_granted();
    for kind in [SOCK_STREAM, SOCK_SEQPACKET] {
        let target = address::path(&scene.path(&format!("granted/service-{kind}")));
        let length = target.len();
        let _service = service(kind, &target);
        let pair = calls! { socketpair(AF_UNIX, kind, 0, ROOM_FOR_TWO) };
        assert_eq!(pair.under(&allowed), "ok");
        let elsewhere = [3.into(), target.clone().into(), length.into()];
        assert_eq!(pair.clone().then("connect", &elsewhere).under(&allowed), "EISCONN");
        let orphaned = pair.clone().then("close", &[4.into()]).then("connect", &elsewhere);
        assert_eq!(orphaned.under(&allowed), "EISCONN");
        let disconnect = [3.into(), address::nothing().into(), 16.into()];
        assert_eq!(pair.clone().then("connect", &disconnect).under(&allowed), "EINVAL");
        let socket = connect(kind, target.clone());
        assert_eq!(socket.under(&any_unix()), "ok");
        let listen = pair.then("listen", &[3.into(), 1.into()]);
        assert_ne!(listen.under(&allowed), "ok");
    }
    // The reason why datagram pairs are refused: their ends do reach others.
    let target = address::path(&datagrams);
    let length = target.len();
    let attack = calls! {
        socketpair(AF_UNIX, SOCK_DGRAM, 0, ROOM_FOR_TWO);
        connect(3, target, length)
    };
    assert_eq!(attack.under(&any_unix()), "ok");
}

#[test]
fn abstract_sockets_of_the_host_are_out_of_reach_even_where_unix_sockets_are_allowed() {
    let name = unique_name("stream");
    let _service =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let stream = connect(SOCK_STREAM, address::name(&name));
    let name = unique_name("datagram");
    let receiver =
        UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    receiver.set_nonblocking(true).unwrap();
    let (target, length) = (address::name(&name), address::name(&name).len());
    let datagram = calls! {
        socket(AF_UNIX, SOCK_DGRAM, 0);
        sendto(Answer(0), "x", 1, 0, target, length)
    };
    let unscoped = any_unix().protection(Protection::AbstractUnixScope, ProtectionMode::Off);
    for attack in [stream, datagram, connect(SOCK_DGRAM, address::name(&name))] {
        assert_eq!(attack.under(&any_unix()), "EPERM", "{attack:?}");
        assert!(receiver.recv(&mut [0; 8]).is_err());
        assert_eq!(attack.under(&unscoped), "ok", "{attack:?}");
        while receiver.recv(&mut [0; 8]).is_ok() {}
    }
}

#[test]
fn abstract_sockets_within_the_sandbox_work_where_unix_sockets_are_allowed() {
    let name = address::name(&unique_name("inside"));
    let length = name.len();
    let both_ends = calls! {
        socket(AF_UNIX, SOCK_STREAM, 0);
        bind(Answer(0), name.clone(), length);
        listen(Answer(0), 1);
        socket(AF_UNIX, SOCK_STREAM, 0);
        connect(Answer(3), name, length)
    };
    assert_eq!(both_ends.under(&any_unix()), "ok");
}
