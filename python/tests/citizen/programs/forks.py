"""Programs that fork, start others and become daemons, after they have used sandboxes and while
some run.

    forks.py WAY
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import warnings

from citizen import ENDLESS, children, let_through, nothing_left, ready, sandbox, wait_until

import sandlock

# As a program that forks with threads there: it knows what it does.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)

asked = []


def inherited():
    """What a program gets of this process that is started carelessly."""
    show = ["sh", "-c", "ls /proc/self/fd; grep SigBlk /proc/self/status"]
    command = {"stdin": 0, "stdout": subprocess.PIPE, "close_fds": False, "text": True}
    return subprocess.run(show, **command).stdout


def note(ctx):
    asked.append(ctx.name)
    return let_through(ctx)


at_first = inherited() if __name__ == "__main__" else None
plain, asking = sandbox(), sandbox()
asking.add_handler("getppid", note)


def use(box):
    """In every way."""
    says = ["sh", "-c", "echo hello"]
    assert box.run(says).stdout == b"hello\n"
    assert asyncio.run(box.run_async(says)).stdout == b"hello\n"
    with box.popen(says, stdout=sandlock.PIPE) as process:
        assert process.communicate() == (b"hello\n", None)


def use_all():
    asked.clear()
    for box in (plain, asking, sandbox()):
        use(box)
    assert len(asked) == 3, asked


def in_fork(work):
    """Does `work` in a process of its own, which ends as Python's processes end."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except SystemExit:
            raise
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def forked():
    """After use: in the child, in its child, and in one that a thread forks."""
    use_all()
    in_fork(use_all)
    in_fork(lambda: in_fork(lambda: in_fork(use_all)))
    thread = threading.Thread(target=in_fork, args=(use_all,))
    thread.start()
    thread.join()
    use_all()


def forked_with_running():
    """While programs run, whose trees stay those of this process."""
    running = [ready(box.popen(ENDLESS, stdout=sandlock.PIPE)) for box in (plain, asking)]

    def child():
        for process in running:
            for call in (process.wait, process.poll, process.kill, process.resume):
                try:
                    call()
                    raise AssertionError("that of another process")
                except sandlock.SystemCallError as error:
                    assert error.errno == 10, error
        use_all()
        running.clear()
        assert not children()

    for _ in range(5):
        in_fork(child)
    for process in running:
        assert process.poll() is None
        process.kill()
        process.communicate()
        assert process.poll().reason == "killed"


def started():
    """Other programs get nothing of the library: neither descriptors nor blocked signals."""
    seen = set()
    over = threading.Event()

    def start():
        while not over.is_set():
            seen.add(inherited())

    def run():
        for box in (plain, asking) * 20:
            use(box)

    threads = [threading.Thread(target=run) for _ in range(3)]
    starter = threading.Thread(target=start)
    for thread in [starter, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    starter.join()
    assert seen == {at_first}, (seen, at_first)


def spawned():
    """posix_spawn() and preexec_fn, which uses the library between fork and exec."""
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], os.environ)
    use_all()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    policy = sandlock.Policy(
        fs_readable=["/usr"], fs_readable_if_exists=["/lib", "/lib64", "/bin", "/etc/ld.so.cache"]
    )
    cat = ["cat", "/etc/passwd"]
    for confine, code in ((None, 0), (lambda: sandlock.confine_self(policy), 1)):
        done = subprocess.run(cat, capture_output=True, preexec_fn=confine)
        assert done.returncode == code, done
    assert subprocess.run(["true"], preexec_fn=use_all).returncode == 0
    use_all()


def by_handlers():
    """Handlers that start processes themselves."""
    import multiprocessing

    context = multiprocessing.get_context("fork")

    def starts(ctx):
        assert subprocess.run(["sh", "-c", "exit 4"]).returncode == 4
        process = context.Process(target=use, args=(plain,))
        process.start()
        process.join()
        assert process.exitcode == 0
        process.close()
        pid = os.fork()
        if pid == 0:
            os._exit(5)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
        return let_through(ctx)

    box = sandbox()
    box.add_handler("getppid", starts)
    use(box)


def daemon():
    """A double fork, after which the daemon uses sandboxes; what the first process had running ends
    with that, and the daemon's trees with the daemon."""
    with tempfile.TemporaryDirectory() as folder:
        told = os.path.join(folder, "told")
        pid = os.fork()
        if pid == 0:
            process = ready(plain.popen(ENDLESS, stdout=sandlock.PIPE))
            os.setsid()
            if os.fork() == 0:
                become_daemon(told, process)
            os._exit(0)
        os.waitpid(pid, 0)
        wait_until(lambda: os.path.exists(told), "no word of the daemon")
        with open(told) as file:
            words = file.read()
        assert words == "well", words


def become_daemon(told, of_parent):
    words = "an error"
    try:
        os.chdir("/")
        for number in range(3):
            os.close(number)
        box = sandbox()
        process = ready(box.popen(ENDLESS, stdout=sandlock.PIPE))
        null = os.open("/dev/null", os.O_RDWR)
        for number in range(3):
            if number != null:
                os.dup2(null, number)
        use_all()
        use(box)
        wait_until(lambda: not os.path.exists(f"/proc/{of_parent.pid}"), "the parent's tree")
        assert process.poll() is None
        process.kill()
        assert process.wait().reason == "killed"
        words = "well"
    except BaseException as error:
        words = repr(error)
    finally:
        with open(told + "~", "w") as file:
            file.write(words)
        os.rename(told + "~", told)
        # With a tree, which ends now.
        left = ready(plain.popen(ENDLESS, stdout=sandlock.PIPE))
        os._exit(0 if left else 1)


WAYS = {
    "forked": forked,
    "forked_with_running": forked_with_running,
    "started": started,
    "spawned": spawned,
    "by_handlers": by_handlers,
    "daemon": daemon,
}

if __name__ == "__main__":
    use_all()
    with nothing_left():
        WAYS[sys.argv[1]]()
