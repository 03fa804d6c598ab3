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

/* Addresses that stand for the type of a cause, and for another one. */
static const char type, other_type;

/* How a handler fails. */
struct failing {
    struct cause causes[2];
    int count;
    const char *message;
    sandlock_action answer;
    /* To be injected; 0 for none. */
    int descriptor;
};

static sandlock_action fail(const sandlock_notif *notif, void *user_data)
{
    struct failing *failing = user_data;
    for (int i = 0; i < failing->count; i++)
        sandlock_notif_fail(notif, failing->message, &failing->causes[i], free_cause, &type);
    return failing->descriptor != 0 ? sandlock_inject_fd(failing->descriptor, true) : failing->answer;
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
    CHECK(sandlock_handler_error_cause(failure, &type) == &failing->causes[0]);
    CHECK(sandlock_handler_error_cause(failure, &other_type) == NULL);
    CHECK(sandlock_handler_error_cause(failure, &failing->causes[0]) == NULL);
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
    failing.descriptor = copy;
    EXITS(1, sandbox, "uname");
    CHECK_INT(fcntl(copy, F_GETFD), -1);
    sandlock_sandbox_free(sandbox);
}

/* A cause may have no function that frees it, and then it is the handler's own; without a type nobody
 * can ask for it, but it is freed. */
static const void *type_of_fail;
static sandlock_free_fn free_of_fail;

static sandlock_action fail_with(const sandlock_notif *notif, void *user_data)
{
    sandlock_notif_fail(notif, "its own", user_data, free_of_fail, type_of_fail);
    return sandlock_continue();
}

static void causes_need_no_function_and_no_type(void)
{
    const struct { sandlock_free_fn free; const void *type; bool is_found; int freed; } cases[] = {
        {NULL, &type, true, 0}, {free_cause, NULL, false, 1}, {NULL, NULL, false, 0},
        {free_cause, &type, true, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cause cause = {0};
        sandlock_sandbox *sandbox = system_sandbox();
        free_of_fail = cases[i].free;
        type_of_fail = cases[i].type;
        OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, fail_with, &cause, NULL, NULL, &error));
        FAILS(SANDLOCK_ERROR_HANDLER, sandlock_sandbox_run(sandbox, WORDS("uname"), NULL, &error));
        const sandlock_handler_error *failure = sandlock_error_handler_error(error);
        CHECK(sandlock_handler_error_cause(failure, &type) == (cases[i].is_found ? &cause : NULL));
        CHECK(sandlock_handler_error_cause(failure, NULL) == NULL);
        CHECK_INT(cause.freed, 0);
        clear();
        CHECK_INT(cause.freed, cases[i].freed);
        sandlock_sandbox_free(sandbox);
    }
}

static void failures_without_a_cause_have_none(void)
{
    struct failing failing = {.count = 0};
    sandlock_sandbox *sandbox = sandbox_failing(&failing, EACCES, 0);
    memset(&failing.answer, 0, sizeof failing.answer);
    sandlock_output *output = RUN(sandbox, "uname");
    CHECK_INT(sandlock_output_handler_error_count(output), 1);
    CHECK(sandlock_handler_error_cause(sandlock_output_handler_error(output, 0), &type) == NULL);
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

/* What an error lends is kept by a clone, and with it the cause. */
static void a_clone_of_an_output_keeps_a_cause(void)
{
    struct failing failing = {.count = 1, .message = "kept"};
    sandlock_sandbox *sandbox = sandbox_failing(&failing, EACCES, 0);
    sandlock_output *output = RUN(sandbox, "uname"), *clone = sandlock_output_clone(output);
    sandlock_sandbox_free(sandbox);
    sandlock_output_free(output);
    is_the_failure(sandlock_output_handler_error(clone, 0), &failing);
    CHECK_INT(sandlock_output_handler_error_count(clone), 1);
    CHECK_INT(failing.causes[0].freed, 0);
    sandlock_output_free(clone);
    CHECK_INT(failing.causes[0].freed, 1);

    struct failing fatal = {.count = 1, .message = "lent"};
    sandbox = sandbox_failing(&fatal, 0, 0);
    FAILS(SANDLOCK_ERROR_HANDLER,
          sandlock_sandbox_run(sandbox, WORDS("sh", "-c", "echo before; uname"), NULL, &error));
    clone = sandlock_output_clone(sandlock_error_output(error));
    clear();
    sandlock_sandbox_free(sandbox);
    CHECK_TEXT(printed(clone), "before\n");
    CHECK_INT(sandlock_output_reason(clone), SANDLOCK_REASON_KILLED);
    sandlock_output_free(clone);
    CHECK_INT(fatal.causes[0].freed, 1);
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
    CHECK_INT(sandlock_output_handler_error_count(output), 100);
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
    causes_need_no_function_and_no_type();
    failures_without_a_cause_have_none();
    a_clone_of_an_output_keeps_a_cause();
    pooled_failures_are_the_same();
    messages_are_any_bytes_or_none();
    a_hundred_failures_are_listed_and_the_rest_counted();
    return done();
}
