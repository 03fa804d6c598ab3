/* What a run leaves. */

#include "check.h"

static sandlock_sandbox *sandbox;

static void exit_codes_are_those_of_the_program(void)
{
    int codes[] = {0, 1, 77, 125, 128, 255};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char script[32];
        snprintf(script, sizeof script, "exit %d", codes[i]);
        sandlock_output *output = SH(sandbox, script);
        int status = sandlock_output_status(output);
        CHECK_INT(sandlock_output_success(output), codes[i] == 0);
        CHECK_INT(sandlock_output_exit_code(output), codes[i]);
        CHECK_INT(sandlock_output_signal(output), 0);
        CHECK_INT(sandlock_output_reason(output), SANDLOCK_REASON_EXITED);
        CHECK(WIFEXITED(status));
        CHECK_INT(WEXITSTATUS(status), codes[i]);
        sandlock_output_free(output);
    }
}

static void signals_are_those_that_ended_it(void)
{
    const struct { const char *script; int number; } cases[] = {
        {"kill -TERM $$", SIGTERM}, {"kill -KILL $$", SIGKILL}, {"kill -SEGV $$", SIGSEGV},
        {"kill -HUP $$", SIGHUP}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sandlock_output *output = SH(sandbox, cases[i].script);
        int status = sandlock_output_status(output);
        CHECK(!sandlock_output_success(output));
        CHECK_INT(sandlock_output_exit_code(output), -1);
        CHECK_INT(sandlock_output_signal(output), cases[i].number);
        CHECK_INT(sandlock_output_reason(output), SANDLOCK_REASON_SIGNALED);
        CHECK(WIFSIGNALED(status));
        CHECK_INT(WTERMSIG(status), cases[i].number);
        sandlock_output_free(output);
    }
}

static void bytes_are_kept_as_they_were_written(void)
{
    sandlock_output *output = SH(sandbox, "printf 'a\\0b\\377'; printf '\\0' >&2");
    size_t length = 0;
    const char *bytes = sandlock_output_stdout(output, &length);
    CHECK_INT(length, 4);
    /* With a NUL that does not count. */
    CHECK(memcmp(bytes, "a\0b\377", 5) == 0);
    CHECK(sandlock_output_stdout(output, NULL) == bytes);
    bytes = sandlock_output_stderr(output, &length);
    CHECK_INT(length, 1);
    CHECK(memcmp(bytes, "\0", 2) == 0);
    sandlock_output_free(output);
}

static void nothing_is_an_address_too(void)
{
    sandlock_output *output = RUN(sandbox, "true");
    size_t length = 7;
    CHECK_TEXT(sandlock_output_stdout(output, &length), "");
    CHECK_INT(length, 0);
    length = 7;
    CHECK_TEXT(sandlock_output_stderr(output, &length), "");
    CHECK_INT(length, 0);
    sandlock_output_free(output);
}

struct wider {
    sandlock_usage usage;
    uint64_t later[8];
};

static void usage_is_filled_in_as_far_as_the_caller_knows_it(void)
{
    sandlock_output *output = SH(sandbox, "i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done");
    struct wider wider;
    memset(&wider, 0xee, sizeof wider);
    wider.usage.size = sizeof(sandlock_usage);
    OK(sandlock_output_usage(output, &wider.usage, &error));
    CHECK_INT(wider.usage.size, sizeof(sandlock_usage));
    CHECK(wider.usage.wall_ns > 1000 && wider.usage.wall_ns < UINT64_C(60000000000));
    CHECK(wider.usage.user_ns + wider.usage.system_ns > 1000);
    CHECK(wider.usage.user_ns + wider.usage.system_ns < UINT64_C(60000000000));
    CHECK(wider.usage.peak_memory < UINT64_C(1) << 40);
    CHECK_INT(wider.later[0], (long long)0xeeeeeeeeeeeeeeee);
    wider.usage.size = sizeof(sandlock_usage) + 16;
    OK(sandlock_output_usage(output, &wider.usage, &error));
    CHECK_INT(wider.usage.size, sizeof(sandlock_usage) + 16);
    CHECK_INT(wider.later[0], 0);
    CHECK_INT(wider.later[1], 0);
    CHECK_INT(wider.later[2], (long long)0xeeeeeeeeeeeeeeee);

    size_t wrong[] = {0, 8, sizeof(sandlock_usage) - 1, sizeof(sandlock_usage) + 1, 4097, 4104, SIZE_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memset(&wider, 0xee, sizeof wider);
        wider.usage.size = wrong[i];
        FAILS(SANDLOCK_ERROR_ARGUMENT, sandlock_output_usage(output, &wider.usage, &error));
        CHECK_PART(MESSAGE(), "usage.size");
        CHECK_INT(wider.usage.wall_ns, (long long)0xeeeeeeeeeeeeeeee);
        CHECK_INT(wider.usage.peak_memory, (long long)0xeeeeeeeeeeeeeeee);
    }
    sandlock_output_free(output);
}

