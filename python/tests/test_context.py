"""HandlerCtx: what a handler sees of a call and of the task that makes it."""

import errno
import gc
import os
import platform
import threading
import traceback

import pytest
from guests import UNAME, opening, python

import sandlock
from sandlock import (
    HandlerCtx,
    NotifAction,
    OpenRequest,
    Sandbox,
    TaskError,
    TaskGoneError,
    TaskMemoryError,
    TooLongError,
)

CONTINUE = NotifAction.continue_()
AT_FDCWD = -100


class Asked(list):
    """A handler that keeps what `look` saw, and lets every call through.

    Assertions belong behind the run: one that fails in a handler is a handler that fails.
    """

    def __init__(self, look, on=None):
        self.look = look
        self.on = on

    def __call__(self, ctx):
        if self.on is None or self.on(ctx):
            try:
                self.append(self.look(ctx))
            except Exception as error:
                traceback.clear_frames(error.__traceback__)
                self.append(error)
        return CONTINUE


def seen(sandbox, call, command, look, on=None):
    """What `look` sees of each such call of a program that succeeds."""
    asked = Asked(look, on)
    sandbox.add_handler(call, asked)
    sandbox.run(command, check=True)
    assert asked
    return asked


def of_path(path):
    return lambda ctx: ctx.read_path() == str(path)


class TestRegisters:
    def test_a_call_has_a_number_a_name_and_an_architecture(self, sandbox):
        (call,) = seen(sandbox, "uname", UNAME, lambda ctx: (ctx.syscall, ctx.name, ctx.arch))
        number = {"x86_64": 63, "aarch64": 160}[platform.machine()]
        assert call == (number, "uname", platform.machine())

    def test_an_id_is_the_one_of_the_call(self, sandbox):
        ids = seen(sandbox, "uname", ["sh", "-c", "uname; uname"], lambda ctx: ctx.id)
        assert len(set(ids)) == 2

    def test_pid_is_the_id_of_the_thread_that_calls(self, sandbox):
        code = """
import os, threading
def work():
    os.uname()
    print(os.getpid(), threading.get_native_id())
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
        asked = Asked(lambda ctx: ctx.pid)
        sandbox.add_handler("uname", asked)
        process, thread = sandbox.run(python(code), check=True).stdout.split()
        assert asked == [int(thread)] != [int(process)]

    def test_arguments_are_six_registers_without_a_sign(self, sandbox):
        code = """
