//! Sockets: what each `net` setting leaves.

use super::*;

const DIRTY: u64 = 0xdead_beef_0000_0000;

const UNIX: u64 = libc::AF_UNIX as u64;
const INET: u64 = libc::AF_INET as u64;
const INET6: u64 = libc::AF_INET6 as u64;
const NETLINK: u64 = libc::AF_NETLINK as u64;
const PACKET: u64 = libc::AF_PACKET as u64;
const VSOCK: u64 = libc::AF_VSOCK as u64;
const ALG: u64 = libc::AF_ALG as u64;

const STREAM: u64 = 1;
const DATAGRAM: u64 = 2;
const RAW: u64 = 3;
const SEQPACKET: u64 = 5;
const FLAGS: u64 = (libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) as u64;

const TCP: u64 = 6;
const UDP: u64 = 17;
const ICMP: u64 = 1;
const SCTP: u64 = 132;
const UDP_LITE: u64 = 136;
const SMC: u64 = 256;
const MPTCP: u64 = 262;

const FASTOPEN: u64 = libc::MSG_FASTOPEN as u64;

fn none() -> PolicyBuilder {
    Policy::builder()
}

fn tcp() -> PolicyBuilder {
    Policy::builder().net_allow("tcp://:443")
}

fn any() -> PolicyBuilder {
    Policy::builder().net_allow("*")
}

fn unix() -> PolicyBuilder {
    Policy::builder().net_unix("*")
}

/// Arguments of socket(2), and what it gets without a rule, under `tcp://:443`, and under `*`.
type Socket = ([u64; 3], Answer, Answer, Answer);

#[test]
fn internet_sockets_are_those_that_the_policy_names() {
    let mut rows: Vec<Socket> = Vec::new();
    for family in [INET, INET6, DIRTY | INET] {
        rows.extend([
            ([family, STREAM, 0], EPERM, ALLOW, ALLOW),
            ([family, STREAM, TCP], EPERM, ALLOW, ALLOW),
            ([family, STREAM | FLAGS, TCP], EPERM, ALLOW, ALLOW),
            ([family, DIRTY | STREAM, DIRTY | TCP], EPERM, ALLOW, ALLOW),
            ([family, STREAM, MPTCP], EPERM, EPERM, ALLOW),
            ([family, STREAM | FLAGS, DIRTY | MPTCP], EPERM, EPERM, ALLOW),
            ([family, STREAM, SCTP], EPERM, EPERM, EPERM),
            ([family, STREAM, SMC], EPERM, EPERM, EPERM),
            ([family, STREAM, UDP], EPERM, EPERM, EPERM),
            ([family, SEQPACKET, SCTP], EPERM, EPERM, EPERM),
            ([family, DATAGRAM, 0], EPERM, EPERM, ALLOW),
            ([family, DATAGRAM, UDP], EPERM, EPERM, ALLOW),
            ([family, DATAGRAM | FLAGS, UDP], EPERM, EPERM, ALLOW),
            ([family, DATAGRAM, ICMP], EPERM, EPERM, EPERM),
            ([family, DATAGRAM, UDP_LITE], EPERM, EPERM, EPERM),
            ([family, RAW, ICMP], EPERM, EPERM, EPERM),
            ([family, RAW | FLAGS, 255], EPERM, EPERM, EPERM),
            // SOCK_PACKET: the kernel makes a packet socket of it, whatever the family.
            ([family, 10, 0], EPERM, EPERM, EPERM),
        ]);
    }
    check(&rows);
}

