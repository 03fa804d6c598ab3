"""Runs the same program free and confined, and prints what each could do, and why.

Usage: compare.py SANDLOCK. Ends with 1 if something came out other than the table says.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

# What was tried, what comes of it inside, and the rule that decides.
EXPECTED = {
    "read its own input": ("done", "fs.write covers its folder, and grants reading"),
    "write a result": ("done", "fs.write covers its folder"),
    "replace and remove it": ("done", "fs.write covers its folder"),
    "run another program": ("done", "fs.read covers /usr, and grants executing"),
    "read a secret next door": ("EACCES", "no fs rule covers it (Landlock)"),
    "overwrite the secret": ("EACCES", "no fs rule covers it (Landlock)"),
    "read it by a link of its own": ("EACCES", "the file counts, not the name (Landlock)"),
    "write 2 MiB": ("EFBIG", "limits.file_size is 1M"),
    "connect to a server": ("EPERM", "no net.allow rule, so no internet sockets (filter)"),
    "open a datagram socket": ("EPERM", "no net.allow rule (filter)"),
    "open a unix socket": ("EPERM", "no net.unix rule (filter)"),
    "signal a process outside": ("EPERM", "signals stay inside (Landlock scope)"),
    "make a user namespace": ("EPERM", "base deny list, @namespaces (filter)"),
}


def run(command):
    finished = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True)
    return json.loads(finished.stdout)


def main():
    sandlock = sys.argv[1]
    with tempfile.TemporaryDirectory() as outside, socket.create_server(("127.0.0.1", 0)) as server:
        work = os.path.join(outside, "work")
        secret = os.path.join(outside, "secret.txt")
        os.mkdir(work)
        for path in (f"{work}/input.txt", secret):
            with open(path, "w") as file:
                file.write("precious")
        # The system's interpreter: it lies below /usr, which the policy grants.
        python = "/usr/bin/python3"
        if not os.path.exists(python):
            python = os.path.realpath(sys.executable)
        port = str(server.getsockname()[1])
        with open(os.path.join(HERE, "untrusted.py"), encoding="utf-8") as file:
            program = file.read()
        command = [python, "-I", "-c", program, work, secret, str(os.getpid()), port]
        policy = ["-p", os.path.join(HERE, "policy.toml"), "--fs-write", work]
        policy += ["--fs-read", sys.base_prefix] if not python.startswith("/usr/") else []
        free = run(command)
        with open(secret, "w", encoding="utf-8") as file:
            file.write("precious")
        confined = run([sandlock, "run", *policy, "--", *command])
        with open(secret, encoding="utf-8") as file:
            unharmed = file.read() == "precious"

    print(f"{'what it tried':30} {'free':8} {'confined':9} why")
    surprises = 0
    for name, (expected, why) in EXPECTED.items():
        outside, inside = free.get(name, "missing"), confined.get(name, "missing")
        mark = "" if inside == expected else f"   <- expected {expected}"
        # Some systems have no user namespaces for anybody.
        if outside != "done" and name != "make a user namespace":
            mark += "   <- expected done when free"
        surprises += bool(mark)
        print(f"{name:30} {outside:8} {inside:9} {why}{mark}")
    print(f"\nThe secret is {'unharmed' if unharmed else 'GONE'}.")
    return 1 if surprises or not unharmed else 0


if __name__ == "__main__":
    sys.exit(main())
