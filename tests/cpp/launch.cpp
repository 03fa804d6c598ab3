// Launches: words, variables, a directory, streams, limits.

#include "check.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using sandlock::Fd;
using sandlock::Launch;
using sandlock::Output;
using sandlock::Reason;
using sandlock::Sandbox;
using sandlock::Stdio;

static const Sandbox &sandbox() {
    static const Sandbox made{check::programs()};
    return made;
}

static void words_come_in_many_types() {
    const char *pointer = "a";
    const Launch launch{"echo", pointer, "b"s, "c"sv, std::filesystem::path("/d")};
    CHECK(sandbox().run(launch).out() == "a b c /d\n");
    CHECK(sandbox().run(Launch{"echo"}.arg("x").arg("y"s)).out() == "x y\n");
    CHECK(sandbox().run(std::vector<std::string>{"echo", "v"}).out() == "v\n");
    // Not one word made of a range of two pointers.
    CHECK(sandbox().run({{"echo", "nested"}}).out() == "nested\n");
    CHECK(sandbox().run({"printf", "%s", "\xff\x01"}).out() == "\xff\x01");
    CHECK(sandbox().run({"printf", "[%s]", ""}).out() == "[]");
}

static void commands_that_are_none_are_refused() {
    CHECK_FAILS(command, sandbox().run(Launch(std::vector<std::string>{})));
    CHECK_FAILS(argument, Launch({"echo", "a\0b"s}));
    CHECK_FAILS(argument, Launch(std::vector<std::string>{"echo", "a\0b"s}));
    CHECK_FAILS(argument, Launch{"echo"}.arg("a\0b"s));
    CHECK_FAILS(argument, Launch({"echo", static_cast<const char *>(nullptr)}));
    CHECK(sandbox().run({"echo", "ab"s}).success());
}

static void variables_are_added_and_replaced() {
    const Launch launch =
        Launch{"sh", "-c", "echo $ONE $TWO"}.env("ONE", "1").env("TWO", "a=b").env("ONE", "2");
    CHECK(sandbox().run(launch).out() == "2 a=b\n");
    CHECK_FAILS(argument, Launch{"true"}.env("A=B", "c"));
    CHECK_FAILS(argument, Launch{"true"}.env("A", "c\0"s));
    CHECK_FAILS(argument, Launch{"true"}.env("A\0"s, "c"));
}

static void the_callers_variables_can_be_left_out() {
    CHECK(::setenv("SANDLOCK_TEST_CALLERS", "caller", 1) == 0);
    const Sandbox made{check::programs().set("process.env", "FROM=policy")};
    const Launch launch =
        Launch{"sh", "-c", "echo $SANDLOCK_TEST_CALLERS $FROM $OWN"}.env("OWN", "launch");
    CHECK(made.run(launch).out() == "caller policy launch\n");
    CHECK(made.run(Launch(launch).clear_env()).out() == "policy launch\n");
    const std::string policys = "FROM=policy\nPATH=/usr/bin:/bin\n";
    CHECK(made.run(Launch{"env"}.clear_env()).out() == policys);
    const Launch interactive = Launch{"env"}.clear_env().interactive().out(Stdio::captured());
    CHECK(made.run(interactive).out() == policys);
    CHECK_FAILS(not_found, made.run(Launch{"env"}.clear_env().env("PATH", "/nowhere")));
    CHECK(::unsetenv("SANDLOCK_TEST_CALLERS") == 0);
}

static void the_directory_is_another_one() {
    CHECK(sandbox().run(Launch{"pwd"}.cwd("/usr")).out() == "/usr\n");
    CHECK_FAILS(argument, Launch{"pwd"}.cwd("/usr\0"s));
    CHECK(check::kind_of([] { static_cast<void>(sandbox().run(Launch{"pwd"}.cwd("/no/such"))); }) !=
          sandlock::ErrorKind{0});
}

