/* Runs a command that may read the system's programs and nothing else, for at most 10 seconds:
 *
 *     cc -std=c11 examples/run.c $(pkg-config --cflags --libs sandlock) -o run && ./run ls -l /usr
 *
 * Its exit status is the command's, 128 and the signal's number if a signal ended it, and 125 if it
 * could not be run.
 */
#include <inttypes.h>
#include <stdio.h>

#include <sandlock.h>

#define COULD_NOT_RUN 125

static const char *const settings[][2] = {
    {"fs.read", "/usr"},
    {"fs.read_if_exists", "/bin"},
    {"fs.read_if_exists", "/lib"},
    {"fs.read_if_exists", "/lib64"},
    {"fs.read_if_exists", "/etc/ld.so.cache"},
    {"limits.timeout", "10"},
    {"process.clean_env", "true"},
};

/* Each function that makes a new object leaves *result as it is when it fails. */
static sandlock_status make_policy(sandlock_policy **result, sandlock_error **err)
{
    sandlock_policy *policy = sandlock_policy_new();
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        sandlock_status status = sandlock_policy_set(policy, settings[i][0], settings[i][1], err);
        if (status != SANDLOCK_OK) {
            sandlock_policy_free(policy);
            return status;
        }
    }
    *result = policy;
    return SANDLOCK_OK;
}

static sandlock_status make_sandbox(sandlock_sandbox **result, sandlock_error **err)
{
    sandlock_policy *policy = NULL;
    sandlock_status status = make_policy(&policy, err);
    if (status == SANDLOCK_OK)
        status = sandlock_sandbox_new(policy, result, err);
    sandlock_policy_free(policy); /* a sandbox does not need its policy any more */
    return status;
}

static void print_lines(const char *title, const sandlock_enforcement *enforcement, uint32_t list)
{
    const char *line;
    for (size_t i = 0; (line = sandlock_enforcement_line(enforcement, list, i)) != NULL; i++)
        fprintf(stderr, "%s %s\n", title, line);
}

static void print_end(const sandlock_output *output)
{
    sandlock_usage usage = SANDLOCK_INIT(sandlock_usage);
    switch (sandlock_output_reason(output)) {
    case SANDLOCK_REASON_EXITED:
        fprintf(stderr, "exited with %d", (int)sandlock_output_exit_code(output));
        break;
    case SANDLOCK_REASON_SIGNALED:
        fprintf(stderr, "ended by signal %d", (int)sandlock_output_signal(output));
        break;
    case SANDLOCK_REASON_TIMEOUT:
        fprintf(stderr, "killed: its time was over");
        break;
    default: /* later versions may have more reasons */
        fprintf(stderr, "killed");
    }
    if (sandlock_output_usage(output, &usage, NULL) == SANDLOCK_OK)
        fprintf(stderr, " after %" PRIu64 " us", usage.wall_ns / 1000);
    fprintf(stderr, "\n");
}

/* Passes on what the command printed, and tells how it ended and what held it. */
static int report(const sandlock_output *output)
{
    size_t length;
    const char *bytes = sandlock_output_stdout(output, &length);
    fwrite(bytes, 1, length, stdout);
    bytes = sandlock_output_stderr(output, &length);
    fwrite(bytes, 1, length, stderr);

    print_end(output);
    const sandlock_enforcement *enforcement = sandlock_output_enforcement(output);
    print_lines("enforced:", enforcement, SANDLOCK_ENFORCEMENT_ENFORCED);
    print_lines("missing: ", enforcement, SANDLOCK_ENFORCEMENT_DEGRADED);
    print_lines("lifted:  ", enforcement, SANDLOCK_ENFORCEMENT_WEAKENED);

    int signal = sandlock_output_signal(output);
    return signal ? 128 + signal : sandlock_output_exit_code(output);
}

int main(int argc, char **argv)
{
    static const char *const example[] = {"ls", "-l", "/usr", NULL};
    const char *const *command = argc > 1 ? (const char *const *)(argv + 1) : example;
    int result = COULD_NOT_RUN;
    sandlock_error *err = NULL;
    sandlock_sandbox *sandbox = NULL;
    sandlock_output *output = NULL;

    if (make_sandbox(&sandbox, &err) == SANDLOCK_OK
        && sandlock_sandbox_run(sandbox, command, &output, &err) == SANDLOCK_OK)
        result = report(output);
    else
        fprintf(stderr, "run: %s\n", sandlock_error_message(err));

    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
    sandlock_error_free(err);
    return result;
}
