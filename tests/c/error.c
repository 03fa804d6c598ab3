/* Errors: each kind that can be brought about, and what it says. */

#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static sandlock_sandbox *sandbox;

static sandlock_status run(const char *const *argv)
{
    return sandlock_sandbox_run(sandbox, argv, NULL, &error);
}

/* Runs in a process of its own, so that what it does to itself stays there. */
static void apart(void (*check)(void))
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        check();
        fflush(NULL);
        _exit(0);
    }
    CHECK_INT(exit_code_of(pid), 0);
}

static void every_status_has_a_text(void)
{
    for (sandlock_status status = -1; status <= 15; status++) {
        CHECK(strlen(sandlock_status_text(status)) > 1);
        for (sandlock_status other = -1; other < status; other++)
            CHECK(strcmp(sandlock_status_text(status), sandlock_status_text(other)) != 0);
    }
    sandlock_status unknown[] = {-2, 16, 1000, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        CHECK_TEXT(sandlock_status_text(unknown[i]), "unknown status");
}

static void numbers_are_permanent(void)
{
    const sandlock_status statuses[] = {
        SANDLOCK_OK, SANDLOCK_ERROR_POLICY, SANDLOCK_ERROR_UNSUPPORTED, SANDLOCK_ERROR_COMMAND,
        SANDLOCK_ERROR_NOT_FOUND, SANDLOCK_ERROR_CANNOT_EXECUTE, SANDLOCK_ERROR_SPAWN, SANDLOCK_ERROR_IO,
        SANDLOCK_ERROR_HANDLER, SANDLOCK_ERROR_REGISTRATION, SANDLOCK_ERROR_ARGUMENT, SANDLOCK_ERROR_INTERNAL,
        SANDLOCK_ERROR_TASK_GONE, SANDLOCK_ERROR_TASK_MEMORY, SANDLOCK_ERROR_TOO_LONG, SANDLOCK_ERROR_TASK};
    for (int i = 0; i < 16; i++)
        CHECK_INT(statuses[i], i);
    CHECK_INT(SANDLOCK_RUNNING, -1);
    const int steps[] = {
        SANDLOCK_STEP_KEEPER, SANDLOCK_STEP_SUBREAPER, SANDLOCK_STEP_CHILD, SANDLOCK_STEP_DIE_WITH_KEEPER,
        SANDLOCK_STEP_NEW_SESSION, SANDLOCK_STEP_RESET_SIGNALS, SANDLOCK_STEP_LIMIT,
        SANDLOCK_STEP_CHANGE_DIRECTORY, SANDLOCK_STEP_NO_NEW_PRIVILEGES, SANDLOCK_STEP_LANDLOCK,
        SANDLOCK_STEP_DROP_CAPABILITIES, SANDLOCK_STEP_DESCRIPTORS, SANDLOCK_STEP_FILTER, SANDLOCK_STEP_EXECUTE,
        SANDLOCK_STEP_FOREGROUND, SANDLOCK_STEP_KEEPER_SCOPE, SANDLOCK_STEP_LISTENER};
    for (int i = 0; i < 17; i++)
        CHECK_INT(steps[i], i + 1);
    const uint32_t actions[] = {SANDLOCK_ACTION_CONTINUE, SANDLOCK_ACTION_ERRNO, SANDLOCK_ACTION_RETURN,
                                SANDLOCK_ACTION_INJECT_FD, SANDLOCK_ACTION_INJECT_BYTES, SANDLOCK_ACTION_KILL};
    const uint32_t outcomes[] = {SANDLOCK_OUTCOME_CONTINUE, SANDLOCK_OUTCOME_REFUSED, SANDLOCK_OUTCOME_ANSWERED,
                                 SANDLOCK_OUTCOME_INJECTED, SANDLOCK_OUTCOME_KILLED, SANDLOCK_OUTCOME_GONE};
    for (uint32_t i = 0; i < 6; i++) {
        CHECK_INT(actions[i], 0x534c0001 + i);
        CHECK_INT(outcomes[i], i + 1);
    }
}

static void a_command_that_does_not_exist(void)
{
    FAILS(SANDLOCK_ERROR_NOT_FOUND, run(WORDS("no-such-command")));
    CHECK_PART(MESSAGE(), "no-such-command");
    CHECK(sandlock_error_hint(error) != NULL);
    CHECK_PART(MESSAGE(), sandlock_error_hint(error));
    FAILS(SANDLOCK_ERROR_NOT_FOUND, run(WORDS("/no/such/command")));
    CHECK_INT(sandlock_error_errno(error), ENOENT);
    CHECK(sandlock_error_setting(error) == NULL);
    CHECK_INT(sandlock_error_problem_count(error), 0);
    CHECK_INT(sandlock_error_step(error), 0);
    CHECK(sandlock_error_handler_error(error) == NULL);
    CHECK(sandlock_error_output(error) == NULL);
    CHECK_INT(strcspn(MESSAGE(), "\n"), (long long)strlen(MESSAGE()));
}

static void a_message_is_one_line_whatever_the_command_is_called(void)
{
    FAILS(SANDLOCK_ERROR_NOT_FOUND, run(WORDS("/no\nsuch\x1b[31m \xff")));
    for (const char *at = MESSAGE(); *at != '\0'; at++)
        CHECK((unsigned char)*at >= ' ');
    CHECK(strchr(MESSAGE(), '\xff') == NULL);
}

static void a_command_that_is_not_executable(void)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/plain", working_directory());
    write_file(path, "text", 0644);
    FAILS(SANDLOCK_ERROR_CANNOT_EXECUTE, run(WORDS(path)));
    CHECK_INT(sandlock_error_errno(error), EACCES);
    CHECK_PART(MESSAGE(), "plain");
    CHECK_INT(chmod(path, 0755), 0);
    /* Now it is the policy that does not let it start. */
    FAILS(SANDLOCK_ERROR_CANNOT_EXECUTE, run(WORDS(path)));
    CHECK_TEXT(sandlock_error_setting(error), "fs.read");
    CHECK_INT(sandlock_error_step(error), SANDLOCK_STEP_EXECUTE);
    CHECK_INT(sandlock_error_errno(error), EACCES);
    CHECK_INT(sandlock_error_problem_count(error), 1);
    CHECK_TEXT(sandlock_error_problem_setting(error, 0), "fs.read");
    CHECK_PART(sandlock_error_problem_message(error, 0), "plain");
    CHECK(sandlock_error_hint(error) != NULL);
    unlink(path);
}

