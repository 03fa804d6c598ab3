/* Failures of handlers, and the causes that are handed over with them: each is freed exactly once. */

#include "check.h"

#include <stdatomic.h>

/* A cause, and what became of it. */
struct cause {
    atomic_int freed;
};

static void free_cause(void *cause)
{
    atomic_fetch_add(&((struct cause *)cause)->freed, 1);
}

static void free_other(void *cause)
{
    (void)cause;
    failed(__FILE__, __LINE__, "not the function that the cause came with");
}

/* How a handler fails. */
struct failing {
    struct cause causes[2];
    int count;
    const char *message;
    sandlock_action answer;
};

static sandlock_action fail(const sandlock_notif *notif, void *user_data)
{
    struct failing *failing = user_data;
    for (int i = 0; i < failing->count; i++)
        sandlock_notif_fail(notif, failing->message, &failing->causes[i], free_cause);
    return failing->answer;
}

static sandlock_sandbox *sandbox_failing(struct failing *failing, int32_t on_error, uint64_t deadline)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_handler_options options = SANDLOCK_INIT(sandlock_handler_options);
    options.name = "failing";
    options.on_error = on_error;
    options.deadline_ms = deadline;
    failing->answer = sandlock_continue();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, fail, failing, NULL, &options, &error));
    return sandbox;
}

static void is_the_failure(const sandlock_handler_error *failure, struct failing *failing)
{
    CHECK_INT(sandlock_handler_error_syscall(failure), SYS_uname);
    CHECK_TEXT(sandlock_handler_error_name(failure), "failing");
    CHECK_TEXT(sandlock_handler_error_message(failure), failing->message);
    CHECK(sandlock_handler_error_cause(failure, free_cause) == &failing->causes[0]);
    CHECK(sandlock_handler_error_cause(failure, free_other) == NULL);
    CHECK(sandlock_handler_error_cause(failure, NULL) == NULL);
}

static void a_cause_lives_as_long_as_the_error(void)
{
    struct failing failing = {.count = 2, .message = "no coffee"};
    sandlock_sandbox *sandbox = sandbox_failing(&failing, 0, 0);
    FAILS(SANDLOCK_ERROR_HANDLER, sandlock_sandbox_run(sandbox, WORDS("uname"), NULL, &error));
    is_the_failure(sandlock_error_handler_error(error), &failing);
    CHECK_PART(MESSAGE(), "no coffee");
    sandlock_sandbox_free(sandbox);
    CHECK_INT(failing.causes[0].freed, 0);
    CHECK_INT(failing.causes[1].freed, 1);
    clear();
    CHECK_INT(failing.causes[0].freed, 1);
    CHECK_INT(failing.causes[1].freed, 1);
}

static void a_cause_lives_as_long_as_the_output(void)
{
    struct failing failing = {.count = 2, .message = "no tea"};
    sandlock_sandbox *sandbox = sandbox_failing(&failing, EACCES, 0);
    sandlock_output *output = RUN(sandbox, "uname");
    CHECK_INT(sandlock_output_exit_code(output), 1);
    sandlock_sandbox_free(sandbox);
    is_the_failure(sandlock_output_handler_error(output, 0), &failing);
    CHECK_INT(failing.causes[0].freed, 0);
    CHECK_INT(failing.causes[1].freed, 1);
    sandlock_output_free(output);
    CHECK_INT(failing.causes[0].freed, 1);
    CHECK_INT(failing.causes[1].freed, 1);
}

static void a_cause_that_nobody_asks_for_is_freed(void)
{
    struct failing failing = {.count = 1, .message = "nobody asks"};
    sandlock_sandbox *sandbox = sandbox_failing(&failing, 0, 0);
    CHECK_INT(sandlock_sandbox_run(sandbox, WORDS("uname"), NULL, NULL), SANDLOCK_ERROR_HANDLER);
    CHECK_INT(failing.causes[0].freed, 1);
    sandlock_sandbox_free(sandbox);

    struct failing listed = {.count = 1, .message = "nobody asks"};
    sandbox = sandbox_failing(&listed, EACCES, 0);
    OK(sandlock_sandbox_run(sandbox, WORDS("uname"), NULL, &error));
    CHECK_INT(listed.causes[0].freed, 1);
    sandlock_sandbox_free(sandbox);
}

