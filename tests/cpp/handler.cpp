// Handlers: callables that answer system calls, what they throw, and how long they live.

#include "check.hpp"

#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <sys/utsname.h>

using namespace std::chrono_literals;
using check::Alive;
using sandlock::Action;
using sandlock::Child;
using sandlock::Error;
using sandlock::ErrorKind;
using sandlock::Fd;
using sandlock::HandlerError;
using sandlock::HandlerOptions;
using sandlock::Launch;
using sandlock::Notif;
using sandlock::OnError;
using sandlock::Output;
using sandlock::Reason;
using sandlock::Sandbox;
using sandlock::When;

static_assert(std::is_nothrow_move_constructible_v<Action> &&
              !std::is_copy_constructible_v<Action>);

/// What a program does whose uname(2) is answered by `handler`.
template <typename Handler>
static Output uname_with(Handler &&handler, const HandlerOptions &options = {}) {
    Sandbox sandbox{check::programs()};
    sandbox.add_handler(SYS_uname, std::forward<Handler>(handler), options);
    return sandbox.run({"uname", "-n"});
}

static void answers_reach_the_program() {
    const Output untouched = Sandbox{check::programs()}.run({"uname", "-n"});
    CHECK(untouched.success());
    CHECK(uname_with([](const Notif &) { return Action::continue_(); }).out() == untouched.out());

    const Output refused = uname_with([](const Notif &) { return Action::error(EACCES); });
    CHECK(!refused.success() && check::contains(refused.err(), "Permission denied"));

    const Output answered = uname_with([](const Notif &notif) {
        utsname names{};
        std::strcpy(names.nodename, "sandbox");
        notif.write(notif.arg(0), names);
        return Action::returns(0);
    });
    CHECK(answered.out() == "sandbox\n");

    CHECK(uname_with([](const Notif &) { return Action::kill(); }).reason() == Reason::killed);
    const Output bad_address =
        uname_with([](const Notif &) { return Action::refuse(ErrorKind::task_memory); });
    CHECK(check::contains(bad_address.err(), "Bad address"));
}

/// Opens "/made-up" in a program whose openat(2) is answered by `serve` for that path.
template <typename Serve>
static Output cat_with(Serve serve) {
    Sandbox sandbox{check::programs()};
    sandbox.add_handler("openat", [serve](const Notif &notif) {
        return notif.read_path(1) == "/made-up" ? serve() : Action::continue_();
    });
    return sandbox.run({"cat", "/made-up"});
}

static void files_are_handed_out() {
    CHECK(!cat_with([] { return Action::continue_(); }).success());
    CHECK(cat_with([] { return Action::inject_bytes("bytes\n"); }).out() == "bytes\n");
    CHECK(cat_with([] { return Action::inject_bytes({}); }).success());
    check::Folder folder;
    check::write_file(folder.file(), "a file\n");
    const std::string path = folder.file();
    CHECK(cat_with([path] {
              return Action::inject_fd(Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC)));
          }).out() == "a file\n");
}

/// Whether the descriptor is open in this process.
static bool is_open(int number) {
    return fcntl(number, F_GETFD) >= 0;
}

static void actions_own_what_they_inject() {
    const int number = open("/dev/null", O_RDONLY | O_CLOEXEC);
    {
        Action action = Action::inject_fd(Fd(number));
        Action moved = std::move(action);
        CHECK(is_open(number));
        action = std::move(moved);
        CHECK(is_open(number));
    }
    CHECK(!is_open(number));
    const int replaced = open("/dev/null", O_RDONLY | O_CLOEXEC);
    Action action = Action::inject_fd(Fd(replaced));
    action = Action::inject_bytes("dropped");
    CHECK(!is_open(replaced));
    const int released = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sandlock_action raw = Action::inject_fd(Fd(released)).release();
    CHECK(is_open(released));
    sandlock_action_discard(raw);
    CHECK(!is_open(released));
}

static void an_action_that_was_moved_from_is_a_failure() {
    const auto moved_from = [](const Notif &) {
        Action action = Action::continue_();
        const Action moved = std::move(action);
        return action;
    };
    CHECK_FAILS(handler, uname_with(moved_from));
    CHECK_FAILS(handler, uname_with([](const Notif &) { return Action::error(0); }));
}

static Action refuse(const Notif &) {
    return Action::error(EACCES);
}

/// Can be neither copied nor moved, and changes when it is called.
class Counter {
public:
    Counter() = default;
    Counter(const Counter &) = delete;
    Counter &operator=(const Counter &) = delete;

