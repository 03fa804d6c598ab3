/* Observers: what they are shown, and when. */

#include "check.h"

#include <stdatomic.h>

/* What the calls of one run came to. */
struct seen {
    atomic_int calls, verdicts;
    uint64_t id, outcome;
    int64_t value;
    char by[32];
    sandlock_status late_read;
};

static void watch(const sandlock_notif *notif, const sandlock_verdict *verdict, void *user_data)
{
    struct seen *seen = user_data;
    char byte;
    if (verdict == NULL) {
        CHECK(sandlock_notif_is_waiting(notif));
        CHECK_INT(seen->calls, seen->verdicts);
        seen->calls++;
        seen->id = sandlock_notif_id(notif);
        return;
    }
    CHECK_INT(sandlock_notif_id(notif), (long long)seen->id);
    CHECK_INT(verdict->size, sizeof *verdict);
    seen->verdicts++;
    seen->outcome = verdict->outcome;
    seen->value = verdict->value;
    snprintf(seen->by, sizeof seen->by, "%s", verdict->by);
    seen->late_read = sandlock_notif_read(notif, sandlock_notif_instruction_pointer(notif), &byte, 1);
}

static sandlock_action answer;

static sandlock_action give(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    (void)user_data;
    /* Bytes belong to the thread that has made the action. */
    return answer.kind == SANDLOCK_ACTION_INJECT_BYTES ? sandlock_inject_bytes("x", 1) : answer;
}

static void must_not_be_freed(void *user_data)
{
    (void)user_data;
    failed(__FILE__, __LINE__, "user data of a failed registration was freed");
}

static sandlock_observer_options options_of(const char *name)
{
    sandlock_observer_options options = SANDLOCK_INIT(sandlock_observer_options);
    options.name = name;
    return options;
}

static void is_told(int line, sandlock_action given, uint64_t outcome, int64_t value, const char *by)
{
    struct seen seen = {0};
    sandlock_handler_options options = SANDLOCK_INIT(sandlock_handler_options);
    options.name = "judge";
    sandlock_sandbox *sandbox = guest_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_times, give, NULL, NULL, &options, &error));
    OK(sandlock_sandbox_add_observer(sandbox, SYS_times, watch, &seen, NULL, NULL, &error));
    answer = given;
    times_of(sandbox, "0", "0");
    check_int(__FILE__, line, "calls", seen.calls, 1);
    check_int(__FILE__, line, "verdicts", seen.verdicts, 1);
    check_int(__FILE__, line, "outcome", (long long)seen.outcome, (long long)outcome);
    check_int(__FILE__, line, "value", seen.value, value);
    check_text(__FILE__, line, "by", seen.by, by);
    check_int(__FILE__, line, "late read", seen.late_read, SANDLOCK_ERROR_TASK_GONE);
    sandlock_sandbox_free(sandbox);
}

#define IS_TOLD(action, outcome, value, by) is_told(__LINE__, action, SANDLOCK_OUTCOME_##outcome, value, by)

static void it_is_told_what_was_decided_and_by_whom(void)
{
    IS_TOLD(sandlock_continue(), CONTINUE, 0, "policy");
    IS_TOLD(sandlock_errno(EXDEV), REFUSED, EXDEV, "judge");
    IS_TOLD(sandlock_return(7), ANSWERED, 7, "judge");
    IS_TOLD(sandlock_return(-5000), ANSWERED, -5000, "judge");
    IS_TOLD(sandlock_return(-EXDEV), REFUSED, EXDEV, "judge");
    IS_TOLD((sandlock_action){.kind = SANDLOCK_ACTION_INJECT_BYTES}, INJECTED, 0, "judge");
}

static void it_is_told_of_the_end_of_the_tree(void)
{
    struct seen seen = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_observer(sandbox, SYS_uname, watch, &seen, NULL, NULL, &error));
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, give, NULL, NULL, NULL, &error));
    answer = sandlock_kill();
    sandlock_output *output = RUN(sandbox, "uname");
    CHECK_INT(sandlock_output_reason(output), SANDLOCK_REASON_KILLED);
    CHECK_INT(seen.outcome, SANDLOCK_OUTCOME_KILLED);
    CHECK_TEXT(seen.by, "handler");
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

static void without_a_handler_the_call_goes_on(void)
{
    struct seen seen = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_observer(sandbox, SYS_uname, watch, &seen, NULL, NULL, &error));
    EXITS(0, sandbox, "uname");
    CHECK_INT(seen.calls, 1);
    CHECK_INT(seen.outcome, SANDLOCK_OUTCOME_CONTINUE);
    CHECK_TEXT(seen.by, "policy");
    sandlock_sandbox_free(sandbox);
}

static void built_ins_are_named(void)
{
    struct seen seen = {0};
    char number[32];
    sandlock_policy *policy = guest_policy();
    set(policy, "process.manage_tasks", "true");
    sandlock_sandbox *sandbox = sandbox_for(policy);
    OK(sandlock_sandbox_add_observer(sandbox, SYS_setpriority, watch, &seen, NULL, NULL, &error));
    snprintf(number, sizeof number, "%ld", (long)SYS_setpriority);
    sandlock_output *output = RUN(sandbox, self(), "call", number, "0", "1", "5");
    CHECK(atoi(printed(output)) < 0);
    sandlock_output_free(output);
    CHECK_INT(seen.outcome, SANDLOCK_OUTCOME_REFUSED);
    CHECK_TEXT(seen.by, "tasks");
    sandlock_sandbox_free(sandbox);
}