static void outputs_of_one_child_share_a_cause(void)
{
    struct failing failing = {.count = 1, .message = "shared"};
    sandlock_sandbox *sandbox = sandbox_failing(&failing, EACCES, 0);
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    sandlock_child *child = NULL;
    sandlock_output *outputs[2] = {NULL};
    launch.argv = WORDS("uname");
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    OK(sandlock_child_wait(child, &outputs[0], &error));
    OK(sandlock_child_wait(child, &outputs[1], &error));
    sandlock_child_free(child);
    sandlock_sandbox_free(sandbox);
    is_the_failure(sandlock_output_handler_error(outputs[0], 0), &failing);
    sandlock_output_free(outputs[0]);
    CHECK_INT(failing.causes[0].freed, 0);
    is_the_failure(sandlock_output_handler_error(outputs[1], 0), &failing);
    sandlock_output_free(outputs[1]);
    CHECK_INT(failing.causes[0].freed, 1);
}

static void a_failure_that_counts_for_nothing_frees_its_cause(void)
{
    /* What a call after kill() in the tree says: the program ends and nobody waits. */
    struct failing failing = {.count = 1, .message = "late"};
    sandlock_sandbox *sandbox = sandbox_failing(&failing, 0, 0);
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    sandlock_child *child = NULL;
    launch.argv = WORDS("sh", "-c", "uname; while :; do :; done");
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    sandlock_child_free(child);
    sandlock_sandbox_free(sandbox);
    CHECK(failing.causes[0].freed <= 1);
}

static void what_was_answered_after_a_failure_is_given_up(void)
{
    int copy = dup(0);
    struct failing failing = {.count = 1, .message = "after all"};
    sandlock_sandbox *sandbox = sandbox_failing(&failing, EACCES, 0);
    failing.answer = sandlock_inject_fd(copy, true);
    EXITS(1, sandbox, "uname");
    CHECK_INT(fcntl(copy, F_GETFD), -1);
    sandlock_sandbox_free(sandbox);
}

static void pooled_failures_are_the_same(void)
{
    struct failing failing = {.count = 2, .message = "pooled"};
    sandlock_sandbox *sandbox = sandbox_failing(&failing, EACCES, 60000);
    sandlock_output *output = RUN(sandbox, "uname");
    is_the_failure(sandlock_output_handler_error(output, 0), &failing);
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
    CHECK_INT(failing.causes[0].freed, 1);
    CHECK_INT(failing.causes[1].freed, 1);
}

static void messages_are_any_bytes_or_none(void)
{
    struct failing failing = {.count = 1, .message = "\xff\n\x01"};
    sandlock_sandbox *sandbox = sandbox_failing(&failing, EACCES, 0);
    sandlock_output *output = RUN(sandbox, "uname");
    const char *message = sandlock_handler_error_message(sandlock_output_handler_error(output, 0));
    CHECK_PART(message, "\xef\xbf\xbd");
    CHECK(strchr(message, '\xff') == NULL);
    sandlock_output_free(output);
    failing.message = NULL;
    output = RUN(sandbox, "uname");
    message = sandlock_handler_error_message(sandlock_output_handler_error(output, 0));
    CHECK_TEXT(message, "no reason given");
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

static void a_hundred_failures_are_listed_and_the_rest_counted(void)
{
    struct failing failing = {.count = 0};
    memset(&failing.answer, 0, sizeof failing.answer);
    sandlock_sandbox *sandbox = sandbox_failing(&failing, EACCES, 0);
    memset(&failing.answer, 0, sizeof failing.answer);
    sandlock_output *output =
        SH(sandbox, "i=0; while [ $i -lt 105 ]; do uname 2>/dev/null; i=$((i + 1)); done; true");
    CHECK(sandlock_output_handler_error(output, 99) != NULL);
    CHECK(sandlock_output_handler_error(output, 100) == NULL);
    CHECK_INT(sandlock_output_handler_errors_dropped(output), 5);
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

int main(void)
{
    a_cause_lives_as_long_as_the_error();
    a_cause_lives_as_long_as_the_output();
    a_cause_that_nobody_asks_for_is_freed();
    outputs_of_one_child_share_a_cause();
    a_failure_that_counts_for_nothing_frees_its_cause();
    what_was_answered_after_a_failure_is_given_up();
    pooled_failures_are_the_same();
    messages_are_any_bytes_or_none();
    a_hundred_failures_are_listed_and_the_rest_counted();
    return done();
}
