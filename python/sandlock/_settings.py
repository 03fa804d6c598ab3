"""What settings take, for type checkers. Made from the table of settings by `make generate`."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping
from typing import Literal, Optional, TypedDict, Union

StrOrBytes = Union[str, bytes]
StrOrBytesPath = Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]
ProtectionName = Literal[
    "fs_refer",
    "fs_truncate",
    "fs_ioctl_dev",
    "net_tcp",
    "signal_scope",
    "abstract_unix_scope",
]
ProtectionMode = Literal[
    "strict",
    "if-available",
    "off",
]


class Settings(TypedDict, total=False):
    """The keywords of Policy and Sandbox. One that is None says nothing.

    fs_readable:
        Read, list and execute at and below this path. A missing path is an error. A relative path
        is relative to the caller's directory, in profiles too, and `~` is a name like any other.
        Ordinary programs need /usr, /lib, /lib64 and often /etc.
    fs_readable_if_exists:
        The same as fs.read, skipped if the path is missing.
    fs_writable:
        Everything fs.read grants, and create, change, rename and remove below this path. A missing
        path is an error. Shells, git and many others write to /dev/null.
    fs_writable_if_exists:
        The same as fs.write, skipped if the path is missing.
    net_allow:
        `*` lifts every restriction of TCP and UDP, listening included; `tcp://:PORTS` permits
        outbound TCP connections to these ports of any host and nothing else. Ports are `443`,
        `80,443`, `8000-8100` or `*`. Names are not resolved under `tcp://`, which takes UDP.
        Without a rule there are no internet sockets at all.
    net_unix:
        Unix sockets it may connect to. Only `*` is possible so far: every socket that file
        permissions let it reach, services of the host included; listed as weakened.
    max_open_files:
        Descriptors that each process may have open (RLIMIT_NOFILE), or the caller's own maximum if
        that is lower.
    max_file_size:
        Largest file it may write (RLIMIT_FSIZE): bytes, or a number with K, M, G or T (powers of
        1024). A write beyond it ends the program with SIGXFSZ, or fails with EFBIG where that is
        ignored; a file that was larger before counts too.
    timeout:
        Wall clock of the run, after which the whole tree is killed: seconds, or a number with ms,
        s, m or h.
    env:
        Environment variables added or replaced.
    clean_env:
        Start from PATH, HOME, USER, LANG and TERM of the caller only.
    cwd:
        Directory the program starts in; the caller's own if unset. It grants nothing.
    keep_capabilities:
        Capabilities of the caller that survive, with or without `CAP_`; by default none do. Listed
        as weakened.
    core_dumps:
        Let it dump core, up to the caller's own maximum (RLIMIT_CORE); off by default.
    manage_tasks:
        Set limits, priorities, affinity and scheduling of its own processes and threads by their
        ids, as renice, taskset and pthread_setaffinity_np do; otherwise a program may do that to
        the calling thread alone. A supervisor judges each such call.
    deny_syscalls:
        System calls, or @groups of them, refused with EPERM beyond the base deny list.
    allow_syscalls:
        System calls, or @groups of them, lifted from the base deny list; listed as weakened.
    only_syscalls:
        Allow-list: every call outside it is answered ENOSYS. The base deny list still holds. A
        dynamic program cannot start without @processes, @memory, @file-io, @file-open, @file-info,
        @descriptors and @threads. One that forks needs @namespaces (clone) too, a shell @pipes and
        @signals, Python @random and @descriptor-options (fcntl).
    protections:
        What to do where the kernel lacks a protection: `strict` (default) is an error,
        `if-available` runs without it and says so, `off` never uses it. NAME is fs_refer,
        fs_truncate, fs_ioctl_dev, net_tcp, signal_scope or abstract_unix_scope.
    """

    fs_readable: Optional[Iterable[StrOrBytesPath]]
    fs_readable_if_exists: Optional[Iterable[StrOrBytesPath]]
    fs_writable: Optional[Iterable[StrOrBytesPath]]
    fs_writable_if_exists: Optional[Iterable[StrOrBytesPath]]
    net_allow: Optional[Iterable[str]]
    net_unix: Optional[Iterable[StrOrBytesPath]]
    max_open_files: Optional[int]
    max_file_size: Optional[Union[int, str]]
    timeout: Optional[Union[float, str, datetime.timedelta]]
    env: Optional[Union[Mapping[str, StrOrBytes], Mapping[bytes, StrOrBytes]]]
    clean_env: Optional[bool]
    cwd: Optional[StrOrBytesPath]
    keep_capabilities: Optional[Iterable[str]]
    core_dumps: Optional[bool]
    manage_tasks: Optional[bool]
    deny_syscalls: Optional[Iterable[str]]
    allow_syscalls: Optional[Iterable[str]]
    only_syscalls: Optional[Iterable[str]]
    protections: Optional[Mapping[ProtectionName, ProtectionMode]]
