/* Launches: the struct, its streams, variables, directory and limits. */

#include "check.h"

static sandlock_sandbox *sandbox;
static char poison;
#define POISON ((void *)&poison)

static sandlock_launch launch_of(const char *const *argv)
{
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    launch.argv = argv;
    return launch;
}

static sandlock_output *run_launch(int line, const sandlock_launch *launch)
{
    sandlock_output *output = NULL;
    clear();
    check_int(__FILE__, line, "status", sandlock_sandbox_run_launch(sandbox, launch, &output, &error),
              SANDLOCK_OK);
    return output;
}

#define LAUNCH(launch) run_launch(__LINE__, launch)

static void prints(int line, const sandlock_launch *launch, const char *text)
{
    sandlock_output *output = run_launch(line, launch);
    check_text(__FILE__, line, "stdout", printed(output), text);
    sandlock_output_free(output);
}

#define PRINTS(launch, text) prints(__LINE__, launch, text)

/* Neither run nor spawned, and nothing is written. */
static void refused(int line, sandlock_status kind, const sandlock_launch *launch, const char *part)
{
    sandlock_output *output = POISON;
    sandlock_child *child = POISON;
    clear();
    check_fails(__FILE__, line, "run", sandlock_sandbox_run_launch(sandbox, launch, &output, &error), kind);
    check_part(__FILE__, line, "run", MESSAGE(), part);
    clear();
    check_fails(__FILE__, line, "spawn", sandlock_sandbox_spawn(sandbox, launch, &child, &error), kind);
    check_part(__FILE__, line, "spawn", MESSAGE(), part);
    CHECK(output == POISON);
    CHECK(child == POISON);
}

#define REFUSED(kind, launch, part) refused(__LINE__, kind, launch, part)
#define ARGUMENT SANDLOCK_ERROR_ARGUMENT

/* A struct of a later version. */
struct later {
    sandlock_launch launch;
    char tail[8192];
};

static void its_size_is_that_of_some_version(void)
{
    struct later *later = calloc(1, sizeof *later);
    CHECK(later != NULL);
    later->launch = launch_of(WORDS("echo", "hello"));
    size_t size = sizeof(sandlock_launch);
    size_t wrong[] = {0, 1, sizeof(size_t), size - 1, size + 1, size + 4, 4097, 4104, SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX - 7};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        later->launch.size = wrong[i];
        REFUSED(ARGUMENT, &later->launch, "launch.size");
    }
    size_t right[] = {size, size + 8, size + 16, 4096};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        later->launch.size = right[i];
        PRINTS(&later->launch, "hello\n");
    }
    later->tail[104] = 1;
    later->launch.size = size + 104;
    PRINTS(&later->launch, "hello\n");
    later->launch.size = size + 112;
    REFUSED(ARGUMENT, &later->launch, "launch sets fields");
    free(later);
}

/* Reading behind the struct is what a sanitizer sees. */
static void nothing_behind_it_is_read(void)
{
    sandlock_launch *launch = allocate(sizeof *launch);
    *launch = launch_of(WORDS("echo", "hello"));
    PRINTS(launch, "hello\n");
    size_t *size = allocate(sizeof *size);
    *size = sizeof *size;
    REFUSED(ARGUMENT, (const sandlock_launch *)(const void *)size, "launch.size");
    free(size);
    free(launch);
}

static void unknown_numbers_are_refused(void)
{
    sandlock_launch launch = launch_of(WORDS("true"));
    uint64_t flags[] = {4, 5, 7, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        launch.flags = flags[i];
        REFUSED(ARGUMENT, &launch, "flags");
    }
    uint32_t kinds[] = {8, 100, 0x10000, UINT32_MAX};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        launch = launch_of(WORDS("true"));
        launch.in.kind = kinds[i];
        REFUSED(ARGUMENT, &launch, "in: there is no kind");
        launch = launch_of(WORDS("true"));
        launch.out.kind = kinds[i];
        REFUSED(ARGUMENT, &launch, "out: there is no kind");
        launch = launch_of(WORDS("true"));
        launch.err.kind = kinds[i];
        REFUSED(ARGUMENT, &launch, "err: there is no kind");
    }
    launch = launch_of(WORDS("true"));
    EXITS(0, sandbox, "true");
    PRINTS(&launch, "");
}

