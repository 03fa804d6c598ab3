// sandlock for C++17: confines untrusted programs on Linux under Landlock and seccomp, without
// root.
//
// Header only, over <sandlock.h>, whose conventions hold here too; nothing here does what C cannot.
//
//     sandlock::Policy policy;
//     policy.set("fs.read", "/usr").set("fs.read_if_exists", "/lib");
//     policy.set("fs.read_if_exists", "/lib64");
//     sandlock::Sandbox sandbox{policy};
//     sandbox.add_handler(SYS_uname, [](const sandlock::Notif &) {
//         return sandlock::Action::error(EACCES);
//     });
//     sandlock::Output output = sandbox.run({"uname", "-a"});
//
// Failures are exceptions of the type sandlock::Error, whose kind() says what they are; besides,
// everything that allocates can throw std::bad_alloc. A call that threw has changed nothing.
//
// Objects own what they stand for and free it once. One that was moved from can be destroyed and
// assigned to; its other functions throw ErrorKind::argument, or say "nothing" where they cannot
// fail.
//
// Texts are std::string: any bytes where <sandlock.h> says so, UTF-8 elsewhere. A NUL inside of one
// is ErrorKind::argument: it would end the text early. `stdin`, `stdout` and `stderr` may be
// macros, which is why they are called in, out and err.
//
// Handlers and observers are callables, which are called by threads of the library, by several at
// once where several programs run; they are freed by whichever thread drops what had them last, the
// end of a run included. Whatever exception they throw is caught here and comes back from run() and
// wait(): see Sandbox::add_handler. What is no exception must not leave them: longjmp(),
// pthread_exit() and a thread that is cancelled end the process, and with it every tree.

#ifndef SANDLOCK_HPP
#define SANDLOCK_HPP

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <unistd.h>

#include "sandlock.h"

namespace sandlock {

/// What went wrong; the numbers are those of SANDLOCK_ERROR_, and later versions can have more.
enum class ErrorKind : sandlock_status {
    /// A setting is unknown, malformed or contradicts another one: Error::setting().
    policy = SANDLOCK_ERROR_POLICY,
    /// This kernel cannot enforce what the policy asks for.
    unsupported = SANDLOCK_ERROR_UNSUPPORTED,
    /// The command, or something else that was asked for one start, cannot be used.
    command = SANDLOCK_ERROR_COMMAND,
    /// The command does not exist.
    not_found = SANDLOCK_ERROR_NOT_FOUND,
    /// The command exists but cannot be executed, or the policy does not let it start.
    cannot_execute = SANDLOCK_ERROR_CANNOT_EXECUTE,
    /// The program could not be started: Error::step().
    spawn = SANDLOCK_ERROR_SPAWN,
    /// A system call of the library itself failed: Error::err().
    io = SANDLOCK_ERROR_IO,
    /// A handler failed, and the tree was killed: Error::handler_error(), Error::cause().
    handler = SANDLOCK_ERROR_HANDLER,
    /// A handler or observer cannot be registered for that call, or with these options.
    registration = SANDLOCK_ERROR_REGISTRATION,
    /// An argument cannot be used: a NUL in a text, an object that was moved from.
    argument = SANDLOCK_ERROR_ARGUMENT,
    /// A bug of the library.
    internal = SANDLOCK_ERROR_INTERNAL,
    /// The task that waited for an answer waits no more.
    task_gone = SANDLOCK_ERROR_TASK_GONE,
    /// Memory of the task is not mapped.
    task_memory = SANDLOCK_ERROR_TASK_MEMORY,
    /// Something of the task is longer than the limit.
    too_long = SANDLOCK_ERROR_TOO_LONG,
    /// Something else about the task could not be done.
    task = SANDLOCK_ERROR_TASK,
};

/// The step of a start that failed; the numbers are those of SANDLOCK_STEP_.
enum class Step : std::int32_t {
    /// The failure was none of a start.
    none = 0,
    /// Creating the keeper.
    keeper = SANDLOCK_STEP_KEEPER,
    /// Setting the keeper up as the reaper of the tree.
    subreaper = SANDLOCK_STEP_SUBREAPER,
    /// Creating the child.
    child = SANDLOCK_STEP_CHILD,
    /// Binding the child to its keeper.
    die_with_keeper = SANDLOCK_STEP_DIE_WITH_KEEPER,
    /// Starting a session or group.
    new_session = SANDLOCK_STEP_NEW_SESSION,
    /// Resetting signals.
    reset_signals = SANDLOCK_STEP_RESET_SIGNALS,
    /// Setting a resource limit.
    limit = SANDLOCK_STEP_LIMIT,
    /// Changing the directory.
    change_directory = SANDLOCK_STEP_CHANGE_DIRECTORY,
    /// Setting no_new_privs.
    no_new_privileges = SANDLOCK_STEP_NO_NEW_PRIVILEGES,
    /// Applying the Landlock rules.
    landlock = SANDLOCK_STEP_LANDLOCK,
    /// Dropping capabilities.
    drop_capabilities = SANDLOCK_STEP_DROP_CAPABILITIES,
    /// Setting up the descriptors.
    descriptors = SANDLOCK_STEP_DESCRIPTORS,
    /// Installing the seccomp filter.
    filter = SANDLOCK_STEP_FILTER,
    /// Executing the program.
    execute = SANDLOCK_STEP_EXECUTE,
    /// Taking the terminal's foreground.
    foreground = SANDLOCK_STEP_FOREGROUND,
    /// Bounding whom the keeper can signal to its own tree.
    keeper_scope = SANDLOCK_STEP_KEEPER_SCOPE,
    /// Installing the filter that asks the supervisor.
    listener = SANDLOCK_STEP_LISTENER,
};

/// Why a program ended.
enum class Reason : std::int32_t {
    /// Nothing ended: the output was moved from.
    none = 0,
    /// It exited by itself.
    exited = SANDLOCK_REASON_EXITED,
    /// A signal ended it; SIGSYS is a call that the filter kills for.
    signaled = SANDLOCK_REASON_SIGNALED,
    /// Its time was over and the tree was killed.
    timeout = SANDLOCK_REASON_TIMEOUT,
    /// Child::kill() or a handler's Action::kill() ended the tree.
    killed = SANDLOCK_REASON_KILLED,
};

/// What became of a call.
enum class Outcome : std::uint64_t {
    /// Everybody let it through, and the kernel carries it out; Landlock may still refuse it.
    continued = SANDLOCK_OUTCOME_CONTINUE,
    /// It failed with the error number Verdict::value.
    refused = SANDLOCK_OUTCOME_REFUSED,
    /// It returned Verdict::value.
    answered = SANDLOCK_OUTCOME_ANSWERED,
    /// It returned a new descriptor.
    injected = SANDLOCK_OUTCOME_INJECTED,
    /// The tree was killed.
    killed = SANDLOCK_OUTCOME_KILLED,
    /// Its task had ended, or was interrupted, before it could be answered.
    gone = SANDLOCK_OUTCOME_GONE,
};

/// When a handler is asked.
enum class Priority : std::uint32_t {
    /// Behind the built-ins: about what they let through.
    after = SANDLOCK_PRIORITY_AFTER,
    /// In front of the built-ins. It can only make things stricter: Action::continue_() means "go
    /// on with the built-ins".
    before = SANDLOCK_PRIORITY_BEFORE,
};

namespace detail {

/// Frees an object of the library.
template <auto free_object>
struct Free {
    template <typename T>
    void operator()(T *object) const noexcept {
        free_object(object);
    }
};

template <typename T, auto free_object>
using Handle = std::unique_ptr<T, Free<free_object>>;

inline std::string text(const char *from) {
    return from == nullptr ? std::string() : std::string(from);
}

/// A text that the library made for us.
inline std::string take_text(char *from) {
    const Handle<char, sandlock_string_free> owned(from);
    return text(from);
}

/// The next whole millisecond; 0 for what is not above 0, UINT64_MAX for what is beyond it.
template <typename Rep, typename Period>
std::uint64_t milliseconds(std::chrono::duration<Rep, Period> duration) {
    const long double count = std::chrono::duration<long double, std::milli>(duration).count();
    if (!(count > 0)) {
        return 0;
    }
    if (count >= 18446744073709551615.0L) {
        return UINT64_MAX;
    }
    const auto whole = static_cast<std::uint64_t>(count);
    return static_cast<long double>(whole) < count ? whole + 1 : whole;
}

}  // namespace detail

/// A descriptor of this process, which is closed when its owner is destroyed.
class [[nodiscard]] Fd {
public:
    /// None.
    Fd() noexcept = default;

    /// Takes `number` over; -1 is none.
    explicit Fd(int number) noexcept : number_(number) {}

    Fd(Fd &&other) noexcept : number_(other.release()) {}

    Fd &operator=(Fd &&other) noexcept {
        if (this != &other) {
            close();
            number_ = other.release();
        }
        return *this;
    }

    ~Fd() { close(); }

    /// The number, which stays this object's; -1 for none.
    [[nodiscard]] int get() const noexcept { return number_; }

    /// The number, which is the caller's from here on, to be closed.
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

    /// Closes it; nothing for none.
    void close() noexcept {
        if (number_ >= 0) {
            ::close(std::exchange(number_, -1));
        }
    }