#[test]
fn no_other_family_is_left_but_the_netlink_of_routes() {
    const GENERIC: u64 = libc::NETLINK_GENERIC as u64;
    const AUDIT: u64 = libc::NETLINK_AUDIT as u64;
    check(&[
        ([NETLINK, RAW, 0], EPERM, ALLOW, ALLOW),
        ([NETLINK, RAW | FLAGS, 0], EPERM, ALLOW, ALLOW),
        ([NETLINK, DATAGRAM, DIRTY], EPERM, ALLOW, ALLOW),
        ([NETLINK, RAW, GENERIC], EPERM, EPERM, EPERM),
        ([NETLINK, RAW, AUDIT], EPERM, EPERM, EPERM),
        ([NETLINK, RAW, DIRTY | GENERIC], EPERM, EPERM, EPERM),
        ([PACKET, RAW, 0x0300], EPERM, EPERM, EPERM),
        ([PACKET, DATAGRAM, 0], EPERM, EPERM, EPERM),
        ([VSOCK, STREAM, 0], EPERM, EPERM, EPERM),
        ([ALG, SEQPACKET, 0], EPERM, EPERM, EPERM),
        ([UNIX, STREAM, 0], EPERM, EPERM, EPERM),
        ([UNIX, DATAGRAM, 0], EPERM, EPERM, EPERM),
        ([0, STREAM, 0], EPERM, EPERM, EPERM),
        ([0xffff_ffff, STREAM, 0], EPERM, EPERM, EPERM),
    ]);
}

fn check(rows: &[Socket]) {
    for (arguments, without, under_tcp, under_any) in rows {
        expect(none(), &[("socket", arguments, *without)]);
        expect(tcp(), &[("socket", arguments, *under_tcp)]);
        expect(any(), &[("socket", arguments, *under_any)]);
    }
}

#[test]
fn no_family_beyond_the_list_is_left_under_any_policy() {
    for (policy, known) in
        [(none(), &[][..]), (unix(), &[UNIX]), (any().net_unix("*"), &[UNIX, INET, INET6, NETLINK])]
    {
        let filter = Filter::of(&policy.build().unwrap(), Arch::X86_64);
        let socket = Arch::X86_64.number_of("socket").unwrap();
        for family in (0..64).filter(|family| !known.contains(family)) {
            for kind in 0..16 {
                let answer = filter.check(&filter.call(socket, args(&[family, kind])));
                assert_eq!(answer, EPERM, "socket({family}, {kind})");
            }
        }
    }
}

#[test]
fn unix_sockets_come_with_their_own_rule_and_bring_no_other() {
    let unix_alone: &[Row<'_>] = &[
        ("socket", &[UNIX, STREAM, 0], ALLOW),
        ("socket", &[UNIX, DATAGRAM | FLAGS, 0], ALLOW),
        ("socket", &[DIRTY | UNIX, SEQPACKET, 0], ALLOW),
        ("socket", &[INET, STREAM, 0], EPERM),
        ("socket", &[NETLINK, RAW, 0], EPERM),
        ("socket", &[PACKET, RAW, 0], EPERM),
        ("listen", &[3, 1], ALLOW),
    ];
    expect(unix(), unix_alone);
    let with_tcp: &[Row<'_>] = &[
        ("socket", &[UNIX, DATAGRAM, 0], ALLOW),
        ("socket", &[INET, STREAM, TCP], ALLOW),
        ("socket", &[INET, STREAM, MPTCP], EPERM),
        ("socket", &[INET, DATAGRAM, 0], EPERM),
        // On a TCP socket it would open a port without bind(2), which is all that Landlock judges.
        ("listen", &[3, 1], EPERM),
    ];
    expect(tcp().net_unix("*"), with_tcp);
}

