"""Refuses the network to a program, and shows where it wanted to connect.

    python3 refuse_network.py

Without a rule in net_allow a program has no internet sockets: the kernel refuses socket(2) by the
policy's own filter. That holds, costs nothing, and nobody is asked; so nobody is told either, and a
handler cannot even be registered for the call.

To see what a program wants, sockets must exist. Here the policy allows TCP connections to one port
and nothing else (no UDP, so that no names are resolved; no listening), and a Deny handler refuses
connect(2), the one way that is left. An observer writes down where to.

Holds against everything that the program does: Deny looks at no memory, and refuses each
connect(2). If it were not there, the policy would still allow nothing but that port. The log does
not hold: another thread of the program can change an address right after it was read.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
import sys

import sandlock

BASE = sandlock.Policy(
    fs_readable=["/usr", sys.prefix, sys.base_prefix],
    fs_readable_if_exists=["/lib", "/lib64"],
    timeout=20,
)

PROGRAM = """
import socket, sys
step = "socket"
try:
    connection = socket.socket(socket.AF_INET)
    step = "connect"
    connection.connect(("127.0.0.1", int(sys.argv[1])))
    print("connected")
except OSError as error:
    print(f"{step}: {error}")
"""


class Destinations(sandlock.Observer):
    """Keeps the first hundred addresses that a program wants to connect to."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def call(self, ctx: sandlock.HandlerCtx) -> None:
        if len(self.seen) < 100:
            address, length = ctx.args[1], ctx.args[2] & 0xFFFFFFFF
            # 28 bytes are the largest address of the internet; the program says the length.
            self.seen.append(shown(ctx.read(address, min(length, 28))))


def shown(address: bytes) -> str:
    """A socket address as people write it: ip(7), ipv6(7)."""
    family = int.from_bytes(address[:2], sys.byteorder)
    if family == socket.AF_INET and len(address) >= 8:
        port, host = struct.unpack_from("!H4s", address, 2)
        return f"{ipaddress.ip_address(host)} port {port}"
    if family == socket.AF_INET6 and len(address) >= 24:
        port, _, host = struct.unpack_from("!HI16s", address, 2)
        return f"{ipaddress.ip_address(host)} port {port}"
    return f"an address of family {family}"


def try_to_connect(sandbox: sandlock.Sandbox, port: int) -> str:
    run = sandbox.run([sys.executable, "-I", "-c", PROGRAM, str(port)], text=True, check=True)
    return run.stdout.strip()


def main() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        # No rule, no network.
        offline = sandlock.Sandbox(BASE)
        without_rule = try_to_connect(offline, port)
        print(f"without a rule: {without_rule}")
        try:
            offline.add_observer("socket", Destinations())
        except sandlock.RegistrationError as error:
            print(f"  {error}")

        # The same, and seen.
        watched = sandlock.Sandbox(BASE, net_allow=[f"tcp://:{port}"])
        destinations, calls = Destinations(), sandlock.Count()
        watched.add_observer("connect", destinations)
        watched.add_observer(["socket", "connect"], calls)
        watched.add_handler("connect", sandlock.Deny(errno.ENETUNREACH), name="offline")
        denied = try_to_connect(watched, port)
        print(f"watched: {denied}")
        print(f"  wanted: {', '.join(destinations.seen)}")
        print(f"  {calls.counts()}")

        # What the rule would have allowed.
        online = sandlock.Sandbox(BASE, net_allow=[f"tcp://:{port}"])
        allowed = try_to_connect(online, port)
        print(f"with the rule alone: {allowed}")

    as_expected = (
        without_rule == "socket: [Errno 1] Operation not permitted"
        and denied == f"connect: [Errno {errno.ENETUNREACH}] Network is unreachable"
        and destinations.seen == [f"127.0.0.1 port {port}"]
        and calls.counts() == {"socket": {"continue": 1}, "connect": {"refused": 1}}
        and allowed == "connected"
    )
    print("all as expected" if as_expected else "that is not what was expected")
    return 0 if as_expected else 1


if __name__ == "__main__":
    sys.exit(main())