    /// Whether there is one.
    explicit operator bool() const noexcept { return number_ >= 0; }

private:
    int number_ = -1;
};

/// What was enforced, for people to read.
struct Enforcement {
    /// The Landlock ABI that is used.
    std::uint32_t landlock_abi = 0;
    /// Protections that hold, by name.
    std::vector<std::string> enforced;
    /// Protections that this kernel lacks, which the policy accepts.
    std::vector<std::string> degraded;
    /// What the policy itself lifts from the defaults.
    std::vector<std::string> weakened;
};

/// Resources that a whole tree used, but for processes whose parents ignored SIGCHLD.
struct Usage {
    /// Wall clock from the start to the end of the last process.
    std::chrono::nanoseconds wall{0};
    /// Processor time in user mode.
    std::chrono::nanoseconds user{0};
    /// Processor time in the kernel.
    std::chrono::nanoseconds system{0};
    /// Peak resident memory of the largest process, bytes; nothing where it is not above the peak
    /// of this process at the start, with which a start shares memory.
    std::optional<std::uint64_t> peak_memory;
};

/// A handler or observer that failed.
struct HandlerError {
    /// The number of the call that it was asked about.
    long syscall = -1;
    /// Its name: see HandlerOptions::name.
    std::string handler;
    /// What went wrong; what() of the exception that it threw.
    std::string message;
    /// The very exception that it threw, for std::rethrow_exception(); null where it threw none: it
    /// missed its deadline, or answered something that is no answer.
    std::exception_ptr cause;
};

/// One process of a tree.
struct Process {
    /// Its id.
    std::int32_t pid = 0;
    /// Its parent's; that of the library's keeper for the program itself, and where the parent has
    /// ended.
    std::int32_t parent = 0;
    /// Its command, any bytes; a process without arguments has its name in brackets.
    std::vector<std::string> command;
};

/// What is wrong with a setting.
struct Problem {
    /// The dotted path of the setting.
    std::string setting;
    /// What is wrong with it.
    std::string message;
};

namespace detail {

inline std::vector<std::string> lines(const sandlock_enforcement *from, std::uint32_t list) {
    std::vector<std::string> all;
    while (const char *line = sandlock_enforcement_line(from, list, all.size())) {
        all.emplace_back(line);
    }
    return all;
}

inline Enforcement enforcement(const sandlock_enforcement *from) {
    return {sandlock_enforcement_landlock_abi(from), lines(from, SANDLOCK_ENFORCEMENT_ENFORCED),
            lines(from, SANDLOCK_ENFORCEMENT_DEGRADED), lines(from, SANDLOCK_ENFORCEMENT_WEAKENED)};
}

inline sandlock_usage empty_usage() {
    sandlock_usage usage{};
    usage.size = sizeof usage;
    return usage;
}

inline Usage usage(const sandlock_usage &from) {
    const auto time = [](std::uint64_t nanoseconds) {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds));
    };
    Usage used{time(from.wall_ns), time(from.user_ns), time(from.system_ns), std::nullopt};
    if (from.peak_memory != 0) {
        used.peak_memory = from.peak_memory;
    }
    return used;
}

/// Its address says that a cause is an exception_ptr. Libraries that hide their symbols share it.
__attribute__((visibility("default"))) inline const char exception_type = 0;

extern "C" inline void sandlock_hpp_free_cause(void *cause) noexcept {
    delete static_cast<std::exception_ptr *>(cause);
}

inline HandlerError handler_error(const sandlock_handler_error *from) {
    HandlerError error{sandlock_handler_error_syscall(from),
                       text(sandlock_handler_error_name(from)),
                       text(sandlock_handler_error_message(from)), nullptr};
    if (const void *cause = sandlock_handler_error_cause(from, &exception_type)) {
        error.cause = *static_cast<const std::exception_ptr *>(cause);
    }
    return error;
}

}  // namespace detail

/// What a run left: how it ended, what it printed, what it used and what was enforced. It never
/// changes; copies share it, and several threads may use one.
class Output {
public:
    /// Takes over what a function of <sandlock.h> gave out.
    explicit Output(sandlock_output *owned)
        : output_(owned, detail::Free<sandlock_output_free>()) {}

    /// Shares an object.
    explicit Output(std::shared_ptr<const sandlock_output> shared) noexcept
        : output_(std::move(shared)) {}

    /// Whether the program exited with 0, in time.
    [[nodiscard]] bool success() const noexcept { return sandlock_output_success(get()); }

    /// The exit code; nothing if a signal, the timeout or a kill ended the program.
    [[nodiscard]] std::optional<int> exit_code() const noexcept {
        const int code = sandlock_output_exit_code(get());
        return code < 0 ? std::nullopt : std::optional<int>(code);
    }

    /// The signal that ended the program, SIGKILL after a timeout or a kill; nothing if none did.
    [[nodiscard]] std::optional<int> signal() const noexcept {
        const int number = sandlock_output_signal(get());
        return number == 0 ? std::nullopt : std::optional<int>(number);
    }

    /// The status as wait(2) has it, for WIFEXITED() and its like.
    [[nodiscard]] int status() const noexcept { return sandlock_output_status(get()); }

    /// Why it ended.
    [[nodiscard]] Reason reason() const noexcept {
        return static_cast<Reason>(sandlock_output_reason(get()));
    }

    /// What was written to descriptor 1, up to the limit: any bytes, which live as long as the
    /// output.
    [[nodiscard]] std::string_view out() const & noexcept { return view(sandlock_output_stdout); }
    /// The same of an output that is about to go: a copy.
    [[nodiscard]] std::string out() && { return std::string(view(sandlock_output_stdout)); }

    /// What was written to descriptor 2: as out().
    [[nodiscard]] std::string_view err() const & noexcept { return view(sandlock_output_stderr); }
    /// The same of an output that is about to go: a copy.
    [[nodiscard]] std::string err() && { return std::string(view(sandlock_output_stderr)); }

    /// How many bytes were written to descriptor 1 beyond the limit of capture, and are lost.
    [[nodiscard]] std::uint64_t out_dropped() const noexcept {
        return sandlock_output_stdout_dropped(get());
    }

    /// How many bytes were written to descriptor 2 beyond the limit of capture, and are lost.
    [[nodiscard]] std::uint64_t err_dropped() const noexcept {
        return sandlock_output_stderr_dropped(get());
    }

    /// What the tree used; zeros for an output that was moved from.
    [[nodiscard]] Usage usage() const noexcept {
        sandlock_usage used = detail::empty_usage();
        // NULL alone makes it fail, which leaves the zeros.
        static_cast<void>(sandlock_output_usage(get(), &used, nullptr));
        return detail::usage(used);
    }

    /// What was enforced.
    [[nodiscard]] Enforcement enforcement() const {
        return detail::enforcement(sandlock_output_enforcement(get()));
    }

    /// The failures of handlers and observers that did not end the run, the first hundred.
    [[nodiscard]] std::vector<HandlerError> handler_errors() const {
        std::vector<HandlerError> all;
        while (const auto *failure = sandlock_output_handler_error(get(), all.size())) {
            all.push_back(detail::handler_error(failure));
        }
        return all;
    }

    /// How many more failures there were.
    [[nodiscard]] std::uint64_t handler_errors_dropped() const noexcept {
        return sandlock_output_handler_errors_dropped(get());
    }

    /// All of it but the captured bytes, as the JSON object of `sandlock run --status-fd`.
    [[nodiscard]] std::string json() const { return detail::text(sandlock_output_json(get())); }

    /// For functions of <sandlock.h>; NULL for one that was moved from.
    [[nodiscard]] const sandlock_output *get() const noexcept { return output_.get(); }

private:
    using Bytes = const char *(*)(const sandlock_output *, std::size_t *);

    [[nodiscard]] std::string_view view(Bytes bytes) const noexcept {
        std::size_t length = 0;
        const char *first = bytes(get(), &length);
        return {first, length};
    }

    std::shared_ptr<const sandlock_output> output_;
};

/// Why something could not be done; what() is one line with everything that a user needs, settings
/// and hint included. It never changes, and can be copied without failing.
class __attribute__((visibility("default"))) Error : public std::runtime_error {
public:
    /// An error of one's own.
    Error(ErrorKind kind, const std::string &message, int err = 0)
        : std::runtime_error(message), kind_(kind), err_(err) {}

    /// Takes over what a function of <sandlock.h> gave out with `status`; `owned` may be NULL.
    Error(sandlock_status status, sandlock_error *owned)
        : Error(status, detail::Handle<sandlock_error, sandlock_error_free>(owned)) {}

    /// What went wrong.
    [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }

    /// The errno(3) behind the failure; 0 where there is none.
    [[nodiscard]] int err() const noexcept { return err_; }

    /// The dotted path of the setting at fault, the first where there are several; empty where none
    /// is.
    [[nodiscard]] std::string setting() const {
        return detail::text(sandlock_error_setting(error_.get()));
    }

    /// The step of a start that failed.
    [[nodiscard]] Step step() const noexcept {
        return static_cast<Step>(sandlock_error_step(error_.get()));
    }

    /// A way out, where one is known; empty otherwise.
    [[nodiscard]] std::string hint() const {
        return detail::text(sandlock_error_hint(error_.get()));
    }

    /// The problems with settings; they are found all at once.
    [[nodiscard]] std::vector<Problem> problems() const {
        std::vector<Problem> all;
        while (const char *setting = sandlock_error_problem_setting(error_.get(), all.size())) {
            const char *message = sandlock_error_problem_message(error_.get(), all.size());
            all.push_back({setting, detail::text(message)});
        }
        return all;
    }

    /// The handler that failed, for ErrorKind::handler and for a start that its failure refused.
    [[nodiscard]] std::optional<HandlerError> handler_error() const {
        const auto *failure = sandlock_error_handler_error(error_.get());
        return failure == nullptr ? std::nullopt : std::optional(detail::handler_error(failure));
    }

