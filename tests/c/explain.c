/* What a policy would do on this kernel, as text. Apart from policy.c because valgrind does not know
 * the calls that ask the kernel. */

#include "check.h"

static char *explanation(const sandlock_policy *policy)
{
    char *text = NULL;
    OK(sandlock_policy_explain(policy, &text, &error));
    return text;
}

static void an_explanation_needs_no_paths_but_sense(void)
{
    sandlock_policy *policy = sandlock_policy_new();
    set(policy, "fs.read", "/no/such/path");
    char *text = explanation(policy);
    CHECK_PART(text, "/no/such/path");
    sandlock_string_free(text);
    set(policy, "syscalls.deny", "execve");
    set(policy, "syscalls.deny", "exit_group");
    text = NULL;
    FAILS(SANDLOCK_ERROR_POLICY, sandlock_policy_explain(policy, &text, &error));
    CHECK_TEXT(sandlock_error_setting(error), "syscalls.deny");
    CHECK_INT(sandlock_error_problem_count(error), 2);
    CHECK(text == NULL);
    sandlock_policy_free(policy);
}

static void json_is_an_object_and_needs_utf_8(void)
{
    sandlock_policy *policy = sandlock_policy_new();
    char *text = NULL;
    set(policy, "fs.read", "/no/such/path");
    OK(sandlock_policy_explain_json(policy, &text, &error));
    CHECK_INT(text[0], '{');
    CHECK_INT(text[strlen(text) - 1], '}');
    CHECK_PART(text, "\"/no/such/path\"");
    sandlock_string_free(text);
    text = NULL;
    set(policy, "fs.read_if_exists", "/not \xff utf-8");
    FAILS(SANDLOCK_ERROR_POLICY, sandlock_policy_explain_json(policy, &text, &error));
    CHECK(text == NULL);
    sandlock_policy_free(policy);

    policy = sandlock_policy_new();
    set(policy, "syscalls.deny", "execve");
    FAILS(SANDLOCK_ERROR_POLICY, sandlock_policy_explain_json(policy, &text, &error));
    CHECK_TEXT(sandlock_error_setting(error), "syscalls.deny");
    CHECK(text == NULL);
    sandlock_policy_free(policy);
}

static void it_shows_any_path(void)
{
    sandlock_policy *policy = sandlock_policy_new();
    set(policy, "fs.read_if_exists", "/not \xff utf-8");
    char *text = explanation(policy);
    CHECK_PART(text, "/not ");
    CHECK(strchr(text, '\xff') == NULL);
    sandlock_string_free(text);
    sandlock_policy_free(policy);
}

int main(void)
{
    an_explanation_needs_no_paths_but_sense();
    json_is_an_object_and_needs_utf_8();
    it_shows_any_path();
    return done();
}
