"""What the tests of a project share that uses the package."""

import pytest

import sandlock


@pytest.fixture(scope="session")
def sandbox():
    """One for all tests of a process, in processes forked from that one too."""
    box = sandlock.Sandbox(
        fs_readable=["/usr"],
        fs_readable_if_exists=["/lib", "/lib64", "/bin", "/etc/ld.so.cache"],
        fs_writable=["/dev/null"],
    )
    assert box.run(["true"]).success
    return box


@pytest.fixture
def calls(sandbox):
    """A sandbox with a handler, and what that saw."""
    seen = []

    def note(ctx):
        seen.append(ctx.name)
        return sandlock.NotifAction.continue_()

    box = sandlock.Sandbox(sandbox.policy)
    box.add_handler("getppid", note)
    return box, seen


@pytest.fixture
def process(sandbox):
    """A program that runs as long as a test does."""
    with sandbox.popen(
        ["sh", "-c", "echo ready; exec sleep 1000"], stdout=sandlock.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()
