/* What handlers answer, and what is no answer. */

#include "check.h"

#include <stdatomic.h>

/* Answers with the action that the test made, the same one each time. */
static sandlock_action answer;

static sandlock_action give(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    (void)user_data;
    return answer;
}

static sandlock_sandbox *answering(long call, int32_t on_error)
{
    sandlock_sandbox *sandbox = guest_sandbox();
    sandlock_handler_options options = {0};
    options.size = sizeof options;
    options.on_error = on_error;
    OK(sandlock_sandbox_add_handler(sandbox, call, give, NULL, NULL, &options, &error));
    return sandbox;
}

/* Answers once with what the file holds of the made-up path. */
struct file {
    sandlock_action (*action)(void);
    atomic_int served;
};

static sandlock_action serve(const sandlock_notif *notif, void *user_data)
{
    struct file *file = user_data;
    char path[PATH_MAX];
    sandlock_status status = sandlock_notif_read_path(notif, 1, path, sizeof path, NULL);
    if (status != SANDLOCK_OK)
        return sandlock_refuse(status);
    if (strcmp(path, "/made/up") != 0)
        return sandlock_continue();
    atomic_fetch_add(&file->served, 1);
    return file->action();
}

static void actions_are_what_the_functions_say(void)
{
    CHECK_INT(sandlock_continue().kind, SANDLOCK_ACTION_CONTINUE);
    CHECK_INT(sandlock_errno(EACCES).kind, SANDLOCK_ACTION_ERRNO);
    CHECK_INT(sandlock_errno(EACCES).value, EACCES);
    CHECK_INT(sandlock_return(INT64_MIN).value, INT64_MIN);
    CHECK_INT(sandlock_return(1).kind, SANDLOCK_ACTION_RETURN);
    CHECK_INT(sandlock_inject_fd(3, true).kind, SANDLOCK_ACTION_INJECT_FD);
    CHECK_INT(sandlock_inject_fd(3, true).cloexec, 1);
    CHECK_INT(sandlock_inject_fd(3, false).cloexec, 0);
    CHECK_INT(sandlock_kill().kind, SANDLOCK_ACTION_KILL);
    CHECK_INT(sandlock_refuse(SANDLOCK_ERROR_TASK_MEMORY).value, EFAULT);
    CHECK_INT(sandlock_refuse(SANDLOCK_ERROR_TOO_LONG).value, ENAMETOOLONG);
    sandlock_status others[] = {SANDLOCK_OK, SANDLOCK_RUNNING, SANDLOCK_ERROR_TASK, SANDLOCK_ERROR_TASK_GONE,
                                SANDLOCK_ERROR_ARGUMENT, 1000, INT_MIN};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CHECK_INT(sandlock_refuse(others[i]).kind, SANDLOCK_ACTION_ERRNO);
        CHECK_INT(sandlock_refuse(others[i]).value, EPERM);
    }
}

static void the_program_sees_the_answer(void)
{
    sandlock_sandbox *sandbox = answering(SYS_times, 0);
    answer = sandlock_continue();
    CHECK(times_of(sandbox, "0", "0") > 0);
    int numbers[] = {1, EPERM, EACCES, ENOSYS, 4095};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        answer = sandlock_errno(numbers[i]);
        CHECK_INT(times_of(sandbox, "0", "0"), -numbers[i]);
    }
    answer = sandlock_return(424242);
    CHECK_INT(times_of(sandbox, "0", "0"), 424242);
    answer = sandlock_return(INT64_MAX);
    CHECK_INT(times_of(sandbox, "0", "0"), INT64_MAX);
    answer = sandlock_return(-EXDEV);
    CHECK_INT(times_of(sandbox, "0", "0"), -EXDEV);
    sandlock_sandbox_free(sandbox);

    sandbox = answering(SYS_uname, 0);
    answer = sandlock_kill();
    sandlock_output *output = RUN(sandbox, "sh", "-c", "uname; while :; do :; done");
    CHECK_INT(sandlock_output_reason(output), SANDLOCK_REASON_KILLED);
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

