// What asks for no program: versions, the host, system calls, numbers, descriptors.

#include "check.hpp"

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include <fcntl.h>

using namespace std::chrono_literals;
using namespace std::string_literals;
using sandlock::ErrorKind;
using sandlock::Fd;
using sandlock::Syscall;

static void the_library_is_that_of_the_header() {
    const std::string version = std::to_string(SANDLOCK_VERSION_MAJOR) + "." +
                                std::to_string(SANDLOCK_VERSION_MINOR) + "." +
                                std::to_string(SANDLOCK_VERSION_PATCH);
    CHECK(sandlock::version() == version);
}

static void the_host_says_what_it_can() {
    CHECK(check::contains(sandlock::host_json(), "\"landlock_abi\""));
    const ErrorKind kind = check::kind_of([] { sandlock::host_check(); });
    CHECK(kind == ErrorKind{0} || kind == ErrorKind::unsupported);
    CHECK(sandlock::host_landlock_abi() > 0 || kind == ErrorKind::unsupported);
}

static void calls_have_names_and_numbers() {
    CHECK(sandlock::syscall_number("openat") == SYS_openat);
    CHECK(!sandlock::syscall_number("no-such-call"));
    CHECK_FAILS(argument, sandlock::syscall_number("openat\0"s));
    CHECK(sandlock::syscall_name(SYS_openat) == "openat");
    CHECK(sandlock::syscall_name(-1).empty() && sandlock::syscall_name(100'000).empty());
    CHECK(Syscall("read").number() == SYS_read);
    CHECK(Syscall("read"s).number() == SYS_read);
    // The literal 0 is a number, not a null pointer to a name.
    CHECK(Syscall(0).number() == 0);
    CHECK(Syscall(SYS_uname).number() == SYS_uname && Syscall(7U).number() == 7);
    CHECK_FAILS(registration, Syscall("no-such-call"));
}

static void kinds_are_described() {
    std::set<std::string_view> texts;
    for (sandlock_status status = SANDLOCK_ERROR_POLICY; status <= SANDLOCK_ERROR_TASK; status++) {
        texts.insert(sandlock::describe(ErrorKind{status}));
    }
    CHECK(texts.size() == 15);
    CHECK(sandlock::describe(ErrorKind::handler) == sandlock_status_text(SANDLOCK_ERROR_HANDLER));
}

static void numbers_are_those_of_c() {
    using sandlock::Step;
    CHECK(static_cast<int>(Step::keeper) == SANDLOCK_STEP_KEEPER);
    CHECK(static_cast<int>(Step::execute) == SANDLOCK_STEP_EXECUTE);
    CHECK(static_cast<int>(Step::listener) == SANDLOCK_STEP_LISTENER);
    CHECK(static_cast<int>(ErrorKind::task) == SANDLOCK_ERROR_TASK);
    CHECK(static_cast<int>(sandlock::Reason::killed) == SANDLOCK_REASON_KILLED);
}

static void durations_are_rounded_up_and_bounded() {
    using sandlock::detail::milliseconds;
    CHECK(milliseconds(0s) == 0 && milliseconds(-1h) == 0 && milliseconds(1ns) == 1);
    CHECK(milliseconds(1500us) == 2 && milliseconds(2ms) == 2 && milliseconds(3s) == 3000);
    CHECK(milliseconds(std::chrono::duration<float>(0.25F)) == 250);
    CHECK(milliseconds(std::chrono::hours::max()) == UINT64_MAX);
    CHECK(milliseconds(std::chrono::duration<double>(1e300)) == UINT64_MAX);
    CHECK(milliseconds(std::chrono::nanoseconds::max()) == 9'223'372'036'855);
}

static_assert(std::is_nothrow_move_constructible_v<Fd> && !std::is_copy_constructible_v<Fd>);

static bool is_open(int number) {
    return fcntl(number, F_GETFD) >= 0;
}

static int some_descriptor() {
    return open("/", O_RDONLY | O_CLOEXEC);
}

static void descriptors_are_closed_once() {
    const int number = some_descriptor();
    {
        Fd fd(number);
        Fd moved = std::move(fd);
        // NOLINTNEXTLINE(bugprone-use-after-move)
        CHECK(!fd && fd.get() == -1 && moved && moved.get() == number);
        Fd &itself = moved;
        moved = std::move(itself);
        CHECK(is_open(number));
    }
    CHECK(!is_open(number));

    const int first = some_descriptor();
    const int second = some_descriptor();
    Fd fd(first);
    fd = Fd(second);
    CHECK(!is_open(first) && is_open(second));
    CHECK(fd.release() == second && !fd && is_open(second));
    Fd again(second);
    again.close();
    again.close();
    CHECK(!is_open(second) && !again);
}

int main() {
    return check::run({
        the_library_is_that_of_the_header,
        the_host_says_what_it_can,
        calls_have_names_and_numbers,
        kinds_are_described,
        numbers_are_those_of_c,
        durations_are_rounded_up_and_bounded,
        descriptors_are_closed_once,
    });
}
