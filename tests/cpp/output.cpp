// Outputs: what a run left.

#include "check.hpp"

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sys/wait.h>

using namespace std::chrono_literals;
using namespace std::string_literals;
using sandlock::Action;
using sandlock::Launch;
using sandlock::Notif;
using sandlock::Output;
using sandlock::Reason;
using sandlock::Sandbox;

static_assert(std::is_nothrow_move_constructible_v<Output> &&
              std::is_nothrow_copy_constructible_v<Output>);
// What outlives the output is a copy.
static_assert(std::is_same_v<decltype(std::declval<Output>().out()), std::string>);
static_assert(std::is_same_v<decltype(std::declval<const Output &>().out()), std::string_view>);

static const Sandbox &sandbox() {
    static const Sandbox made{check::programs()};
    return made;
}

static void the_ways_to_end_are_told_apart() {
    const Output good = sandbox().run({"true"});
    CHECK(good.success() && good.exit_code() == 0 && !good.signal() &&
          good.reason() == Reason::exited);
    CHECK(WIFEXITED(good.status()) && WEXITSTATUS(good.status()) == 0);

    const Output bad = sandbox().run({"sh", "-c", "exit 7"});
    CHECK(!bad.success() && bad.exit_code() == 7 && !bad.signal() &&
          bad.reason() == Reason::exited);
    CHECK(WIFEXITED(bad.status()) && WEXITSTATUS(bad.status()) == 7);

    const Output signalled = sandbox().run({"sh", "-c", "kill -TERM $$"});
    CHECK(!signalled.success() && !signalled.exit_code() && signalled.signal() == SIGTERM);
    CHECK(signalled.reason() == Reason::signaled && WIFSIGNALED(signalled.status()));

    const Output late = sandbox().run(Launch{"sleep", "60"}.timeout(10ms));
    CHECK(!late.success() && late.reason() == Reason::timeout && late.signal() == SIGKILL);
}

static void bytes_are_whole() {
    const Output output = sandbox().run({"sh", "-c", "printf 'a\\0b'; printf 'c\\0' >&2"});
    CHECK(output.out() == "a\0b"s && output.err() == "c\0"s);
    CHECK(output.out_dropped() == 0 && output.err_dropped() == 0);
    const Output silent = sandbox().run({"true"});
    CHECK(silent.out().empty() && silent.err().empty());
    const Output cut = sandbox().run(Launch{"sh", "-c", "echo 12345 >&2"}.capture_limit(2));
    CHECK(cut.err() == "12" && cut.err_dropped() == 4);
}

static void what_was_used_and_enforced_is_told() {
    const Output output = sandbox().run({"sleep", "0.05"});
    CHECK(output.usage().wall >= 50ms && output.usage().wall < 60s);
    CHECK(output.usage().user >= 0ns && output.usage().system >= 0ns);
    const auto peak = output.usage().peak_memory;
    CHECK(!peak || *peak > 0);
    const auto enforcement = output.enforcement();
    CHECK(enforcement.landlock_abi > 0 && !enforcement.enforced.empty());
    const Sandbox weak{check::programs().set("process.core_dumps", "true").set("net.unix", "*")};
    CHECK(weak.run({"true"}).enforcement().weakened.size() > enforcement.weakened.size());
    CHECK(check::contains(output.json(), "\"exited\""));
    CHECK(output.handler_errors().empty() && output.handler_errors_dropped() == 0);
}

static void failures_beyond_a_hundred_are_counted() {
    Sandbox failing{check::programs()};
    const auto options = sandlock::HandlerOptions{}.on_error(sandlock::OnError::deny(EACCES));
    failing.add_handler(
        "uname", [](const Notif &) -> Action { throw 1; }, options);
    const auto times = [&](const char *count) {
        return failing.run(
            {"sh", "-c", "i=0; while [ $i -lt $0 ]; do uname; i=$((i + 1)); done", count});
    };
    const Output many = times("105");
    CHECK(many.handler_errors().size() == 100 && many.handler_errors_dropped() == 5);
    const Output few = times("3");
    CHECK(few.handler_errors().size() == 3 && few.handler_errors_dropped() == 0);
}

static void copies_share_what_never_changes() {
    std::optional<Output> output = sandbox().run({"echo", "kept"});
    const Output copy = *output;
    const std::string_view view = copy.out();
    CHECK(view.data() == output->out().data());
    output.reset();
    CHECK(view == "kept\n" && copy.success());
}

static void what_was_moved_from_is_empty() {
    Output output = sandbox().run({"echo", "moved"});
    const Output moved = std::move(output);
    CHECK(moved.out() == "moved\n");
    // NOLINTBEGIN(bugprone-use-after-move)
    CHECK(output.get() == nullptr && !output.success() && !output.exit_code() && !output.signal());
    CHECK(output.reason() == Reason::none && output.out().empty() && output.err().empty());
    CHECK(output.usage().wall == 0ns && output.enforcement().enforced.empty());
    CHECK(output.handler_errors().empty() && output.json().empty());
    output = moved;
    // NOLINTEND(bugprone-use-after-move)
    CHECK(output.success());
}

int main() {
    return check::run({
        the_ways_to_end_are_told_apart,
        bytes_are_whole,
        what_was_used_and_enforced_is_told,
        failures_beyond_a_hundred_are_counted,
        copies_share_what_never_changes,
        what_was_moved_from_is_empty,
    });
}