/* Refused with what `on_error` says, and listed: never carried out. */
static void fails(int line, sandlock_sandbox *sandbox, const char *part)
{
    clear();
    sandlock_output *output = RUN(sandbox, "uname");
    check_int(__FILE__, line, "exit code", sandlock_output_exit_code(output), 1);
    size_t length = 0;
    const char *complaint = sandlock_output_stderr(output, &length);
    char text[256];
    snprintf(text, sizeof text, "%.*s", (int)length, complaint);
    check_part(__FILE__, line, "stderr", text, "No space left");
    const sandlock_handler_error *failure = sandlock_output_handler_error(output, 0);
    check_part(__FILE__, line, "message", sandlock_handler_error_message(failure), part);
    check_int(__FILE__, line, "call", sandlock_handler_error_syscall(failure), SYS_uname);
    check_text(__FILE__, line, "handler", sandlock_handler_error_name(failure), "handler");
    CHECK(sandlock_output_handler_error(output, 1) == NULL);
    sandlock_output_free(output);
}

#define IS_NO_ANSWER(part) fails(__LINE__, sandbox, part)

static sandlock_action made(uint32_t kind, uint32_t cloexec, int64_t value)
{
    return (sandlock_action){.kind = kind, .cloexec = cloexec, .value = value};
}

static void what_nobody_made_is_a_failure(void)
{
    sandlock_sandbox *sandbox = answering(SYS_uname, ENOSPC);
    answer = sandlock_continue();
    EXITS(0, sandbox, "uname");
    memset(&answer, 0, sizeof answer);
    IS_NO_ANSWER("zeros");
    memset(&answer, 0xff, sizeof answer);
    IS_NO_ANSWER("unknown kind");
    memset(&answer, 0xa5, sizeof answer);
    IS_NO_ANSWER("unknown kind");
    answer = made(0, 1, INT64_MAX);
    IS_NO_ANSWER("");
    uint32_t kinds[] = {7, 8, 0x100, 0x10001, 0x80000001, UINT32_MAX};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        answer = made(kinds[i], 0, 0);
        IS_NO_ANSWER("unknown kind");
    }
    int64_t numbers[] = {0, -1, 4096, INT64_MIN, INT64_MAX, (INT64_C(1) << 32) + EPERM, -EPERM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        answer = made(SANDLOCK_ACTION_ERRNO, 0, numbers[i]);
        IS_NO_ANSWER("");
    }
    int closed = dup(0);
    CHECK_INT(close(closed), 0);
    int64_t descriptors[] = {-1, INT_MIN, INT64_MIN, INT64_MAX, INT_MAX, INT64_C(1) << 33, closed + 100};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        answer = made(SANDLOCK_ACTION_INJECT_FD, 0, descriptors[i]);
        IS_NO_ANSWER("not open");
    }
    int64_t parcels[] = {0, -1, INT64_MAX, INT64_C(1) << 40};
    for (size_t i = 0; i < sizeof parcels / sizeof *parcels; i++) {
        answer = made(SANDLOCK_ACTION_INJECT_BYTES, 0, parcels[i]);
        IS_NO_ANSWER("twice");
    }
    answer = sandlock_inject_bytes(NULL, 5);
    IS_NO_ANSWER("zeros");
    sandlock_sandbox_free(sandbox);
}

static void by_default_a_failure_ends_the_run(void)
{
    sandlock_sandbox *sandbox = answering(SYS_uname, 0);
    sandlock_output *output = NULL;
    memset(&answer, 0, sizeof answer);
    FAILS(SANDLOCK_ERROR_HANDLER,
          sandlock_sandbox_run(sandbox, WORDS("sh", "-c", "echo before; uname; echo after"), &output, &error));
    CHECK(output == NULL);
    CHECK_PART(MESSAGE(), "zeros");
    CHECK_INT(sandlock_handler_error_syscall(sandlock_error_handler_error(error)), SYS_uname);
    CHECK_TEXT(printed(sandlock_error_output(error)), "before\n");
    CHECK_INT(sandlock_output_reason(sandlock_error_output(error)), SANDLOCK_REASON_KILLED);
    sandlock_sandbox_free(sandbox);
}

