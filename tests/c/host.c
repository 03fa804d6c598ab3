/* What this kernel can enforce. */

#include "check.h"

static void a_host_that_runs_these_tests_enforces_a_policy_in_full(void)
{
    OK(sandlock_host_check(&error));
    OK(sandlock_host_check(NULL));
    CHECK(sandlock_host_landlock_abi() >= 6);
    CHECK_INT(sandlock_host_landlock_abi(), sandlock_host_landlock_abi());
}

static void the_report_is_an_object_of_json(void)
{
    char *text = NULL;
    OK(sandlock_host_json(&text, &error));
    CHECK_INT(text[0], '{');
    CHECK_INT(text[strlen(text) - 1], '}');
    char abi[64];
    snprintf(abi, sizeof abi, "\"landlock_abi\":%u", sandlock_host_landlock_abi());
    CHECK_PART(text, abi);
    sandlock_string_free(text);
}

int main(void)
{
    a_host_that_runs_these_tests_enforces_a_policy_in_full();
    the_report_is_an_object_of_json();
    return done();
}
