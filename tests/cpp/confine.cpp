// A thread that confines itself.

#include "check.hpp"

#include <string>
#include <thread>

#include <fcntl.h>

using sandlock::Enforcement;
using sandlock::ErrorKind;
using sandlock::Fd;
using sandlock::Policy;

/// Runs `act` on a thread of its own, whose end is also the end of what confines it.
template <typename Act>
static void on_a_thread(Act act) {
    std::thread thread([&] {
        try {
            act();
        } catch (const std::exception &exception) {
            check::expect(false, exception.what(), __FILE__, __LINE__);
        }
    });
    thread.join();
}

static bool can_open(const std::string &path) {
    return static_cast<bool>(Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC)));
}

static void a_thread_is_confined_and_others_are_not() {
    check::Folder folder;
    check::write_file(folder.file(), "text");
    on_a_thread([&] {
        CHECK(can_open(folder.file()));
        const Enforcement enforcement = sandlock::confine_self(Policy{}.set("fs.read", "/usr"));
        CHECK(enforcement.landlock_abi > 0 &&
              enforcement.landlock_abi <= sandlock::host_landlock_abi());
        CHECK(!enforcement.enforced.empty());
        CHECK(!can_open(folder.file()) && errno == EACCES);
        CHECK(can_open("/usr"));
        CHECK(syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr) == -1 && errno == EPERM);
    });
    CHECK(can_open(folder.file()));
}

static void what_cannot_be_applied_is_an_error_and_changes_nothing() {
    check::Folder folder;
    check::write_file(folder.file(), "text");
    on_a_thread([&] {
        const auto limit =
            check::error_of([] { sandlock::confine_self(Policy{}.set("limits.timeout", "1")); });
        CHECK(limit.kind() == ErrorKind::policy && limit.setting() == "limits.timeout");
        CHECK_FAILS(policy, sandlock::confine_self(Policy{}.set("fs.read", "/no/such/path")));
        Policy policy;
        const Policy moved = std::move(policy);
        // NOLINTNEXTLINE(bugprone-use-after-move)
        CHECK_FAILS(argument, sandlock::confine_self(policy));
        CHECK(can_open(folder.file()));
        sandlock::confine_self(moved);
        CHECK(!can_open(folder.file()));
    });
}

int main() {
    return check::run({
        a_thread_is_confined_and_others_are_not,
        what_cannot_be_applied_is_an_error_and_changes_nothing,
    });
}
