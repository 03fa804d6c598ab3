// Policies: data that is set, read, copied and compared.

#include "check.hpp"

#include <filesystem>
#include <utility>

using namespace std::string_literals;
using sandlock::ErrorKind;
using sandlock::Policy;

static void settings_are_chained() {
    Policy policy;
    policy.set("fs.read", "/usr")
        .set("fs.read", std::filesystem::path("/lib"))
        .set("limits.file_size", "1G");
    const std::string toml = policy.to_toml();
    CHECK(check::contains(toml, "/usr") && check::contains(toml, "/lib"));
    CHECK(policy ==
          Policy{}.set("limits.file_size", "1G").set("fs.read", "/usr").set("fs.read", "/lib"));
    CHECK(policy != Policy{});
}

static void a_wrong_setting_is_named_and_changes_nothing() {
    Policy policy;
    const auto unknown = check::error_of([&] { policy.set("fs.reed", "/usr"); });
    CHECK(unknown.kind() == ErrorKind::policy);
    CHECK(unknown.setting() == "fs.reed");
    CHECK(check::contains(unknown.what(), "fs.read"));
    const auto malformed = check::error_of([&] { policy.set("limits.file_size", "much"); });
    CHECK(malformed.kind() == ErrorKind::policy && malformed.setting() == "limits.file_size");
    CHECK(policy == Policy{});
    policy.set("limits.file_size", "1M");
    CHECK(policy != Policy{});
}

static void a_nul_does_not_shorten_a_text() {
    Policy policy;
    CHECK_FAILS(argument, policy.set("fs.read", "/usr\0/share"s));
    CHECK_FAILS(argument, policy.set("fs.read\0"s, "/usr"));
    CHECK_FAILS(argument, policy.merge_toml("\0"s));
    CHECK(policy == Policy{});
    policy.set("fs.read", "/usr/share"s);
    CHECK(policy != Policy{});
}

static void toml_goes_in_and_out() {
    const Policy policy = Policy::from_toml("[fs]\nread = [\"/usr\"]\n[limits]\nopen_files = 3\n");
    CHECK(Policy::from_toml(policy.to_toml()) == policy);
    Policy merged = policy;
    merged.merge_toml("[limits]\nopen_files = 4\n");
    CHECK(merged != policy);
    CHECK(merged == Policy{}.set("fs.read", "/usr").set("limits.open_files", "4"));
}

static void every_problem_of_a_text_is_told() {
    const auto error = check::error_of([] {
        static_cast<void>(
            Policy::from_toml("[fs]\nreed = [\"/usr\"]\n[limits]\nfile_size = \"much\"\n"));
    });
    CHECK(error.kind() == ErrorKind::policy);
    const auto problems = error.problems();
    CHECK(problems.size() == 2);
    for (const auto &problem : problems) {
        CHECK(problem.setting == "fs.reed" || problem.setting == "limits.file_size");
        CHECK(!problem.message.empty());
    }
    CHECK(Policy::from_toml("").to_toml() == Policy{}.to_toml());
}

static void a_path_that_toml_cannot_hold_is_an_error() {
    Policy policy;
    policy.set("fs.read", "/\xff");
    CHECK_FAILS(policy, policy.to_toml());
    CHECK(check::contains(Policy{}.set("fs.read", "/usr").to_toml(), "/usr"));
}

static void copies_are_their_own() {
    const Policy original = check::programs();
    Policy copy = original;
    CHECK(copy == original);
    copy.set("limits.open_files", "3");
    CHECK(copy != original);
    copy = original;
    CHECK(copy == original);
    const Policy &itself = copy;
    copy = itself;
    CHECK(copy == original);
}

static void what_was_moved_from_is_safe() {
    Policy policy = check::programs();
    Policy moved = std::move(policy);
    CHECK(moved == check::programs());
    // NOLINTBEGIN(bugprone-use-after-move)
    CHECK(policy.get() == nullptr);
    CHECK(policy != moved && policy != policy);
    CHECK_FAILS(argument, policy.set("fs.read", "/usr"));
    CHECK_FAILS(argument, policy.to_toml());
    CHECK_FAILS(argument, sandlock::Sandbox{policy});
    const Policy copy = policy;
    CHECK(copy.get() == nullptr);
    policy = std::move(moved);
    // NOLINTEND(bugprone-use-after-move)
    CHECK(policy == check::programs());
}

int main() {
    return check::run({
        settings_are_chained,
        a_wrong_setting_is_named_and_changes_nothing,
        a_nul_does_not_shorten_a_text,
        toml_goes_in_and_out,
        every_problem_of_a_text_is_told,
        a_path_that_toml_cannot_hold_is_an_error,
        copies_are_their_own,
        what_was_moved_from_is_safe,
    });
}
