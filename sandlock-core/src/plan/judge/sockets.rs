//! Sockets by family, type and protocol, as the `net` section grants them.
//!
//! Landlock holds bind and connect of plain TCP sockets and nothing else: MPTCP, SCTP, UDP, raw
//! sockets, Fast Open and listening without bind all pass it. So a family, a type and a protocol
//! must be on a list, and what opens a way around on a TCP socket is refused.

use super::{Case, Condition, Rules, any_bit, any_of, is, none_of, refuse_when};
use crate::plan::enforcement::Enforcement;
use crate::plan::filter::{Test, Verdict};
use crate::plan::landlock::allows_any_network;
use crate::policy::{NetRule, Policy, UnixRule};

const UNIX: u32 = libc::AF_UNIX.cast_unsigned();
const INET: u32 = libc::AF_INET.cast_unsigned();
const INET6: u32 = libc::AF_INET6.cast_unsigned();
const NETLINK: u32 = libc::AF_NETLINK.cast_unsigned();

const STREAM: u32 = libc::SOCK_STREAM.cast_unsigned();
const DATAGRAM: u32 = libc::SOCK_DGRAM.cast_unsigned();
const SEQPACKET: u32 = libc::SOCK_SEQPACKET.cast_unsigned();
/// SOCK_TYPE_MASK of linux/net.h: the rest of the argument are flags.
const TYPE_MASK: u32 = 0xf;

const TCP: u32 = libc::IPPROTO_TCP.cast_unsigned();
const UDP: u32 = libc::IPPROTO_UDP.cast_unsigned();
const MPTCP: u32 = libc::IPPROTO_MPTCP.cast_unsigned();

/// Types of internet sockets, each with the protocols it may have.
type Allowed = &'static [(u32, &'static [u32])];

/// What a policy asks of internet sockets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Internet {
    None,
    Tcp,
    Any,
}

pub(super) fn rules(policy: &Policy, rules: &mut Rules, enforcement: &mut Enforcement) {
    let internet = internet(policy);
    let unix = policy.net.unix.contains(&UnixRule::Any);
    if unix {
        enforcement.weakened.push("net.unix: every unix socket of the host is in reach".to_owned());
    }
    rules.insert("socket", socket(internet, unix));
    rules.insert("socketpair", socketpair(unix));
    if internet == Internet::Any {
        let line = "net.allow: every TCP and UDP port is in reach, and can be listened on";
        enforcement.weakened.push(line.to_owned());
        return;
    }
    if !(unix && internet == Internet::None) {
        rules.insert("listen", Verdict::Refuse(libc::EPERM));
    }
    let fast_open = libc::MSG_FASTOPEN.cast_unsigned();
    rules.insert("sendto", refuse_when([any_bit(3, fast_open)]));
    rules.insert("sendmsg", refuse_when([any_bit(2, fast_open)]));
    rules.insert("sendmmsg", refuse_when([any_bit(3, fast_open)]));
    rules.insert("setsockopt", setsockopt());
}

fn internet(policy: &Policy) -> Internet {
    if allows_any_network(policy) {
        return Internet::Any;
    }
    match policy.net.allow.iter().any(|rule| matches!(rule, NetRule::Tcp(_))) {
        true => Internet::Tcp,
        false => Internet::None,
    }
}

/// socket(2): family, type, protocol.
fn socket(internet: Internet, unix: bool) -> Verdict {
    let allowed: Allowed = match internet {
        Internet::None if !unix => return Verdict::Refuse(libc::EPERM),
        Internet::None => return refuse_when([none_of(0, &[UNIX])]),
        Internet::Tcp => &[(STREAM, &[0, TCP])],
        Internet::Any => &[(STREAM, &[0, TCP, MPTCP]), (DATAGRAM, &[0, UDP])],
    };
    // Netlink's protocol 0, routes and addresses, is what getaddrinfo(3) asks; changing anything
    // there takes a capability.
    let mut families = vec![INET, INET6, NETLINK];
    families.extend(unix.then_some(UNIX));
    let mut cases = vec![none_of(0, &families), is(0, NETLINK).and(none_of(2, &[0]))];
    for family in [INET, INET6] {
        let types: Vec<u32> = allowed.iter().map(|(kind, _)| *kind).collect();
        cases.push(other_types(family, &types));
        for (kind, protocols) in allowed {
            cases.push(is(0, family).and(of_type(*kind)).and(none_of(2, protocols)));
        }
    }
    refuse_when(cases)
}

/// socketpair(2): two connected ends, which nothing can turn elsewhere, are free. A datagram end
/// could be re-addressed to any path.
fn socketpair(unix: bool) -> Verdict {
    let mut cases = vec![none_of(0, &[UNIX])];
    if !unix {
        cases.push(other_types(UNIX, &[STREAM, SEQPACKET]));
    }
    refuse_when(cases)
}

/// setsockopt(2): level, option. Fast Open connects without connect(2), upper-layer protocols turn
/// a TCP socket into something else.
fn setsockopt() -> Verdict {
    let options = [
        libc::TCP_FASTOPEN,
        libc::TCP_FASTOPEN_CONNECT,
        libc::TCP_FASTOPEN_KEY,
        libc::TCP_FASTOPEN_NO_COOKIE,
        libc::TCP_ULP,
        libc::TCP_REPAIR,
    ];
    let options = options.map(i32::cast_unsigned);
    refuse_when(any_of(2, &options).map(|option| is(1, TCP).and(option)))
}

/// Every type that is not in `allowed`.
fn other_types(family: u32, allowed: &[u32]) -> Case {
    let other = |kind: &u32| Condition::low(1, Test::MaskedNe(u64::from(TYPE_MASK)), *kind);
    is(0, family).and(Case(allowed.iter().map(other).collect()))
}

fn of_type(kind: u32) -> Case {
    Case(vec![Condition::low(1, Test::MaskedEq(u64::from(TYPE_MASK)), kind)])
}