static void streams_that_do_not_fit_are_refused(void)
{
    sandlock_launch launch = launch_of(WORDS("true"));
    launch.out.kind = SANDLOCK_STDIO_BYTES;
    REFUSED(ARGUMENT, &launch, "out takes no bytes");
    launch = launch_of(WORDS("true"));
    launch.err.kind = SANDLOCK_STDIO_BYTES;
    REFUSED(ARGUMENT, &launch, "err takes no bytes");
    launch = launch_of(WORDS("true"));
    launch.in.kind = SANDLOCK_STDIO_CAPTURED;
    REFUSED(SANDLOCK_ERROR_COMMAND, &launch, "");
    launch = launch_of(WORDS("true"));
    launch.in.kind = SANDLOCK_STDIO_BYTES;
    launch.in.length = SIZE_MAX;
    launch.in.data = "x";
    REFUSED(ARGUMENT, &launch, "in.data cannot be that long");
    int closed = dup(0);
    CHECK_INT(close(closed), 0);
    int descriptors[] = {-1, INT_MIN, INT_MAX, closed};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        launch = launch_of(WORDS("true"));
        launch.out.kind = SANDLOCK_STDIO_FD;
        launch.out.fd = descriptors[i];
        REFUSED(ARGUMENT, &launch, "which is not open");
    }
    /* Nobody would serve a pipe while the caller waits. */
    sandlock_output *output = POISON;
    launch = launch_of(WORDS("true"));
    launch.out.kind = SANDLOCK_STDIO_PIPED;
    FAILS(SANDLOCK_ERROR_COMMAND, sandlock_sandbox_run_launch(sandbox, &launch, &output, &error));
    CHECK(output == POISON);
    sandlock_child *child = NULL;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    OK(sandlock_child_wait(child, NULL, &error));
    sandlock_child_free(child);
}

/* A field that means nothing for a kind was meant for another one. */
static void fields_that_a_kind_does_not_use_must_not_be_set(void)
{
    uint32_t kinds[] = {SANDLOCK_STDIO_DEFAULT, SANDLOCK_STDIO_INHERIT, SANDLOCK_STDIO_NULL,
                        SANDLOCK_STDIO_PIPED, SANDLOCK_STDIO_CAPTURED, SANDLOCK_STDIO_BYTES,
                        SANDLOCK_STDIO_STDOUT};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        sandlock_launch launch = launch_of(WORDS("true"));
        sandlock_stdio *streams[] = {&launch.in, &launch.out, &launch.err};
        const char *names[] = {"in.", "out.", "err."};
        for (size_t j = 0; j < 3; j++) {
            *streams[j] = (sandlock_stdio){.kind = kinds[i], .fd = 1};
            REFUSED(ARGUMENT, &launch, names[j]);
            if (kinds[i] != SANDLOCK_STDIO_BYTES) {
                *streams[j] = (sandlock_stdio){.kind = kinds[i], .length = 1};
                REFUSED(ARGUMENT, &launch, names[j]);
            }
            *streams[j] = (sandlock_stdio){0};
        }
    }
    sandlock_launch launch = launch_of(WORDS("true"));
    launch.out = (sandlock_stdio){.kind = SANDLOCK_STDIO_FD, .fd = 1, .length = 1};
    REFUSED(ARGUMENT, &launch, "out.length");
    launch.out = (sandlock_stdio){.kind = SANDLOCK_STDIO_FD, .fd = 1};
    PRINTS(&launch, "");
}

