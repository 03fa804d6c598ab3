"""A program nobody has read: it reads and writes files, opens sockets and looks around.

Prints one JSON object: what it tried, and what came of it.
"""

import ctypes
import errno
import json
import os
import signal
import socket
import subprocess
import sys

# `parent` is a process outside, `port` a server on this machine.
work, secret, parent, port = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
results = {}


def attempt(name, action):
    try:
        action()
        results[name] = "done"
    except OSError as error:
        results[name] = errno.errorcode.get(error.errno, str(error.errno))


def read(path):
    with open(path, "rb") as file:
        file.read(1)


def write(path, text="x"):
    with open(path, "w") as file:
        file.write(text)


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        sock.connect(address)


def user_namespace():
    CLONE_NEWUSER = 0x10000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def child():
    subprocess.run(["/usr/bin/env", "true"], check=True)


attempt("read its own input", lambda: read(f"{work}/input.txt"))
attempt("write a result", lambda: write(f"{work}/result.txt", "42\n"))
attempt("replace and remove it", lambda: (
    os.rename(f"{work}/result.txt", f"{work}/final.txt"),
    os.remove(f"{work}/final.txt"),
))
attempt("run another program", child)
attempt("read a secret next door", lambda: read(secret))
attempt("overwrite the secret", lambda: write(secret))
attempt("read it by a link of its own", lambda: (
    os.symlink(secret, f"{work}/link"),
    read(f"{work}/link"),
))
attempt("write 2 MiB", lambda: write(f"{work}/big", "x" * (2 << 20)))
attempt("connect to a server", lambda: connect(socket.AF_INET, ("127.0.0.1", port)))
attempt("open a datagram socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close())
attempt("open a unix socket", lambda: socket.socket(socket.AF_UNIX).close())
attempt("signal a process outside", lambda: os.kill(parent, signal.SIGCONT))
attempt("make a user namespace", user_namespace)

for name in ("link", "big"):
    try:
        os.remove(f"{work}/{name}")
    except OSError:
        pass
print(json.dumps(results))