    Action operator()(const Notif &) {
        calls++;
        return Action::error(EACCES);
    }

    std::atomic<int> calls{0};
};

static void callables_are_of_any_type() {
    CHECK(!uname_with(refuse).success());
    CHECK(!uname_with(&refuse).success());
    CHECK(!uname_with(std::function<Action(const Notif &)>(refuse)).success());
    CHECK(!uname_with([](const auto &) { return Action::error(EACCES); }).success());

    Counter counter;
    CHECK(!uname_with(std::ref(counter)).success());
    CHECK(counter.calls == 1);

    const auto shared = std::make_shared<Counter>();
    CHECK(!uname_with([shared](const Notif &notif) { return (*shared)(notif); }).success());
    CHECK(shared->calls == 1 && shared.use_count() == 1);

    auto owned = std::make_unique<int>(EACCES);
    CHECK(!uname_with([owned = std::move(owned)](const Notif &) {
               return Action::error(*owned);
           }).success());

    // As an lvalue it is copied; what changes is the copy.
    auto mutated = [calls = 0](const Notif &) mutable {
        return ++calls > 0 ? Action::error(EACCES) : Action::kill();
    };
    CHECK(!uname_with(mutated).success());
    const auto constant = refuse;
    CHECK(!uname_with(constant).success());
}

static void null_is_no_callable() {
    Sandbox sandbox{check::programs()};
    Action (*null)(const Notif &) = nullptr;
    CHECK_FAILS(argument, sandbox.add_handler("uname", null));
    CHECK(sandbox.run({"uname"}).success());
    // An empty function says so itself, when it is called.
    CHECK_FAILS(handler, uname_with(std::function<Action(const Notif &)>()));
}

static void a_callable_is_destroyed_when_the_sandbox_is_gone() {
    std::atomic<int> alive{0};
    const auto handler = [counted = Alive(alive)](const Notif &) { return Action::error(EACCES); };
    CHECK(alive == 1);
    {
        Sandbox sandbox{check::programs()};
        sandbox.add_handler("uname", handler);
        CHECK(alive == 2);
        CHECK(!sandbox.run({"uname"}).success());
        CHECK(alive == 2);
        Sandbox moved = std::move(sandbox);
        CHECK(alive == 2);
        {
            const Sandbox clone = moved.clone();
            moved = Sandbox{check::programs()};
            CHECK(alive == 2);
            CHECK(!clone.run({"uname"}).success());
        }
        CHECK(alive == 1);
    }
    CHECK(alive == 1);
}

static void a_callable_is_destroyed_when_the_last_child_is_gone() {
    std::atomic<int> alive{0};
    std::optional<Sandbox> sandbox{check::programs()};
    sandbox->add_handler("uname",
                         [counted = Alive(alive)](const Notif &) { return Action::error(EACCES); });
    std::optional<Child> child = sandbox->spawn(Launch{"cat"}.in(sandlock::Stdio::piped()));
    sandbox.reset();
    CHECK(alive == 1);
    CHECK(child->wait().success());
    child.reset();
    CHECK(alive == 0);

    sandbox.emplace(check::programs());
    sandbox->add_handler("uname",
                         [counted = Alive(alive)](const Notif &) { return Action::error(EACCES); });
    child = sandbox->spawn({"sleep", "60"});
    child.reset();
    CHECK(alive == 1);
    sandbox.reset();
    CHECK(alive == 0);
}

static void a_callable_is_destroyed_when_it_cannot_be_registered() {
    std::atomic<int> alive{0};
    Sandbox sandbox{check::programs()};
    const auto counted = [&] {
        return [counted = Alive(alive)](const Notif &) { return Action::kill(); };
    };
    CHECK_FAILS(registration, sandbox.add_handler("mount", counted()));
    CHECK_FAILS(registration, sandbox.add_handler("exit_group", counted()));
    CHECK_FAILS(registration, sandbox.add_handler("no-such-call", counted()));
    CHECK_FAILS(registration, sandbox.add_handler("uname", counted(), HandlerOptions{}.name("")));
    CHECK_FAILS(argument, sandbox.add_handler("uname", counted(), HandlerOptions{}.name("\xff")));
    CHECK_FAILS(registration,
                sandbox.add_handler("uname", counted(), HandlerOptions{}.when(When::arg(6).eq(1))));
    CHECK(alive == 0);
    CHECK(sandbox.run({"uname"}).success());
    sandbox.add_handler("uname", counted());
    CHECK(alive == 1);
}

