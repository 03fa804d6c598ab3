/* A thread that confines itself, in processes of their own. */

#include "check.h"

#include <pthread.h>
#include <sys/utsname.h>

static char inside[PATH_MAX + 16], outside[PATH_MAX + 16];
static char poison;
#define POISON ((void *)&poison)

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

static int reads(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static sandlock_policy *policy_for_inside(void)
{
    sandlock_policy *policy = system_grants();
    set(policy, "fs.read", inside);
    return policy;
}

static void what_is_not_granted_cannot_be_read(void)
{
    sandlock_policy *policy = policy_for_inside();
    CHECK_INT(reads(inside), 0);
    CHECK_INT(reads(outside), 0);
    OK(sandlock_confine_self(policy, NULL, &error));
    CHECK_INT(reads(inside), 0);
    CHECK_INT(reads(outside), EACCES);
    sandlock_policy_free(policy);
}

static void what_it_starts_is_confined_too(void)
{
    sandlock_policy *policy = policy_for_inside();
    OK(sandlock_confine_self(policy, NULL, &error));
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(reads(inside) == 0 && reads(outside) == EACCES ? 0 : 1);
    CHECK_INT(exit_code_of(pid), 0);
    sandlock_policy_free(policy);
}

static void refused_calls_are_refused(void)
{
    struct utsname name;
    sandlock_policy *policy = policy_for_inside();
    set(policy, "syscalls.deny", "uname");
    CHECK_INT(uname(&name), 0);
    OK(sandlock_confine_self(policy, NULL, &error));
    CHECK_INT(uname(&name), -1);
    CHECK_INT(errno, EPERM);
    sandlock_policy_free(policy);
}

static void a_second_policy_only_narrows(void)
{
    sandlock_policy *narrow = policy_for_inside(), *wide = policy_for_inside();
    set(wide, "fs.read", "/");
    OK(sandlock_confine_self(narrow, NULL, &error));
    OK(sandlock_confine_self(wide, NULL, &error));
    CHECK_INT(reads(inside), 0);
    CHECK_INT(reads(outside), EACCES);
    sandlock_policy_free(narrow);
    sandlock_policy_free(wide);
}

static void *confine(void *unused)
{
    what_is_not_granted_cannot_be_read();
    clear();
    return unused;
}

static void other_threads_are_free(void)
{
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, confine, NULL), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(reads(outside), 0);
    /* And start programs still. */
    sandlock_sandbox *sandbox = system_sandbox();
    EXITS(0, sandbox, "true");
    sandlock_sandbox_free(sandbox);
}

/* The lines of /proc/self/status that confining changes. */
static void state(char *text, size_t size)
{
    char line[256];
    FILE *status = fopen("/proc/thread-self/status", "re");
    CHECK(status != NULL);
    text[0] = '\0';
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "NoNewPrivs", 10) == 0 || strncmp(line, "Seccomp", 7) == 0
            || strncmp(line, "Cap", 3) == 0)
            strncat(text, line, size - strlen(text) - 1);
    fclose(status);
    CHECK(strlen(text) > 50);
}

static void settings_of_a_start_are_errors_that_change_nothing(void)
{
    const char *const cases[][2] = {
        {"limits.open_files", "100"}, {"limits.file_size", "1M"},    {"limits.timeout", "1h"},
        {"process.env", "A=b"},       {"process.clean_env", "true"}, {"process.cwd", "/usr"},
        {"process.core_dumps", "true"}, {"process.manage_tasks", "true"},
        {"fs.read", "/no/such/path"}, {"syscalls.deny", "exit_group"}};
    char before[2048], after[2048];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sandlock_policy *policy = policy_for_inside();
        sandlock_enforcement *enforcement = POISON;
        set(policy, cases[i][0], cases[i][1]);
        state(before, sizeof before);
        FAILS(SANDLOCK_ERROR_POLICY, sandlock_confine_self(policy, &enforcement, &error));
        CHECK_PART(sandlock_error_setting(error), cases[i][0]);
        CHECK_INT(sandlock_confine_self(policy, NULL, NULL), SANDLOCK_ERROR_POLICY);
        state(after, sizeof after);
        CHECK_TEXT(after, before);
        CHECK_INT(reads(outside), 0);
        CHECK(enforcement == POISON);
        sandlock_policy_free(policy);
    }
    sandlock_policy *policy = policy_for_inside();
    for (size_t i = 0; i < 8; i++)
        set(policy, cases[i][0], cases[i][1]);
    FAILS(SANDLOCK_ERROR_POLICY, sandlock_confine_self(policy, NULL, &error));
    CHECK_INT(sandlock_error_problem_count(error), 8);
    sandlock_policy_free(policy);
}

static void a_domain_too_many_is_a_failed_step(void)
{
    sandlock_policy *policy = policy_for_inside();
    sandlock_status status = SANDLOCK_OK;
    for (int i = 0; i < 20 && status == SANDLOCK_OK; i++) {
        clear();
        status = sandlock_confine_self(policy, NULL, &error);
    }
    CHECK_INT(status, SANDLOCK_ERROR_SPAWN);
    CHECK_INT(sandlock_error_step(error), SANDLOCK_STEP_LANDLOCK);
    CHECK_INT(sandlock_error_errno(error), E2BIG);
    CHECK_INT(reads(outside), EACCES);
    sandlock_policy_free(policy);
}

int main(void)
{
    snprintf(inside, sizeof inside, "%s/inside", working_directory());
    snprintf(outside, sizeof outside, "%s/outside", working_directory());
    write_file(inside, "inside", 0644);
    write_file(outside, "outside", 0644);
    apart(what_is_not_granted_cannot_be_read);
    apart(what_it_starts_is_confined_too);
    apart(refused_calls_are_refused);
    apart(a_second_policy_only_narrows);
    apart(other_threads_are_free);
    apart(settings_of_a_start_are_errors_that_change_nothing);
    apart(a_domain_too_many_is_a_failed_step);
    unlink(inside);
    unlink(outside);
    return done();
}