    /// The very exception that the handler threw; null where there is none. run(), spawn() and
    /// wait() throw an Error that has it nested besides, for std::rethrow_if_nested(), which needs
    /// RTTI.
    [[nodiscard]] std::exception_ptr cause() const {
        const auto *failure = sandlock_error_handler_error(error_.get());
        return failure == nullptr ? nullptr : detail::handler_error(failure).cause;
    }

    /// What the program left, where it was running when a handler's failure ended it. It can be
    /// kept.
    [[nodiscard]] std::optional<Output> output() const {
        const auto *left = sandlock_error_output(error_.get());
        if (left == nullptr) {
            return std::nullopt;
        }
        return Output(std::shared_ptr<const sandlock_output>(error_, left));
    }

private:
    Error(sandlock_status status, detail::Handle<sandlock_error, sandlock_error_free> owned)
        : std::runtime_error(message(status, owned.get())), kind_(static_cast<ErrorKind>(status)),
          err_(sandlock_error_errno(owned.get())), error_(std::move(owned)) {}

    static const char *message(sandlock_status status, const sandlock_error *error) noexcept {
        return error == nullptr ? sandlock_status_text(status) : sandlock_error_message(error);
    }

    ErrorKind kind_;
    int err_;
    std::shared_ptr<const sandlock_error> error_;
};

/// Why something about a task that waits for an answer could not be done: thrown by the functions
/// of Notif. A handler need not catch it: it is a refusal of the call with err(), and no failure of
/// the handler, because a program can bring it about.
class __attribute__((visibility("default"))) TaskError : public Error {
public:
    /// What a function of <sandlock.h> said about the task.
    explicit TaskError(sandlock_status status)
        : Error(static_cast<ErrorKind>(status), sandlock_status_text(status),
                static_cast<int>(sandlock_refuse(status).value)) {}

    /// The same, with an error object, which it takes over.
    TaskError(sandlock_status status, sandlock_error *owned) : Error(status, owned) {}
};

namespace detail {

/// Throws `error`, with what a handler threw nested in it.
[[noreturn]] inline void raise(const Error &error) {
    if (const std::exception_ptr cause = error.cause()) {
        try {
            std::rethrow_exception(cause);
        } catch (...) {
            std::throw_with_nested(error);
        }
    }
    throw error;
}

/// A call of <sandlock.h> that can fail.
class Attempt {
public:
    Attempt() noexcept = default;
    Attempt(const Attempt &) = delete;
    Attempt &operator=(const Attempt &) = delete;
    ~Attempt() { sandlock_error_free(error_); }

    sandlock_error **err() noexcept { return &error_; }

    void check(sandlock_status status) {
        if (status != SANDLOCK_OK) {
            raise(Error(status, std::exchange(error_, nullptr)));
        }
    }

private:
    sandlock_error *error_ = nullptr;
};

inline void check_task(sandlock_status status) {
    if (status == SANDLOCK_ERROR_INTERNAL) {
        throw Error(status, nullptr);
    }
    if (status != SANDLOCK_OK) {
        throw TaskError(status);
    }
}

/// The same, for functions that give out an error object, which it takes over.
inline void check_task(sandlock_status status, sandlock_error *owned) {
    if (status == SANDLOCK_ERROR_INTERNAL) {
        throw Error(status, owned);
    }
    if (status != SANDLOCK_OK) {
        throw TaskError(status, owned);
    }
}

/// A text that C reads to its end.
inline const std::string &whole(const std::string &text, const char *what) {
    if (text.find('\0') != std::string::npos) {
        throw Error(ErrorKind::argument, std::string(what) + " contains a NUL");
    }
    return text;
}

/// A word of a command. It is no std::string, because {"a", "b"} would make one std::string of two
/// pointers that mean a range.
struct Word {
    template <typename T, typename = std::enable_if_t<std::is_convertible_v<T, std::string> ||
                                                      std::is_convertible_v<T, std::string_view>>>
    // NOLINTNEXTLINE(google-explicit-constructor)
    Word(const T &from) {
        if constexpr (std::is_convertible_v<T, std::string>) {
            const std::string converted = from;
            text = whole(converted, "a word of the command");
        } else {
            text = whole(std::string(std::string_view(from)), "a word of the command");
        }
    }

    // NOLINTNEXTLINE(google-explicit-constructor)
    Word(const char *from) : text(from == nullptr ? throw null() : from) {}

    std::string text;

private:
    static Error null() { return {ErrorKind::argument, "a word of the command is NULL"}; }
};

}  // namespace detail

/// What a program may do: data alone. A policy without settings grants nothing.
///
/// Several threads may read one; nobody else may use it while it is changed.
class Policy {
public:
    /// A policy without settings.
    Policy() : policy_(sandlock_policy_new()) {}

    /// One that TOML describes. ErrorKind::policy: as merge_toml().
    [[nodiscard]] static Policy from_toml(const std::string &toml) {
        return Policy().merge_toml(toml);
    }

    Policy(const Policy &other) : policy_(sandlock_policy_clone(other.get())) {}
    Policy(Policy &&) noexcept = default;
    Policy &operator=(const Policy &other) { return *this = Policy(other); }
    Policy &operator=(Policy &&) noexcept = default;
    ~Policy() = default;

    /// Sets the setting with the dotted path `setting` ("fs.read") from a text: lists and maps
    /// append, everything else replaces. A map takes "KEY=VALUE", or the key as last part of the
    /// path. The settings are those of docs/settings.md.
    ///
    /// ErrorKind::policy: no setting has this path, or it does not take this value.
    Policy &set(const std::string &setting, const std::string &value) & {
        const char *path = detail::whole(setting, "setting").c_str();
        const char *text = detail::whole(value, "value").c_str();
        detail::Attempt attempt;
        attempt.check(sandlock_policy_set(get(), path, text, attempt.err()));
        return *this;
    }
    /// The same for a policy without a name.
    [[nodiscard]] Policy set(const std::string &setting, const std::string &value) && {
        return std::move(set(setting, value));
    }

    /// Lays TOML over the policy: lists append, everything else replaces.
    ///
    /// ErrorKind::policy, with every problem of the text in Error::problems().
    Policy &merge_toml(const std::string &toml) & {
        const char *text = detail::whole(toml, "toml").c_str();
        detail::Attempt attempt;
        attempt.check(sandlock_policy_merge_toml(get(), text, attempt.err()));
        return *this;
    }
    /// The same for a policy without a name.
    [[nodiscard]] Policy merge_toml(const std::string &toml) && {
        return std::move(merge_toml(toml));
    }

    /// The policy as TOML, which from_toml() makes an equal one of.
    ///
    /// ErrorKind::policy: a path or a variable is not UTF-8, and TOML cannot hold it.
    [[nodiscard]] std::string to_toml() const { return text(sandlock_policy_to_toml); }

    /// What would be done to confine a program on this kernel, as the text of `sandlock explain`.
    /// Nothing is run, and granted paths need not exist.
    ///
    /// ErrorKind::policy: settings contradict each other. ErrorKind::unsupported: this kernel lacks
    /// a protection that the policy demands.
    [[nodiscard]] std::string explain() const { return text(sandlock_policy_explain); }

    /// The same as the JSON object of `sandlock explain --json`.
    ///
    /// ErrorKind::policy also where a path or a variable is not UTF-8.
    [[nodiscard]] std::string explain_json() const { return text(sandlock_policy_explain_json); }

    /// Whether both say the same. One that was moved from is equal to nothing.
    [[nodiscard]] friend bool operator==(const Policy &one, const Policy &other) noexcept {
        return sandlock_policy_equal(one.get(), other.get());
    }
    /// Whether they differ.
    [[nodiscard]] friend bool operator!=(const Policy &one, const Policy &other) noexcept {
        return !(one == other);
    }

    /// For functions of <sandlock.h>; NULL for one that was moved from.
    [[nodiscard]] const sandlock_policy *get() const noexcept { return policy_.get(); }
    /// The same, to change it.
    [[nodiscard]] sandlock_policy *get() noexcept { return policy_.get(); }

private:
    using Describe = sandlock_status (*)(const sandlock_policy *, char **, sandlock_error **);

    [[nodiscard]] std::string text(Describe describe) const {
        char *described = nullptr;
        detail::Attempt attempt;
        attempt.check(describe(get(), &described, attempt.err()));
        return detail::take_text(described);
    }

    detail::Handle<sandlock_policy, sandlock_policy_free> policy_;
};

/// Where one of the program's descriptors 0, 1 and 2 comes from or leads to. A plain value.
class Stdio {
public:
    /// The caller's own descriptor of the same number.
    [[nodiscard]] static Stdio inherit() { return Stdio(SANDLOCK_STDIO_INHERIT); }

    /// /dev/null.
    [[nodiscard]] static Stdio null() { return Stdio(SANDLOCK_STDIO_NULL); }

    /// A pipe whose other end Child::take_in() and its like give out.
    [[nodiscard]] static Stdio piped() { return Stdio(SANDLOCK_STDIO_PIPED); }

    /// Collected for the output, up to Launch::capture_limit. Not for descriptor 0.
    [[nodiscard]] static Stdio captured() { return Stdio(SANDLOCK_STDIO_CAPTURED); }

    /// Whatever Launch::out() is, so that both outputs keep their order: `launch.err(Stdio::out())`.
    /// For descriptor 2 alone.
    [[nodiscard]] static Stdio out() { return Stdio(SANDLOCK_STDIO_STDOUT); }

