"""Executors of threads and processes.

executors.py threads | fork | forkserver | spawn | process
"""

import concurrent.futures
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import pickle
import re
import sys
import threading

from citizen import ENDLESS, children, let_through, nothing_left, ready, sandbox

import sandlock

JOBS = 200


def settings():
    return {"fs_readable": ["/usr"], "fs_readable_if_exists": ["/lib", "/lib64"]}


# Made when the module is imported: before a fork, and again in a process that is spawned.
made_before = sandbox()
asked = []


def note(ctx):
    asked.append(ctx.pid)
    return let_through(ctx)


made_before.add_handler("getppid", note)


def says(box, number):
    """What a program printed that was given a number; the shell asks for its parent."""
    return box.run(["sh", "-c", "echo $1", "sh", str(number)], text=True, check=True)


def threads():
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        results = list(pool.map(lambda number: says(made_before, number), range(JOBS)))
        # Some make what others run, meanwhile.
        pool.map(lambda _: made_before.run_with_handlers(["true"], [("uname", note)]), range(50))
    assert [result.stdout for result in results] == [f"{number}\n" for number in range(JOBS)]
    assert len(asked) >= JOBS


def by_global(number):
    return says(made_before, number)


def by_policy(policy, number):
    return says(sandlock.Sandbox(policy), number)


def fails(how):
    """Every way to fail that reaches the caller of run()."""
    if how == "policy":
        sandlock.Policy(fs_readable=["/usr"], max_file_sise=1)
    box = sandbox()
    if how == "not_found":
        box.run(["no-such-command"])
    if how == "cannot_execute":
        box.run(["/etc/passwd"])
    if how == "exit":
        box.run(["sh", "-c", "echo out; echo err >&2; exit 7"], check=True)
    if how == "timeout":
        box.run(["sh", "-c", "echo out; sleep 1000"], check=True, timeout=0.2)
    if how == "handler":
        box.add_handler("getppid", raises)
        box.run(["sh", "-c", "true"])
    raise AssertionError(f"{how} did not fail")


def raises(ctx):
    raise LookupError("of the handler")


FAILURES = {
    "policy": sandlock.PolicyError,
    "not_found": sandlock.CommandNotFoundError,
    "cannot_execute": sandlock.CannotExecuteError,
    "exit": sandlock.ExitError,
    "timeout": sandlock.TimeoutExpired,
    "handler": sandlock.HandlerError,
}


def processes(context):
    with concurrent.futures.ProcessPoolExecutor(4, mp_context=context) as pool:
        policy = sandlock.Policy(**settings())
        runs = [pool.submit(by_global, number) for number in range(40)]
        more = [pool.submit(by_policy, policy, number) for number in range(40)]
        for number, (run, other) in enumerate(zip(runs, more)):
            assert run.result().stdout == other.result().stdout == f"{number}\n"
            assert run.result().enforcement == made_before.run(["true"]).enforcement
        for how, error in FAILURES.items():
            raised = pool.submit(fails, how).exception()
            assert type(raised) is error, raised
            assert_same(raised, locally(how))


def locally(how):
    try:
        fails(how)
    except sandlock.SandlockError as error:
        return error


def assert_same(one, other):
    for name in ("kind", "code", "errno", "setting", "step", "hint", "problems"):
        assert getattr(one, name) == getattr(other, name), (name, one, other)
    # How long it took is another time.
    one_text, other_text = (re.sub(r"[0-9]+\.[0-9]+", "TIME", str(error)) for error in (one, other))
    assert one_text == other_text
    assert (one.result is None) == (other.result is None)
    if one.result is not None:
        assert one.result.stdout == other.result.stdout
    if one.handler_error is not None:
        assert one.handler_error.message == other.handler_error.message
    again = pickle.loads(pickle.dumps(one))
    assert type(again) is type(one) and str(again) == str(one)


def in_process(policy, queue):
    queue.put((says(sandlock.Sandbox(policy), 5).stdout, says(made_before, 6).stdout))
    sys.exit(9)


def process():
    for method in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        child = context.Process(target=in_process, args=(sandlock.Policy(**settings()), queue))
        child.start()
        assert queue.get() == ("5\n", "6\n")
        child.join()
        assert child.exitcode == 9, (method, child.exitcode)
        child.close()
        queue.close()


def forked_in_the_middle():
    """A process that is forked from one thread, while others run sandboxes with handlers."""
    box = sandbox()
    entered, may_go_on = threading.Event(), threading.Event()

    def waits(ctx):
        entered.set()
        may_go_on.wait()
        return let_through(ctx)

    box.add_handler("uname", waits)
    box.add_handler("getppid", note)
    runs = [threading.Thread(target=box.run, args=(["uname"],)) for _ in range(4)]
    for run in runs:
        run.start()
    process = ready(sandbox().popen(ENDLESS, stdout=sandlock.PIPE))
    entered.wait()
    pid = os.fork()
    if pid == 0:
        in_forked(box, process)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert process.poll() is None, "the tree of the parent is not the child's"
    may_go_on.set()
    for run in runs:
        run.join()
    process.kill()
    assert process.wait().reason == "killed"
    process.stdout.close()


def in_forked(box, process):
    status = 1
    try:
        for call in (process.wait, process.poll, process.kill, process.pause):
            try:
                call()
                raise AssertionError("the process of another one is not this one's")
            except sandlock.SystemCallError as error:
                assert error.errno == 10, error
        asked.clear()
        assert says(box, 3).stdout == "3\n"
        assert asked, "the handlers are asked here too"
        del process, box
        assert children() == set(), children()
        status = 0
    finally:
        os._exit(status)


def main(what):
    if what in ("threads", "process"):
        globals()[what]()
    elif what == "middle":
        for _ in range(20):
            forked_in_the_middle()
    else:
        processes(multiprocessing.get_context(what))


def warm_up(what):
    """What Python keeps: the server of the forks, and the one that tracks resources."""
    assert says(made_before, 1).stdout == "1\n"
    if what in ("spawn", "forkserver", "process"):
        multiprocessing.resource_tracker.ensure_running()
    if what in ("forkserver", "process"):
        multiprocessing.forkserver.ensure_running()


if __name__ == "__main__":
    warm_up(sys.argv[1])
    with nothing_left():
        main(sys.argv[1])
