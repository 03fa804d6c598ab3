/* valgrind */
/* Policies are data: set, merged, compared and copied. */

#include "check.h"

static char *toml(const sandlock_policy *policy)
{
    char *text = NULL;
    OK(sandlock_policy_to_toml(policy, &text, &error));
    return text;
}

static void lists_append_and_the_rest_is_replaced(void)
{
    sandlock_policy *policy = sandlock_policy_new();
    set(policy, "fs.read", "/usr");
    set(policy, "fs.read", "/etc");
    set(policy, "limits.open_files", "10");
    set(policy, "limits.open_files", "20");
    char *text = toml(policy);
    CHECK_PART(text, "/usr");
    CHECK_PART(text, "/etc");
    CHECK_PART(text, "20");
    CHECK(strstr(text, "10") == NULL);
    sandlock_string_free(text);

    OK(sandlock_policy_merge_toml(policy, "limits.open_files = 30\n[fs]\nread = [\"/srv\"]", &error));
    text = toml(policy);
    CHECK_PART(text, "/usr");
    CHECK_PART(text, "/srv");
    CHECK_PART(text, "30");
    CHECK(strstr(text, "20") == NULL);
    sandlock_string_free(text);
    sandlock_policy_free(policy);
}

static void a_map_takes_its_key_in_the_value_or_in_the_path(void)
{
    sandlock_policy *one = sandlock_policy_new(), *other = sandlock_policy_new();
    set(one, "process.env", "COLOUR=blue=green");
    set(other, "process.env.COLOUR", "blue=green");
    CHECK(sandlock_policy_equal(one, other));
    set(other, "process.env.COLOUR", "red");
    CHECK(!sandlock_policy_equal(one, other));
    sandlock_policy_free(one);
    sandlock_policy_free(other);
}

static void toml_makes_an_equal_policy(void)
{
    sandlock_policy *policy = system_policy();
    set(policy, "fs.read", "/a \"quoted\" \n path with \\ and \x01 \xc3\xa9");
    set(policy, "limits.timeout", "1.5s");
    set(policy, "limits.file_size", "1.5G");
    set(policy, "process.env", "A= b\t\"c\" 'd'");
    set(policy, "process.clean_env", "true");
    set(policy, "syscalls.deny", "@file-metadata");
    set(policy, "protections.fs_ioctl_dev", "if-available");
    set(policy, "net.allow", "tcp://:80,443");
    char *text = toml(policy);
    sandlock_policy *again = sandlock_policy_new();
    OK(sandlock_policy_merge_toml(again, text, &error));
    CHECK(sandlock_policy_equal(policy, again));
    char *text_again = toml(again);
    CHECK_TEXT(text_again, text);
    sandlock_string_free(text_again);
    sandlock_string_free(text);
    sandlock_policy_free(again);
    sandlock_policy_free(policy);
}

static void an_empty_policy_is_an_empty_text_and_back(void)
{
    sandlock_policy *policy = sandlock_policy_new(), *again = sandlock_policy_new();
    char *text = toml(policy);
    OK(sandlock_policy_merge_toml(again, text, &error));
    OK(sandlock_policy_merge_toml(again, "", &error));
    CHECK(sandlock_policy_equal(policy, again));
    sandlock_string_free(text);
    sandlock_policy_free(policy);
    sandlock_policy_free(again);
}

static void a_clone_is_equal_and_goes_its_own_way(void)
{
    sandlock_policy *policy = system_policy();
    sandlock_policy *clone = sandlock_policy_clone(policy);
    CHECK(clone != policy);
    CHECK(sandlock_policy_equal(policy, clone));
    set(clone, "fs.read", "/srv");
    CHECK(!sandlock_policy_equal(policy, clone));
    sandlock_policy *untouched = system_policy();
    CHECK(sandlock_policy_equal(policy, untouched));
    sandlock_policy_free(policy);
    char *text = toml(clone);
    CHECK_PART(text, "/srv");
    sandlock_string_free(text);
    sandlock_policy_free(untouched);
    sandlock_policy_free(clone);
}

static void paths_are_any_bytes_until_they_are_written_as_toml(void)
{
    sandlock_policy *policy = sandlock_policy_new();
    set(policy, "fs.read_if_exists", "/not \xff utf-8");
    char *untouched = (char *)"untouched", *text = untouched;
    FAILS(SANDLOCK_ERROR_POLICY, sandlock_policy_to_toml(policy, &text, &error));
    CHECK_TEXT(sandlock_error_setting(error), "fs.read_if_exists[0]");
    CHECK(text == untouched);
    sandlock_policy_free(policy);

    policy = sandlock_policy_new();
    set(policy, "process.env", "NAME=\xff");
    FAILS(SANDLOCK_ERROR_POLICY, sandlock_policy_to_toml(policy, &text, &error));
    CHECK_PART(sandlock_error_setting(error), "process.env");
    CHECK(text == untouched);
    sandlock_policy_free(policy);
}

/* A call that fails with this kind and a message about this, and leaves the policy as it was. */
#define REFUSED(kind, part, call)                                      \
    do {                                                               \
        FAILS(kind, call);                                             \
        CHECK_PART(MESSAGE(), part);                                   \
        CHECK(sandlock_policy_equal(policy, before));                  \
    } while (0)