static void conditions_bound_what_is_shown(void)
{
    struct seen seen = {0};
    sandlock_when when = {.argument = 1, .test = SANDLOCK_WHEN_EQ, .value = 5};
    sandlock_observer_options options = options_of("bounded");
    options.when = &when;
    options.when_count = 1;
    sandlock_sandbox *sandbox = guest_sandbox();
    OK(sandlock_sandbox_add_observer(sandbox, SYS_times, watch, &seen, NULL, &options, &error));
    CHECK(times_of(sandbox, "0", "4") >= 0);
    CHECK_INT(seen.calls, 0);
    CHECK(times_of(sandbox, "0", "0xff00000005") >= 0);
    CHECK_INT(seen.calls, 1);
    sandlock_sandbox_free(sandbox);
}

static void fail_twice(const sandlock_notif *notif, const sandlock_verdict *verdict, void *user_data)
{
    (void)user_data;
    if (verdict == NULL) {
        sandlock_notif_fail(notif, "first", NULL, NULL, NULL);
        sandlock_notif_fail(notif, "second", NULL, NULL, NULL);
    }
}

static void the_failure_of_an_observer_is_listed_and_changes_nothing(void)
{
    sandlock_observer_options options = options_of("clumsy");
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_observer(sandbox, SYS_uname, fail_twice, NULL, NULL, &options, &error));
    sandlock_output *output = RUN(sandbox, "uname");
    CHECK(sandlock_output_success(output));
    const sandlock_handler_error *failure = sandlock_output_handler_error(output, 0);
    CHECK_TEXT(sandlock_handler_error_name(failure), "clumsy");
    CHECK_TEXT(sandlock_handler_error_message(failure), "first");
    CHECK_INT(sandlock_handler_error_syscall(failure), SYS_uname);
    CHECK(sandlock_output_handler_error(output, 1) == NULL);
    CHECK_INT(sandlock_output_handler_errors_dropped(output), 0);
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

static void refused(int line, sandlock_status kind, long call, const sandlock_observer_options *options,
                    const char *part)
{
    struct seen seen = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    clear();
    check_fails(__FILE__, line, "registration",
                sandlock_sandbox_add_observer(sandbox, call, watch, &seen, must_not_be_freed, options, &error),
                kind);
    check_part(__FILE__, line, "message", MESSAGE(), part);
    EXITS(0, sandbox, "uname");
    check_int(__FILE__, line, "calls", seen.calls, 0);
    sandlock_sandbox_free(sandbox);
}

#define NOT_REGISTERED(kind, call, options, part) refused(__LINE__, SANDLOCK_ERROR_##kind, call, options, part)

static void what_cannot_be_used_is_not_registered(void)
{
    struct {
        sandlock_observer_options options;
        char tail[64];
    } later = {options_of(NULL), {0}};
    size_t size = sizeof(sandlock_observer_options);
    size_t wrong[] = {0, size - 1, size + 1, 4097, 4104, SIZE_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        later.options.size = wrong[i];
        NOT_REGISTERED(ARGUMENT, SYS_uname, &later.options, "options.size");
    }
    later.options.size = sizeof later;
    later.tail[63] = 1;
    NOT_REGISTERED(ARGUMENT, SYS_uname, &later.options, "options sets fields");
    sandlock_observer_options options = options_of("\xff");
    NOT_REGISTERED(ARGUMENT, SYS_uname, &options, "UTF-8");
    options = options_of("");
    NOT_REGISTERED(REGISTRATION, SYS_uname, &options, "name");
    options = options_of(NULL);
    options.flags = 4;
    NOT_REGISTERED(ARGUMENT, SYS_uname, &options, "flags");
    sandlock_when when = {.argument = 0, .test = 99};
    options = options_of(NULL);
    options.when = &when;
    options.when_count = 1;
    NOT_REGISTERED(ARGUMENT, SYS_uname, &options, "test");
    NOT_REGISTERED(REGISTRATION, -1, NULL, "");
    NOT_REGISTERED(REGISTRATION, SYS_mount, NULL, "mount");
    NOT_REGISTERED(REGISTRATION, SYS_close, NULL, "close");
    later.tail[63] = 0;
    struct seen seen = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_observer(sandbox, SYS_uname, watch, &seen, NULL, &later.options, &error));
    EXITS(0, sandbox, "uname");
    CHECK_INT(seen.calls, 1);
    sandlock_sandbox_free(sandbox);
}

int main(int argc, char **argv)
{
    make_call(argc, argv);
    it_is_told_what_was_decided_and_by_whom();
    it_is_told_of_the_end_of_the_tree();
    without_a_handler_the_call_goes_on();
    built_ins_are_named();
    conditions_bound_what_is_shown();
    the_failure_of_an_observer_is_listed_and_changes_nothing();
    what_cannot_be_used_is_not_registered();
    return done();
}