import ctypes, sys
longs = [ctypes.c_long(value) for value in (1, 2, -3, 4, -5, 6)]
ctypes.CDLL(None).syscall(ctypes.c_long(int(sys.argv[1])), *longs)
"""
        number = {"x86_64": 110, "aarch64": 173}[platform.machine()]
        (args,) = seen(sandbox, "getppid", python(code, str(number)), lambda ctx: ctx.args)
        assert args == (1, 2, 2**64 - 3, 4, 2**64 - 5, 6)

    def test_an_instruction_pointer_is_in_the_memory_of_the_task(self, sandbox):
        look = lambda ctx: ctx.read(ctx.instruction_pointer - 4, 4)[-2:]  # noqa: E731
        (behind,) = seen(sandbox, "uname", UNAME, look)
        assert len(behind) == 2
        if platform.machine() == "x86_64":
            assert behind == b"\x0f\x05"

    def test_a_task_waits_while_its_handler_is_asked(self, sandbox):
        assert seen(sandbox, "uname", UNAME, HandlerCtx.is_waiting) == [True]

    def test_a_task_that_has_gone_does_not_wait(self, sandbox):
        def look(ctx):
            process.kill()
            while ctx.is_waiting():
                pass
            with pytest.raises(TaskGoneError):
                ctx.read(ctx.args[0], 1)
            return ctx.name, ctx.is_waiting()

        started = threading.Event()
        asked = Asked(lambda ctx: started.wait(20) and look(ctx))
        sandbox.add_handler("uname", asked)
        process = sandbox.popen(UNAME)
        started.set()
        assert process.wait().reason == "killed"
        assert asked == [("uname", False)]

    def test_it_says_what_it_is(self, sandbox):
        ((shown, pid),) = seen(sandbox, "uname", UNAME, lambda ctx: (repr(ctx), ctx.pid))
        assert shown == f"<HandlerCtx uname of task {pid}>"

    def test_nobody_else_can_make_one(self):
        with pytest.raises(TypeError):
            HandlerCtx()


class TestMemory:
    WRITING = python("import os; os.write(1, b'hello\\0world')")

    def test_memory_is_read(self, sandbox):
        look = lambda ctx: ctx.read(ctx.args[1], ctx.args[2])  # noqa: E731
        assert seen(sandbox, "write", self.WRITING, look) == [b"hello\0world"]

    def test_nothing_is_read_where_nothing_is_asked_for(self, sandbox):
        assert seen(sandbox, "uname", UNAME, lambda ctx: ctx.read(ctx.args[0], 0)) == [b""]

    def test_text_is_read_up_to_its_end(self, sandbox):
        look = lambda ctx: ctx.read_cstr(ctx.args[1], 6)  # noqa: E731
        assert seen(sandbox, "write", self.WRITING, look) == [b"hello"]

    def test_text_without_an_end_is_too_long(self, sandbox):
        (error,) = seen(sandbox, "write", self.WRITING, lambda ctx: ctx.read_cstr(ctx.args[1], 5))
        assert type(error) is TooLongError

    @pytest.mark.parametrize(
        "look",
        [
            lambda ctx: ctx.read(0, 1),
            lambda ctx: ctx.read((1 << 64) - 1, 1),
            lambda ctx: ctx.read((1 << 64) - 4, 8),
            lambda ctx: ctx.read(ctx.args[1], 16 << 20),
            lambda ctx: ctx.read_cstr(0, 8),
            lambda ctx: ctx.write(0, b"x"),
        ],
        ids=["null", "top", "wrapping", "beyond", "text", "writing"],
    )
    def test_memory_that_is_not_mapped_is_told(self, sandbox, look):
        (error,) = seen(sandbox, "write", self.WRITING, look)
        assert type(error) is TaskMemoryError
        assert error.errno == errno.EFAULT

    def test_there_is_a_limit(self, sandbox):
        (error,) = seen(sandbox, "uname", UNAME, lambda ctx: ctx.read(ctx.args[0], (16 << 20) + 1))
        assert type(error) is TooLongError

    @pytest.mark.parametrize(
        ("address", "size", "cls"),
        [
            (1 << 64, 1, TaskMemoryError),
            (1 << 200, 1, TaskMemoryError),
            (-1, 1, TaskMemoryError),
            (0, 1 << 64, TooLongError),
            (0, 1 << 200, TooLongError),
        ],
    )
    def test_what_a_program_makes_of_a_number_is_no_failure(self, sandbox, address, size, cls):
        def look(ctx):
            errors = []
            for read in (ctx.read, ctx.read_cstr):
                with pytest.raises(TaskError) as raised:
                    read(address, size)
                errors.append(type(raised.value))
            return errors

        assert seen(sandbox, "uname", UNAME, look) == [[cls, cls]]

    @pytest.mark.parametrize("bad", [("0", 1), (0, None), (0, 1.5)], ids=str)
    def test_addresses_and_sizes_are_numbers(self, sandbox, bad):
        (error,) = seen(sandbox, "uname", UNAME, lambda ctx: ctx.read(*bad))
        assert type(error) is TypeError

    def test_a_size_below_zero_is_a_mistake(self, sandbox):
        (error,) = seen(sandbox, "uname", UNAME, lambda ctx: ctx.read(0, -1))
        assert type(error) is sandlock.ArgumentError

    @pytest.mark.parametrize(
        "data", [b"forged\0", bytearray(b"forged\0")], ids=["bytes", "bytearray"]
    )
    def test_memory_is_written(self, sandbox, data):
        def handler(ctx):
            ctx.write(ctx.args[0], data)
            return NotifAction.returns(0)

        sandbox.add_handler("uname", handler)
        assert sandbox.run(["uname"]).stdout == b"forged\n"

    def test_a_call_sees_what_was_written(self, sandbox):
        def handler(ctx):
            ctx.write(ctx.args[1], b"HELLO")
            return CONTINUE

        sandbox.add_handler("write", handler)
        assert sandbox.run(self.WRITING).stdout == b"HELLO\0world"


class TestPaths:
    def test_the_path_of_a_call_is_read(self, sandbox):
        paths = seen(sandbox, "openat", opening("/usr/share/no-such"), HandlerCtx.read_path)
        assert "/usr/share/no-such" in paths

    def test_a_path_that_is_not_utf8_survives(self, sandbox):
        paths = seen(sandbox, "openat", opening(b"/usr/\xff"), HandlerCtx.read_path)
        assert os.fsdecode(b"/usr/\xff") in paths

    def test_each_path_of_a_call_can_be_read(self, writing, job):
        (job / "a").touch()
        code = "import os, sys; os.rename('a', sys.argv[1], src_dir_fd=os.open('.', 0))"
        asked = Asked(lambda ctx: (ctx.read_path(), ctx.read_path(1), ctx.read_path(3)))
        writing.add_handler(["renameat", "renameat2"], asked)
        writing.run(python(code, job / "b"), cwd=job, check=True)
        assert asked == [("a", "a", str(job / "b"))]

    def test_a_call_without_a_path_is_told(self, sandbox):
        (error,) = seen(sandbox, "uname", UNAME, HandlerCtx.read_path)
        assert type(error) is sandlock.ArgumentError
        assert "uname has no argument that is a path" in str(error)

    @pytest.mark.parametrize("index", [0, 6, -1, 1 << 70])
    def test_an_argument_that_is_no_path_is_told(self, sandbox, index):
        found = seen(sandbox, "openat", UNAME, lambda ctx: ctx.read_path(index))
        assert {isinstance(error, sandlock.SandlockError) for error in found} == {True}

    def test_a_path_is_displayed_as_a_person_wants_to_see_it(self, sandbox):
        def look(ctx):
            return (
                ctx.display_path("../lib//x/./y"),
                ctx.display_path(b"/a/\xff/.."),
                ctx.display_path(""),
            )

        command = ["sh", "-c", "cd /usr/share && exec uname"]
        (paths,) = seen(sandbox, "uname", command, look)
        assert paths[:2] == ("/usr/lib/x/y", "/a")

    def test_a_path_is_displayed_as_of_a_directory_of_the_task(self, sandbox):
        code = "import os; os.stat('x', dir_fd=os.open('/usr/lib', 0))"
        paths = []

        def handler(ctx):
            if ctx.read_path() == "x":
                paths.append(ctx.display_path("x", ctx.args[0]))
            return CONTINUE

        sandbox.add_handler(["newfstatat", "statx"], handler)
        sandbox.run(python(code))
        sandbox.run(python("import os; os.stat('x')"), cwd="/usr/bin")
        assert paths == ["/usr/lib/x", "/usr/bin/x"]


class TestOpenRequest:
    def request(self, sandbox, code, name="file"):
        requests = seen(sandbox, ["openat", "openat2"], python(code), HandlerCtx.open_request)
        (request,) = [one for one in requests if os.path.basename(one.path) == name]
        return request

    def test_it_says_what_is_asked_for(self, writing, job):
        code = f"import os; os.chdir({str(job)!r}); os.open('file', os.O_CREAT | os.O_RDWR, 0o640)"
        request = self.request(writing, code)
        assert (request.directory, request.path, request.mode) == (AT_FDCWD, "file", 0o640)
        assert request.flags & (os.O_CREAT | os.O_RDWR) == os.O_CREAT | os.O_RDWR
        assert (request.resolve, request.writes) == (0, True)
        assert (job / "file").exists()

    def test_reading_does_not_write(self, sandbox):
        request = self.request(sandbox, "import os; os.open('/usr/bin/true', 0, 0o777)", "true")
        assert (request.writes, request.mode) == (False, 0)
        assert repr(request).startswith('<OpenRequest "/usr/bin/true" flags=')

    def test_a_directory_is_a_descriptor_of_the_task(self, sandbox):
        code = "import os; os.open('true', 0, dir_fd=os.open('/usr/bin', 0))"
        assert self.request(sandbox, code, "true").directory > 2

    def test_restrictions_are_added(self, sandbox):
        request = self.request(sandbox, "import os; os.open('/usr/bin/true', 0)", "true")
        narrower = request.with_resolve(sandlock.RESOLVE_NO_SYMLINKS)
        assert (request.resolve, narrower.resolve) == (0, sandlock.RESOLVE_NO_SYMLINKS)
        both = narrower.with_resolve(sandlock.RESOLVE_BENEATH)
        assert both.resolve == sandlock.RESOLVE_NO_SYMLINKS | sandlock.RESOLVE_BENEATH

    def test_a_request_is_a_value(self, sandbox):
        one, two, other = (
            self.request(Sandbox(sandbox.policy), f"import os; os.open({path!r}, 0)", name)
            for path, name in [("/usr/bin/true", "true")] * 2 + [("/usr/bin/false", "false")]
        )
        assert one == two != other
        with pytest.raises(TypeError):
            OpenRequest()

    def test_a_call_that_opens_nothing_is_told(self, sandbox):
        (error,) = seen(sandbox, "uname", UNAME, HandlerCtx.open_request)
        assert type(error) is TaskError


class TestOpenForChild:
    """What is opened in the task's place, within the policy."""

    @staticmethod
    def opened(sandbox, path, change=lambda request: request):
        """What the program reads, and what opening for it raised."""
        errors = []

        def handler(ctx):
            request = ctx.open_request()
            if request.path != str(path):
                return CONTINUE
            try:
                return ctx.open_for_child(change(request))
            except TaskError as error:
                errors.append(type(error)(str(error), errno=error.errno))
                raise

        sandbox.add_handler("openat", handler)
        result = sandbox.run(opening(path), check=True)
        assert result.handler_errors == ()
        return result.stdout, errors

    def test_a_file_that_is_granted_is_opened(self, policy, job):
        (job / "file").write_text("told")
        sandbox = Sandbox(policy, fs_readable=[job])
        assert self.opened(sandbox, job / "file") == (b"told", [])

    def test_a_file_that_is_not_granted_is_refused(self, sandbox, job):
        (job / "file").write_text("told")
        stdout, (error,) = self.opened(sandbox, job / "file")
        assert (stdout, error.errno) == (b"PermissionError\n", errno.EACCES)

    def test_a_file_that_is_missing_is_told(self, sandbox):
        stdout, (error,) = self.opened(sandbox, "/usr/missing")
        assert (stdout, error.errno) == (b"FileNotFoundError\n", errno.ENOENT)

    def test_where_the_path_leads_can_be_bounded(self, policy, job):
        (job / "file").write_text("told")
        (job / "link").symlink_to("file")
        sandbox = Sandbox(policy, fs_readable=[job])

        def bound(request):
            return request.with_resolve(sandlock.RESOLVE_NO_SYMLINKS)

        stdout, (error,) = self.opened(sandbox, job / "link", bound)
        assert (stdout, error.errno) == (b"OSError\n", errno.ELOOP)
        assert self.opened(Sandbox(sandbox.policy), job / "file", bound) == (b"told", [])

    def test_a_file_is_created_with_the_rights_of_the_program(self, writing, job):
        def handler(ctx):
            request = ctx.open_request()
            return ctx.open_for_child(request) if request.writes else CONTINUE

        writing.add_handler("openat", handler)
        command = ["sh", "-c", 'umask 027; echo made >"$0"', job / "file"]
        writing.run(command, check=True)
        assert (job / "file").read_text() == "made\n"
        assert (job / "file").stat().st_mode & 0o777 == 0o640