static void what_cannot_be_set_changes_nothing(void)
{
    sandlock_policy *policy = system_policy();
    sandlock_policy *before = sandlock_policy_clone(policy);
    sandlock_status wrong = SANDLOCK_ERROR_POLICY, argument = SANDLOCK_ERROR_ARGUMENT;

    REFUSED(wrong, "fs.raed", sandlock_policy_set(policy, "fs.raed", "/usr", &error));
    REFUSED(wrong, "fs", sandlock_policy_set(policy, "fs", "/usr", &error));
    REFUSED(wrong, "", sandlock_policy_set(policy, "", "", &error));
    REFUSED(wrong, "fs.read", sandlock_policy_set(policy, "fs.read", "", &error));
    REFUSED(wrong, "limits.open_files", sandlock_policy_set(policy, "limits.open_files", "many", &error));
    REFUSED(wrong, "limits.open_files", sandlock_policy_set(policy, "limits.open_files", "\xff", &error));
    REFUSED(wrong, "limits.timeout", sandlock_policy_set(policy, "limits.timeout", "0", &error));
    REFUSED(wrong, "limits.timeout", sandlock_policy_set(policy, "limits.timeout", "1e400", &error));
    REFUSED(wrong, "process.env", sandlock_policy_set(policy, "process.env", "no equals sign", &error));
    REFUSED(wrong, "protections", sandlock_policy_set(policy, "protections.nonsense", "off", &error));
    REFUSED(wrong, "syscalls.deny", sandlock_policy_set(policy, "syscalls.deny", "nocall", &error));
    REFUSED(argument, "setting is not UTF-8", sandlock_policy_set(policy, "fs.\xff", "/usr", &error));
    REFUSED(argument, "toml is not UTF-8", sandlock_policy_merge_toml(policy, "# \xff", &error));

    clear();
    CHECK_INT(sandlock_policy_set(policy, "fs.raed", "/usr", NULL), SANDLOCK_ERROR_POLICY);
    CHECK_INT(sandlock_policy_merge_toml(policy, "# \xff", NULL), SANDLOCK_ERROR_ARGUMENT);
    CHECK(sandlock_policy_equal(policy, before));
    sandlock_policy_free(before);
    sandlock_policy_free(policy);
}

static void a_text_with_one_wrong_line_changes_nothing_and_names_every_problem(void)
{
    sandlock_policy *policy = system_policy();
    sandlock_policy *before = sandlock_policy_clone(policy);
    const char *text = "fs.read = [\"/srv\"]\nfs.raed = [\"/x\"]\nlimits.open_files = \"many\"\nbogus = 1\n";
    REFUSED(SANDLOCK_ERROR_POLICY, "fs.raed", sandlock_policy_merge_toml(policy, text, &error));
    CHECK_INT(sandlock_error_problem_count(error), 3);
    bool seen[3] = {false};
    const char *settings[] = {"fs.raed", "limits.open_files", "bogus"};
    for (size_t i = 0; i < 3; i++) {
        const char *setting = sandlock_error_problem_setting(error, i);
        CHECK(strlen(sandlock_error_problem_message(error, i)) > 0);
        CHECK_PART(MESSAGE(), sandlock_error_problem_message(error, i));
        for (size_t j = 0; j < 3; j++)
            seen[j] |= strcmp(setting, settings[j]) == 0;
    }
    CHECK(seen[0] && seen[1] && seen[2]);
    CHECK_TEXT(sandlock_error_setting(error), sandlock_error_problem_setting(error, 0));
    CHECK(sandlock_error_problem_setting(error, 3) == NULL);
    CHECK(sandlock_error_problem_setting(error, SIZE_MAX) == NULL);
    CHECK(sandlock_error_problem_message(error, 3) == NULL);

    REFUSED(SANDLOCK_ERROR_POLICY, "", sandlock_policy_merge_toml(policy, "fs.read = [", &error));
    REFUSED(SANDLOCK_ERROR_POLICY, "", sandlock_policy_merge_toml(policy, "fs.read = \"/a\"\nfs.read = 1", &error));
    sandlock_policy_free(before);
    sandlock_policy_free(policy);
}

static void policies_are_equal_to_themselves_and_not_to_null(void)
{
    sandlock_policy *policy = system_policy();
    CHECK(sandlock_policy_equal(policy, policy));
    CHECK(!sandlock_policy_equal(policy, NULL));
    CHECK(!sandlock_policy_equal(NULL, policy));
    CHECK(!sandlock_policy_equal(NULL, NULL));
    sandlock_policy_free(policy);
}

int main(void)
{
    lists_append_and_the_rest_is_replaced();
    a_map_takes_its_key_in_the_value_or_in_the_path();
    toml_makes_an_equal_policy();
    an_empty_policy_is_an_empty_text_and_back();
    a_clone_is_equal_and_goes_its_own_way();
    paths_are_any_bytes_until_they_are_written_as_toml();
    what_cannot_be_set_changes_nothing();
    a_text_with_one_wrong_line_changes_nothing_and_names_every_problem();
    policies_are_equal_to_themselves_and_not_to_null();
    return done();
}
