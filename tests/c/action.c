/* What handlers answer, and what is no answer. */

#include "check.h"

#include <stdatomic.h>

/* Answers with the action that the test made, the same one each time; or with one that is made in the
 * callback. */
static sandlock_action answer;
static sandlock_action (*make_answer)(void);

static sandlock_action give(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    (void)user_data;
    return make_answer != NULL ? make_answer() : answer;
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
    CHECK_INT(sandlock_continue().flags, 0);
    CHECK_INT(sandlock_continue().value, 0);
    CHECK_INT(sandlock_kill().kind, SANDLOCK_ACTION_KILL);
    CHECK_INT(sandlock_kill().flags, 0);
    CHECK_INT(sandlock_kill().value, 0);
    CHECK_INT(SANDLOCK_ACTION_CONTINUE, 0x534c0001);
    CHECK_INT(SANDLOCK_ACTION_KILL, 0x534c0006);
    bool cloexec[] = {true, false};
    for (size_t i = 0; i < 2; i++) {
        sandlock_action action = sandlock_inject_fd(dup(0), cloexec[i]);
        CHECK_INT(action.kind, SANDLOCK_ACTION_INJECT_FD);
        CHECK_INT(action.flags, cloexec[i] ? SANDLOCK_ACTION_CLOEXEC : 0);
        sandlock_action_discard(action);
    }
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
#define NOBODY "nobody has made"
#define NOT_ITS_OWN "not this callback's"

static sandlock_action made(uint32_t kind, uint32_t flags, int64_t value)
{
    return (sandlock_action){.kind = kind, .flags = flags, .value = value};
}

static int number;

static sandlock_action inject_number(void)
{
    return sandlock_inject_fd(number, false);
}

/* With flags that there are not: what it has is given up by hand. */
static sandlock_action inject_with_flags(void)
{
    sandlock_action action = sandlock_inject_bytes("never seen", 10);
    sandlock_action_discard(action);
    action = sandlock_inject_bytes("never seen", 10);
    action.flags = SANDLOCK_ACTION_CLOEXEC;
    return action;
}

/* The number of bytes, as that of a descriptor. */
static sandlock_action inject_bytes_as_descriptor(void)
{
    sandlock_action action = sandlock_inject_bytes("never seen", 10);
    action.kind = SANDLOCK_ACTION_INJECT_FD;
    return action;
}

static sandlock_action inject_discarded(void)
{
    sandlock_action action = sandlock_inject_fd(dup(0), false);
    sandlock_action_discard(action);
    return action;
}

static void what_nobody_made_is_a_failure(void)
{
    sandlock_sandbox *sandbox = answering(SYS_uname, ENOSPC);
    answer = sandlock_continue();
    EXITS(0, sandbox, "uname");
    memset(&answer, 0, sizeof answer);
    IS_NO_ANSWER("zeros");
    memset(&answer, 0xff, sizeof answer);
    IS_NO_ANSWER(NOBODY);
    memset(&answer, 0xa5, sizeof answer);
    IS_NO_ANSWER(NOBODY);
    answer = made(0, 1, INT64_MAX);
    IS_NO_ANSWER(NOBODY);
    answer = made(0, 0, 1);
    IS_NO_ANSWER(NOBODY);
    /* What a handler leaves in a register that forgets to return something. */
    for (uint32_t kind = 1; kind <= 100; kind++) {
        answer = made(kind, 0, 0);
        IS_NO_ANSWER(NOBODY);
    }
    uint32_t kinds[] = {0x100, 0x10001, 0x80000001, 0x534c0000, 0x534c0007, 0x4c530001, UINT32_MAX};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        answer = made(kinds[i], 0, 0);
        IS_NO_ANSWER(NOBODY);
    }
    uint32_t alone[] = {SANDLOCK_ACTION_CONTINUE, SANDLOCK_ACTION_KILL};
    int64_t values[] = {1, -1, INT64_MAX, INT64_MIN, INT64_C(1) << 32};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
            answer = made(alone[i], 0, values[j]);
            IS_NO_ANSWER(NOBODY);
        }
    uint32_t flagless[] = {SANDLOCK_ACTION_CONTINUE, SANDLOCK_ACTION_KILL, SANDLOCK_ACTION_ERRNO,
                           SANDLOCK_ACTION_RETURN, SANDLOCK_ACTION_INJECT_BYTES};
    uint32_t flags[] = {SANDLOCK_ACTION_CLOEXEC, 2, UINT32_MAX};
    for (size_t i = 0; i < sizeof flagless / sizeof *flagless; i++)
        for (size_t j = 0; j < sizeof flags / sizeof *flags; j++) {
            answer = made(flagless[i], flags[j], flagless[i] == SANDLOCK_ACTION_ERRNO);
            IS_NO_ANSWER(NOBODY);
        }
    answer = made(SANDLOCK_ACTION_INJECT_FD, 2, 0);
    IS_NO_ANSWER(NOBODY);
    int64_t numbers[] = {0, -1, 4096, INT64_MIN, INT64_MAX, (INT64_C(1) << 32) + EPERM, -EPERM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        answer = made(SANDLOCK_ACTION_ERRNO, 0, numbers[i]);
        IS_NO_ANSWER("");
    }
    answer = sandlock_inject_bytes(NULL, 5);
    IS_NO_ANSWER("zeros");
    sandlock_sandbox_free(sandbox);
}