class TestReplaceFd:
    @pytest.mark.parametrize("shape", [open, os.open], ids=["file", "descriptor"])
    def test_a_descriptor_of_the_task_is_exchanged(self, sandbox, job, shape):
        (job / "file").write_text("told")
        opened = shape(job / "file", "rb" if shape is open else os.O_RDONLY)

        def handler(ctx):
            ctx.replace_fd(0, opened, cloexec=False)
            return CONTINUE

        sandbox.add_handler("uname", handler)
        code = (
            "import os, subprocess; os.uname(); subprocess.run(['/usr/bin/cat'], close_fds=False)"
        )
        try:
            assert sandbox.run(python(code), check=True).stdout == b"told"
        finally:
            opened.close() if shape is open else os.close(opened)

    @pytest.mark.parametrize(
        ("number", "fd", "cls"),
        [
            (-1, 0, TaskError),
            (0xFFFFFFFF, 0, TaskError),
            (1 << 64, 0, sandlock.ArgumentError),
            (0, 9999, sandlock.SystemCallError),
            (0, -1, sandlock.ArgumentError),
            ("0", 0, TypeError),
        ],
        ids=str,
    )
    def test_what_is_no_descriptor_is_told(self, sandbox, number, fd, cls):
        (error,) = seen(sandbox, "uname", UNAME, lambda ctx: ctx.replace_fd(number, fd))
        assert type(error) is cls


