"""A tool for an agent: runs Python code that a model has written, and returns text.

    python3 agent_tool.py

`run_python(code)` goes into the loop that calls tools: it takes what the model wrote, and returns
what the model is to read: what was printed, the traceback, that the time was over. It does not
raise because of anything that the code does.

The code runs with this interpreter and its packages, in an empty folder that is removed afterwards,
without network, without other files, and without your environment, where keys are kept so often.

Holds against code that does its best to get out, as far as the kernel holds. Does not hold against
use of memory and processor until the time is over. The text is the code's: what it says is no more
to be trusted than what the model reads elsewhere.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import sandlock

SECONDS = 3
MOST_CHARACTERS = 10_000

TOOL = {
    "name": "run_python",
    "description": (
        "Runs Python code and returns what it prints. Each call starts with an empty folder. "
        f"There is no network, and after {SECONDS} seconds the code is ended."
    ),
    "input_schema": {
        "type": "object",
        "properties": {"code": {"type": "string"}},
        "required": ["code"],
    },
}

POLICY = sandlock.Policy(
    fs_readable=["/usr", sys.prefix, sys.base_prefix],
    fs_readable_if_exists=["/lib", "/lib64"],
    max_file_size="16M",
    max_open_files=256,
)


def run_python(code: str) -> str:
    folder = tempfile.mkdtemp()
    try:
        # Half a surrogate pair, which JSON can hold, is a syntax error that the model is told of.
        Path(folder, "code.py").write_bytes(code.encode(errors="surrogatepass"))
        sandbox = sandlock.Sandbox(POLICY, fs_writable=[folder])
        result = sandbox.run(
            [sys.executable, "-I", "code.py"],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"},
            timeout=SECONDS,
            text=True,
            stderr=sandlock.STDOUT,
            capture_limit=1_000_000,
        )
        return text_of(result)
    except (sandlock.SandlockError, OSError) as error:
        return f"[the code could not be run: {error}]"
    finally:
        remove(folder)


def text_of(result: sandlock.Result) -> str:
    parts = [shortened(result.stdout)]
    if result.stdout_dropped:
        parts.append(f"[{result.stdout_dropped} bytes more were printed]")
    if result.reason == "timeout":
        parts.append(f"[ended after {SECONDS} seconds]")
    elif result.signal is not None:
        parts.append(f"[ended by signal {result.signal}]")
    elif not result.success:
        parts.append(f"[exit code {result.exit_code}]")
    return "\n".join(part for part in parts if part) or "[nothing was printed]"


def shortened(text: str) -> str:
    """Beginning and end: a traceback says at its end what happened."""
    text = text.strip()
    if len(text) <= MOST_CHARACTERS:
        return text
    half = MOST_CHARACTERS // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"


def remove(folder: str) -> None:
    """What hostile code leaves (links, thousands of levels, folders without permissions) is removed
    under the policy, too. If it cannot be, it stays."""
    script = "chmod -R u+rwx . && find . -mindepth 1 -delete"
    try:
        sandbox = sandlock.Sandbox(POLICY, fs_writable=[folder])
        sandbox.run(["sh", "-c", script], cwd=folder, timeout=60)
        os.rmdir(folder)
    except (sandlock.SandlockError, OSError) as error:
        print(f"agent_tool: {folder} is not removed: {error}", file=sys.stderr)


def main() -> int:
    """Plays the model."""
    os.environ["API_KEY"] = "not for everybody"
    turns = [
        ("print(sum(range(10)))", "45"),
        ("x = 1", "[nothing was printed]"),
        ("print(1 / 0)", "ZeroDivisionError: division by zero\n[exit code 1]"),
        ("print('on my way', flush=True)\nwhile True: pass", "on my way\n[ended after 3 seconds]"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "[ended by signal 9]"),
        ("open('note', 'w').write('x' * 9); print(len(open('note').read()))", "9"),
        ("print(open('/etc/passwd').read())", "PermissionError"),
        ("import socket; socket.create_connection(('192.0.2.1', 80))", "PermissionError"),
        ("import os; print(os.environ.get('API_KEY'))", "None"),
        ("print('x' * 50_000)", "[40000 characters left out]"),
        ("print('\ud800')", "SyntaxError"),
    ]
    failed = False
    for code, expected in turns:
        text = run_python(code)
        print(f"model: {code!a}\n tool: {text[-300:]!a}")
        failed |= expected not in text
    print("that is not what was expected" if failed else "all as expected")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