static void input_is_any_bytes(void)
{
    char bytes[200000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    sandlock_launch launch = launch_of(WORDS("cat"));
    launch.in.kind = SANDLOCK_STDIO_BYTES;
    launch.in.data = bytes;
    launch.in.length = sizeof bytes;
    sandlock_output *output = LAUNCH(&launch);
    size_t length = 0;
    const char *copy = sandlock_output_stdout(output, &length);
    CHECK_INT(length, sizeof bytes);
    CHECK(memcmp(copy, bytes, length) == 0);
    sandlock_output_free(output);

    launch.in.length = 0;
    PRINTS(&launch, "");
    launch.in.data = NULL;
    PRINTS(&launch, "");
}

/* Copied: a spawned program reads what it was when it was handed over. */
static void input_is_copied(void)
{
    size_t size = 1 << 20, length = 0;
    char *bytes = allocate(size);
    memset(bytes, 'a', size);
    sandlock_launch launch = launch_of(WORDS("sh", "-c", "read line < /dev/null; cat"));
    launch.in.kind = SANDLOCK_STDIO_BYTES;
    launch.in.data = bytes;
    launch.in.length = size;
    sandlock_child *child = NULL;
    sandlock_output *output = NULL;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    memset(bytes, 'b', size);
    free(bytes);
    OK(sandlock_child_wait(child, &output, &error));
    const char *copy = sandlock_output_stdout(output, &length);
    CHECK_INT(length, size);
    CHECK(memchr(copy, 'b', length) == NULL);
    sandlock_output_free(output);
    sandlock_child_free(child);
}

static void descriptors_stay_the_callers(void)
{
    int in[2], out[2];
    CHECK_INT(pipe2(in, O_CLOEXEC), 0);
    CHECK_INT(pipe2(out, O_CLOEXEC), 0);
    CHECK_INT(write(in[1], "given", 5), 5);
    CHECK_INT(close(in[1]), 0);
    sandlock_launch launch = launch_of(WORDS("sh", "-c", "cat; cat <&0; echo to err >&2"));
    launch.in.kind = launch.out.kind = launch.err.kind = SANDLOCK_STDIO_FD;
    launch.in.fd = in[0];
    launch.out.fd = launch.err.fd = out[1];
    sandlock_output *output = LAUNCH(&launch);
    size_t length = 7;
    sandlock_output_stdout(output, &length);
    CHECK_INT(length, 0);
    sandlock_output_free(output);
    CHECK(fcntl(in[0], F_GETFD) >= 0);
    CHECK(fcntl(out[1], F_GETFD) >= 0);
    CHECK_INT(close(in[0]), 0);
    CHECK_INT(close(out[1]), 0);
    char text[64] = {0};
    CHECK_INT(read_fully(out[0], text, sizeof text), 5 + 7);
    CHECK_TEXT(text, "givento err\n");
    CHECK_INT(close(out[0]), 0);
}

/* With the library's copies gone, the reader learns the end as soon as the program has closed it. */
static void a_spawned_program_has_the_only_copy(void)
{
    int out[2];
    CHECK_INT(pipe2(out, O_CLOEXEC), 0);
    sandlock_launch launch = launch_of(WORDS("sh", "-c", "echo hello; exec >&-; exec sleep 1000"));
    launch.out.kind = SANDLOCK_STDIO_FD;
    launch.out.fd = out[1];
    sandlock_child *child = NULL;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    CHECK_INT(close(out[1]), 0);
    char text[64] = {0};
    CHECK_INT(read_fully(out[0], text, sizeof text), 6);
    struct pollfd end = {.fd = out[0], .events = POLLIN};
    CHECK_INT(poll(&end, 1, 10000), 1);
    CHECK(end.revents & POLLHUP);
    CHECK_INT(close(out[0]), 0);
    sandlock_child_free(child);
}

static void inherited_streams_are_the_callers(void)
{
    int saved = dup(1), out[2];
    CHECK_INT(pipe2(out, O_CLOEXEC), 0);
    fflush(stdout);
    CHECK_INT(dup2(out[1], 1), 1);
    CHECK_INT(close(out[1]), 0);
    sandlock_launch launch = launch_of(WORDS("echo", "inherited"));
    launch.out.kind = SANDLOCK_STDIO_INHERIT;
    sandlock_output *output = LAUNCH(&launch);
    sandlock_output_free(output);
    OK(sandlock_sandbox_run_interactive(sandbox, WORDS("echo", "interactive"), NULL, &error));
    launch = launch_of(WORDS("echo", "flag"));
    launch.flags = SANDLOCK_LAUNCH_INTERACTIVE;
    output = LAUNCH(&launch);
    sandlock_output_free(output);
    CHECK_INT(dup2(saved, 1), 1);
    CHECK_INT(close(saved), 0);
    char text[64] = {0};
    CHECK_INT(read_fully(out[0], text, sizeof text), 27);
    CHECK_TEXT(text, "inherited\ninteractive\nflag\n");
    CHECK_INT(close(out[0]), 0);
}

static void both_outputs_can_be_one(void)
{
    const char *script = "echo 1; echo 2 >&2; echo 3; echo 4 >&2";
    sandlock_launch launch = launch_of(WORDS("sh", "-c", script));
    PRINTS(&launch, "1\n3\n");
    launch.err.kind = SANDLOCK_STDIO_STDOUT;
    PRINTS(&launch, "1\n2\n3\n4\n");
    size_t length = 1;
    sandlock_output *output = LAUNCH(&launch);
    sandlock_output_stderr(output, &length);
    CHECK_INT(length, 0);
    sandlock_output_free(output);

    int out[2];
    CHECK_INT(pipe2(out, O_CLOEXEC), 0);
    launch.out = (sandlock_stdio){.kind = SANDLOCK_STDIO_FD, .fd = out[1]};
    PRINTS(&launch, "");
    CHECK_INT(close(out[1]), 0);
    char text[64] = {0};
    CHECK_INT(read_fully(out[0], text, sizeof text), 8);
    CHECK_TEXT(text, "1\n2\n3\n4\n");
    CHECK_INT(close(out[0]), 0);

    launch.out = (sandlock_stdio){.kind = SANDLOCK_STDIO_PIPED};
    sandlock_child *child = NULL;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    int reading = sandlock_child_stdout(child);
    CHECK_INT(sandlock_child_stderr(child), -1);
    memset(text, 0, sizeof text);
    CHECK_INT(read_fully(reading, text, sizeof text), 8);
    CHECK_TEXT(text, "1\n2\n3\n4\n");
    CHECK_INT(close(reading), 0);
    OK(sandlock_child_wait(child, NULL, &error));
    sandlock_child_free(child);

    launch.out = (sandlock_stdio){.kind = SANDLOCK_STDIO_STDOUT};
    REFUSED(SANDLOCK_ERROR_COMMAND, &launch, "descriptor 1");
    launch.out = launch.err = (sandlock_stdio){0};
    launch.in.kind = SANDLOCK_STDIO_STDOUT;
    REFUSED(SANDLOCK_ERROR_COMMAND, &launch, "descriptor 0");
}

static void what_is_captured_is_limited_and_counted(void)
{
    const char *script = "printf 0123456789; printf abcde >&2";
    sandlock_launch launch = launch_of(WORDS("sh", "-c", script));
    launch.capture_limit = 7;
    sandlock_output *output = LAUNCH(&launch);
    size_t length = 0;
    CHECK_TEXT(printed(output), "0123456");
    CHECK_INT(sandlock_output_stdout_dropped(output), 3);
    CHECK(memcmp(sandlock_output_stderr(output, &length), "abcde", 5) == 0);
    CHECK_INT(length, 5);
    CHECK_INT(sandlock_output_stderr_dropped(output), 0);
    sandlock_output_free(output);
    launch.capture_limit = UINT64_MAX;
    output = LAUNCH(&launch);
    CHECK_TEXT(printed(output), "0123456789");
    CHECK_INT(sandlock_output_stdout_dropped(output), 0);
    sandlock_output_free(output);
    launch.out.kind = SANDLOCK_STDIO_NULL;
    launch.err.kind = SANDLOCK_STDIO_CAPTURED;
    output = LAUNCH(&launch);
    CHECK_TEXT(printed(output), "");
    sandlock_output_stderr(output, &length);
    CHECK_INT(length, 5);
    sandlock_output_free(output);
}

static void variables_are_laid_over_the_policy(void)
{
    sandlock_policy *policy = system_policy();
    set(policy, "process.env", "FROM=policy");
    set(policy, "process.env", "BOTH=policy");
    sandlock_sandbox *other = sandbox_for(policy), *saved = sandbox;
    sandbox = other;
    sandlock_launch launch = launch_of(WORDS("sh", "-c", "echo $FROM $BOTH $EQUALS $BYTES"));
    PRINTS(&launch, "policy policy\n");
    launch.env = WORDS("BOTH=launch", "EQUALS=a=b", "BYTES=\xff");
    PRINTS(&launch, "policy launch a=b \xff\n");
    launch.env = (const char *const[]){NULL};
    PRINTS(&launch, "policy policy\n");
    launch.env = WORDS("GOOD=1", "without");
    REFUSED(ARGUMENT, &launch, "without");
    launch.env = WORDS("=value");
    REFUSED(SANDLOCK_ERROR_COMMAND, &launch, "");
    sandbox = saved;
    sandlock_sandbox_free(other);
}

static void a_cleared_environment_has_none_of_the_callers(void)
{
    CHECK_INT(setenv("SANDLOCK_TEST_CALLERS", "caller", 1), 0);
    sandlock_policy *policy = system_policy();
    set(policy, "process.env", "FROM=policy");
    sandlock_sandbox *other = sandbox_for(policy), *saved = sandbox;
    sandbox = other;
    sandlock_launch launch = launch_of(WORDS("sh", "-c", "echo $SANDLOCK_TEST_CALLERS $HOME $FROM $OWN"));
    launch.env = WORDS("HOME=/here", "OWN=launch");
    PRINTS(&launch, "caller /here policy launch\n");
    launch.flags = SANDLOCK_LAUNCH_CLEAR_ENV;
    PRINTS(&launch, "/here policy launch\n");
    launch.env = NULL;
    PRINTS(&launch, "policy\n");
    launch.argv = WORDS("env");
    PRINTS(&launch, "FROM=policy\nPATH=/usr/bin:/bin\n");
    launch.env = WORDS("PATH=/nowhere");
    REFUSED(SANDLOCK_ERROR_NOT_FOUND, &launch, "env");
    launch.flags = SANDLOCK_LAUNCH_CLEAR_ENV | SANDLOCK_LAUNCH_INTERACTIVE;
    launch.env = NULL;
    launch.out.kind = SANDLOCK_STDIO_CAPTURED;
    PRINTS(&launch, "FROM=policy\nPATH=/usr/bin:/bin\n");
    CHECK_INT(unsetenv("SANDLOCK_TEST_CALLERS"), 0);
    sandbox = saved;
    sandlock_sandbox_free(other);
}

static void a_directory_is_where_it_starts(void)
{
    sandlock_launch launch = launch_of(WORDS("pwd", "-P"));
    launch.cwd = "/usr/bin";
    PRINTS(&launch, "/usr/bin\n");
    launch.cwd = "/no/such/directory";
    REFUSED(SANDLOCK_ERROR_COMMAND, &launch, "/no/such/directory");
    CHECK(sandlock_error_setting(error) == NULL);
    launch.cwd = "/bin/sh";
    REFUSED(SANDLOCK_ERROR_COMMAND, &launch, "/bin/sh");
    launch.cwd = "";
    REFUSED(SANDLOCK_ERROR_COMMAND, &launch, "");
    launch.cwd = NULL;
    char expected[PATH_MAX + 1];
    snprintf(expected, sizeof expected, "%s\n", working_directory());
    PRINTS(&launch, expected);
}

static int reason(const sandlock_launch *launch)
{
    sandlock_output *output = LAUNCH(launch);
    int reason = sandlock_output_reason(output);
    if (reason == SANDLOCK_REASON_TIMEOUT) {
        CHECK(!sandlock_output_success(output));
        CHECK_INT(sandlock_output_exit_code(output), -1);
        CHECK_INT(sandlock_output_signal(output), SIGKILL);
    }
    sandlock_output_free(output);
    return reason;
}

static void a_timeout_replaces_that_of_the_policy(void)
{
    sandlock_policy *policy = system_policy();
    set(policy, "limits.timeout", "100ms");
    sandlock_sandbox *other = sandbox_for(policy), *saved = sandbox;
    sandlock_launch launch = launch_of(WORDS("sleep", "1000"));
    launch.timeout_ms = 50;
    CHECK_INT(reason(&launch), SANDLOCK_REASON_TIMEOUT);
    sandbox = other;
    launch.timeout_ms = 0;
    CHECK_INT(reason(&launch), SANDLOCK_REASON_TIMEOUT);
    launch.argv = WORDS("sleep", "0.3");
    uint64_t patient[] = {60000, UINT64_MAX - 1, UINT64_MAX, INT64_MAX, UINT64_C(1) << 53};
    for (size_t i = 0; i < sizeof patient / sizeof *patient; i++) {
        launch.timeout_ms = patient[i];
        CHECK_INT(reason(&launch), SANDLOCK_REASON_EXITED);
    }
    sandbox = saved;
    sandlock_sandbox_free(other);
}

static void a_command_has_at_least_a_word(void)
{
    sandlock_launch launch = launch_of((const char *const[]){NULL});
    REFUSED(SANDLOCK_ERROR_COMMAND, &launch, "empty");
    launch.argv = WORDS("");
    sandlock_output *output = POISON;
    clear();
    sandlock_status status = sandlock_sandbox_run_launch(sandbox, &launch, &output, &error);
    CHECK(status == SANDLOCK_ERROR_COMMAND || status == SANDLOCK_ERROR_NOT_FOUND);
    CHECK(output == POISON);
}

static void words_are_any_bytes(void)
{
    sandlock_launch launch = launch_of(WORDS("printf", "%s|", "", "\xff\xfe", "a b", "\n"));
    PRINTS(&launch, "|\xff\xfe|a b|\n|");
}

/* A launch is read during the call alone, and can be used again. */
static void a_launch_is_not_kept(void)
{
    sandlock_launch *launch = allocate(sizeof *launch);
    char *word = allocate(8);
    const char **argv = allocate(3 * sizeof *argv);
    strcpy(word, "again");
    argv[0] = "echo";
    argv[1] = word;
    argv[2] = NULL;
    *launch = launch_of(argv);
    sandlock_launch before = *launch;
    sandlock_child *child = NULL;
    sandlock_output *output = NULL;
    PRINTS(launch, "again\n");
    CHECK(memcmp(&before, launch, sizeof before) == 0);
    OK(sandlock_sandbox_spawn(sandbox, launch, &child, &error));
    free(argv);
    free(word);
    free(launch);
    OK(sandlock_child_wait(child, &output, &error));
    CHECK_TEXT(printed(output), "again\n");
    sandlock_output_free(output);
    sandlock_child_free(child);
}

int main(void)
{
    sandbox = system_sandbox();
    its_size_is_that_of_some_version();
    nothing_behind_it_is_read();
    unknown_numbers_are_refused();
    streams_that_do_not_fit_are_refused();
    fields_that_a_kind_does_not_use_must_not_be_set();
    input_is_any_bytes();
    input_is_copied();
    descriptors_stay_the_callers();
    a_spawned_program_has_the_only_copy();
    inherited_streams_are_the_callers();
    both_outputs_can_be_one();
    what_is_captured_is_limited_and_counted();
    variables_are_laid_over_the_policy();
    a_cleared_environment_has_none_of_the_callers();
    a_directory_is_where_it_starts();
    a_timeout_replaces_that_of_the_policy();
    a_command_has_at_least_a_word();
    words_are_any_bytes();
    a_launch_is_not_kept();
    sandlock_sandbox_free(sandbox);
    return done();
}