/// Cannot be copied.
struct Uncopied {
    Uncopied() = default;
    Uncopied(const Uncopied &) { throw std::runtime_error("no copies today"); }
    Uncopied &operator=(const Uncopied &) = delete;
    Action operator()(const Notif &) const { return Action::error(EACCES); }
};

static void a_callable_whose_copy_throws_is_not_registered() {
    Sandbox sandbox{check::programs()};
    const Uncopied handler;
    std::string message;
    try {
        sandbox.add_handler("uname", handler);
    } catch (const std::runtime_error &error) {
        message = error.what();
    }
    CHECK(message == "no copies today");
    CHECK(sandbox.run({"uname"}).success());
    sandbox.add_handler("uname", std::cref(handler));
    CHECK(!sandbox.run({"uname"}).success());
}

/// An exception that is derived from nothing.
struct Custom {
    int value;
};

struct Derived : std::logic_error {
    Derived(const std::string &message, int number) : std::logic_error(message), value(number) {}
    int value;
};

/// The error of a run whose handler throws.
template <typename Exception>
static Error thrown_by_run(Exception exception) {
    const auto handler = [exception](const Notif &) -> Action { throw exception; };
    return check::error_of(
        [&] { static_cast<void>(uname_with(handler, HandlerOptions{}.name("thrower"))); });
}

/// The exception as the type that it was thrown as; the test fails if it is another one.
template <typename Exception>
static std::optional<Exception> as(const std::exception_ptr &cause) {
    try {
        if (cause) {
            std::rethrow_exception(cause);
        }
    } catch (const Exception &exception) {
        return exception;
    } catch (...) {
        return std::nullopt;
    }
    return std::nullopt;
}

static void an_exception_comes_back_from_run() {
    const Error error = thrown_by_run(Derived("not today", 7));
    CHECK(error.kind() == ErrorKind::handler);
    CHECK(check::contains(error.what(), "thrower") && check::contains(error.what(), "not today"));
    const std::optional<HandlerError> failure = error.handler_error();
    CHECK(failure && failure->handler == "thrower" && failure->message == "not today");
    CHECK(failure && failure->syscall == SYS_uname);
    const auto derived = as<Derived>(error.cause());
    CHECK(derived && derived->value == 7 && derived->what() == std::string("not today"));
    CHECK(error.output() && error.output()->reason() == Reason::killed);

    CHECK(as<int>(thrown_by_run(42).cause()) == 42);
    CHECK(as<Custom>(thrown_by_run(Custom{43}).cause())->value == 43);
    CHECK(check::contains(thrown_by_run(Custom{1}).what(), "no std::exception"));
    // An error of the library is an exception like others, if it is not about the task.
    CHECK(as<Error>(thrown_by_run(Error(ErrorKind::io, "mine")).cause())->kind() == ErrorKind::io);
}

static void an_exception_is_nested_in_what_run_throws() {
    std::string nested;
    try {
        static_cast<void>(
            uname_with([](const Notif &) -> Action { throw std::runtime_error("inner"); }));
    } catch (const Error &error) {
#if defined(__cpp_rtti)
        try {
            std::rethrow_if_nested(error);
        } catch (const std::runtime_error &inner) {
            nested = inner.what();
        }
#else
        nested = as<std::runtime_error>(error.cause())->what();
#endif
    }
    CHECK(nested == "inner");
}

static void an_exception_comes_back_from_wait_and_run_all() {
    Sandbox sandbox{check::programs()};
    sandbox.add_handler("uname", [](const Notif &) -> Action { throw 5; });
    const Child child = sandbox.spawn({"uname"});
    for (int times = 0; times < 2; times++) {
        const Error error = check::error_of([&] { static_cast<void>(child.wait()); });
        CHECK(error.kind() == ErrorKind::handler && as<int>(error.cause()) == 5);
    }
    CHECK_FAILS(handler, child.wait_for(1s));
    const auto results = sandbox.run_all({Launch{"uname"}, Launch{"true"}}, 2);
    CHECK(as<int>(std::get<Error>(results[0]).cause()) == 5);
    CHECK(std::get<Output>(results[1]).success());
}

