/* Sandboxes: made of a policy, cloned, freed, and run one command or many. */

#include "check.h"

static char poison;
#define POISON ((void *)&poison)

static void a_policy_that_cannot_be_applied_makes_no_sandbox(void)
{
    sandlock_sandbox *sandbox = POISON;
    sandlock_policy *policy = sandlock_policy_new();
    set(policy, "fs.read", "/no/such/path");
    FAILS(SANDLOCK_ERROR_POLICY, sandlock_sandbox_new(policy, &sandbox, &error));
    CHECK_PART(sandlock_error_setting(error), "fs.read");
    CHECK_PART(MESSAGE(), "/no/such/path");
    CHECK_INT(sandlock_sandbox_new(policy, &sandbox, NULL), SANDLOCK_ERROR_POLICY);
    CHECK(sandbox == POISON);
    sandlock_policy_free(policy);

    policy = system_policy();
    set(policy, "syscalls.deny", "execve");
    FAILS(SANDLOCK_ERROR_POLICY, sandlock_sandbox_new(policy, &sandbox, &error));
    CHECK_TEXT(sandlock_error_setting(error), "syscalls.deny");
    CHECK(sandbox == POISON);
    sandlock_policy_free(policy);
}

static void it_needs_its_policy_no_more(void)
{
    sandlock_policy *policy = system_policy();
    sandlock_sandbox *sandbox = NULL;
    OK(sandlock_sandbox_new(policy, &sandbox, &error));
    set(policy, "syscalls.deny", "uname");
    EXITS(0, sandbox, "uname");
    sandlock_policy_free(policy);
    EXITS(0, sandbox, "uname");
    sandlock_sandbox_free(sandbox);
}

static void what_is_not_granted_is_refused(void)
{
    char secret[PATH_MAX + 8];
    snprintf(secret, sizeof secret, "%s/secret", working_directory());
    write_file(secret, "secret\n", 0644);
    sandlock_sandbox *strict = system_sandbox();
    sandlock_policy *policy = system_policy();
    set(policy, "fs.read", working_directory());
    sandlock_sandbox *generous = sandbox_for(policy);
    EXITS(1, strict, "cat", secret);
    EXITS(0, generous, "cat", secret);
    sandlock_sandbox_free(strict);
    sandlock_sandbox_free(generous);
    unlink(secret);
}

static void interactive_runs_need_no_terminal(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_output *output = NULL;
    OK(sandlock_sandbox_run_interactive(sandbox, WORDS("sh", "-c", "exit 3"), &output, &error));
    CHECK_INT(sandlock_output_exit_code(output), 3);
    size_t length = 7;
    CHECK(sandlock_output_stdout(output, &length) != NULL);
    CHECK_INT(length, 0);
    sandlock_output_free(output);
    output = POISON;
    FAILS(SANDLOCK_ERROR_NOT_FOUND,
          sandlock_sandbox_run_interactive(sandbox, WORDS("no-such-command"), &output, &error));
    FAILS(SANDLOCK_ERROR_COMMAND,
          sandlock_sandbox_run_interactive(sandbox, (const char *const[]){NULL}, &output, &error));
    CHECK(output == POISON);
    sandlock_sandbox_free(sandbox);
}

static sandlock_launch launch_of(const char *const *argv)
{
    sandlock_launch launch = {0};
    launch.size = sizeof launch;
    launch.argv = argv;
    return launch;
}

static void many_runs_have_each_their_result(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_launch good = launch_of(WORDS("echo", "good")), bad = launch_of(WORDS("no-such-command")),
                    three = launch_of(WORDS("sh", "-c", "exit 3")),
                    piped = launch_of(WORDS("echo", "piped"));
    piped.out.kind = SANDLOCK_STDIO_PIPED;
    const sandlock_launch *launches[] = {&good, &bad, &three, &good, &bad, &good};
    enum { COUNT = sizeof launches / sizeof *launches };
    size_t at_once[] = {0, 1, 3, COUNT, 100, SIZE_MAX};
    for (size_t i = 0; i < sizeof at_once / sizeof *at_once; i++) {
        sandlock_output *outputs[COUNT + 1];
        sandlock_error *errors[COUNT + 1];
        for (size_t j = 0; j <= COUNT; j++) {
            outputs[j] = POISON;
            errors[j] = POISON;
        }
        OK(sandlock_sandbox_run_all(sandbox, launches, COUNT, at_once[i], outputs, errors, &error));
        for (size_t j = 0; j < COUNT; j++) {
            if (launches[j] == &bad) {
                CHECK(outputs[j] == NULL);
                CHECK_INT(sandlock_error_kind(errors[j]), SANDLOCK_ERROR_NOT_FOUND);
                sandlock_error_free(errors[j]);
                continue;
            }
            CHECK(errors[j] == NULL);
            CHECK_INT(sandlock_output_exit_code(outputs[j]), launches[j] == &three ? 3 : 0);
            CHECK_TEXT(printed(outputs[j]), launches[j] == &three ? "" : "good\n");
            sandlock_output_free(outputs[j]);
        }
        CHECK(outputs[COUNT] == POISON && errors[COUNT] == POISON);
    }

    /* A stream that nobody serves is the failure of that command. */
    sandlock_output *output[2] = {POISON, POISON};
    sandlock_error *failure[2] = {POISON, POISON};
    const sandlock_launch *mixed[] = {&piped, &good};
    OK(sandlock_sandbox_run_all(sandbox, mixed, 2, 2, output, failure, &error));
    CHECK(output[0] == NULL && failure[1] == NULL);
    CHECK_INT(sandlock_error_kind(failure[0]), SANDLOCK_ERROR_COMMAND);
    sandlock_error_free(failure[0]);
    sandlock_output_free(output[1]);
    sandlock_sandbox_free(sandbox);
}

