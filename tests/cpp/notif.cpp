// Notifications: the call that waits, and the task that makes it.

#include "check.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/openat2.h>
#include <sys/utsname.h>

using namespace std::string_literals;
using sandlock::Action;
using sandlock::ErrorKind;
using sandlock::Fd;
using sandlock::Launch;
using sandlock::Notif;
using sandlock::OpenRequest;
using sandlock::Output;
using sandlock::Sandbox;
using sandlock::TaskError;

static_assert(!std::is_copy_constructible_v<Notif> &&
              std::is_nothrow_move_constructible_v<OpenRequest>);

/// Runs `words` where `handler` answers openat(2) of the path `path`, and everybody else's goes on.
template <typename Handler>
static Output opening(const std::string &path, Handler handler, const Launch &launch,
                      const sandlock::Policy &policy = check::programs()) {
    Sandbox sandbox{policy};
    sandbox.add_handler("openat", [&](const Notif &notif) {
        return notif.read_path(1) == path ? handler(notif) : Action::continue_();
    });
    return sandbox.run(launch);
}

/// Looks at one uname(2) of a program, and refuses it.
template <typename Look>
static void at_uname(Look look) {
    std::atomic<int> calls{0};
    Sandbox sandbox{check::programs()};
    sandbox.add_handler("uname", [&](const Notif &notif) {
        calls++;
        look(notif);
        return Action::error(EACCES);
    });
    CHECK(sandbox.run({"uname"}).exit_code() == 1);
    CHECK(calls == 1);
}

/// The kind of the error about the task that `act` ends with.
template <typename Act>
static std::optional<ErrorKind> task_error(Act act) {
    try {
        act();
    } catch (const TaskError &error) {
        return error.kind();
    }
    return std::nullopt;
}

static void the_call_is_as_the_registers_have_it() {
    at_uname([](const Notif &notif) {
        CHECK(notif.get() != nullptr && notif.id() != 0 && notif.pid() > 0 && notif.is_waiting());
        CHECK(notif.syscall() == SYS_uname && notif.arg(0) != 0 && notif.arg(6) == 0);
        CHECK(notif.instruction_pointer() != 0);
        CHECK(notif.arch() == AUDIT_ARCH_X86_64 || notif.arch() == AUDIT_ARCH_AARCH64);
    });
}

static void without_a_call_there_is_nothing() {
    const Notif notif(nullptr);
    CHECK(notif.id() == 0 && notif.pid() == 0 && notif.syscall() == -1 && notif.arg(0) == 0);
    CHECK(notif.instruction_pointer() == 0 && notif.arch() == 0 && !notif.is_waiting());
    char byte = 0;
    CHECK_FAILS(argument, notif.read(0, &byte, 1));
    CHECK_FAILS(argument, notif.write(0, &byte, 1));
    CHECK_FAILS(argument, notif.read_cstr(0));
    CHECK_FAILS(argument, notif.read_path(0));
    CHECK_FAILS(argument, notif.display_path(0, ""));
    CHECK_FAILS(argument, notif.open_request());
    CHECK_FAILS(argument, notif.replace_fd(0, 0));
}

static void memory_is_read_and_written() {
    at_uname([](const Notif &notif) {
        utsname names{};
        std::strcpy(names.sysname, "written");
        notif.write(notif.arg(0), names);
        CHECK(notif.read<utsname>(notif.arg(0)).sysname == "written"s);
        CHECK((notif.read<std::array<char, 8>>(notif.arg(0)) == std::array<char, 8>{"written"}));
        CHECK(notif.read_cstr(notif.arg(0)) == "written");
        CHECK(notif.read_cstr(notif.arg(0), 8) == "written");
        CHECK(task_error([&] { static_cast<void>(notif.read_cstr(notif.arg(0), 7)); }) ==
              ErrorKind::too_long);
        CHECK(task_error([&] { static_cast<void>(notif.read_cstr(notif.arg(0), 0)); }) ==
              ErrorKind::too_long);
        notif.write(notif.arg(0), "", 0);
        notif.read(notif.arg(0), nullptr, 0);
    });
}

static void addresses_that_are_not_mapped_are_errors() {
    at_uname([](const Notif &notif) {
        std::uint64_t word = 7;
        CHECK(task_error([&] { notif.read(16, &word, sizeof word); }) == ErrorKind::task_memory);
        CHECK(word == 0);
        CHECK(task_error([&] { notif.write(16, word); }) == ErrorKind::task_memory);
        CHECK(task_error([&] { static_cast<void>(notif.read_cstr(16)); }) ==
              ErrorKind::task_memory);
        std::string buffer((16U << 20U) + 1, 'x');
        CHECK(task_error([&] { notif.read(notif.arg(0), buffer.data(), buffer.size()); }) ==
              ErrorKind::too_long);
        CHECK(task_error([&] { static_cast<void>(notif.read_path(6)); }) == ErrorKind::argument);
        CHECK(!task_error([&] { notif.read(notif.arg(0), &word, sizeof word); }));
    });
}

static void memory_of_a_program_that_has_not_been_executed_is_not_written() {
    std::optional<ErrorKind> kind;
    Sandbox sandbox{check::programs()};
    sandbox.add_handler("execve", [&](const Notif &notif) {
        CHECK(!notif.read_path(0).empty());
        kind = task_error([&] { notif.write(notif.arg(0), "x", 1); });
        return Action::continue_();
    });
    CHECK(sandbox.run({"true"}).success());
    CHECK(kind == ErrorKind::task);
}

