/* Children: streams, waiting, signals, the end of a tree. */

#include "check.h"

static sandlock_sandbox *sandbox;
static char poison;
#define POISON ((void *)&poison)

static sandlock_child *spawn(const char *const *argv, uint32_t in, uint32_t out, uint32_t err)
{
    sandlock_launch launch = {0};
    sandlock_child *child = NULL;
    launch.size = sizeof launch;
    launch.argv = argv;
    launch.in.kind = in;
    launch.out.kind = out;
    launch.err.kind = err;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    return child;
}

static sandlock_child *spawn_sleep(void)
{
    return spawn(WORDS("sleep", "1000"), 0, 0, 0);
}

static bool exists(pid_t pid)
{
    return kill(pid, 0) == 0;
}

/* The letter of /proc/PID/stat; 0 if there is no such process. */
static char state(pid_t pid)
{
    char path[64], text[512] = {0};
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    char *end = length > 0 ? strrchr(text, ')') : NULL;
    return end == NULL ? 0 : end[2];
}

static void piped_streams_are_handed_over_once(void)
{
    const char *script = "read line; echo out $line; echo err $line >&2";
    sandlock_child *child = spawn(WORDS("sh", "-c", script), SANDLOCK_STDIO_PIPED, SANDLOCK_STDIO_PIPED,
                                  SANDLOCK_STDIO_PIPED);
    int in = sandlock_child_stdin(child), out = sandlock_child_stdout(child),
        err = sandlock_child_stderr(child);
    CHECK(in >= 0 && out >= 0 && err >= 0);
    CHECK(fcntl(in, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(out, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(sandlock_child_stdin(child), -1);
    CHECK_INT(sandlock_child_stdout(child), -1);
    CHECK_INT(sandlock_child_stderr(child), -1);
    CHECK_INT(write(in, "hello\n", 6), 6);
    char text[64] = {0};
    CHECK_INT(read_fully(out, text, sizeof text), 10);
    CHECK_TEXT(text, "out hello\n");
    memset(text, 0, sizeof text);
    CHECK_INT(read_fully(err, text, sizeof text), 10);
    CHECK_TEXT(text, "err hello\n");
    sandlock_output *output = NULL;
    OK(sandlock_child_wait(child, &output, &error));
    CHECK(sandlock_output_success(output));
    CHECK_TEXT(printed(output), "");
    sandlock_output_free(output);
    sandlock_child_free(child);
    /* They are the caller's, whatever became of the child. */
    CHECK_INT(close(in), 0);
    CHECK_INT(close(out), 0);
    CHECK_INT(close(err), 0);
}

static void streams_that_are_not_piped_have_no_end(void)
{
    sandlock_child *child = spawn(WORDS("true"), 0, 0, 0);
    CHECK_INT(sandlock_child_stdin(child), -1);
    CHECK_INT(sandlock_child_stdout(child), -1);
    CHECK_INT(sandlock_child_stderr(child), -1);
    sandlock_child_free(child);
}

static void wait_closes_an_input_that_nobody_took(void)
{
    sandlock_child *child = spawn(WORDS("cat"), SANDLOCK_STDIO_PIPED, 0, 0);
    sandlock_output *output = POISON;
    CHECK_INT(sandlock_child_wait_timeout(child, 20, &output, &error), SANDLOCK_RUNNING);
    CHECK(output == POISON && error == NULL);
    OK(sandlock_child_wait(child, &output, &error));
    CHECK(sandlock_output_success(output));
    CHECK_INT(sandlock_child_stdin(child), -1);
    sandlock_output_free(output);
    sandlock_child_free(child);
}

static void its_descriptor_is_readable_at_the_end(void)
{
    sandlock_child *child = spawn(WORDS("sh", "-c", "read line"), SANDLOCK_STDIO_PIPED, 0, 0);
    int fd = sandlock_child_fd(child);
    CHECK(fd >= 0);
    CHECK_INT(sandlock_child_fd(child), fd);
    struct pollfd event = {.fd = fd, .events = POLLIN};
    CHECK_INT(poll(&event, 1, 0), 0);
    CHECK_INT(sandlock_child_wait_timeout(child, 0, NULL, NULL), SANDLOCK_RUNNING);
    CHECK_INT(close(sandlock_child_stdin(child)), 0);
    CHECK(becomes_readable(fd));
    OK(sandlock_child_wait(child, NULL, &error));
    CHECK(becomes_readable(fd));
    sandlock_child_free(child);
}

static void waiting_twice_gives_the_same_output(void)
{
    sandlock_child *child = spawn(WORDS("sh", "-c", "echo once; exit 5"), 0, 0, 0);
    sandlock_output *outputs[3] = {NULL};
    OK(sandlock_child_wait(child, &outputs[0], &error));
    OK(sandlock_child_wait(child, &outputs[1], &error));
    OK(sandlock_child_wait_timeout(child, 0, &outputs[2], &error));
    OK(sandlock_child_wait_timeout(child, UINT64_MAX, NULL, &error));
    OK(sandlock_child_wait(child, NULL, NULL));
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(sandlock_output_exit_code(outputs[i]), 5);
        CHECK_TEXT(printed(outputs[i]), "once\n");
        CHECK_TEXT(sandlock_output_json(outputs[i]), sandlock_output_json(outputs[0]));
    }
    sandlock_child_free(child);
    /* An output needs no child, and no other output. */
    sandlock_output_free(outputs[0]);
    CHECK_TEXT(printed(outputs[2]), "once\n");
    sandlock_output_free(outputs[1]);
    sandlock_output_free(outputs[2]);
}

static void a_wait_without_end_ends(void)
{
    sandlock_child *child = spawn(WORDS("sleep", "0.1"), 0, 0, 0);
    sandlock_output *output = NULL;
    OK(sandlock_child_wait_timeout(child, UINT64_MAX, &output, &error));
    CHECK(sandlock_output_success(output));
    sandlock_output_free(output);
    sandlock_child_free(child);
}

static void kill_ends_the_whole_tree(void)
{
    const char *script = "trap '' TERM HUP INT; setsid sleep 1000 & echo $!; wait";
    sandlock_child *child = spawn(WORDS("sh", "-c", script), 0, SANDLOCK_STDIO_PIPED, 0);
    int out = sandlock_child_stdout(child);
    char text[32] = {0};
    CHECK(read_fully(out, text, 2) == 2);
    for (size_t i = 2; strchr(text, '\n') == NULL && i < sizeof text - 1; i++)
        CHECK_INT(read_fully(out, text + i, 1), 1);
    pid_t stray = atoi(text);
    CHECK(exists(stray));
    OK(sandlock_child_kill(child, &error));
    sandlock_output *output = NULL;
    OK(sandlock_child_wait(child, &output, &error));
    CHECK(!exists(stray));
    CHECK(!exists(sandlock_child_pid(child)));
    CHECK_INT(sandlock_output_reason(output), SANDLOCK_REASON_KILLED);
    CHECK_INT(sandlock_output_signal(output), SIGKILL);
    CHECK_INT(sandlock_output_exit_code(output), -1);
    CHECK(WIFSIGNALED(sandlock_output_status(output)));
    sandlock_output_free(output);
    CHECK_INT(close(out), 0);
    sandlock_child_free(child);
}

static void a_signal_reaches_the_program(void)
{
    sandlock_child *child = spawn_sleep();
    OK(sandlock_child_signal(child, SIGUSR1, &error));
    sandlock_output *output = NULL;
    OK(sandlock_child_wait(child, &output, &error));
    CHECK_INT(sandlock_output_reason(output), SANDLOCK_REASON_SIGNALED);
    CHECK_INT(sandlock_output_signal(output), SIGUSR1);
    sandlock_output_free(output);
    sandlock_child_free(child);
}

static void there_are_no_other_signals(void)
{
    sandlock_child *child = spawn_sleep();
    int wrong[] = {-1, 65, 1000, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FAILS(SANDLOCK_ERROR_IO, sandlock_child_signal(child, wrong[i], &error));
        CHECK_INT(sandlock_error_errno(error), EINVAL);
    }
    CHECK_INT(sandlock_child_wait_timeout(child, 0, NULL, NULL), SANDLOCK_RUNNING);
    sandlock_child_free(child);
}

static void what_comes_too_late_changes_nothing(void)
{
    sandlock_child *child = spawn(WORDS("true"), 0, 0, 0);
    sandlock_processes *processes = NULL;
    sandlock_usage usage = {0};
    usage.size = sizeof usage;
    OK(sandlock_child_wait(child, NULL, &error));
    OK(sandlock_child_kill(child, &error));
    OK(sandlock_child_signal(child, SIGKILL, &error));
    OK(sandlock_child_pause(child, &error));
    OK(sandlock_child_resume(child, &error));
    OK(sandlock_child_processes(child, &processes, &error));
    CHECK_INT(sandlock_processes_count(processes), 0);
    sandlock_processes_free(processes);
    OK(sandlock_child_usage(child, &usage, &error));
    sandlock_output *output = NULL;
    OK(sandlock_child_wait(child, &output, &error));
    CHECK_INT(sandlock_output_reason(output), SANDLOCK_REASON_EXITED);
    sandlock_output_free(output);
    sandlock_child_free(child);
}

static void paused_processes_are_stopped(void)
{
    sandlock_child *child = spawn(WORDS("sh", "-c", "sleep 1000 & wait"), 0, 0, 0);
    sandlock_processes *processes = NULL;
    do {
        sandlock_processes_free(processes);
        OK(sandlock_child_processes(child, &processes, &error));
    } while (sandlock_processes_count(processes) < 2);
    OK(sandlock_child_pause(child, &error));
    for (size_t i = 0; i < 2; i++)
        CHECK_INT(state(sandlock_processes_pid(processes, i)), 'T');
    OK(sandlock_child_resume(child, &error));
    for (size_t i = 0; i < 2; i++) {
        long long deadline = milliseconds() + 10000;
        while (state(sandlock_processes_pid(processes, i)) == 'T')
            CHECK(milliseconds() < deadline);
    }
    sandlock_processes_free(processes);
    /* One that is stopped is ended all the same. */
    OK(sandlock_child_pause(child, &error));
    pid_t pid = sandlock_child_pid(child);
    sandlock_child_free(child);
    CHECK(!exists(pid));
}

static void usage_grows_while_it_runs(void)
{
    sandlock_child *child = spawn(WORDS("sh", "-c", "while :; do :; done"), 0, 0, 0);
    sandlock_usage usage = {0}, wrong = {0};
    usage.size = sizeof usage;
    long long deadline = milliseconds() + 20000;
    do {
        OK(sandlock_child_usage(child, &usage, &error));
        CHECK(milliseconds() < deadline);
    } while (usage.user_ns + usage.system_ns < 30000000);
    CHECK(usage.wall_ns > 0);
    CHECK(usage.peak_memory > 4096);
    FAILS(SANDLOCK_ERROR_ARGUMENT, sandlock_child_usage(child, &wrong, &error));
    CHECK_PART(MESSAGE(), "usage.size");
    sandlock_child_free(child);
}

static void free_ends_the_tree_and_waits(void)
{
    sandlock_child *child = spawn(WORDS("sh", "-c", "trap '' TERM; sleep 1000 & wait"), 0, 0, 0);
    sandlock_processes *processes = NULL;
    do {
        sandlock_processes_free(processes);
        OK(sandlock_child_processes(child, &processes, &error));
    } while (sandlock_processes_count(processes) < 2);
    CHECK(exists(sandlock_processes_pid(processes, 0)) && exists(sandlock_processes_pid(processes, 1)));
    sandlock_child_free(child);
    CHECK(!exists(sandlock_processes_pid(processes, 0)));
    CHECK(!exists(sandlock_processes_pid(processes, 1)));
    sandlock_processes_free(processes);
}

static void a_command_that_cannot_run_makes_no_child(void)
{
    sandlock_launch launch = {0};
    sandlock_child *child = POISON;
    launch.size = sizeof launch;
    launch.argv = WORDS("no-such-command");
    FAILS(SANDLOCK_ERROR_NOT_FOUND, sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    CHECK(child == POISON);
}

static void children_leave_no_descriptors_and_threads(void)
{
    int descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    for (int i = 0; i < 20; i++) {
        sandlock_child *child = spawn(WORDS("cat"), SANDLOCK_STDIO_PIPED, SANDLOCK_STDIO_PIPED, 0);
        if (i % 2 == 0) {
            CHECK_INT(close(sandlock_child_stdout(child)), 0);
            OK(sandlock_child_wait(child, NULL, &error));
        }
        sandlock_child_free(child);
    }
    CHECK_INT(entries("/proc/self/fd"), descriptors);
    /* A thread that was joined can still be listed for a moment. */
    long long deadline = milliseconds() + 10000;
    while (entries("/proc/self/task") != threads)
        CHECK(milliseconds() < deadline);
    int status;
    CHECK_INT(waitpid(-1, &status, WNOHANG), -1);
    CHECK_INT(errno, ECHILD);
}

int main(void)
{
    sandbox = system_sandbox();
    piped_streams_are_handed_over_once();
    streams_that_are_not_piped_have_no_end();
    wait_closes_an_input_that_nobody_took();
    its_descriptor_is_readable_at_the_end();
    waiting_twice_gives_the_same_output();
    a_wait_without_end_ends();
    kill_ends_the_whole_tree();
    a_signal_reaches_the_program();
    there_are_no_other_signals();
    what_comes_too_late_changes_nothing();
    paused_processes_are_stopped();
    usage_grows_while_it_runs();
    free_ends_the_tree_and_waits();
    a_command_that_cannot_run_makes_no_child();
    children_leave_no_descriptors_and_threads();
    sandlock_sandbox_free(sandbox);
    return done();
}