    /// A copy of a descriptor, which stays the caller's and must be open when the program is
    /// started.
    [[nodiscard]] static Stdio fd(int number) {
        Stdio stdio(SANDLOCK_STDIO_FD);
        stdio.number_ = number;
        return stdio;
    }

    /// A copy of a descriptor that belongs to this object and its copies. Those that read from a
    /// pipe learn its end when they are gone too.
    [[nodiscard]] static Stdio fd(Fd owned) {
        Stdio stdio = fd(owned.get());
        stdio.owned_ = std::make_shared<Fd>(std::move(owned));
        return stdio;
    }

private:
    friend class Launch;

    explicit Stdio(std::uint32_t kind) noexcept : kind_(kind) {}

    [[nodiscard]] sandlock_stdio raw() const noexcept {
        sandlock_stdio raw{};
        raw.kind = kind_;
        raw.fd = number_;
        raw.data = bytes_.data();
        raw.length = bytes_.size();
        return raw;
    }

    std::uint32_t kind_;
    int number_ = -1;
    std::string bytes_;
    std::shared_ptr<const Fd> owned_;
};

/// A command, its descriptors and its surroundings: a plain value, which can be used again. What is
/// not set is as usual: nothing to read, both outputs captured, the policy's directory and timeout.
///
///     Launch{"sort", "-u"}.input("b\na\n").timeout(5s)
///
/// What a command cannot be is ErrorKind::command when it is started; ErrorKind::argument: a NUL in
/// a text.
class Launch {
public:
    /// The program, looked for in its PATH, and its arguments: any bytes.
    Launch(std::initializer_list<detail::Word> command) {
        for (const detail::Word &word : command) {
            command_.push_back(word.text);
        }
    }

    /// The same.
    // NOLINTNEXTLINE(google-explicit-constructor)
    Launch(std::vector<std::string> command) : command_(std::move(command)) {
        for (const std::string &word : command_) {
            detail::whole(word, "a word of the command");
        }
    }

    /// One more argument.
    Launch &arg(const detail::Word &word) {
        command_.push_back(word.text);
        return *this;
    }

    /// A variable that is added or replaced over what the policy says.
    Launch &env(const std::string &name, const std::string &value) {
        if (name.find('=') != std::string::npos) {
            throw Error(ErrorKind::argument, "the name of a variable contains '='");
        }
        variables_.push_back(detail::whole(name, "env") + "=" + detail::whole(value, "env"));
        return *this;
    }

    /// None of the caller's variables: what the policy's process.env and env() set is all there is.
    Launch &clear_env() {
        flags_ |= SANDLOCK_LAUNCH_CLEAR_ENV;
        return *this;
    }

    /// The directory to start in, instead of the policy's; it grants nothing.
    Launch &cwd(const std::string &directory) {
        cwd_ = detail::whole(directory, "cwd");
        return *this;
    }

    /// Descriptor 0; usually Stdio::null().
    Launch &in(Stdio stdio) {
        in_ = std::move(stdio);
        return *this;
    }

    /// Descriptor 0: a pipe with these bytes and then its end.
    Launch &input(std::string bytes) {
        in_ = Stdio(SANDLOCK_STDIO_BYTES);
        in_.bytes_ = std::move(bytes);
        return *this;
    }

    /// Descriptor 1; usually Stdio::captured().
    Launch &out(Stdio stdio) {
        out_ = std::move(stdio);
        return *this;
    }

    /// Descriptor 2; usually Stdio::captured().
    Launch &err(Stdio stdio) {
        err_ = std::move(stdio);
        return *this;
    }

    /// How many bytes of each captured output are kept, 64 MiB where it is not said; the rest is
    /// read and counted. ErrorKind::argument: 0; use Stdio::null().
    Launch &capture_limit(std::uint64_t bytes) {
        if (bytes == 0) {
            throw Error(ErrorKind::argument, "a capture limit of 0 is Stdio::null()");
        }
        capture_limit_ = bytes;
        return *this;
    }

    /// The tree ends after that long, rounded up to milliseconds, instead of the policy's
    /// limits.timeout; a duration beyond UINT64_MAX milliseconds is never. ErrorKind::command: not
    /// above 0.
    template <typename Rep, typename Period>
    Launch &timeout(std::chrono::duration<Rep, Period> limit) {
        timeout_ms_ = detail::milliseconds(limit);
        if (timeout_ms_ == 0) {
            throw Error(ErrorKind::command, "a timeout of zero leaves no time to run");
        }
        return *this;
    }

    /// The tree ends by itself, whatever the policy's limits.timeout.
    Launch &no_timeout() {
        timeout_ms_ = UINT64_MAX;
        return *this;
    }

    /// The caller's own descriptors, session and terminal: where 0, 1 and 2 are the terminal,
    /// Ctrl-C and its like reach the program, as in a shell.
    Launch &interactive() {
        flags_ |= SANDLOCK_LAUNCH_INTERACTIVE;
        return *this;
    }

private:
    friend class Sandbox;

    /// The same for C, while the launch lives and stays as it is.
    class Raw {
    public:
        explicit Raw(const Launch &launch)
            : command_(pointers(launch.command_)), variables_(pointers(launch.variables_)) {
            raw_.size = sizeof raw_;
            raw_.argv = command_.data();
            raw_.env = variables_.data();
            raw_.cwd = launch.cwd_ ? launch.cwd_->c_str() : nullptr;
            raw_.in = launch.in_.raw();
            raw_.out = launch.out_.raw();
            raw_.err = launch.err_.raw();
            raw_.capture_limit = launch.capture_limit_;
            raw_.timeout_ms = launch.timeout_ms_;
            raw_.flags = launch.flags_;
        }

        [[nodiscard]] const sandlock_launch *get() const noexcept { return &raw_; }

    private:
        static std::vector<const char *> pointers(const std::vector<std::string> &texts) {
            std::vector<const char *> all;
            all.reserve(texts.size() + 1);
            for (const std::string &text : texts) {
                all.push_back(text.c_str());
            }
            all.push_back(nullptr);
            return all;
        }

        std::vector<const char *> command_;
        std::vector<const char *> variables_;
        sandlock_launch raw_{};
    };

    std::vector<std::string> command_;
    std::vector<std::string> variables_;
    std::optional<std::string> cwd_;
    Stdio in_{SANDLOCK_STDIO_DEFAULT};
    Stdio out_{SANDLOCK_STDIO_DEFAULT};
    Stdio err_{SANDLOCK_STDIO_DEFAULT};
    std::uint64_t capture_limit_ = 0;
    std::uint64_t timeout_ms_ = 0;
    std::uint64_t flags_ = 0;
};

/// A running program and everything it started. Its destruction ends a tree that still runs, and
/// waits for that.
///
/// Any thread may call any function at any time: what comes too late changes nothing. In a process
/// that was forked from the one that started the program, waiting and signalling are errors
/// (ErrorKind::io, ECHILD), and destroying it ends nothing: the tree is not that process's.
class [[nodiscard]] Child {
public:
    /// Takes over what a function of <sandlock.h> gave out.
    explicit Child(sandlock_child *owned) noexcept : child_(owned) {}

    /// The process id of the program, which means somebody else when it has ended.
    [[nodiscard]] std::int32_t pid() const noexcept { return sandlock_child_pid(get()); }

    /// A descriptor that becomes readable when nothing of the tree is left: for poll(2) and its
    /// like. It is the child's: do not close it. -1 for one that was moved from.
    [[nodiscard]] int fd() const noexcept { return sandlock_child_fd(get()); }

    /// Our end of a piped descriptor 0; none if it was not piped, or has been taken.
    [[nodiscard]] Fd take_in() const noexcept { return Fd(sandlock_child_stdin(child_.get())); }

    /// Our end of a piped descriptor 1: as take_in().
    [[nodiscard]] Fd take_out() const noexcept { return Fd(sandlock_child_stdout(child_.get())); }

    /// Our end of a piped descriptor 2: as take_in().
    [[nodiscard]] Fd take_err() const noexcept { return Fd(sandlock_child_stderr(child_.get())); }

    /// Waits until nothing of the tree is left. A piped descriptor 0 that nobody took is closed
    /// first. What comes out of piped outputs must be read meanwhile, or the program waits for
    /// room. It can be called again, and gives the same.
    ///
    /// ErrorKind::handler: a handler failed and ended the run; what it threw is nested.
    /// ErrorKind::io: somebody killed the program's keeper, or the thread that serves it failed;
    /// the tree has ended then too.
    [[nodiscard]] Output wait() const {
        sandlock_output *output = nullptr;
        detail::Attempt attempt;
        attempt.check(sandlock_child_wait(get(), &output, attempt.err()));
        return Output(output);
    }

    /// As wait(), for at most that long, rounded up to milliseconds; 0 only looks. A piped
    /// descriptor 0 stays open. Nothing if something of the tree is still there.
    template <typename Rep, typename Period>
    [[nodiscard]] std::optional<Output> wait_for(std::chrono::duration<Rep, Period> limit) const {
        sandlock_output *output = nullptr;
        detail::Attempt attempt;
        const sandlock_status status =
            sandlock_child_wait_timeout(get(), detail::milliseconds(limit), &output, attempt.err());
        if (status == SANDLOCK_RUNNING) {
            return std::nullopt;
        }
        attempt.check(status);
        return Output(output);
    }

    /// Kills the whole tree, also what left the program's session and group, and what is stopped;
    /// wait() says when it is gone, and how.
    ///
    /// ErrorKind::io: this process may not signal, by a filter of its own.
    void kill() const {
        detail::Attempt attempt;
        attempt.check(sandlock_child_kill(child_.get(), attempt.err()));
    }

