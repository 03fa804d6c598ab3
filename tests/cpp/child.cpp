// Children: programs under way.

#include "check.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/wait.h>

using namespace std::chrono_literals;
using sandlock::Action;
using sandlock::Child;
using sandlock::Fd;
using sandlock::Launch;
using sandlock::Notif;
using sandlock::Output;
using sandlock::Reason;
using sandlock::Sandbox;
using sandlock::Stdio;

static_assert(std::is_nothrow_move_constructible_v<Child> && !std::is_copy_constructible_v<Child>);

static const Sandbox &sandbox() {
    static const Sandbox made{check::programs()};
    return made;
}

/// A program that runs until its input ends, and then says so.
static Launch until_told() {
    return Launch{"sh", "-c", "cat >/dev/null; echo told"}.in(Stdio::piped());
}

static Sandbox with_null() {
    return Sandbox{check::programs().set("fs.write", "/dev/null")};
}

static bool is_readable(int fd, int timeout_ms) {
    pollfd waited{fd, POLLIN, 0};
    return poll(&waited, 1, timeout_ms) == 1 && (waited.revents & POLLIN) != 0;
}

static void streams_are_given_out_once() {
    const Child child = sandbox().spawn(Launch{"cat"}.in(Stdio::piped()).out(Stdio::piped()));
    Fd in = child.take_in();
    const Fd out = child.take_out();
    CHECK(in && out);
    CHECK(!child.take_in() && !child.take_out());
    // It was not piped.
    CHECK(!child.take_err());
    check::write_all(in, "hello\n");
    in.close();
    CHECK(check::read_all(out) == "hello\n");
    CHECK(child.wait().success());
}

