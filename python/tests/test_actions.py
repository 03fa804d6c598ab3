"""NotifAction: each answer, and what the program sees of it."""

import copy
import errno
import fcntl
import os
import socket

import pytest
from guests import PARENT, UNAME, opening, python

import sandlock
from sandlock import ArgumentError, NotifAction, Sandbox

SECRET = "/no/such/secret"


def answering(sandbox, call, action):
    sandbox.add_handler(call, lambda ctx: action)
    return sandbox


def serving(sandbox, action):
    """Answers opens of SECRET."""

    def handler(ctx):
        return action if ctx.read_path() == SECRET else NotifAction.continue_()

    sandbox.add_handler(["openat"], handler)
    return sandbox


class TestContinue:
    def test_the_kernel_carries_the_call_out(self, sandbox):
        answering(sandbox, "uname", NotifAction.continue_())
        assert sandbox.run(UNAME).stdout == b"done\n"

    def test_it_is_always_the_same_one(self):
        assert NotifAction.continue_() is NotifAction.continue_()

    def test_it_cannot_widen_the_policy(self, policy, job):
        (job / "file").write_text("told")
        sandbox = answering(Sandbox(policy), "openat", NotifAction.continue_())
        assert sandbox.run(opening(job / "file")).stdout == b"PermissionError\n"
        granting = answering(Sandbox(policy, fs_readable=[job]), "openat", NotifAction.continue_())
        assert granting.run(opening(job / "file")).stdout == b"told"


class TestErrno:
    @pytest.mark.parametrize("number", [1, errno.EACCES, errno.ENOSYS, 133, 4095])
    def test_the_call_fails_with_that_number(self, sandbox, number):
        answering(sandbox, "uname", NotifAction.errno(number))
        assert sandbox.run(UNAME).stdout == b"%d\n" % number

    @pytest.mark.parametrize("number", [0, -1, 4096, 1 << 80])
    def test_there_are_no_other_numbers(self, number):
        with pytest.raises(ArgumentError):
            NotifAction.errno(number)

    @pytest.mark.parametrize("number", ["EACCES", None, 1.0])
    def test_a_number_is_an_int(self, number):
        with pytest.raises(TypeError):
            NotifAction.errno(number)


class TestReturns:
    @pytest.mark.parametrize("value", [0, 1, 4242, 0x7FFFFFFF])
    def test_the_call_returns_that(self, sandbox, value):
        answering(sandbox, "getppid", NotifAction.returns(value))
        assert sandbox.run(PARENT).stdout == b"%d\n" % value

    def test_programs_take_small_negative_numbers_for_errors(self, sandbox):
        answering(sandbox, "uname", NotifAction.returns(-errno.EACCES))
        assert sandbox.run(UNAME).stdout == b"%d\n" % errno.EACCES

    @pytest.mark.parametrize("value", [1 << 40, (1 << 63) - 1])
    def test_values_have_64_bits(self, sandbox, value):
        answering(sandbox, "lseek", NotifAction.returns(value))
        code = "import os; os.write(1, b'%d' % os.lseek(0, 0, 0))"
        assert sandbox.run(python(code)).stdout == b"%d" % value

    def test_a_number_without_a_sign_has_the_same_bits(self):
        assert NotifAction.returns((1 << 64) - 1) == NotifAction.returns(-1)

    @pytest.mark.parametrize("value", [1 << 64, -(1 << 63) - 1])
    def test_there_are_no_more_bits(self, value):
        with pytest.raises(ArgumentError):
            NotifAction.returns(value)

    def test_the_kernel_does_nothing(self, writing, job):
        answering(writing, ["mkdir", "mkdirat"], NotifAction.returns(0))
        assert writing.run(["mkdir", job / "made"]).success
        assert not (job / "made").exists()


