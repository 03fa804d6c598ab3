// Errors: what they carry, and that they can be thrown.

#include "check.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

using sandlock::Action;
using sandlock::Error;
using sandlock::ErrorKind;
using sandlock::Notif;
using sandlock::Policy;
using sandlock::Sandbox;
using sandlock::Step;

static_assert(std::is_base_of_v<std::runtime_error, Error> &&
              std::is_base_of_v<Error, sandlock::TaskError>);
static_assert(std::is_nothrow_copy_constructible_v<Error> &&
              std::is_nothrow_copy_assignable_v<Error>);

static void a_missing_command_is_told_with_a_hint() {
    const Sandbox sandbox{check::programs()};
    const Error error =
        check::error_of([&] { static_cast<void>(sandbox.run({"no-such-program"})); });
    CHECK(error.kind() == ErrorKind::not_found && error.err() == ENOENT);
    CHECK(error.step() == Step::none && error.setting().empty() && error.problems().empty());
    CHECK(check::contains(error.what(), "no-such-program"));
    CHECK(!error.hint().empty() && check::contains(error.what(), error.hint()));
    CHECK(!error.handler_error() && !error.cause() && !error.output());
}

static void a_missing_grant_is_told_with_the_step_and_the_setting() {
    const Error error =
        check::error_of([] { static_cast<void>(Sandbox{Policy{}}.run({"/bin/true"})); });
    CHECK(error.kind() == ErrorKind::cannot_execute && error.err() == EACCES);
    CHECK(error.step() == Step::execute);
    CHECK(error.setting() == "fs.read");
    CHECK(error.problems().size() == 1 && error.problems()[0].setting == "fs.read");
    CHECK(Sandbox{check::programs()}.run({"/bin/true"}).success());
}

static void a_call_that_cannot_be_trapped_is_an_error_of_registration() {
    Sandbox sandbox{check::programs()};
    const auto handler = [](const Notif &) { return Action::continue_(); };
    CHECK_FAILS(registration, sandbox.add_handler("mount", handler));
    CHECK_FAILS(registration, sandbox.add_handler(-1, handler));
    CHECK_FAILS(registration, sandbox.add_handler(100'000, handler));
    CHECK_FAILS(registration, sandbox.add_handler("no-such-call", handler));
    CHECK_FAILS(registration, sandbox.add_handler(static_cast<const char *>(nullptr), handler));
    sandbox.add_handler("uname", handler);
}

static void copies_share_what_they_carry() {
    const Sandbox sandbox{check::programs()};
    std::optional<Error> error =
        check::error_of([&] { static_cast<void>(sandbox.run({"no-such-program"})); });
    const Error copy = *error;
    const std::string message = error->what();
    const Error moved = std::move(*error);
    error.reset();
    CHECK(copy.what() == message && moved.what() == message);
    CHECK(copy.hint() == moved.hint() && !copy.hint().empty());
    Error assigned{ErrorKind::task, "mine", 7};
    CHECK(assigned.err() == 7 && assigned.hint().empty() && assigned.step() == Step::none);
    assigned = copy;
    CHECK(assigned.kind() == ErrorKind::not_found && assigned.what() == message);
}

static void an_error_is_an_exception_like_others() {
    bool is_caught = false;
    try {
        static_cast<void>(Sandbox{Policy{}}.run({"/bin/true"}));
    } catch (const std::runtime_error &error) {
        is_caught = check::contains(error.what(), "fs.read");
    }
    CHECK(is_caught);
    std::exception_ptr kept;
    try {
        throw Error{ErrorKind::io, "kept"};
    } catch (...) {
        kept = std::current_exception();
    }
    CHECK_FAILS(io, std::rethrow_exception(kept));
}

static void an_error_keeps_what_the_program_left() {
    std::optional<Error> error;
    {
        Sandbox sandbox{check::programs()};
        sandbox.add_handler("uname",
                            [](const Notif &) -> Action { throw std::runtime_error("not today"); });
        error = check::error_of([&] {
            static_cast<void>(sandbox.run({"sh", "-c", "echo before; uname"}));
        });
    }
    CHECK(error->kind() == ErrorKind::handler);
    std::optional<sandlock::Output> left = error->output();
    CHECK(left && left->out() == "before\n" && left->reason() == sandlock::Reason::killed);
    error.reset();
    CHECK(left->out() == "before\n");
}

static void a_start_that_a_handler_refuses_has_its_cause() {
    Sandbox sandbox{check::programs()};
    const auto options =
        sandlock::HandlerOptions{}.name("gate").on_error(sandlock::OnError::deny(EACCES));
    sandbox.add_handler(
        "execve", [](const Notif &) -> Action { throw 42; }, options);
    const Error error = check::error_of([&] { static_cast<void>(sandbox.run({"true"})); });
    CHECK(error.kind() == ErrorKind::cannot_execute && error.err() == EACCES);
    CHECK(error.handler_error() && error.handler_error()->handler == "gate");
    int thrown = 0;
    try {
        if (error.cause()) {
            std::rethrow_exception(error.cause());
        }
    } catch (int number) {
        thrown = number;
    }
    CHECK(thrown == 42);
}

static void a_task_error_has_the_number_of_its_refusal() {
    CHECK(sandlock::TaskError(SANDLOCK_ERROR_TASK_MEMORY).err() == EFAULT);
    CHECK(sandlock::TaskError(SANDLOCK_ERROR_TOO_LONG).err() == ENAMETOOLONG);
    CHECK(sandlock::TaskError(SANDLOCK_ERROR_TASK_GONE).err() == EPERM);
    CHECK(sandlock::TaskError(SANDLOCK_ERROR_TASK).kind() == ErrorKind::task);
}

static void errors_of_the_c_interface_are_taken_over() {
    sandlock_error *owned = nullptr;
    const sandlock_status status = sandlock_sandbox_new(nullptr, nullptr, &owned);
    const Error error(status, owned);
    CHECK(error.kind() == ErrorKind::argument && check::contains(error.what(), "policy is NULL"));
    const Error without(SANDLOCK_ERROR_IO, nullptr);
    CHECK(without.kind() == ErrorKind::io && without.what() == sandlock::describe(ErrorKind::io));
    CHECK(without.err() == 0 && !without.output() && !without.handler_error());
}

int main() {
    return check::run({
        a_missing_command_is_told_with_a_hint,
        a_missing_grant_is_told_with_the_step_and_the_setting,
        a_call_that_cannot_be_trapped_is_an_error_of_registration,
        copies_share_what_they_carry,
        an_error_is_an_exception_like_others,
        an_error_keeps_what_the_program_left,
        a_start_that_a_handler_refuses_has_its_cause,
        a_task_error_has_the_number_of_its_refusal,
        errors_of_the_c_interface_are_taken_over,
    });
}
