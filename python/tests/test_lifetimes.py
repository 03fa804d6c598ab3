"""How long handlers, contexts and what they hold live."""

import gc
import os
import weakref

import pytest
from guests import UNAME
from waiting import until

import sandlock
from sandlock import Audit, Handler, NotifAction, Observer, Sandbox

CONTINUE = NotifAction.continue_()


class Living(Handler):
    """A handler whose end can be seen."""

    def handle(self, ctx):
        return CONTINUE


class Watching(Observer):
    def call(self, ctx):
        pass


@pytest.fixture(autouse=True)
def _no_help_of_the_collector():
    """What is not part of a cycle goes at once."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("add", "kind"),
    [("add_handler", Living), ("add_handler", Watching), ("add_observer", Watching)],
)
@pytest.mark.parametrize("has_run", [False, True])
def test_a_handler_goes_with_its_sandbox(policy, add, kind, has_run):
    handler, sandbox = kind(), Sandbox(policy)
    getattr(sandbox, add)(["uname", "getppid"], handler)
    if has_run:
        assert sandbox.run(UNAME).success
    alive = weakref.ref(handler)
    del handler
    assert alive() is not None
    del sandbox
    # The thread that asked it may still be about to end.
    until(lambda: alive() is None)


def test_a_handler_of_one_run_goes_with_the_run(sandbox):
    handler = Living()
    alive = weakref.ref(handler)
    assert sandbox.run_with_handlers(UNAME, [("uname", handler)]).success
    del handler
    until(lambda: alive() is None)


def test_a_handler_that_cannot_be_registered_is_not_kept(sandbox):
    handler = Living()
    with pytest.raises(sandlock.RegistrationError):
        sandbox.add_handler("mount", handler)
    alive = weakref.ref(handler)
    del handler
    gc.collect()
    assert alive() is None


def test_a_handler_lives_while_a_program_can_ask_it(policy):
    handler = Living()
    alive = weakref.ref(handler)
    sandbox = Sandbox(policy)
    sandbox.add_handler("uname", handler)
    process = sandbox.popen(["sh", "-c", "read line; exec uname"], stdin=sandlock.PIPE)
    del handler, sandbox
    gc.collect()
    assert alive() is not None
    process.communicate(b"\n")
    assert process.wait().success
    del process
    until(lambda: alive() is None)


@pytest.mark.parametrize("has_run", [False, True])
def test_a_cycle_of_handler_and_sandbox_is_collected(policy, has_run):
    handler, sandbox = Living(), Sandbox(policy)
    handler.sandbox = sandbox
    sandbox.add_handler("uname", handler)
    if has_run:
        assert sandbox.run(UNAME).success
    alive = weakref.ref(handler)
    del handler, sandbox
    assert alive() is not None
    until(lambda: gc.collect() or alive() is None)


def test_a_cycle_through_a_closure_is_collected(policy):
    def add():
        sandbox = Sandbox(policy)
        living = Living()

        def handler(ctx):
            return living.handle(ctx) if sandbox else None

        sandbox.add_handler("uname", handler)
        sandbox.add_observer("uname", lambda ctx: sandbox)
        assert sandbox.run(UNAME).success
        return weakref.ref(living)

    alive = add()
    until(lambda: gc.collect() or alive() is None)


def test_a_cycle_through_a_process_is_collected(policy):
    sandbox, handler = Sandbox(policy), Living()
    sandbox.add_handler("uname", handler)
    handler.process = sandbox.popen(UNAME)
    assert handler.process.wait().success
    alive = weakref.ref(handler)
    del handler, sandbox
    until(lambda: gc.collect() or alive() is None)


def test_a_cycle_through_an_audit_is_collected(policy):
    class Telling:
        def __call__(self, record):
            pass

    telling, sandbox = Telling(), Sandbox(policy)
    telling.audit, telling.sandbox = Audit(telling), sandbox
    sandbox.add_observer("uname", telling.audit)
    assert sandbox.run(UNAME).success
    alive = weakref.ref(telling)
    del telling, sandbox
    until(lambda: gc.collect() or alive() is None)


def test_a_handler_may_drop_the_last_reference_to_its_sandbox(policy):
    holder = {}

    def handler(ctx):
        holder.clear()
        gc.collect()
        return NotifAction.errno(13)

    holder["sandbox"] = Sandbox(policy)
    holder["sandbox"].add_handler("uname", handler)
    assert holder["sandbox"].run(UNAME).stdout == b"13\n"
    assert holder == {}


def test_a_handler_may_drop_the_last_reference_to_its_process(policy):
    holder = {}
    asked = []

    def handler(ctx):
        until(lambda: "process" in holder)
        pid = holder["process"].pid
        del holder["process"]
        asked.append(pid)
        return CONTINUE

    sandbox = Sandbox(policy)
    sandbox.add_handler("uname", handler)
    holder["process"] = sandbox.popen(["sh", "-c", "uname; exec sleep 60"])
    until(lambda: asked)
    until(lambda: not os.path.exists(f"/proc/{asked[0]}"))


def test_what_a_handler_raised_goes_with_the_error(policy):
    class Mine(Exception):
        pass

    raised = []

    def handler(ctx):
        error = Mine()
        raised.append(weakref.ref(error))
        raise error

    def run():
        sandbox = Sandbox(policy)
        sandbox.add_handler("uname", handler)
        with pytest.raises(sandlock.HandlerError):
            sandbox.run(UNAME)

    run()
    until(lambda: gc.collect() or raised[0]() is None)


@pytest.mark.parametrize("on_error", ["kill", 13])
@pytest.mark.parametrize("mode", ["inline", "pooled"])
def test_what_a_handler_of_a_process_raised_goes_without_another_call(policy, on_error, mode):
    class Mine(Exception):
        pass

    raised = []

    def handler(ctx):
        error = Mine()
        raised.append(weakref.ref(error))
        raise error

    sandbox = Sandbox(policy)
    sandbox.add_handler("uname", handler, on_error=on_error, mode=mode)
    process = sandbox.popen(UNAME)
    until(lambda: raised)
    del process
    until(lambda: gc.collect() or raised[0]() is None)


def test_a_context_that_is_kept_keeps_nothing_else(policy):
    kept = []

    class Keeping(Living):
        def handle(self, ctx):
            kept.append(ctx)
            return CONTINUE

    handler, sandbox = Keeping(), Sandbox(policy)
    sandbox.add_handler("uname", handler)
    sandbox.run(UNAME)
    alive = weakref.ref(handler)
    del handler, sandbox
    assert kept
    until(lambda: alive() is None)


def test_an_action_that_is_kept_keeps_its_file(sandbox):
    with open("/dev/null", "rb") as file:
        before = set(os.listdir("/proc/self/fd"))
        action = NotifAction.inject_fd(file)
        assert len(set(os.listdir("/proc/self/fd")) - before) == 1
        del action
        assert set(os.listdir("/proc/self/fd")) <= before


def test_threads_of_handlers_end_with_their_run(sandbox):
    sandbox.add_handler("uname", lambda ctx: CONTINUE)
    sandbox.add_handler("getppid", lambda ctx: CONTINUE, mode="pooled")
    before = len(os.listdir("/proc/self/task"))
    for _ in range(3):
        sandbox.run(UNAME)
        sandbox.popen(UNAME).wait()
    until(lambda: len(os.listdir("/proc/self/task")) <= before)