class TestLife:
    """It lives as long as the handler is asked."""

    def test_it_is_dead_afterwards(self, sandbox):
        (ctx,) = seen(sandbox, "uname", UNAME, lambda ctx: ctx)
        uses = [
            lambda: ctx.id,
            lambda: ctx.pid,
            lambda: ctx.syscall,
            lambda: ctx.name,
            lambda: ctx.args,
            lambda: ctx.arch,
            lambda: ctx.instruction_pointer,
            ctx.is_waiting,
            ctx.read_path,
            ctx.open_request,
            lambda: ctx.read(0, 1),
            lambda: ctx.read_cstr(0, 1),
            lambda: ctx.write(0, b""),
            lambda: ctx.display_path("/"),
            lambda: ctx.replace_fd(0, 0),
        ]
        for use in uses:
            with pytest.raises(TaskGoneError, match="dead"):
                use()
        assert repr(ctx) == "<HandlerCtx, dead>"

    def test_it_is_dead_where_the_handler_raised(self, sandbox):
        kept = []

        def handler(ctx):
            kept.append(ctx)
            raise LookupError

        sandbox.add_handler("uname", handler, on_error=13)
        sandbox.run(UNAME)
        with pytest.raises(TaskGoneError):
            kept[0].pid  # noqa: B018

    def test_a_request_cannot_be_opened_later(self, sandbox):
        ctx, request = seen(sandbox, "openat", UNAME, lambda ctx: (ctx, ctx.open_request()))[0]
        with pytest.raises(TaskGoneError):
            ctx.open_for_child(request)
        assert request.path

    def test_it_can_be_used_in_another_thread_while_the_handler_waits(self, sandbox):
        def look(ctx):
            found = []
            thread = threading.Thread(
                target=lambda: found.append((ctx.name, ctx.read(ctx.args[0], 4)))
            )
            thread.start()
            thread.join()
            return found

        ((found,),) = seen(sandbox, "uname", UNAME, look)
        assert found[0] == "uname" and len(found[1]) == 4

    def test_another_thread_may_use_it_when_the_handler_returns(self, sandbox):
        # Whichever comes first: an answer, or that it is dead. Never anything of another call.
        found = []

        def use(ctx):
            try:
                while True:
                    found.append((ctx.name, len(ctx.read(ctx.args[0], 8))))
            except TaskGoneError:
                pass

        threads = []

        def look(ctx):
            threads.append(threading.Thread(target=use, args=[ctx]))
            threads[-1].start()

        seen(sandbox, "uname", ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do uname; done"], look)
        for thread in threads:
            thread.join()
        assert set(found) <= {("uname", 8)}
        gc.collect()
