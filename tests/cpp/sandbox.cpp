// Sandboxes: made of a policy, run, cloned, moved, shared between threads.

#include "check.hpp"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

using sandlock::Action;
using sandlock::ErrorKind;
using sandlock::Launch;
using sandlock::Notif;
using sandlock::Output;
using sandlock::Policy;
using sandlock::Sandbox;

static_assert(std::is_nothrow_move_constructible_v<Sandbox> &&
              std::is_nothrow_move_assignable_v<Sandbox>);
static_assert(!std::is_copy_constructible_v<Sandbox> && !std::is_copy_assignable_v<Sandbox>);

static void a_command_is_run() {
    const Sandbox sandbox{check::programs()};
    const Output output = sandbox.run({"echo", "hello"});
    CHECK(output.success());
    CHECK(output.out() == "hello\n");
}

static void what_is_not_granted_is_refused() {
    check::Folder folder;
    check::write_file(folder.file(), "secret");
    CHECK(!Sandbox{check::programs()}.run({"cat", folder.file()}).success());
    const Sandbox granted{check::programs().set("fs.read", folder.path())};
    CHECK(granted.run({"cat", folder.file()}).out() == "secret");
}

static void a_missing_path_is_an_error_of_the_setting() {
    const auto error = check::error_of(
        [] { static_cast<void>(Sandbox{Policy{}.set("fs.read", "/no/such/path")}); });
    CHECK(error.kind() == ErrorKind::policy);
    CHECK(error.setting() == "fs.read[0]");
    CHECK(Sandbox{Policy{}.set("fs.read_if_exists", "/no/such/path")}.get() != nullptr);
}

static void the_policy_is_needed_no_more() {
    std::optional<Policy> policy = check::programs();
    const Sandbox sandbox{*policy};
    policy.reset();
    CHECK(sandbox.run({"true"}).success());
}

static void several_threads_run_programs_at_the_same_time() {
    const Sandbox sandbox{check::programs()};
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; number++) {
        threads.emplace_back([&, number] {
            const std::string text = std::to_string(number);
            for (int times = 0; times < 5; times++) {
                right += sandbox.run({"echo", text}).out() == text + "\n" ? 1 : 0;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    CHECK(right == 20);
}

static void clones_have_the_handlers_of_then() {
    Sandbox sandbox{check::programs()};
    const Sandbox before = sandbox.clone();
    sandbox.add_handler(SYS_uname, [](const Notif &) { return Action::error(EACCES); });
    const Sandbox after = sandbox.clone();
    CHECK(before.run({"uname"}).success());
    CHECK(!after.run({"uname"}).success());
    CHECK(!sandbox.run({"uname"}).success());
    { const Sandbox gone = std::move(sandbox); }
    CHECK(!after.run({"uname"}).success());
}

static void what_was_moved_from_is_safe() {
    Sandbox sandbox{check::programs()};
    Sandbox moved = std::move(sandbox);
    CHECK(moved.run({"true"}).success());
    // NOLINTBEGIN(bugprone-use-after-move)
    CHECK(sandbox.get() == nullptr && sandbox.clone().get() == nullptr);
    CHECK_FAILS(argument, sandbox.run({"true"}));
    CHECK_FAILS(argument, sandbox.spawn({"true"}));
    CHECK_FAILS(argument, sandbox.run_all({Launch{"true"}}, 1));
    CHECK_FAILS(argument,
                sandbox.add_handler("uname", [](const Notif &) { return Action::kill(); }));
    sandbox = std::move(moved);
    // NOLINTEND(bugprone-use-after-move)
    CHECK(sandbox.run({"true"}).success());
}

static void many_are_run_in_order() {
    const Sandbox sandbox{check::programs()};
    const std::vector<Launch> launches = {
        {"echo", "one"}, {"no-such-program"}, {"echo", "two"}, {"false"}};
    for (const std::size_t at_once : {0U, 1U, 3U}) {
        const auto results = sandbox.run_all(launches, at_once);
        CHECK(results.size() == 4);
        CHECK(std::get<Output>(results[0]).out() == "one\n");
        CHECK(std::get<sandlock::Error>(results[1]).kind() == ErrorKind::not_found);
        CHECK(std::get<Output>(results[2]).out() == "two\n");
        CHECK(std::get<Output>(results[3]).exit_code() == 1);
    }
    CHECK(sandbox.run_all({}, 3).empty());
}

static void nothing_is_run_where_one_of_many_cannot_be_used() {
    check::Folder folder;
    const Sandbox sandbox{check::programs().set("fs.write", folder.path())};
    const Launch first{"touch", folder.file()};
    CHECK_FAILS(argument, sandbox.run_all({first, Launch{"true"}.out(sandlock::Stdio::fd(-1))}, 1));
    CHECK(access(folder.file().c_str(), F_OK) != 0);
    CHECK(sandbox.run_all({first, Launch{"true"}}, 1).size() == 2);
    CHECK(access(folder.file().c_str(), F_OK) == 0);
}

/// Runs `act` with another descriptor 1, and returns what was written to that.
template <typename Act>
static std::string written_to_ours(Act act) {
    check::Pipe pipe;
    std::fflush(stdout);
    const sandlock::Fd ours(dup(STDOUT_FILENO));
    dup2(pipe.writing.get(), STDOUT_FILENO);
    act();
    dup2(ours.get(), STDOUT_FILENO);
    pipe.writing.close();
    return check::read_all(pipe.reading);
}

static void an_interactive_run_has_our_descriptors() {
    const Sandbox sandbox{check::programs()};
    const auto interactive = [&] {
        const Output output = sandbox.run_interactive({"echo", "ours"});
        CHECK(output.success() && output.out().empty());
    };
    CHECK(written_to_ours(interactive) == "ours\n");
    CHECK(written_to_ours([&] { CHECK(sandbox.run({"echo", "ours"}).out() == "ours\n"); }).empty());
}

static void explain_says_what_would_be_done() {
    CHECK(check::contains(check::programs().set("limits.open_files", "3").explain(), "/usr"));
    Policy missing;
    missing.set("fs.read", "/no/such/path");
    CHECK(check::contains(missing.explain(), "/no/such/path"));
    Policy contradiction;
    contradiction.set("syscalls.deny", "execve");
    CHECK_FAILS(policy, contradiction.explain());
}

int main() {
    return check::run({
        a_command_is_run,
        what_is_not_granted_is_refused,
        a_missing_path_is_an_error_of_the_setting,
        the_policy_is_needed_no_more,
        several_threads_run_programs_at_the_same_time,
        clones_have_the_handlers_of_then,
        what_was_moved_from_is_safe,
        many_are_run_in_order,
        nothing_is_run_where_one_of_many_cannot_be_used,
        an_interactive_run_has_our_descriptors,
        explain_says_what_would_be_done,
    });
}
