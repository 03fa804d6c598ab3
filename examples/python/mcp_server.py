"""A server of tools on its standard streams, as MCP has them, in a sandbox; and its client.

    python3 mcp_server.py            the client: starts the server in a sandbox and calls its tools
    python3 mcp_server.py --serve    the server alone, as a client starts it

Messages are JSON-RPC 2.0, one a line. The server knows nothing of its sandbox: it could be any
program that somebody else wrote. It reads one folder, because that is granted. This one forgets to
check paths; where it is asked for a file elsewhere, the kernel refuses.

Holds against a server that does its best to get out: files, network, other processes; after a
minute it is ended. Does not hold against what it answers, which is no more to be trusted than the
server.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

# ---- the server ----

TOOLS = [
    {
        "name": "read_note",
        "description": "Returns a note.",
        "inputSchema": {
            "type": "object",
            "properties": {"path": {"type": "string"}},
            "required": ["path"],
        },
    }
]


def serve() -> None:
    for line in sys.stdin:
        answer = answer_to(line)
        if answer is not None:
            print(json.dumps({"jsonrpc": "2.0", **answer}), flush=True)


def answer_to(line: str) -> dict[str, Any] | None:
    try:
        request = json.loads(line)
        method, params = request["method"], request.get("params", {})
    except (ValueError, TypeError, KeyError):
        return {"id": None, "error": {"code": -32600, "message": "no request"}}
    if "id" not in request:
        # A notification is not answered.
        return None
    if method == "initialize":
        result = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "notes", "version": "1"},
        }
    elif method == "tools/list":
        result = {"tools": TOOLS}
    elif method == "tools/call" and params.get("name") == "read_note":
        result = read_note(params.get("arguments", {}).get("path"))
    else:
        return {"id": request["id"], "error": {"code": -32601, "message": f"no {method} here"}}
    return {"id": request["id"], "result": result}


def read_note(path: Any) -> dict[str, Any]:
    try:
        # A path with .. in it, or an absolute one, is not looked for: the mistake of this server.
        text, is_error = Path(str(path)).read_text(), False
    except (OSError, ValueError) as error:
        text, is_error = f"{type(error).__name__}: {error}", True
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


# ---- the client ----


class Client:
    """Talks to a server that it starts in a sandbox."""

    def __init__(self, folder: str) -> None:
        # The server needs no sandlock, so it does not import it.
        import sandlock

        sandbox = sandlock.Sandbox(
            fs_readable=["/usr", sys.prefix, sys.base_prefix, __file__, folder],
            fs_readable_if_exists=["/lib", "/lib64"],
        )
        self.process = sandbox.popen(
            [sys.executable, "-I", Path(__file__).resolve(), "--serve"],
            stdin=sandlock.PIPE,
            stdout=sandlock.PIPE,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            # If it is silent for ever, this ends it, and call() too.
            timeout=60,
            text=True,
        )
        self.calls = 0
        self.call(
            "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "demo"}
        )
        self.send({"method": "notifications/initialized"})

    def call(self, method: str, **params: Any) -> Any:
        self.calls += 1
        self.send({"id": self.calls, "method": method, "params": params})
        # A server that sends no end of line cannot fill the memory.
        line = self.process.stdout.readline(1_000_000)
        if not line.endswith("\n"):
            self.process.kill()
            result = self.process.wait()
            raise RuntimeError(f"the server ended ({result.reason}): {result.stderr[-500:]!a}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def send(self, message: dict[str, Any]) -> None:
        print(json.dumps({"jsonrpc": "2.0", **message}), file=self.process.stdin, flush=True)

    def read_note(self, path: str) -> tuple[str, bool]:
        result = self.call("tools/call", name="read_note", arguments={"path": path})
        return result["content"][0]["text"], result["isError"]

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closes the pipes, which ends the server, and waits; kills it if the block has raised.
        self.process.__exit__(kind, error, traceback)


def main() -> int:
    with tempfile.TemporaryDirectory() as notes, tempfile.TemporaryDirectory() as elsewhere:
        Path(notes, "shopping").write_text("tea")
        secret = Path(elsewhere, "secret")
        secret.write_text("the password")
        with Client(notes) as client:
            tools = [tool["name"] for tool in client.call("tools/list")["tools"]]
            works = client.read_note("shopping")
            refused = client.read_note(str(secret))
        result = client.process.wait()
    print(f"tools: {tools}")
    print(f"shopping: {works}")
    print(f"secret: {refused}")
    print(f"the server {result.reason} with {result.exit_code}")
    as_expected = (
        tools == ["read_note"]
        and works == ("tea", False)
        and refused[1]
        and refused[0].startswith("PermissionError")
        and result.success
    )
    print("all as expected" if as_expected else "that is not what was expected")
    return 0 if as_expected else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        sys.exit(main())