static void enforcement_belongs_to_the_output(void)
{
    sandlock_output *output = RUN(sandbox, "true");
    const sandlock_enforcement *enforcement = sandlock_output_enforcement(output);
    CHECK(enforcement == sandlock_output_enforcement(output));
    CHECK_INT(sandlock_enforcement_landlock_abi(enforcement), sandlock_host_landlock_abi());
    CHECK(sandlock_enforcement_line(enforcement, SANDLOCK_ENFORCEMENT_ENFORCED, 0) != NULL);
    sandlock_output_free(output);
}

static void json_has_everything_but_the_bytes(void)
{
    sandlock_output *output = SH(sandbox, "echo printed; exit 3");
    const char *json = sandlock_output_json(output);
    CHECK(json == sandlock_output_json(output));
    CHECK_INT(json[0], '{');
    CHECK_INT(json[strlen(json) - 1], '}');
    const char *keys[] = {"\"reason\":", "\"usage\":", "\"landlock_abi\":", "\"enforced\":", "\"degraded\":",
                          "\"weakened\":", ":3"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        CHECK_PART(json, keys[i]);
    CHECK(strstr(json, "printed") == NULL);
    int depth = 0;
    bool in_text = false;
    for (const char *at = json; *at != '\0'; at++) {
        if (*at == '\\')
            at++;
        else if (*at == '"')
            in_text = !in_text;
        else if (!in_text)
            depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        CHECK(depth > 0 || at[1] == '\0');
    }
    CHECK_INT(depth, 0);
    sandlock_output_free(output);
}

static void without_handlers_there_are_no_failures(void)
{
    sandlock_output *output = RUN(sandbox, "true");
    CHECK(sandlock_output_handler_error(output, 0) == NULL);
    CHECK(sandlock_output_handler_error(output, SIZE_MAX) == NULL);
    CHECK_INT(sandlock_output_handler_error_count(output), 0);
    CHECK_INT(sandlock_output_handler_errors_dropped(output), 0);
    CHECK_INT(sandlock_output_stdout_dropped(output), 0);
    sandlock_output_free(output);
}

static void a_clone_says_the_same_on_its_own(void)
{
    sandlock_output *output = SH(sandbox, "echo printed; echo complained >&2; exit 3");
    sandlock_output *clone = sandlock_output_clone(output);
    size_t length = 0;
    CHECK(clone != output);
    CHECK_TEXT(sandlock_output_json(clone), sandlock_output_json(output));
    sandlock_output_free(output);
    CHECK_TEXT(sandlock_output_stdout(clone, &length), "printed\n");
    CHECK_INT(length, 8);
    CHECK_TEXT(sandlock_output_stderr(clone, NULL), "complained\n");
    CHECK_INT(sandlock_output_exit_code(clone), 3);
    CHECK(sandlock_enforcement_count(sandlock_output_enforcement(clone), SANDLOCK_ENFORCEMENT_ENFORCED) > 0);
    sandlock_output *second = sandlock_output_clone(clone);
    sandlock_output_free(clone);
    CHECK_TEXT(sandlock_output_stdout(second, NULL), "printed\n");
    sandlock_output_free(second);
}

static void nothing_is_left_when_a_run_has_returned(void)
{
    sandlock_output *output = SH(sandbox, "sleep 1000 & setsid sleep 1000 & echo $!");
    pid_t left = atoi(printed(output));
    CHECK(left > 1);
    CHECK_INT(kill(left, 0), -1);
    CHECK_INT(errno, ESRCH);
    CHECK_INT(sandlock_output_exit_code(output), 0);
    sandlock_output_free(output);
}

int main(void)
{
    sandbox = system_sandbox();
    exit_codes_are_those_of_the_program();
    signals_are_those_that_ended_it();
    bytes_are_kept_as_they_were_written();
    nothing_is_an_address_too();
    usage_is_filled_in_as_far_as_the_caller_knows_it();
    enforcement_belongs_to_the_output();
    json_has_everything_but_the_bytes();
    without_handlers_there_are_no_failures();
    a_clone_says_the_same_on_its_own();
    nothing_is_left_when_a_run_has_returned();
    sandlock_sandbox_free(sandbox);
    return done();
}