    /// Sends a signal to the program itself. One that has ended gets none.
    ///
    /// ErrorKind::io: there is no such signal; otherwise as kill().
    void signal(int number) const {
        detail::Attempt attempt;
        attempt.check(sandlock_child_signal(child_.get(), number, attempt.err()));
    }

    /// Stops every process of the tree (SIGSTOP) and returns when all have stopped. Time goes on: a
    /// timeout still ends a paused tree.
    ///
    /// ErrorKind::io: a process could not be stopped, and others may be.
    void pause() const {
        detail::Attempt attempt;
        attempt.check(sandlock_child_pause(child_.get(), attempt.err()));
    }

    /// Lets every process of the tree go on (SIGCONT). ErrorKind::io: one could not be signalled.
    void resume() const {
        detail::Attempt attempt;
        attempt.check(sandlock_child_resume(child_.get(), attempt.err()));
    }

    /// Every process of the tree at this moment, parents before their children; none when the tree
    /// has ended. ErrorKind::io: /proc cannot be read.
    [[nodiscard]] std::vector<Process> processes() const {
        sandlock_processes *list = nullptr;
        detail::Attempt attempt;
        attempt.check(sandlock_child_processes(get(), &list, attempt.err()));
        const detail::Handle<sandlock_processes, sandlock_processes_free> owned(list);
        std::vector<Process> all(sandlock_processes_count(list));
        for (std::size_t index = 0; index < all.size(); index++) {
            Process &process = all[index];
            process.pid = sandlock_processes_pid(list, index);
            process.parent = sandlock_processes_parent(list, index);
            while (const char *word =
                       sandlock_processes_command(list, index, process.command.size())) {
                process.command.emplace_back(word);
            }
        }
        return all;
    }

    /// What the tree has used so far, to a hundredth of a second, and the peak of the largest
    /// process that is there now; Output::usage() is exact. ErrorKind::io: /proc cannot be read.
    [[nodiscard]] Usage usage() const {
        sandlock_usage used = detail::empty_usage();
        detail::Attempt attempt;
        attempt.check(sandlock_child_usage(get(), &used, attempt.err()));
        return detail::usage(used);
    }

    /// For functions of <sandlock.h>; NULL for one that was moved from.
    [[nodiscard]] const sandlock_child *get() const noexcept { return child_.get(); }

private:
    detail::Handle<sandlock_child, sandlock_child_free> child_;
};

/// What a handler answers to a call. It owns what it injects until the library has it.
class [[nodiscard]] Action {
public:
    /// Goes on with the next handler; after the last one the kernel carries the call out, as far as
    /// the policy lets it. What the handler has read of the task's memory may have changed by then.
    static Action continue_() noexcept { return Action(sandlock_continue()); }

    /// The call fails with this error number, 1 to 4095; another one is a failure of the handler.
    static Action error(int number) noexcept { return Action(sandlock_errno(number)); }

    /// The call fails with the error number for what a function of Notif failed of: EFAULT,
    /// ENAMETOOLONG or EPERM.
    static Action refuse(ErrorKind kind) noexcept {
        return Action(sandlock_refuse(static_cast<sandlock_status>(kind)));
    }

    /// The call returns this, and the kernel does nothing. Programs take -4095 to -1 for error
    /// numbers.
    static Action returns(std::int64_t value) noexcept { return Action(sandlock_return(value)); }

    /// The task gets a descriptor for the file that `fd` is open on, and the call returns its
    /// number.
    static Action inject_fd(Fd fd, bool cloexec = true) noexcept {
        return Action(sandlock_inject_fd(fd.release(), cloexec));
    }

    /// The task gets a descriptor for a file in memory that holds these bytes and cannot be
    /// changed, and the call returns its number. It is close-on-exec if the call asked for that, or
    /// is not one that opens by path.
    static Action inject_bytes(std::string_view bytes) noexcept {
        return Action(sandlock_inject_bytes(bytes.data(), bytes.size()));
    }

    /// The whole tree is killed; the run ends with Reason::killed.
    static Action kill() noexcept { return Action(sandlock_kill()); }

    /// What a function of <sandlock.h> made.
    explicit Action(sandlock_action owned) noexcept : action_(owned) {}

    Action(Action &&other) noexcept : action_(other.release()) {}

    Action &operator=(Action &&other) noexcept {
        if (this != &other) {
            sandlock_action_discard(action_);
            action_ = other.release();
        }
        return *this;
    }

    ~Action() { sandlock_action_discard(action_); }

    /// For functions of <sandlock.h>, to be returned or discarded once. What is left is the answer
    /// of a handler that fails.
    [[nodiscard]] sandlock_action release() noexcept {
        return std::exchange(action_, sandlock_action{});
    }

private:
    sandlock_action action_;
};

/// What a call that opens by path asks for, read from the task once. It can be kept.
class OpenRequest {
public:
    /// Takes over what a function of <sandlock.h> gave out.
    explicit OpenRequest(sandlock_open_request *owned) noexcept : request_(owned) {}

    /// The path, as the task gave it: any bytes.
    [[nodiscard]] std::string path() const {
        return detail::text(sandlock_open_request_path(get()));
    }

    /// The directory that a relative path begins at: a descriptor of the task, or AT_FDCWD.
    [[nodiscard]] int directory() const noexcept { return sandlock_open_request_directory(get()); }

    /// The flags of open(2), those that there are.
    [[nodiscard]] int flags() const noexcept { return sandlock_open_request_flags(get()); }

    /// The mode of a file to be created; 0 where none is.
    [[nodiscard]] std::uint32_t mode() const noexcept { return sandlock_open_request_mode(get()); }

    /// The RESOLVE flags of openat2(2); 0 for other calls.
    [[nodiscard]] std::uint64_t resolve() const noexcept {
        return sandlock_open_request_resolve(get());
    }

    /// Whether the descriptor can be written to, or the file is created or emptied. True for one
    /// that was moved from.
    [[nodiscard]] bool writes() const noexcept { return sandlock_open_request_writes(get()); }

    /// Adds RESOLVE flags of openat2(2), which bound where the path may lead: with
    /// RESOLVE_NO_SYMLINKS what is opened is what the path says.
    OpenRequest &add_resolve(std::uint64_t flags) noexcept {
        sandlock_open_request_add_resolve(request_.get(), flags);
        return *this;
    }

    /// For functions of <sandlock.h>; NULL for one that was moved from.
    [[nodiscard]] const sandlock_open_request *get() const noexcept { return request_.get(); }

private:
    detail::Handle<sandlock_open_request, sandlock_open_request_free> request_;
};

/// A system call that waits for an answer, and the task that makes it: valid until the callable
/// returns that was given it, on the thread that it was given it.
///
/// The task does not move on its own meanwhile, but its memory can change: other threads of its
/// process run on. Read once, decide on what was read, and do not read again.
///
/// What cannot be done about the task is a TaskError.
class Notif {
public:
    /// What a function of <sandlock.h> was given.
    explicit Notif(const sandlock_notif *notif) noexcept : notif_(notif) {}
    Notif(const Notif &) = delete;
    Notif &operator=(const Notif &) = delete;

    /// The kernel's number for this call: no other one of the same run has it.
    [[nodiscard]] std::uint64_t id() const noexcept { return sandlock_notif_id(notif_); }

    /// The id of the task that calls: a thread id, which is the process id for a first thread only.
    [[nodiscard]] std::int32_t pid() const noexcept { return sandlock_notif_pid(notif_); }

    /// The number of the call, SYS_openat and its like.
    [[nodiscard]] long syscall() const noexcept { return sandlock_notif_syscall(notif_); }

    /// Argument `index`, 0 to 5, as the register has it; 0 for others. The kernel ignores the upper
    /// half of an argument of 32 bits: cast it to int or unsigned before you compare it.
    [[nodiscard]] std::uint64_t arg(std::uint32_t index) const noexcept {
        return sandlock_notif_arg(notif_, index);
    }

    /// The address behind the instruction that makes the call.
    [[nodiscard]] std::uint64_t instruction_pointer() const noexcept {
        return sandlock_notif_instruction_pointer(notif_);
    }

    /// The architecture of the call, AUDIT_ARCH_X86_64 or AUDIT_ARCH_AARCH64 of linux/audit.h.
    [[nodiscard]] std::uint32_t arch() const noexcept { return sandlock_notif_arch(notif_); }

    /// Whether the task still waits for the answer.
    [[nodiscard]] bool is_waiting() const noexcept { return sandlock_notif_is_waiting(notif_); }

    /// Reads `length` bytes at `address` of the task's memory, at most 16 MiB. If it fails, the
    /// buffer holds zeros.
    ///
    /// ErrorKind::task_memory: not all of them are mapped. ErrorKind::too_long: more than 16 MiB.
    /// ErrorKind::task_gone: the task waits no more. ErrorKind::task: this process may not read the
    /// task's memory, which a program can bring about.
    void read(std::uint64_t address, void *data, std::size_t length) const {
        detail::check_task(sandlock_notif_read(notif_, address, data, length));
    }