static void paths_are_shown_from_the_root() {
    std::string shown;
    const Output output = opening(
        "../no-such-file",
        [&](const Notif &notif) {
            const int directory = static_cast<int>(notif.arg(0));
            shown = notif.display_path(directory, notif.read_path(1));
            CHECK(notif.display_path(AT_FDCWD, "/a//b/../c/.") == "/a/c");
            CHECK(task_error([&] { static_cast<void>(notif.display_path(4000, "x")); }) ==
                  ErrorKind::task);
            CHECK_FAILS(argument, notif.display_path(AT_FDCWD, "a\0b"s));
            return Action::error(ENOENT);
        },
        Launch{"cat", "../no-such-file"}.cwd("/usr/lib"));
    CHECK(!output.success() && shown == "/usr/no-such-file");
}

static void a_request_to_open_is_read_once() {
    check::Folder folder;
    const auto policy = check::programs().set("fs.write", folder.path());
    std::optional<OpenRequest> kept;
    const Output written = opening(
        folder.file(),
        [&](const Notif &notif) {
            OpenRequest request = notif.open_request();
            CHECK(request.path() == folder.file() && request.directory() == AT_FDCWD &&
                  request.writes());
            CHECK((request.flags() & O_ACCMODE) == O_WRONLY && (request.flags() & O_CREAT) != 0);
            CHECK(request.mode() == 0666 && request.resolve() == 0);
            Action action = notif.open(request);
            kept = std::move(request);
            return action;
        },
        Launch{"sh", "-c", "echo written >\"$0\"", folder.file()}, policy);
    CHECK(written.success() && check::read_file(folder.file()) == "written\n");
    CHECK(kept && kept->path() == folder.file());

    const OpenRequest moved = std::move(*kept);
    // NOLINTBEGIN(bugprone-use-after-move)
    CHECK(kept->get() == nullptr && kept->path().empty() && kept->writes() && kept->flags() == -1);
    kept->add_resolve(RESOLVE_NO_SYMLINKS);
    // NOLINTEND(bugprone-use-after-move)
    CHECK(moved.path() == folder.file());
    at_uname([](const Notif &notif) {
        CHECK(task_error([&] { static_cast<void>(notif.open_request()); }) == ErrorKind::task);
    });
}

static void what_is_opened_is_bounded_by_the_policy() {
    check::Folder folder;
    check::write_file(folder.file(), "text\n");
    const auto open = [](const Notif &notif) { return notif.open(notif.open_request()); };
    const Launch cat{"cat", folder.file()};
    CHECK(!opening(folder.file(), open, cat).success());
    CHECK(
        opening(folder.file(), open, cat, check::programs().set("fs.read", folder.path())).out() ==
        "text\n");
    // A request that was moved from opens nothing, and nobody is let through.
    const auto open_nothing = [](const Notif &notif) {
        OpenRequest request = notif.open_request();
        const OpenRequest moved = std::move(request);
        return notif.open(request);
    };
    CHECK_FAILS(handler, opening(folder.file(), open_nothing, cat));
}

static void a_request_can_be_bounded_further() {
    check::Folder folder;
    check::write_file(folder.file(), "text\n");
    CHECK(symlink(folder.file().c_str(), folder.link().c_str()) == 0);
    const auto policy = check::programs().set("fs.read", folder.path());
    const auto without_links = [](const Notif &notif) {
        OpenRequest request = notif.open_request();
        request.add_resolve(RESOLVE_NO_SYMLINKS);
        CHECK(request.resolve() == RESOLVE_NO_SYMLINKS);
        return notif.open(request);
    };
    const auto with_links = [](const Notif &notif) { return notif.open(notif.open_request()); };
    const Launch cat{"cat", folder.link()};
    CHECK(check::contains(opening(folder.link(), without_links, cat, policy).err(),
                          "symbolic links"));
    CHECK(opening(folder.link(), with_links, cat, policy).out() == "text\n");
}

static void a_descriptor_of_the_task_is_replaced() {
    check::Pipe pipe;
    Sandbox sandbox{check::programs()};
    sandbox.add_handler("uname", [&](const Notif &notif) {
        notif.replace_fd(STDOUT_FILENO, pipe.writing.get());
        CHECK(task_error([&] { notif.replace_fd(STDOUT_FILENO, 1'000'000); }) == ErrorKind::task);
        CHECK(task_error([&] { notif.replace_fd(STDOUT_FILENO, -1); }) == ErrorKind::argument);
        return Action::continue_();
    });
    CHECK(sandbox.run({"uname"}).out().empty());
    pipe.writing.close();
    CHECK(check::read_all(pipe.reading) == Sandbox{check::programs()}.run({"uname"}).out());
}

int main() {
    return check::run({
        the_call_is_as_the_registers_have_it,
        without_a_call_there_is_nothing,
        memory_is_read_and_written,
        addresses_that_are_not_mapped_are_errors,
        memory_of_a_program_that_has_not_been_executed_is_not_written,
        paths_are_shown_from_the_root,
        a_request_to_open_is_read_once,
        what_is_opened_is_bounded_by_the_policy,
        a_request_can_be_bounded_further,
        a_descriptor_of_the_task_is_replaced,
    });
}