/* The value is the library's number of what an action has, and no descriptor. */
static void numbers_that_nobody_was_given_reach_nothing(void)
{
    sandlock_sandbox *sandbox = answering(SYS_uname, ENOSPC);
    int64_t numbers[] = {0, 1, 2, -1, INT_MIN, INT_MAX, INT64_MIN, INT64_MAX, INT64_C(1) << 33, INT64_C(1) << 40};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        answer = made(SANDLOCK_ACTION_INJECT_FD, SANDLOCK_ACTION_CLOEXEC, numbers[i]);
        IS_NO_ANSWER(NOT_ITS_OWN);
        answer = made(SANDLOCK_ACTION_INJECT_BYTES, 0, numbers[i]);
        IS_NO_ANSWER(NOT_ITS_OWN);
    }
    for (int fd = 0; fd <= 2; fd++)
        CHECK(fcntl(fd, F_GETFD) >= 0);
    int closed = dup(0);
    CHECK_INT(close(closed), 0);
    int descriptors[] = {-1, INT_MIN, INT_MAX, closed + 100};
    make_answer = inject_number;
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        number = descriptors[i];
        IS_NO_ANSWER("not open");
    }
    make_answer = inject_with_flags;
    IS_NO_ANSWER(NOBODY);
    make_answer = inject_bytes_as_descriptor;
    IS_NO_ANSWER(NOT_ITS_OWN);
    make_answer = inject_discarded;
    IS_NO_ANSWER(NOT_ITS_OWN);
    make_answer = NULL;
    sandlock_sandbox_free(sandbox);
}

/* Made by the main thread, returned by one of the library: the descriptor stays where it was. */
static void what_another_thread_has_made_is_a_failure(void)
{
    sandlock_sandbox *sandbox = answering(SYS_uname, ENOSPC);
    int copy = dup(0);
    answer = sandlock_inject_fd(copy, true);
    IS_NO_ANSWER(NOT_ITS_OWN);
    CHECK(fcntl(copy, F_GETFD) >= 0);
    sandlock_action_discard(answer);
    CHECK_INT(fcntl(copy, F_GETFD), -1);
    answer = sandlock_inject_bytes("bytes", 5);
    IS_NO_ANSWER(NOT_ITS_OWN);
    sandlock_action_discard(answer);
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

/* The same action again, with another file of the host's at its descriptor's number. */
static sandlock_action inject_descriptor_again(void)
{
    static sandlock_action action;
    if (action.kind == 0) {
        action = sandlock_inject_fd(descriptor, false);
        return action;
    }
    int secret = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    CHECK(secret >= 0);
    if (secret != descriptor) {
        CHECK_INT(fcntl(descriptor, F_GETFD), -1);
        CHECK_INT(dup3(secret, descriptor, O_CLOEXEC), descriptor);
        CHECK_INT(close(secret), 0);
    }
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

/* The output is of a program that was given something once, and failed where it was to be given again. */
static void was_given_once(const sandlock_output *output, int failures, const char *text)
{
    CHECK_TEXT(printed(output), text);
    CHECK_INT(sandlock_output_exit_code(output), 1);
    CHECK_INT(sandlock_output_handler_error_count(output), failures);
    for (int i = 0; i < failures; i++)
        CHECK_PART(sandlock_handler_error_message(sandlock_output_handler_error(output, i)), NOT_ITS_OWN);
}

static void the_same_bytes_are_given_once(void)
{
    struct file file = {inject_again, 0};
    sandlock_sandbox *sandbox = serving(&file, ENOSPC);
    sandlock_output *output = RUN(sandbox, "cat", "/made/up", "/made/up", "/made/up");
    was_given_once(output, 2, "once\n");
    sandlock_output_free(output);
    /* On the thread of another run. */
    output = RUN(sandbox, "cat", "/made/up");
    was_given_once(output, 1, "");
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

static void the_same_descriptor_is_given_once(void)
{
    struct file file = {inject_descriptor_again, 0};
    sandlock_sandbox *sandbox = serving(&file, ENOSPC);
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    CHECK_INT(write(ends[1], "once\n", 5), 5);
    CHECK_INT(close(ends[1]), 0);
    descriptor = ends[0];
    sandlock_output *output = RUN(sandbox, "cat", "/made/up", "/made/up");
    was_given_once(output, 1, "once\n");
    CHECK_INT(file.served, 2);
    sandlock_output_free(output);
    /* What the host has opened there stays open. */
    char byte;
    CHECK_INT(read(descriptor, &byte, 1), 1);
    CHECK_INT(close(descriptor), 0);
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
    /* Whoever holds the number now keeps it. */
    sandlock_action descriptor_of = sandlock_inject_fd(dup(0), true);
    sandlock_action_discard(descriptor_of);
    int other = dup(0);
    CHECK_INT(other, copy);
    sandlock_action_discard(descriptor_of);
    CHECK(fcntl(other, F_GETFD) >= 0);
    CHECK_INT(close(other), 0);
}

int main(int argc, char **argv)
{
    make_call(argc, argv);
    actions_are_what_the_functions_say();
    the_program_sees_the_answer();
    what_nobody_made_is_a_failure();
    numbers_that_nobody_was_given_reach_nothing();
    what_another_thread_has_made_is_a_failure();
    by_default_a_failure_ends_the_run();
    the_program_reads_what_is_injected();
    the_same_bytes_are_given_once();
    the_same_descriptor_is_given_once();
    discarding_gives_up_what_an_action_has();
    return done();
}