static void an_exception_is_listed_where_the_call_is_denied() {
    const auto options = HandlerOptions{}.name("denier").on_error(OnError::deny(EACCES));
    const Output output =
        uname_with([](const Notif &) -> Action { throw Derived("denied", 8); }, options);
    CHECK(output.exit_code() == 1 && check::contains(output.err(), "Permission denied"));
    const auto failures = output.handler_errors();
    CHECK(failures.size() == 1);
    CHECK(failures.at(0).handler == "denier" && failures.at(0).message == "denied");
    CHECK(as<Derived>(failures.at(0).cause)->value == 8);
    // What is denied is no exception where none is thrown.
    CHECK(uname_with(refuse, options).handler_errors().empty());
    CHECK_FAILS(registration, OnError::deny(0));
    CHECK_FAILS(registration, OnError::deny(4096));
}

static void exceptions_are_freed() {
    std::atomic<int> alive{0};
    {
        const Error error = thrown_by_run(Alive(alive));
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
}

static void an_error_about_the_task_is_a_refusal() {
    const Output output = uname_with([](const Notif &notif) {
        return notif.read<int>(16) == 0 ? Action::kill() : Action::kill();
    });
    CHECK(output.exit_code() == 1 && check::contains(output.err(), "Bad address"));
    CHECK(output.handler_errors().empty());
    // One that is caught is the handler's to judge.
    const Output caught = uname_with([](const Notif &notif) {
        try {
            static_cast<void>(notif.read<int>(16));
        } catch (const sandlock::TaskError &error) {
            return error.kind() == ErrorKind::task_memory ? Action::error(ENOENT) : Action::kill();
        }
        return Action::continue_();
    });
    CHECK(check::contains(caught.err(), "No such file"));
}

static void a_handler_is_called_on_another_thread_while_we_wait() {
    std::atomic<std::thread::id> caller;
    CHECK(!uname_with([&](const Notif &) {
               caller = std::this_thread::get_id();
               return Action::error(EACCES);
           }).success());
    CHECK(caller.load() != std::thread::id() && caller.load() != std::this_thread::get_id());
}

static void a_handler_may_run_another_sandbox() {
    const Sandbox inner{check::programs()};
    std::string told;
    CHECK(!uname_with([&](const Notif &) {
               told = inner.run({"echo", "inner"}).out();
               return Action::error(EACCES);
           }).success());
    CHECK(told == "inner\n");
    // What fails inside is a failure of the handler, with the inner error as its cause.
    const Error error = check::error_of([&] {
        static_cast<void>(uname_with([&](const Notif &) -> Action {
            return inner.run({"no-such-program"}).success() ? Action::kill() : Action::kill();
        }));
    });
    CHECK(error.kind() == ErrorKind::handler);
    CHECK(as<Error>(error.cause())->kind() == ErrorKind::not_found);
}

static void a_handler_may_add_another_one_to_its_own_sandbox() {
    Sandbox sandbox{check::programs()};
    std::atomic<int> calls{0};
    sandbox.add_handler("uname", [&](const Notif &) {
        if (calls++ == 0) {
            sandbox.add_handler("uname", refuse);
        }
        return Action::continue_();
    });
    // It holds for runs that are started from then on.
    CHECK(sandbox.run({"uname"}).success());
    CHECK(!sandbox.run({"uname"}).success());
    CHECK(calls == 2);
}

static void several_runs_call_a_handler_at_the_same_time() {
    Sandbox sandbox{check::programs()};
    check::Event both;
    std::atomic<int> inside{0};
    sandbox.add_handler("uname", [&](const Notif &) {
        if (++inside == 2) {
            both.set();
        }
        return both.wait() ? Action::error(EACCES) : Action::continue_();
    });
    for (const Sandbox::Result &result : sandbox.run_all({Launch{"uname"}, Launch{"uname"}}, 2)) {
        CHECK(std::get<Output>(result).exit_code() == 1);
    }
}

static void a_pooled_handler_has_a_deadline() {
    std::atomic<int> alive{0};
    const auto release = std::make_shared<check::Event>();
    const auto wait = [release, counted = Alive(alive)](const Notif &) {
        release->wait();
        return Action::continue_();
    };
    const Output late = uname_with(wait, HandlerOptions{}.name("slow").pooled(20ms));
    CHECK(late.exit_code() == 1 && check::contains(late.err(), "Operation not permitted"));
    CHECK(late.handler_errors().size() == 1 && late.handler_errors()[0].handler == "slow");
    CHECK(!late.handler_errors()[0].cause);
    // It is still being called.
    CHECK(alive == 2);
    release->set();
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (alive != 1 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    CHECK(alive == 1);
    CHECK(uname_with(wait, HandlerOptions{}.pooled(30s)).success());
    CHECK_FAILS(registration, HandlerOptions{}.pooled(0s));
    CHECK_FAILS(registration, uname_with(refuse, HandlerOptions{}.pooled(2h)));
}

static void an_exception_in_the_pool_comes_back_too() {
    const auto throws = [](const Notif &) -> Action { throw 9; };
    const Error error = check::error_of(
        [&] { static_cast<void>(uname_with(throws, HandlerOptions{}.pooled(30s))); });
    CHECK(error.kind() == ErrorKind::handler && as<int>(error.cause()) == 9);
}

static void conditions_say_which_calls_are_asked_about() {
    check::Folder folder;
    Sandbox sandbox{check::programs().set("fs.write", folder.path())};
    const auto writing = HandlerOptions{}
                             .when(When::arg(2).masked_eq(O_ACCMODE, O_WRONLY))
                             .when(When::arg(0).eq(AT_FDCWD));
    std::atomic<int> calls{0};
    const auto refuse_counted = [&](const Notif &) {
        calls++;
        return Action::error(EACCES);
    };
    sandbox.add_handler("openat", refuse_counted, writing);
    check::write_file(folder.file(), "text");
    CHECK(sandbox.run({"cat", folder.file()}).out() == "text");
    CHECK(calls == 0);
    CHECK(!sandbox.run({"sh", "-c", "echo >\"$0\"", folder.file()}).success());
    CHECK(calls == 1);

    const auto add = [](const HandlerOptions &options) {
        return uname_with(refuse, options).success();
    };
    CHECK(add(HandlerOptions{}.when(When::arg(0).eq(1))));
    CHECK(!add(HandlerOptions{}.when(When::arg(0).ne(1))));
    CHECK(!add(HandlerOptions{}.when(When::arg(0).ge(4096U))));
    CHECK(add(HandlerOptions{}.when(When::arg(0).lt(4096L)).when(When::arg(0).ge(4096))));
    // Bits of the value that the mask does not have.
    CHECK_FAILS(registration, add(HandlerOptions{}.when(When::arg(0).masked_eq(1, 2))));
}

static void calls_that_must_not_be_interrupted_need_permission() {
    Sandbox sandbox{check::programs()};
    const auto pass = [](const Notif &) { return Action::continue_(); };
    CHECK_FAILS(registration, sandbox.add_handler("close", pass));
    sandbox.add_handler("close", pass, HandlerOptions{}.allow_interruptible());
    CHECK(sandbox.run({"true"}).success());
}

static void handlers_are_asked_in_order() {
    std::atomic<int> later{0};
    const auto count = [&](const Notif &) {
        later++;
        return Action::continue_();
    };
    const Sandbox sandbox =
        Sandbox{check::programs()}
            .add_handler("uname", count)
            .add_handler("uname", refuse, HandlerOptions{}.priority(sandlock::Priority::before));
    CHECK(!sandbox.run({"uname"}).success());
    CHECK(later == 0);
    const Sandbox after =
        Sandbox{check::programs()}.add_handler("uname", count).add_handler("uname", refuse);
    CHECK(!after.run({"uname"}).success());
    CHECK(later == 1);
}

int main() {
    return check::run({
        answers_reach_the_program,
        files_are_handed_out,
        actions_own_what_they_inject,
        an_action_that_was_moved_from_is_a_failure,
        callables_are_of_any_type,
        null_is_no_callable,
        a_callable_is_destroyed_when_the_sandbox_is_gone,
        a_callable_is_destroyed_when_the_last_child_is_gone,
        a_callable_is_destroyed_when_it_cannot_be_registered,
        a_callable_whose_copy_throws_is_not_registered,
        an_exception_comes_back_from_run,
        an_exception_is_nested_in_what_run_throws,
        an_exception_comes_back_from_wait_and_run_all,
        an_exception_is_listed_where_the_call_is_denied,
        exceptions_are_freed,
        an_error_about_the_task_is_a_refusal,
        a_handler_is_called_on_another_thread_while_we_wait,
        a_handler_may_run_another_sandbox,
        a_handler_may_add_another_one_to_its_own_sandbox,
        several_runs_call_a_handler_at_the_same_time,
        a_pooled_handler_has_a_deadline,
        an_exception_in_the_pool_comes_back_too,
        conditions_say_which_calls_are_asked_about,
        calls_that_must_not_be_interrupted_need_permission,
        handlers_are_asked_in_order,
    });
}