    /// Reads an object that is plain data.
    template <typename T>
    [[nodiscard]] T read(std::uint64_t address) const {
        static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>, "not plain data");
        T object;
        read(address, &object, sizeof object);
        return object;
    }

    /// Reads the text at `address` up to its NUL, of at most `capacity` bytes with the NUL, 16 MiB
    /// at most: any bytes.
    ///
    /// ErrorKind::too_long: there is no NUL among them. Otherwise as read().
    [[nodiscard]] std::string read_cstr(std::uint64_t address,
                                        std::size_t capacity = path_max) const {
        return text(capacity, [&](char *buffer, std::size_t size, std::size_t *length) {
            return sandlock_notif_read_cstr(notif_, address, buffer, size, length);
        });
    }

    /// Reads the path that argument `index` points to, of at most 4096 bytes with its NUL: as
    /// read_cstr().
    ///
    /// Another thread of the program can change it before the kernel reads it: a decision on it
    /// followed by Action::continue_() holds against nobody who means to get past it. open() opens
    /// what was judged.
    [[nodiscard]] std::string read_path(std::uint32_t index) const {
        return text(path_max, [&](char *buffer, std::size_t size, std::size_t *length) {
            return sandlock_notif_read_path(notif_, index, buffer, size, length);
        });
    }

    /// Writes `length` bytes to the task's memory at `address`, at most 16 MiB; also to pages that
    /// the task itself can only read.
    ///
    /// ErrorKind::task_memory: not all of it could be written, and some may have been.
    /// ErrorKind::task: also while the program's start is what waits. Otherwise as read().
    void write(std::uint64_t address, const void *data, std::size_t length) const {
        detail::check_task(sandlock_notif_write(notif_, address, data, length));
    }

    /// Writes an object that is plain data.
    template <typename T>
    void write(std::uint64_t address, const T &object) const {
        static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>, "not plain data");
        write(address, &object, sizeof object);
    }

    /// `path` as a person would want to see it: from the task's root on, with the directory that it
    /// is relative to, the task's own (`directory` is AT_FDCWD) or that of its descriptor
    /// `directory`. For display alone: never decide on it. The path can mean another file by the
    /// time it is used.
    ///
    /// ErrorKind::task: the task has no such descriptor. ErrorKind::too_long: of more than 16 KiB.
    [[nodiscard]] std::string display_path(int directory, const std::string &path) const {
        const char *shown = detail::whole(path, "path").c_str();
        sandlock_error *error = nullptr;
        std::string buffer(4 * path_max, '\0');
        std::size_t length = 0;
        const sandlock_status status = sandlock_notif_display_path(
            notif_, directory, shown, buffer.data(), buffer.size(), &length, &error);
        detail::check_task(status, error);
        buffer.resize(length);
        return buffer;
    }

    /// Reads what the call asks to open, once: open(2), openat(2), openat2(2) and creat(2) in one
    /// shape.
    ///
    /// ErrorKind::task: the call opens no file by path, or the kernel would refuse its arguments.
    /// Otherwise as read_path().
    [[nodiscard]] OpenRequest open_request() const {
        sandlock_open_request *request = nullptr;
        sandlock_error *error = nullptr;
        const sandlock_status status = sandlock_notif_open_request(notif_, &request, &error);
        detail::check_task(status, error);
        return OpenRequest(request);
    }

    /// Opens what `request` asks for in the task's place: the action to return, which hands the
    /// open file over, or refuses the call with the kernel's error number, EPERM where it is not
    /// the kernel's.
    ///
    /// The path is the one in the request, so whatever a handler found out about it holds for what
    /// is opened. The kernel bounds the open by the policy's grants. docs/extension-handlers.md
    /// says what cannot be opened that way.
    Action open(const OpenRequest &request) const noexcept {
        return Action(sandlock_notif_open(notif_, request.get()));
    }

    /// Puts a copy of this process's descriptor `fd` into the task's table at `number`, closing
    /// what is there, and leaves the call unanswered. `fd` stays the caller's.
    ///
    /// ErrorKind::task: the kernel refuses that. ErrorKind::task_gone.
    void replace_fd(std::uint32_t number, int fd, bool cloexec = true) const {
        sandlock_error *error = nullptr;
        const sandlock_status status =
            sandlock_notif_replace_fd(notif_, number, fd, cloexec, &error);
        detail::check_task(status, error);
    }

    /// For functions of <sandlock.h>.
    [[nodiscard]] const sandlock_notif *get() const noexcept { return notif_; }

private:
    static constexpr std::size_t path_max = 4096;

    template <typename Read>
    static std::string text(std::size_t capacity, Read read_into) {
        std::string buffer(capacity, '\0');
        std::size_t length = 0;
        detail::check_task(read_into(buffer.data(), buffer.size(), &length));
        buffer.resize(length);
        return buffer;
    }

    const sandlock_notif *notif_;
};

/// What became of a call, for observers. Valid until the callable returns that was given it.
struct Verdict {
    /// What became of it.
    Outcome outcome;
    /// The error number or the value; 0 otherwise.
    std::int64_t value;
    /// Who decided: "policy" where nobody did, a built-in capability, or the handler's name.
    std::string_view by;
};

/// A condition on one argument of a call, which the kernel checks: calls that do not match are
/// never trapped. Whether an argument has 32 or 64 bits depends on the call; a condition matches if
/// it does in either reading, so no spelling of a value gets past it. Values are integers or
/// enumerations, negative ones with 64 bits.
///
///     HandlerOptions{}.when(When::arg(1).masked_eq(O_ACCMODE, O_RDONLY))
class [[nodiscard]] When {
public:
    /// An argument, to be compared.
    class Argument {
    public:
        /// It is `value`.
        template <typename N>
        When eq(N value) const noexcept {
            return When(index_, SANDLOCK_WHEN_EQ, 0, bits(value));
        }

        /// It is not `value`.
        template <typename N>
        When ne(N value) const noexcept {
            return When(index_, SANDLOCK_WHEN_NE, 0, bits(value));
        }

        /// It is lower than `value`, both unsigned.
        template <typename N>
        When lt(N value) const noexcept {
            return When(index_, SANDLOCK_WHEN_LT, 0, bits(value));
        }

        /// It is `value` or higher, both unsigned.
        template <typename N>
        When ge(N value) const noexcept {
            return When(index_, SANDLOCK_WHEN_GE, 0, bits(value));
        }

        /// Its bits of `mask` are those of `value`, which has no others.
        template <typename M, typename N>
        When masked_eq(M mask, N value) const noexcept {
            return When(index_, SANDLOCK_WHEN_MASKED_EQ, bits(mask), bits(value));
        }

    private:
        friend class When;

        explicit Argument(std::uint32_t index) noexcept : index_(index) {}

        template <typename N>
        static std::uint64_t bits(N value) noexcept {
            static_assert(std::is_integral_v<N> || std::is_enum_v<N>, "arguments are integers");
            return static_cast<std::uint64_t>(value);
        }

        std::uint32_t index_;
    };

    /// Argument `index`, 0 to 5; another one is ErrorKind::registration when it is used.
    [[nodiscard]] static Argument arg(std::uint32_t index) noexcept { return Argument(index); }

    /// For functions of <sandlock.h>.
    [[nodiscard]] const sandlock_when &get() const noexcept { return when_; }

private:
    When(std::uint32_t argument, std::uint32_t test, std::uint64_t mask,
         std::uint64_t value) noexcept
        : when_{argument, test, mask, value} {}

    sandlock_when when_;
};

/// Which calls an observer is shown: a plain value.
class ObserverOptions {
public:
    /// The name in errors, UTF-8; "observer" where it is not said.
    ObserverOptions &name(const std::string &name) {
        name_ = detail::whole(name, "name");
        return *this;
    }

    /// Shows only calls whose arguments match. Several conditions must all hold.
    ObserverOptions &when(const When &condition) {
        when_.push_back(condition.get());
        return *this;
    }

    /// Accepts calls that a signal must not interrupt: see SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE.
    ObserverOptions &allow_interruptible(bool allow = true) noexcept {
        flags_ = allow ? SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE : 0;
        return *this;
    }

private:
    friend class HandlerOptions;
    friend class Sandbox;

    /// What the options of handlers and of observers have in common.
    template <typename Raw>
    [[nodiscard]] Raw raw() const noexcept {
        Raw raw{};
        raw.size = sizeof raw;
        raw.name = name_ ? name_->c_str() : nullptr;
        raw.when = when_.data();
        raw.when_count = when_.size();
        raw.flags = flags_;
        return raw;
    }

    std::optional<std::string> name_;
    std::vector<sandlock_when> when_;
    std::uint64_t flags_ = 0;
};

/// What it means that a handler has failed.
class OnError {
public:
    /// The tree is killed, and the run ends with ErrorKind::handler; the default.
    [[nodiscard]] static OnError kill() noexcept { return OnError(0); }

    /// The call fails with this error number, 1 to 4095, and the failure is listed in the output.
    /// ErrorKind::registration: another number.
    [[nodiscard]] static OnError deny(int number) {
        if (number < 1 || number > 4095) {
            throw Error(ErrorKind::registration, "an error number is one of 1 to 4095");
        }
        return OnError(number);
    }

private:
    friend class HandlerOptions;

    explicit OnError(std::int32_t number) noexcept : number_(number) {}

    std::int32_t number_;
};

/// How a handler is called: a plain value.
class HandlerOptions {
public:
    /// The name in verdicts and errors, UTF-8; "handler" where it is not said.
    HandlerOptions &name(const std::string &name) {
        shown_.name(name);
        return *this;
    }

    /// Asks only about calls whose arguments match. Several conditions must all hold.
    HandlerOptions &when(const When &condition) {
        shown_.when(condition);
        return *this;
    }

    /// When it is asked; Priority::after where it is not said.
    HandlerOptions &priority(Priority priority) noexcept {
        priority_ = priority;
        return *this;
    }