static void waiting_can_have_an_end() {
    const Child child = with_null().spawn(until_told());
    CHECK(!child.wait_for(0s));
    CHECK(!child.wait_for(-1s));
    CHECK(!child.wait_for(10ms));
    CHECK(!is_readable(child.fd(), 0));
    Fd in = child.take_in();
    in.close();
    const std::optional<Output> output = child.wait_for(30s);
    CHECK(output && output->out() == "told\n");
    CHECK(is_readable(child.fd(), 30'000));
    CHECK(child.wait().out() == "told\n");
    CHECK(child.wait_for(std::chrono::hours::max())->success());
}

static void wait_closes_an_input_that_nobody_took() {
    CHECK(with_null().spawn(until_told()).wait().out() == "told\n");
}

static void a_tree_can_be_killed_and_signalled() {
    const Child killed = sandbox().spawn({"sleep", "60"});
    killed.kill();
    const Output output = killed.wait();
    CHECK(output.reason() == Reason::killed && output.signal() == SIGKILL);
    killed.kill();
    killed.signal(SIGTERM);

    const Child signalled = sandbox().spawn({"sleep", "60"});
    CHECK_FAILS(io, signalled.signal(-5));
    signalled.signal(SIGTERM);
    const Output ended = signalled.wait();
    CHECK(ended.reason() == Reason::signaled && ended.signal() == SIGTERM);
}

/// The letter that /proc has for the state of a process.
static char state(int pid) {
    const std::string stat = check::read_file("/proc/" + std::to_string(pid) + "/stat");
    const std::size_t name = stat.rfind(") ");
    return name == std::string::npos ? '?' : stat[name + 2];
}

static void a_tree_can_be_paused() {
    // One process: a parent in vfork(2) stops when its child goes on.
    const Child child = sandbox().spawn(Launch{"cat"}.in(Stdio::piped()));
    CHECK(state(child.pid()) != 'T');
    child.pause();
    CHECK(state(child.pid()) == 'T');
    Fd in = child.take_in();
    check::write_all(in, "text\n");
    in.close();
    CHECK(!child.wait_for(50ms));
    child.resume();
    CHECK(child.wait().out() == "text\n");
    child.pause();
    child.resume();
}

static void processes_are_listed() {
    const std::vector<std::string> inner{"cat", "-"};
    const Child child = sandbox().spawn(Launch{"sh", "-c", "echo started | cat - >&2; cat -; :"}
                                            .in(Stdio::piped())
                                            .err(Stdio::piped()));
    const Fd err = child.take_err();
    CHECK(is_readable(err.get(), 30'000));
    std::vector<sandlock::Process> processes;
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    // The shell is there at once, what it starts next a moment later.
    do {
        processes = child.processes();
    } while ((processes.size() != 2 || processes[1].command != inner) &&
             std::chrono::steady_clock::now() < deadline);
    CHECK(processes.size() == 2);
    CHECK(processes.size() == 2 && processes[0].pid == child.pid() &&
          processes[1].parent == child.pid());
    CHECK(processes.size() == 2 && processes[0].command.size() == 3 &&
          processes[0].command[1] == "-c");
    CHECK(child.usage().wall > 0ns);
    child.kill();
    static_cast<void>(child.wait());
    CHECK(child.processes().empty());
}

static void destruction_ends_the_tree() {
    Fd out;
    {
        const Child child = sandbox().spawn(Launch{"sleep", "60"}.out(Stdio::piped()));
        out = child.take_out();
        CHECK(!is_readable(out.get(), 0));
    }
    // The end comes when nobody has the other end any more.
    CHECK(check::read_all(out).empty());
}

static void a_child_outlives_its_sandbox() {
    std::optional<Sandbox> made{check::programs()};
    made->add_handler("uname", [](const Notif &) { return Action::error(EACCES); });
    const Child child = made->spawn(Launch{"sh", "-c", "read line; uname"}.in(Stdio::piped()));
    made.reset();
    Fd in = child.take_in();
    check::write_all(in, "go\n");
    CHECK(child.wait().exit_code() == 1);
}

static void what_was_moved_from_is_safe() {
    Child child = sandbox().spawn(Launch{"cat"}.in(Stdio::piped()));
    Child moved = std::move(child);
    // NOLINTBEGIN(bugprone-use-after-move)
    CHECK(child.get() == nullptr && child.pid() == 0 && child.fd() == -1);
    CHECK(!child.take_in() && !child.take_out() && !child.take_err());
    CHECK_FAILS(argument, child.wait());
    CHECK_FAILS(argument, child.wait_for(0s));
    CHECK_FAILS(argument, child.kill());
    CHECK_FAILS(argument, child.signal(SIGTERM));
    CHECK_FAILS(argument, child.pause());
    CHECK_FAILS(argument, child.resume());
    CHECK_FAILS(argument, child.processes());
    CHECK_FAILS(argument, child.usage());
    // NOLINTEND(bugprone-use-after-move)
    CHECK(moved.wait().success());
    // What an assignment replaces is ended.
    moved = sandbox().spawn({"sleep", "60"});
    moved = sandbox().spawn({"true"});
    CHECK(moved.wait().success());
}

static void start_errors_are_thrown() {
    CHECK_FAILS(not_found, sandbox().spawn({"no-such-program"}));
    CHECK_FAILS(command, sandbox().spawn(std::vector<std::string>{}));
}

static void any_thread_may_wait() {
    const Child child = sandbox().spawn({"sleep", "60"});
    Reason reason = Reason::none;
    std::thread waiting([&] { reason = child.wait().reason(); });
    child.kill();
    waiting.join();
    CHECK(reason == Reason::killed);
}

/// Runs `act` in a fork of this process, which says by its status whether all held.
template <typename Act>
static void in_a_fork(Act act) {
    std::fflush(stderr);
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        check::failures = 0;
        act();
        _exit(check::failures == 0 ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void a_fork_of_the_host_does_not_own_the_tree() {
    std::optional<Sandbox> made = with_null();
    std::atomic<int> alive{0};
    made->add_handler(
        "uname", [counted = check::Alive(alive)](const Notif &) { return Action::error(EACCES); });
    Launch launch = Launch{"sh", "-c", "cat >/dev/null; uname"}.in(Stdio::piped());
    std::optional<Child> child = made->spawn(launch);
    in_a_fork([&] {
        const auto waited = check::error_of([&] { static_cast<void>(child->wait()); });
        CHECK(waited.kind() == sandlock::ErrorKind::io && waited.err() == ECHILD);
        CHECK_FAILS(io, child->kill());
        CHECK_FAILS(io, child->signal(SIGKILL));
        child.reset();
        made.reset();
        // It may start programs of its own.
        CHECK(Sandbox{check::programs()}.run({"echo", "fork"}).out() == "fork\n");
    });
    CHECK(alive == 1);
    CHECK(!child->wait_for(0s));
    child->take_in().close();
    // The handler still answers.
    CHECK(child->wait().exit_code() == 1);
    child.reset();
    made.reset();
    CHECK(alive == 0);
}

int main() {
    return check::run({
        streams_are_given_out_once,
        waiting_can_have_an_end,
        wait_closes_an_input_that_nobody_took,
        a_tree_can_be_killed_and_signalled,
        a_tree_can_be_paused,
        processes_are_listed,
        destruction_ends_the_tree,
        a_child_outlives_its_sandbox,
        what_was_moved_from_is_safe,
        start_errors_are_thrown,
        any_thread_may_wait,
        a_fork_of_the_host_does_not_own_the_tree,
    });
}