#[test]
fn socket_pairs_are_free_but_for_ends_that_can_be_addressed_anew() {
    for policy in [none(), tcp(), any()] {
        expect(
            policy,
            &[
                ("socketpair", &[UNIX, STREAM, 0], ALLOW),
                ("socketpair", &[UNIX, STREAM | FLAGS, 0], ALLOW),
                ("socketpair", &[DIRTY | UNIX, DIRTY | SEQPACKET, 0], ALLOW),
                ("socketpair", &[UNIX, DATAGRAM, 0], EPERM),
                ("socketpair", &[UNIX, DATAGRAM | FLAGS, 0], EPERM),
                // The kernel makes a datagram socket of it.
                ("socketpair", &[UNIX, RAW, 0], EPERM),
                ("socketpair", &[INET, STREAM, 0], EPERM),
                ("socketpair", &[30, STREAM, 0], EPERM), // AF_TIPC
            ],
        );
    }
    expect(
        unix(),
        &[
            ("socketpair", &[UNIX, DATAGRAM, 0], ALLOW),
            ("socketpair", &[UNIX, RAW, 0], ALLOW),
            ("socketpair", &[INET, STREAM, 0], EPERM),
        ],
    );
}

#[test]
fn sending_does_not_connect() {
    const NOSIGNAL: u64 = libc::MSG_NOSIGNAL as u64;
    let sends: [(&str, usize); 3] = [("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)];
    for (call, flags) in sends {
        let with = |value: u64| {
            let mut args = [3, 0, 0, 0, 0, 0];
            args[flags] = value;
            args
        };
        for policy in [none(), tcp(), unix(), tcp().net_unix("*")] {
            expect(
                policy,
                &[
                    (call, &with(0), ALLOW),
                    (call, &with(NOSIGNAL), ALLOW),
                    (call, &with(u64::from(u32::MAX) ^ FASTOPEN), ALLOW),
                    (call, &with(FASTOPEN), EPERM),
                    (call, &with(FASTOPEN | NOSIGNAL), EPERM),
                    (call, &with(DIRTY | FASTOPEN), EPERM),
                    (call, &with(FASTOPEN << 32), ALLOW),
                ],
            );
        }
        expect(any(), &[(call, &with(FASTOPEN), ALLOW)]);
    }
}

#[test]
fn options_do_not_turn_a_tcp_socket_into_something_else() {
    const SOCKET: u64 = libc::SOL_SOCKET as u64;
    const REUSEADDR: u64 = libc::SO_REUSEADDR as u64;
    const NODELAY: u64 = libc::TCP_NODELAY as u64;
    for option in [
        libc::TCP_FASTOPEN_CONNECT,
        libc::TCP_FASTOPEN,
        libc::TCP_FASTOPEN_KEY,
        libc::TCP_FASTOPEN_NO_COOKIE,
        libc::TCP_ULP,
        libc::TCP_REPAIR,
    ] {
        let option = u64::try_from(option).unwrap();
        for policy in [none(), tcp(), unix()] {
            expect(
                policy,
                &[
                    ("setsockopt", &[3, TCP, option], EPERM),
                    ("setsockopt", &[3, DIRTY | TCP, DIRTY | option], EPERM),
                    ("setsockopt", &[3, SOCKET, option], ALLOW),
                ],
            );
        }
        expect(any(), &[("setsockopt", &[3, TCP, option], ALLOW)]);
    }
    expect(
        tcp(),
        &[
            ("setsockopt", &[3, TCP, NODELAY], ALLOW),
            ("setsockopt", &[3, SOCKET, REUSEADDR], ALLOW),
        ],
    );
}

#[test]
fn listening_takes_a_policy_that_leaves_no_landlock_rule_to_go_around() {
    for (policy, answer) in [
        (none(), EPERM),
        (tcp(), EPERM),
        (tcp().net_unix("*"), EPERM),
        (unix(), ALLOW),
        (any(), ALLOW),
        (any().net_unix("*"), ALLOW),
    ] {
        expect(policy, &[("listen", &[3, 128], answer), ("listen", &[DIRTY | 3, 0], answer)]);
    }
}

#[test]
fn connecting_and_accepting_are_left_to_landlock() {
    for policy in [none(), tcp(), unix(), any()] {
        for call in ["connect", "bind", "accept4", "recvmsg", "getsockopt", "shutdown"] {
            expect(policy.clone(), &[(call, &[u64::MAX; 6], ALLOW)]);
        }
    }
}