class TestInjectFd:
    def test_the_call_returns_a_descriptor_for_the_same_file(self, sandbox, job):
        (job / "file").write_text("told")
        with open(job / "file", "rb") as file:
            serving(sandbox, NotifAction.inject_fd(file))
        assert sandbox.run(opening(SECRET)).stdout == b"told"

    def test_it_takes_a_number_and_copies_the_file(self, sandbox, job):
        (job / "file").write_text("told")
        descriptor = os.open(job / "file", os.O_RDONLY)
        action = NotifAction.inject_fd(descriptor)
        os.close(descriptor)
        serving(sandbox, action)
        assert sandbox.run(opening(SECRET)).stdout == b"told"

    def test_a_socket_can_be_handed_out(self, sandbox):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            serving(sandbox, NotifAction.inject_fd(theirs))
            code = "import os, sys; os.write(os.open(sys.argv[1], 0), b'hello')"
            assert sandbox.run(python(code, SECRET)).success
            assert ours.recv(9) == b"hello"

    @pytest.mark.parametrize("cloexec", [True, False])
    def test_it_is_close_on_exec_or_not(self, sandbox, cloexec):
        with open("/dev/null", "rb") as file:
            serving(sandbox, NotifAction.inject_fd(file, cloexec=cloexec))
        code = "import fcntl, os, sys; print(fcntl.fcntl(os.open(sys.argv[1], 0), fcntl.F_GETFD))"
        expected = fcntl.FD_CLOEXEC if cloexec else 0
        assert sandbox.run(python(code, SECRET)).stdout == b"%d\n" % expected

    def test_a_descriptor_that_is_not_open_is_told(self):
        with pytest.raises(sandlock.SystemCallError) as raised:
            NotifAction.inject_fd(9999)
        assert raised.value.errno == errno.EBADF

    @pytest.mark.parametrize("fd", [-1, 1 << 40])
    def test_a_number_that_is_no_descriptor_is_told(self, fd):
        with pytest.raises(ArgumentError):
            NotifAction.inject_fd(fd)

    @pytest.mark.parametrize("fd", ["0", None, True])
    def test_a_descriptor_is_a_number_or_has_one(self, fd):
        with pytest.raises(TypeError):
            NotifAction.inject_fd(fd)


class TestInjectBytes:
    @pytest.mark.parametrize(
        "data",
        [b"told", b"", bytearray(b"\0\xff"), memoryview(b"a.b.c.")[::2], b"x" * (3 << 20)],
        ids=lambda data: type(data).__name__ + str(len(data)),
    )
    def test_the_call_returns_a_file_of_these_bytes(self, sandbox, data):
        serving(sandbox, NotifAction.inject_bytes(data))
        assert sandbox.run(opening(SECRET)).stdout == bytes(data)

    def test_each_call_gets_one_of_its_own_from_the_beginning(self, sandbox):
        serving(sandbox, NotifAction.inject_bytes(b"told"))
        code = """
import os, sys
files = [os.open(sys.argv[1], 0) for _ in range(3)]
print([os.read(file, 2) + os.read(file, 9) for file in files])
"""
        assert eval(sandbox.run(python(code, SECRET)).stdout) == [b"told"] * 3

    @pytest.mark.parametrize("change", ["os.write(file, b'x')", "os.truncate(file, 1)"])
    def test_it_cannot_be_changed(self, sandbox, change):
        serving(sandbox, NotifAction.inject_bytes(b"told"))
        code = f"import os, sys; file = os.open(sys.argv[1], os.O_RDWR); {change}"
        result = sandbox.run(python(code, SECRET))
        assert not result.success
        assert b"Error" in result.stderr.splitlines()[-1]

    @pytest.mark.parametrize("data", ["text", None, 3])
    def test_bytes_are_bytes(self, data):
        with pytest.raises(TypeError):
            NotifAction.inject_bytes(data)


class TestKill:
    def test_the_whole_tree_is_killed(self, sandbox):
        answering(sandbox, "uname", NotifAction.kill())
        result = sandbox.run(["sh", "-c", "echo before; uname; echo after"])
        assert (result.reason, result.stdout) == ("killed", b"before\n")
        assert (result.signal, result.success) == (9, False)


class TestValue:
    ALL = (
        NotifAction.continue_(),
        NotifAction.errno(13),
        NotifAction.returns(13),
        NotifAction.inject_bytes(b"x"),
        NotifAction.kill(),
    )

    def test_actions_are_values(self):
        assert len(set(self.ALL)) == len(self.ALL)
        assert NotifAction.errno(13) == NotifAction.errno(13)
        assert NotifAction.errno(13) != NotifAction.errno(1)
        assert NotifAction.inject_bytes(b"x") == NotifAction.inject_bytes(b"x")
        assert NotifAction.errno(13) != 13

    def test_a_file_equals_itself_alone(self):
        action = NotifAction.inject_fd(2)
        assert action == action
        assert action != NotifAction.inject_fd(2)

    def test_an_action_cannot_be_made_otherwise_or_changed(self):
        with pytest.raises(TypeError):
            NotifAction()
        with pytest.raises(AttributeError):
            NotifAction.kill().number = 3
        with pytest.raises(TypeError):
            copy.copy(NotifAction.kill())

    @pytest.mark.parametrize(
        ("action", "shown"),
        [
            (NotifAction.continue_(), "NotifAction.continue_()"),
            (NotifAction.errno(13), "NotifAction.errno(13)"),
            (NotifAction.returns(-1), "NotifAction.returns(-1)"),
            (NotifAction.inject_bytes(b"abc"), "NotifAction.inject_bytes(<3 bytes>)"),
            (NotifAction.inject_fd(2), "NotifAction.inject_fd(..., cloexec=True)"),
            (NotifAction.kill(), "NotifAction.kill()"),
        ],
    )
    def test_an_action_says_what_it_is(self, action, shown):
        assert repr(action) == shown