/* One launch that cannot be used, and none is run. */
static void many_runs_start_all_or_none(void)
{
    sandlock_policy *policy = system_policy();
    set(policy, "fs.write", working_directory());
    sandlock_sandbox *sandbox = sandbox_for(policy);
    char trace[PATH_MAX + 8];
    snprintf(trace, sizeof trace, "%s/trace", working_directory());
    sandlock_launch good = launch_of(WORDS("touch", trace)), wrong = good;
    const sandlock_launch *launches[] = {&good, &wrong};
    sandlock_output *outputs[2] = {POISON, POISON};
    sandlock_error *errors[2] = {POISON, POISON};
    wrong.flags = 1 << 7;
    FAILS(SANDLOCK_ERROR_ARGUMENT,
          sandlock_sandbox_run_all(sandbox, launches, 2, 1, outputs, errors, &error));
    FAILS(SANDLOCK_ERROR_ARGUMENT,
          sandlock_sandbox_run_all(sandbox, launches, SIZE_MAX, 1, outputs, errors, &error));
    FAILS(SANDLOCK_ERROR_ARGUMENT,
          sandlock_sandbox_run_all(sandbox, launches, SIZE_MAX / 8 + 2, 1, outputs, errors, &error));
    CHECK(outputs[0] == POISON && outputs[1] == POISON && errors[0] == POISON && errors[1] == POISON);
    CHECK(access(trace, F_OK) != 0);
    OK(sandlock_sandbox_run_all(sandbox, launches, 1, 1, outputs, errors, &error));
    CHECK(access(trace, F_OK) == 0);
    sandlock_output_free(outputs[0]);
    unlink(trace);
    sandlock_sandbox_free(sandbox);
}

static sandlock_action refuse(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    (void)user_data;
    return sandlock_errno(EACCES);
}

static void a_clone_goes_its_own_way(void)
{
    sandlock_sandbox *first = system_sandbox();
    sandlock_sandbox *before = sandlock_sandbox_clone(first);
    OK(sandlock_sandbox_add_handler(first, SYS_uname, refuse, NULL, NULL, NULL, &error));
    sandlock_sandbox *after = sandlock_sandbox_clone(first);
    EXITS(1, first, "uname");
    EXITS(0, before, "uname");
    sandlock_sandbox_free(first);
    EXITS(1, after, "uname");
    sandlock_sandbox_free(after);
    EXITS(0, before, "uname");
    sandlock_sandbox_free(before);
}

static void a_child_outlives_its_sandbox(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, refuse, NULL, NULL, NULL, &error));
    sandlock_launch launch = launch_of(WORDS("sh", "-c", "read line; uname; echo $?"));
    launch.in.kind = SANDLOCK_STDIO_PIPED;
    sandlock_child *child = NULL;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    sandlock_sandbox_free(sandbox);
    int in = sandlock_child_stdin(child);
    CHECK_INT(write(in, "go\n", 3), 3);
    CHECK_INT(close(in), 0);
    sandlock_output *output = NULL;
    OK(sandlock_child_wait(child, &output, &error));
    CHECK_TEXT(printed(output), "1\n");
    sandlock_output_free(output);
    sandlock_child_free(child);
}

static void runs_leave_no_descriptors_and_threads(void)
{
    int tasks = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, refuse, NULL, NULL, NULL, &error));
    for (int i = 0; i < 20; i++)
        EXITS(1, sandbox, "uname");
    sandlock_sandbox_free(sandbox);
    CHECK_INT(entries("/proc/self/fd"), descriptors);
    /* A thread that was joined can still be listed for a moment. */
    long long deadline = milliseconds() + 10000;
    while (entries("/proc/self/task") != tasks)
        CHECK(milliseconds() < deadline);
}

int main(void)
{
    a_policy_that_cannot_be_applied_makes_no_sandbox();
    it_needs_its_policy_no_more();
    what_is_not_granted_is_refused();
    interactive_runs_need_no_terminal();
    many_runs_have_each_their_result();
    many_runs_start_all_or_none();
    a_clone_goes_its_own_way();
    a_child_outlives_its_sandbox();
    runs_leave_no_descriptors_and_threads();
    return done();
}