    /// Calls it on a thread of a pool, instead of the supervisor's, which answers one call after
    /// the other. A call that it has not answered after that long, rounded up to milliseconds and
    /// at most an hour, fails with EPERM: what it returns later is ignored.
    /// ErrorKind::registration: not above 0.
    template <typename Rep, typename Period>
    HandlerOptions &pooled(std::chrono::duration<Rep, Period> deadline) {
        deadline_ms_ = detail::milliseconds(deadline);
        if (deadline_ms_ == 0) {
            throw Error(ErrorKind::registration, "a deadline is longer than 0 and at most an hour");
        }
        return *this;
    }

    /// What it means that it failed; OnError::kill() where it is not said.
    HandlerOptions &on_error(OnError on_error) noexcept {
        on_error_ = on_error;
        return *this;
    }

    /// Accepts calls that a signal must not interrupt: see SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE.
    HandlerOptions &allow_interruptible(bool allow = true) noexcept {
        shown_.allow_interruptible(allow);
        return *this;
    }

private:
    friend class Sandbox;

    [[nodiscard]] sandlock_handler_options raw() const noexcept {
        auto raw = shown_.raw<sandlock_handler_options>();
        raw.deadline_ms = deadline_ms_;
        raw.priority = static_cast<std::uint32_t>(priority_);
        raw.on_error = on_error_.number_;
        return raw;
    }

    ObserverOptions shown_;
    Priority priority_ = Priority::after;
    std::uint64_t deadline_ms_ = 0;
    OnError on_error_ = OnError::kill();
};

/// The number of the system call `name` ("openat") on this architecture; nothing where there is
/// none.
[[nodiscard]] inline std::optional<long> syscall_number(const std::string &name) {
    const long number = sandlock_syscall_number(detail::whole(name, "name").c_str());
    return number < 0 ? std::nullopt : std::optional<long>(number);
}

/// The name of the system call `number` on this architecture, which is never freed; empty where
/// there is none.
[[nodiscard]] inline std::string_view syscall_name(long number) noexcept {
    const char *name = sandlock_syscall_name(number);
    return name == nullptr ? std::string_view() : std::string_view(name);
}

/// A system call to register for: a number, SYS_openat, or a name, "openat".
class Syscall {
public:
    /// A number. Whether there is such a call is found out when somebody is registered for it.
    template <typename N, typename = std::enable_if_t<std::is_integral_v<N>>>
    // NOLINTNEXTLINE(google-explicit-constructor)
    Syscall(N number) noexcept : number_(static_cast<long>(number)) {}

    /// A name. ErrorKind::registration: this architecture has no such call.
    // NOLINTNEXTLINE(google-explicit-constructor)
    Syscall(const std::string &name) : number_(named(name)) {}

    /// The same.
    // NOLINTNEXTLINE(google-explicit-constructor)
    Syscall(const char *name) : number_(named(detail::text(name))) {}

    /// The number.
    [[nodiscard]] long number() const noexcept { return number_; }

    /// The numbers of several.
    [[nodiscard]] static std::vector<long> numbers(const std::vector<Syscall> &syscalls) {
        std::vector<long> numbers;
        for (const Syscall &syscall : syscalls) {
            numbers.push_back(syscall.number());
        }
        return numbers;
    }

private:
    static long named(const std::string &name) {
        if (const auto number = syscall_number(name)) {
            return *number;
        }
        throw Error(ErrorKind::registration,
                    "this architecture has no system call \"" + name + "\"");
    }

    long number_;
};

namespace detail {

/// A handler, whatever its type.
class AnyHandler {
public:
    AnyHandler() = default;
    AnyHandler(const AnyHandler &) = delete;
    AnyHandler &operator=(const AnyHandler &) = delete;
    virtual ~AnyHandler() = default;
    virtual Action call(const Notif &notif) = 0;
};

/// An observer, whatever its type.
class AnyObserver {
public:
    AnyObserver() = default;
    AnyObserver(const AnyObserver &) = delete;
    AnyObserver &operator=(const AnyObserver &) = delete;
    virtual ~AnyObserver() = default;
    virtual void call(const Notif &notif, const Verdict *verdict) = 0;
};

/// A null pointer can be told before it is called.
template <typename Callable>
void refuse_null(const Callable &callable) {
    if constexpr (std::is_pointer_v<Callable> || std::is_member_pointer_v<Callable>) {
        if (callable == nullptr) {
            throw Error(ErrorKind::argument, "the callable is NULL");
        }
    } else {
        static_cast<void>(callable);
    }
}

template <typename Callable>
class Handler final : public AnyHandler {
public:
    template <typename From>
    explicit Handler(std::in_place_t, From &&from) : callable_(std::forward<From>(from)) {
        refuse_null(callable_);
    }
    Action call(const Notif &notif) override { return std::invoke(callable_, notif); }

private:
    Callable callable_;
};

template <typename Callable>
class Observer final : public AnyObserver {
public:
    template <typename From>
    explicit Observer(std::in_place_t, From &&from) : callable_(std::forward<From>(from)) {
        refuse_null(callable_);
    }
    void call(const Notif &notif, const Verdict *verdict) override {
        std::invoke(callable_, notif, verdict);
    }

private:
    Callable callable_;
};

/// Says that the callable has thrown what is being handled.
inline void fail(const sandlock_notif *notif) noexcept {
    auto *cause = new (std::nothrow) std::exception_ptr(std::current_exception());
    const auto say = [&](const char *message) {
        sandlock_notif_fail(notif, message, cause,
                            cause == nullptr ? nullptr : sandlock_hpp_free_cause,
                            cause == nullptr ? nullptr : &exception_type);
    };
    try {
        throw;
    } catch (const std::exception &exception) {
        say(exception.what());
    } catch (...) {
        say("threw something that is no std::exception");
    }
}

// What C calls. No exception leaves these functions.

extern "C" inline sandlock_action sandlock_hpp_handle(const sandlock_notif *notif,
                                                      void *handler) noexcept {
    try {
        return static_cast<AnyHandler *>(handler)->call(Notif(notif)).release();
    } catch (const TaskError &error) {
        return sandlock_errno(error.err() == 0 ? EPERM : error.err());
    } catch (...) {
        fail(notif);
        return {};
    }
}

extern "C" inline void sandlock_hpp_free_handler(void *handler) noexcept {
    delete static_cast<AnyHandler *>(handler);
}

extern "C" inline void sandlock_hpp_observe(const sandlock_notif *notif,
                                            const sandlock_verdict *verdict,
                                            void *observer) noexcept {
    try {
        auto *any = static_cast<AnyObserver *>(observer);
        if (verdict == nullptr) {
            any->call(Notif(notif), nullptr);
        } else {
            const Verdict told{static_cast<Outcome>(verdict->outcome), verdict->value, verdict->by};
            any->call(Notif(notif), &told);
        }
    } catch (...) {
        fail(notif);
    }
}

extern "C" inline void sandlock_hpp_free_observer(void *observer) noexcept {
    delete static_cast<AnyObserver *>(observer);
}

}  // namespace detail

/// A policy, checked against this kernel and made ready: it runs any number of programs, also at
/// the same time from several threads.
///
/// Any thread may call any function at any time, but for moving and destroying it. Runs and
/// children that are under way need it no more.
class Sandbox {
public:
    /// One of many runs: what the program left, or why it was not run.
    using Result = std::variant<Output, Error>;

    /// Makes `policy` ready on this kernel. Nothing is started. Granted paths are resolved here,
    /// not at each run.
    ///
    /// ErrorKind::policy: settings contradict each other, or a granted path is missing.
    /// ErrorKind::unsupported: this kernel lacks a protection that the policy demands.
    explicit Sandbox(const Policy &policy) {
        sandlock_sandbox *made = nullptr;
        detail::Attempt attempt;
        attempt.check(sandlock_sandbox_new(policy.get(), &made, attempt.err()));
        sandbox_.reset(made);
    }

    /// A sandbox of its own with the same policy and the handlers that this one has now, which are
    /// shared; each can be given more.
    [[nodiscard]] Sandbox clone() const { return Sandbox(Owned(sandlock_sandbox_clone(get()))); }

    /// Asks `handler` about the call in every run that is started from now on. Handlers are asked
    /// in the order in which they were added, behind the built-ins; the first answer that is not
    /// Action::continue_() wins.
    ///
    /// `handler` is anything that can be called with a `const Notif &` and returns an Action: a
    /// lambda, an object, a function. It is moved or copied here, and destroyed once: when the
    /// sandbox, its clones, its children and its runs are gone, on whichever thread was the last
    /// one; right here if the registration fails. It is called by threads of the library, by
    /// several at once where several programs run. What it has to share goes into it as a reference
    /// (std::ref() also for the callable itself) or a std::shared_ptr.
    ///
    /// An exception that it throws is a failure, and refuses the call: what follows is for
    /// HandlerOptions::on_error to say. With OnError::kill(), the tree is killed, and run() or
    /// wait() throw an Error of the kind ErrorKind::handler with the exception itself as
    /// Error::cause(), nested for std::rethrow_if_nested(); with OnError::deny() it is listed in
    /// Output::handler_errors(). A TaskError alone is no failure, but a refusal with its error
    /// number.
    ///
    /// ErrorKind::registration: there is no such call, the policy refuses it, so that nobody would
    /// be asked, it cannot be trapped, or the options are invalid. ErrorKind::unsupported: calls cannot
    /// be passed to a supervisor here. ErrorKind::argument: a null pointer to a function.
    template <typename Callable>
    Sandbox &add_handler(const Syscall &syscall, Callable &&handler,
                         const HandlerOptions &options = {}) & {
        return add_handler_for({syscall}, std::forward<Callable>(handler), options);
    }
    /// The same for a sandbox without a name.
    template <typename Callable>
    [[nodiscard]] Sandbox add_handler(const Syscall &syscall, Callable &&handler,
                                      const HandlerOptions &options = {}) && {
        return std::move(add_handler(syscall, std::forward<Callable>(handler), options));
    }