static int descriptor;

static sandlock_action inject_descriptor(void)
{
    return sandlock_inject_fd(descriptor, false);
}

static sandlock_action inject_text(void)
{
    char bytes[] = "a file that is not\n";
    sandlock_action action = sandlock_inject_bytes(bytes, sizeof bytes - 1);
    memset(bytes, 'x', sizeof bytes);
    return action;
}

static sandlock_action inject_nothing(void)
{
    return sandlock_inject_bytes(NULL, 0);
}

static sandlock_action inject_again(void)
{
    static sandlock_action action;
    if (action.kind == 0)
        action = sandlock_inject_bytes("once\n", 5);
    return action;
}

static sandlock_sandbox *serving(struct file *file, int32_t on_error)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_handler_options options = {0};
    options.size = sizeof options;
    options.on_error = on_error;
    OK(sandlock_sandbox_add_handler(sandbox, SYS_openat, serve, file, NULL, &options, &error));
    return sandbox;
}

static void the_program_reads_what_is_injected(void)
{
    struct file file = {inject_descriptor, 0};
    sandlock_sandbox *sandbox = serving(&file, 0);
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    CHECK_INT(write(ends[1], "through a pipe\n", 15), 15);
    CHECK_INT(close(ends[1]), 0);
    descriptor = ends[0];
    sandlock_output *output = RUN(sandbox, "cat", "/made/up");
    CHECK_TEXT(printed(output), "through a pipe\n");
    CHECK_INT(file.served, 1);
    sandlock_output_free(output);
    /* It was the action's, and is closed. */
    CHECK_INT(fcntl(ends[0], F_GETFD), -1);

    file.action = inject_text;
    output = RUN(sandbox, "cat", "/made/up");
    CHECK_TEXT(printed(output), "a file that is not\n");
    sandlock_output_free(output);
    file.action = inject_nothing;
    output = RUN(sandbox, "cat", "/made/up");
    CHECK_TEXT(printed(output), "");
    CHECK(sandlock_output_success(output));
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

static void the_same_bytes_are_given_once(void)
{
    struct file file = {inject_again, 0};
    sandlock_sandbox *sandbox = serving(&file, ENOSPC);
    sandlock_output *output = RUN(sandbox, "cat", "/made/up");
    CHECK_TEXT(printed(output), "once\n");
    sandlock_output_free(output);
    output = RUN(sandbox, "cat", "/made/up");
    CHECK_INT(sandlock_output_exit_code(output), 1);
    CHECK_PART(sandlock_handler_error_message(sandlock_output_handler_error(output, 0)), "twice");
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

static void discarding_gives_up_what_an_action_has(void)
{
    int copy = dup(0);
    sandlock_action_discard(sandlock_inject_fd(copy, true));
    CHECK_INT(fcntl(copy, F_GETFD), -1);
    sandlock_action_discard(sandlock_inject_bytes("bytes", 5));
    sandlock_action_discard(sandlock_continue());
    sandlock_action_discard(sandlock_kill());
    sandlock_action_discard(sandlock_errno(0));
    sandlock_action_discard(sandlock_return(0));
    sandlock_action_discard(sandlock_inject_fd(-1, true));
    sandlock_action_discard(made(0, 0, 0));
    sandlock_action_discard(made(UINT32_MAX, UINT32_MAX, -1));
    sandlock_action_discard(made(SANDLOCK_ACTION_INJECT_BYTES, 0, INT64_MIN));
    sandlock_action bytes = sandlock_inject_bytes("bytes", 5);
    sandlock_action_discard(bytes);
    sandlock_action_discard(bytes);
}

int main(int argc, char **argv)
{
    make_call(argc, argv);
    actions_are_what_the_functions_say();
    the_program_sees_the_answer();
    what_nobody_made_is_a_failure();
    by_default_a_failure_ends_the_run();
    the_program_reads_what_is_injected();
    the_same_bytes_are_given_once();
    discarding_gives_up_what_an_action_has();
    return done();
}
