// Observers: callables that are shown calls and verdicts.

#include "check.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using check::Alive;
using sandlock::Action;
using sandlock::Notif;
using sandlock::ObserverOptions;
using sandlock::Outcome;
using sandlock::Output;
using sandlock::Sandbox;
using sandlock::Verdict;
using sandlock::When;

/// What was seen of the calls of one sandbox; kept by the test, and filled by the observer.
class Log {
public:
    struct Seen {
        std::uint64_t id;
        bool is_verdict;
        Outcome outcome;
        std::int64_t value;
        std::string by;
        std::thread::id thread;
    };

    void operator()(const Notif &notif, const Verdict *verdict) {
        Seen seen{notif.id(), verdict != nullptr, Outcome{}, 0, "", std::this_thread::get_id()};
        if (verdict != nullptr) {
            seen.outcome = verdict->outcome;
            seen.value = verdict->value;
            seen.by = verdict->by;
        }
        const std::lock_guard lock(mutex_);
        seen_.push_back(std::move(seen));
    }

    std::vector<Seen> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(seen_, {});
    }

private:
    std::mutex mutex_;
    std::vector<Seen> seen_;
};

/// What an observer sees of a uname(2) that `handler` answers.
template <typename Handler>
static std::vector<Log::Seen> seen_with(Handler handler) {
    Log log;
    Sandbox sandbox{check::programs()};
    sandbox.add_handler("uname", handler, sandlock::HandlerOptions{}.name("guard"));
    sandbox.add_observer("uname", std::ref(log));
    static_cast<void>(sandbox.run({"uname"}));
    return log.take();
}

static void each_call_is_shown_before_and_after() {
    const auto seen = seen_with([](const Notif &) { return Action::error(EACCES); });
    CHECK(seen.size() == 2);
    CHECK(!seen.at(0).is_verdict && seen.at(1).is_verdict && seen.at(0).id == seen.at(1).id);
    CHECK(seen.at(1).outcome == Outcome::refused && seen.at(1).value == EACCES &&
          seen.at(1).by == "guard");
    CHECK(seen.at(0).thread != std::this_thread::get_id());
}

static void verdicts_say_what_became_of_a_call() {
    const auto continued = seen_with([](const Notif &) { return Action::continue_(); });
    CHECK(continued.at(1).outcome == Outcome::continued && continued.at(1).by == "policy");
    const auto answered = seen_with([](const Notif &) { return Action::returns(1L << 40U); });
    CHECK(answered.at(1).outcome == Outcome::answered && answered.at(1).value == 1L << 40U);
    const auto failed = seen_with([](const Notif &) { return Action::returns(-ENOSYS); });
    CHECK(failed.at(1).outcome == Outcome::refused && failed.at(1).value == ENOSYS);
    const auto injected = seen_with([](const Notif &) { return Action::inject_bytes("x"); });
    CHECK(injected.at(1).outcome == Outcome::injected && injected.at(1).by == "guard");
    const auto killed = seen_with([](const Notif &) { return Action::kill(); });
    CHECK(killed.at(1).outcome == Outcome::killed && killed.at(1).value == 0);
}

static void an_observer_decides_nothing() {
    Log log;
    Sandbox sandbox{check::programs()};
    sandbox.add_observer(SYS_uname, std::ref(log));
    CHECK(sandbox.run({"uname"}).success());
    CHECK(log.take().size() == 2);
    CHECK(sandbox.run({"true"}).success());
    CHECK(log.take().empty());
}

static void conditions_say_which_calls_are_shown() {
    Log all;
    Log none;
    Sandbox sandbox =
        Sandbox{check::programs()}
            .add_observer("uname", std::ref(none), ObserverOptions{}.when(When::arg(0).lt(1)))
            .add_observer("uname", std::ref(all), ObserverOptions{}.when(When::arg(0).ge(1)));
    CHECK(sandbox.run({"uname"}).success());
    CHECK(none.take().empty() && all.take().size() == 2);
    CHECK_FAILS(registration, sandbox.add_observer("close", std::ref(all)));
    sandbox.add_observer("close", std::ref(all), ObserverOptions{}.allow_interruptible());
    CHECK(sandbox.run({"true"}).success());
    CHECK(!all.take().empty());
}

/// The failures of a run whose observer throws `exception`, before and after each call.
template <typename Exception>
static std::vector<sandlock::HandlerError> failures_of(Exception exception) {
    Sandbox sandbox{check::programs()};
    const auto observer = [exception](const Notif &, const Verdict *) { throw exception; };
    sandbox.add_observer("uname", observer, ObserverOptions{}.name("watcher"));
    const Output output = sandbox.run({"uname"});
    CHECK(output.success());
    return output.handler_errors();
}

static void an_exception_is_listed_and_changes_nothing() {
    const auto failures = failures_of(std::runtime_error("blind"));
    CHECK(!failures.empty());
    for (const auto &failure : failures) {
        CHECK(failure.handler == "watcher" && failure.message == "blind" &&
              failure.syscall == SYS_uname);
        std::string message;
        try {
            std::rethrow_exception(failure.cause);
        } catch (const std::runtime_error &error) {
            message = error.what();
        }
        CHECK(message == "blind");
    }
    int number = 0;
    try {
        std::rethrow_exception(failures_of(6).at(0).cause);
    } catch (int thrown) {
        number = thrown;
    }
    CHECK(number == 6);
    CHECK(failures_of(sandlock::TaskError(SANDLOCK_ERROR_TASK_GONE)).at(0).cause != nullptr);
}

static void memory_can_be_read_before_and_not_after() {
    std::atomic<bool> is_read{false};
    std::atomic<bool> is_gone{false};
    Sandbox sandbox{check::programs()};
    sandbox.add_observer("openat", [&](const Notif &notif, const Verdict *verdict) {
        try {
            is_read = notif.read_path(1) == "/no/such/file" || is_read;
        } catch (const sandlock::TaskError &error) {
            is_gone =
                (verdict != nullptr && error.kind() == sandlock::ErrorKind::task_gone) || is_gone;
        }
    });
    CHECK(!sandbox.run({"cat", "/no/such/file"}).success());
    CHECK(is_read && is_gone);
}

static void an_observer_is_destroyed_once() {
    std::atomic<int> alive{0};
    const auto observer = [counted = Alive(alive)](const Notif &, const Verdict *) {};
    {
        Sandbox sandbox{check::programs()};
        CHECK_FAILS(registration, sandbox.add_observer("mount", observer));
        CHECK_FAILS(registration,
                    sandbox.add_observer("uname", observer, ObserverOptions{}.name("")));
        CHECK(alive == 1);
        sandbox.add_observer("uname", observer);
        CHECK(alive == 2);
        CHECK(sandbox.run({"uname"}).success());
        CHECK(alive == 2);
    }
    CHECK(alive == 1);
    auto owned = std::make_unique<int>(1);
    Sandbox sandbox{check::programs()};
    sandbox.add_observer(
        "uname", [owned = std::move(owned)](const Notif &, const Verdict *) mutable { ++*owned; });
    CHECK(sandbox.run({"uname"}).success());
    void (*null)(const Notif &, const Verdict *) = nullptr;
    CHECK_FAILS(argument, sandbox.add_observer("uname", null));
}

int main() {
    return check::run({
        each_call_is_shown_before_and_after,
        verdicts_say_what_became_of_a_call,
        an_observer_decides_nothing,
        conditions_say_which_calls_are_shown,
        an_exception_is_listed_and_changes_nothing,
        memory_can_be_read_before_and_not_after,
        an_observer_is_destroyed_once,
    });
}