static void input_is_bytes() {
    const std::string bytes = "a\0b\n"s + std::string(300'000, 'x');
    CHECK(sandbox().run(Launch{"cat"}.input(bytes)).out() == bytes);
    CHECK(sandbox().run({"cat"}).out().empty());
    CHECK(sandbox().run(Launch{"cat"}.input("x").in(Stdio::null())).out().empty());
}

static void streams_lead_where_they_are_said_to() {
    check::Pipe pipe;
    CHECK(sandbox().run(Launch{"echo", "lent"}.out(Stdio::fd(pipe.writing.get()))).out().empty());
    const Launch both =
        Launch{"sh", "-c", "echo one; echo two >&2"}.out(Stdio::null()).err(Stdio::captured());
    const Output output = sandbox().run(both);
    CHECK(output.out().empty() && output.err() == "two\n");
    pipe.writing.close();
    CHECK(check::read_all(pipe.reading) == "lent\n");
    CHECK_FAILS(argument, sandbox().run(Launch{"true"}.out(Stdio::fd(-1))));
    CHECK_FAILS(argument, sandbox().run(Launch{"true"}.out(Stdio::fd(1'000'000))));
    // Nobody would serve it.
    CHECK_FAILS(command, sandbox().run(Launch{"true"}.out(Stdio::piped())));
    CHECK_FAILS(command, sandbox().run(Launch{"true"}.in(Stdio::captured())));
}

static void both_outputs_can_be_one() {
    const Launch launch = Launch{"sh", "-c", "echo 1; echo 2 >&2; echo 3"}.err(Stdio::out());
    const Output output = sandbox().run(launch);
    CHECK(output.out() == "1\n2\n3\n" && output.err().empty());
    check::Pipe pipe;
    CHECK(sandbox().run(Launch(launch).out(Stdio::fd(std::move(pipe.writing)))).out().empty());
    CHECK(check::read_all(pipe.reading) == "1\n2\n3\n");
    CHECK(sandbox().run(Launch(launch).out(Stdio::null())).success());
    CHECK_FAILS(command, sandbox().run(Launch{"true"}.out(Stdio::out())));
    CHECK_FAILS(command, sandbox().run(Launch{"true"}.in(Stdio::out())));
}

static void descriptors_that_were_given_live_as_long_as_the_launch() {
    check::Pipe pipe;
    {
        const Launch launch = Launch{"echo", "given"}.out(Stdio::fd(std::move(pipe.writing)));
        const Launch copy = launch;
        CHECK(sandbox().run(launch).success());
        CHECK(sandbox().run(copy).success());
    }
    // Otherwise the end does not come.
    CHECK(check::read_all(pipe.reading) == "given\ngiven\n");
}

static void capture_is_limited() {
    const Output output = sandbox().run(Launch{"printf", "1234567"}.capture_limit(3));
    CHECK(output.out() == "123" && output.out_dropped() == 4);
    CHECK(sandbox().run({"printf", "1234567"}).out_dropped() == 0);
    CHECK_FAILS(argument, Launch{"true"}.capture_limit(0));
}

static void time_is_limited() {
    CHECK(sandbox().run(Launch{"sleep", "60"}.timeout(20ms)).reason() == Reason::timeout);
    CHECK(sandbox()
              .run(Launch{"sleep", "60"}.timeout(std::chrono::duration<double>(0.02)))
              .reason() == Reason::timeout);
    CHECK(sandbox().run(Launch{"sleep", "60"}.timeout(1us)).reason() == Reason::timeout);
    CHECK(sandbox().run(Launch{"true"}.timeout(std::chrono::hours::max())).success());
    CHECK_FAILS(command, Launch{"true"}.timeout(0s));
    CHECK_FAILS(command, Launch{"true"}.timeout(-1s));

    const Sandbox hasty{check::programs().set("limits.timeout", "0.05")};
    CHECK(hasty.run({"sleep", "0.3"}).reason() == Reason::timeout);
    CHECK(hasty.run(Launch{"sleep", "0.3"}.no_timeout()).success());
    CHECK(hasty.run(Launch{"sleep", "0.3"}.timeout(1min)).success());
}

static void a_launch_can_be_used_again_and_changed() {
    Launch launch{"echo", "a"};
    const Launch before = launch;
    launch.arg("b");
    CHECK(sandbox().run(launch).out() == "a b\n");
    CHECK(sandbox().run(launch).out() == "a b\n");
    CHECK(sandbox().run(before).out() == "a\n");
    Launch moved = std::move(launch);
    CHECK(sandbox().run(moved).out() == "a b\n");
    // NOLINTNEXTLINE(bugprone-use-after-move)
    CHECK_FAILS(command, sandbox().run(launch));
}

int main() {
    return check::run({
        words_come_in_many_types,
        commands_that_are_none_are_refused,
        variables_are_added_and_replaced,
        the_callers_variables_can_be_left_out,
        the_directory_is_another_one,
        input_is_bytes,
        streams_lead_where_they_are_said_to,
        both_outputs_can_be_one,
        descriptors_that_were_given_live_as_long_as_the_launch,
        capture_is_limited,
        time_is_limited,
        a_launch_can_be_used_again_and_changed,
    });
}