    /// Asks one `handler` about several calls, all of them or none: as add_handler(). A rule about
    /// paths needs "open", "openat", "openat2" and "creat", for example.
    template <typename Callable>
    Sandbox &add_handler_for(const std::vector<Syscall> &syscalls, Callable &&handler,
                             const HandlerOptions &options = {}) & {
        using Held = std::decay_t<Callable>;
        static_assert(std::is_invocable_r_v<Action, Held &, const Notif &>,
                      "a handler takes a const sandlock::Notif & and returns a sandlock::Action");
        static_assert(std::is_nothrow_destructible_v<Held>,
                      "a handler's destructor must not throw");
        std::unique_ptr<detail::AnyHandler> held =
            std::make_unique<detail::Handler<Held>>(std::in_place, std::forward<Callable>(handler));
        const sandlock_handler_options raw = options.raw();
        detail::Attempt attempt;
        const std::vector<long> numbers = Syscall::numbers(syscalls);
        attempt.check(sandlock_sandbox_add_handler_for(
            sandbox_.get(), numbers.data(), numbers.size(), detail::sandlock_hpp_handle, held.get(),
            detail::sandlock_hpp_free_handler, &raw, attempt.err()));
        static_cast<void>(held.release());
        return *this;
    }

    /// Shows `observer` every such call that the supervisor is asked about, in every run that is
    /// started from now on. What the policy refuses in the kernel, nobody sees.
    ///
    /// `observer` is anything that can be called with a `const Notif &` and a `const Verdict *`,
    /// twice for each call: before anybody decides, when the verdict is null; and when the call has
    /// been answered and its task runs on, so that its memory cannot be read any more.
    ///
    /// An exception that it throws, a TaskError too, is listed in Output::handler_errors(), and
    /// changes nothing for the program. Otherwise everything is as for add_handler().
    template <typename Callable>
    Sandbox &add_observer(const Syscall &syscall, Callable &&observer,
                          const ObserverOptions &options = {}) & {
        return add_observer_for({syscall}, std::forward<Callable>(observer), options);
    }
    /// The same for a sandbox without a name.
    template <typename Callable>
    [[nodiscard]] Sandbox add_observer(const Syscall &syscall, Callable &&observer,
                                       const ObserverOptions &options = {}) && {
        return std::move(add_observer(syscall, std::forward<Callable>(observer), options));
    }

    /// Shows one `observer` several calls, all of them or none: as add_observer().
    template <typename Callable>
    Sandbox &add_observer_for(const std::vector<Syscall> &syscalls, Callable &&observer,
                              const ObserverOptions &options = {}) & {
        using Held = std::decay_t<Callable>;
        static_assert(
            std::is_invocable_v<Held &, const Notif &, const Verdict *>,
            "an observer takes a const sandlock::Notif & and a const sandlock::Verdict *");
        static_assert(std::is_nothrow_destructible_v<Held>,
                      "an observer's destructor must not throw");
        std::unique_ptr<detail::AnyObserver> held = std::make_unique<detail::Observer<Held>>(
            std::in_place, std::forward<Callable>(observer));
        const auto raw = options.raw<sandlock_observer_options>();
        detail::Attempt attempt;
        const std::vector<long> numbers = Syscall::numbers(syscalls);
        attempt.check(sandlock_sandbox_add_observer_for(
            sandbox_.get(), numbers.data(), numbers.size(), detail::sandlock_hpp_observe, held.get(),
            detail::sandlock_hpp_free_observer, &raw, attempt.err()));
        static_cast<void>(held.release());
        return *this;
    }

    /// Runs a command to its end, in the calling thread, and collects what it prints. When the
    /// program ends, whatever it left running is killed. A program that ends badly is no error: the
    /// output says how it ended.
    ///
    /// What kept the program from running: ErrorKind::command (also for a piped stream, which
    /// nobody would serve), not_found, cannot_execute, spawn, policy for a directory to start in
    /// that is none, io when this process has no descriptors left or somebody killed the program's
    /// keeper. ErrorKind::handler: a handler failed and ended the run; what it threw is nested, and
    /// what the program left is Error::output().
    [[nodiscard]] Output run(const Launch &launch) const {
        const Launch::Raw raw(launch);
        sandlock_output *output = nullptr;
        detail::Attempt attempt;
        attempt.check(sandlock_sandbox_run_launch(get(), raw.get(), &output, attempt.err()));
        return Output(output);
    }

    /// As run(), with the caller's own descriptors 0, 1 and 2, session and terminal.
    [[nodiscard]] Output run_interactive(Launch launch) const { return run(launch.interactive()); }

    /// Runs all of them, at most `at_once` at the same time (0 counts as 1); results are in the
    /// order of `launches`. One that fails does not keep the others from running. Threads of the
    /// library are used for all but one at a time.
    ///
    /// ErrorKind::argument: one of the launches cannot be used; nothing has been run.
    [[nodiscard]] std::vector<Result> run_all(const std::vector<Launch> &launches,
                                              std::size_t at_once) const {
        const std::vector<Launch::Raw> raws(launches.begin(), launches.end());
        std::vector<const sandlock_launch *> pointers;
        for (const Launch::Raw &raw : raws) {
            pointers.push_back(raw.get());
        }
        Ends ends(launches.size());
        detail::Attempt attempt;
        attempt.check(sandlock_sandbox_run_all(get(), pointers.data(), pointers.size(), at_once,
                                               ends.outputs.data(), ends.errors.data(),
                                               attempt.err()));
        return ends.take();
    }

    /// Starts a command and returns when it has been executed. A thread of the library serves it
    /// from then on. Errors: as run(); ErrorKind::io also when there is no room for another thread.
    Child spawn(const Launch &launch) const {
        const Launch::Raw raw(launch);
        sandlock_child *child = nullptr;
        detail::Attempt attempt;
        attempt.check(sandlock_sandbox_spawn(get(), raw.get(), &child, attempt.err()));
        return Child(child);
    }

    /// For functions of <sandlock.h>; NULL for one that was moved from.
    [[nodiscard]] const sandlock_sandbox *get() const noexcept { return sandbox_.get(); }

private:
    using Owned = detail::Handle<sandlock_sandbox, sandlock_sandbox_free>;

    /// What run_all() hands out, freed where it is not taken.
    struct Ends {
        explicit Ends(std::size_t count) : outputs(count), errors(count) {}
        Ends(const Ends &) = delete;
        Ends &operator=(const Ends &) = delete;
        ~Ends() {
            for (std::size_t index = 0; index < outputs.size(); index++) {
                sandlock_output_free(outputs[index]);
                sandlock_error_free(errors[index]);
            }
        }

        std::vector<Result> take() {
            std::vector<Result> results;
            results.reserve(outputs.size());
            for (std::size_t index = 0; index < outputs.size(); index++) {
                if (errors[index] != nullptr) {
                    const sandlock_status status = sandlock_error_kind(errors[index]);
                    results.emplace_back(Error(status, std::exchange(errors[index], nullptr)));
                } else {
                    results.emplace_back(Output(std::exchange(outputs[index], nullptr)));
                }
            }
            return results;
        }

        std::vector<sandlock_output *> outputs;
        std::vector<sandlock_error *> errors;
    };

    explicit Sandbox(Owned owned) noexcept : sandbox_(std::move(owned)) {}

    Owned sandbox_;
};

/// Applies the policy's Landlock rules and its filter of system calls to the calling thread, for
/// ever: what it starts later is confined too, other threads are not. Says what is enforced.
///
/// ErrorKind::policy: settings contradict each other, a granted path is missing, or a setting
/// speaks of a start or a whole process (limits.*, most of process.*), which cannot be applied to a
/// thread. ErrorKind::unsupported: this kernel lacks a protection that the policy demands. The
/// thread is as it was then. ErrorKind::spawn: Error::step() failed; the thread may be confined in
/// part.
inline Enforcement confine_self(const Policy &policy) {
    sandlock_enforcement *enforced = nullptr;
    detail::Attempt attempt;
    attempt.check(sandlock_confine_self(policy.get(), &enforced, attempt.err()));
    const detail::Handle<sandlock_enforcement, sandlock_enforcement_free> owned(enforced);
    return detail::enforcement(enforced);
}

/// The version of the library that is loaded, as text: `0.1.0`. It is never freed.
[[nodiscard]] inline std::string_view version() noexcept {
    return sandlock_version();
}

/// What a kind of errors means, in a few words; a text that is never freed.
[[nodiscard]] inline std::string_view describe(ErrorKind kind) noexcept {
    return sandlock_status_text(static_cast<sandlock_status>(kind));
}

/// Returns if this kernel enforces a policy without settings in full.
///
/// ErrorKind::unsupported: it does not; the message says what is missing, and what to do.
inline void host_check() {
    detail::Attempt attempt;
    attempt.check(sandlock_host_check(attempt.err()));
}

/// The Landlock ABI of this kernel; 0 where Landlock is missing or disabled.
[[nodiscard]] inline std::uint32_t host_landlock_abi() noexcept {
    return sandlock_host_landlock_abi();
}

/// What this kernel can enforce, as the JSON object of `sandlock check --json`.
[[nodiscard]] inline std::string host_json() {
    char *json = nullptr;
    detail::Attempt attempt;
    attempt.check(sandlock_host_json(&json, attempt.err()));
    return detail::take_text(json);
}

}  // namespace sandlock

#endif  // SANDLOCK_HPP