static void a_directory_of_the_policy_that_is_none(void)
{
    sandlock_policy *policy = system_policy();
    set(policy, "process.cwd", "/no/such/directory");
    sandlock_sandbox *other = sandbox_for(policy);
    FAILS(SANDLOCK_ERROR_POLICY, sandlock_sandbox_run(other, WORDS("true"), NULL, &error));
    CHECK_TEXT(sandlock_error_setting(error), "process.cwd");
    CHECK_INT(sandlock_error_errno(error), ENOENT);
    sandlock_sandbox_free(other);
}

static void an_empty_command(void)
{
    FAILS(SANDLOCK_ERROR_COMMAND, run((const char *const[]){NULL}));
    CHECK_INT(sandlock_error_errno(error), 0);
}

static void no_descriptors_are_left(void)
{
    struct rlimit few = {3, 3};
    int closed = dup(0);
    few.rlim_cur = (rlim_t)closed;
    CHECK_INT(close(closed), 0);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){few.rlim_cur, 100}), 0);
    FAILS(SANDLOCK_ERROR_IO, run(WORDS("true")));
    CHECK_INT(sandlock_error_errno(error), EMFILE);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){100, 100}), 0);
    OK(run(WORDS("true")));
}

static void a_thread_in_a_sandbox_starts_none(void)
{
    sandlock_policy *policy = system_grants();
    OK(run(WORDS("true")));
    OK(sandlock_confine_self(policy, NULL, &error));
    FAILS(SANDLOCK_ERROR_SPAWN, run(WORDS("true")));
    CHECK_INT(sandlock_error_step(error), SANDLOCK_STEP_SUBREAPER);
    CHECK_INT(sandlock_error_errno(error), EPERM);
    CHECK_PART(sandlock_error_hint(error), "sandbox");
    sandlock_policy_free(policy);
}

/* A kernel without Landlock, as far as this process can see. */
static void a_kernel_that_cannot(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_INT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    sandlock_policy *policy = system_grants();
    sandlock_sandbox *none = NULL;
    sandlock_enforcement *enforcement = NULL;
    char *text = NULL;
    FAILS(SANDLOCK_ERROR_UNSUPPORTED, sandlock_host_check(&error));
    CHECK_PART(MESSAGE(), "Landlock");
    CHECK_INT(sandlock_host_check(NULL), SANDLOCK_ERROR_UNSUPPORTED);
    CHECK_INT(sandlock_host_landlock_abi(), 0);
    FAILS(SANDLOCK_ERROR_UNSUPPORTED, sandlock_sandbox_new(policy, &none, &error));
    FAILS(SANDLOCK_ERROR_UNSUPPORTED, sandlock_policy_explain(policy, &text, &error));
    FAILS(SANDLOCK_ERROR_UNSUPPORTED, sandlock_confine_self(policy, &enforcement, &error));
    CHECK(none == NULL && text == NULL && enforcement == NULL);
    OK(sandlock_host_json(&text, &error));
    sandlock_string_free(text);
    sandlock_policy_free(policy);
}

static void a_place_for_the_error_is_written_to_on_failure_alone(void)
{
    static char poison;
    sandlock_error *untouched = (void *)&poison;
    CHECK_INT(sandlock_sandbox_run(sandbox, WORDS("true"), NULL, &untouched), SANDLOCK_OK);
    CHECK_INT(sandlock_host_check(&untouched), SANDLOCK_OK);
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    sandlock_child *child = NULL;
    launch.argv = WORDS("sleep", "1000");
    CHECK_INT(sandlock_sandbox_spawn(sandbox, &launch, &child, &untouched), SANDLOCK_OK);
    CHECK_INT(sandlock_child_wait_timeout(child, 0, NULL, &untouched), SANDLOCK_RUNNING);
    CHECK_INT(sandlock_child_kill(child, &untouched), SANDLOCK_OK);
    CHECK_INT(sandlock_child_wait(child, NULL, &untouched), SANDLOCK_OK);
    sandlock_child_free(child);
    CHECK(untouched == (void *)&poison);
}

int main(void)
{
    /* Before anybody has looked at the kernel. */
    apart(a_kernel_that_cannot);
    sandbox = system_sandbox();
    every_status_has_a_text();
    numbers_are_permanent();
    a_command_that_does_not_exist();
    a_message_is_one_line_whatever_the_command_is_called();
    a_command_that_is_not_executable();
    a_directory_of_the_policy_that_is_none();
    an_empty_command();
    apart(no_descriptors_are_left);
    apart(a_thread_in_a_sandbox_starts_none);
    a_place_for_the_error_is_written_to_on_failure_alone();
    sandlock_sandbox_free(sandbox);
    return done();
}
