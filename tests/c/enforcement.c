/* What is enforced, degraded and weakened. */

#include "check.h"

static size_t lines(const sandlock_enforcement *enforcement, uint32_t list)
{
    size_t count = 0;
    while (sandlock_enforcement_line(enforcement, list, count) != NULL)
        count++;
    CHECK(sandlock_enforcement_line(enforcement, list, SIZE_MAX) == NULL);
    CHECK_INT(sandlock_enforcement_count(enforcement, list), count);
    return count;
}

static bool has(const sandlock_enforcement *enforcement, uint32_t list, const char *part)
{
    for (size_t i = 0; i < lines(enforcement, list); i++)
        if (strstr(sandlock_enforcement_line(enforcement, list, i), part) != NULL)
            return true;
    return false;
}

static void what_the_policy_lifts_is_weakened(void)
{
    sandlock_policy *policy = system_policy();
    sandlock_sandbox *sandbox = sandbox_for(sandlock_policy_clone(policy));
    sandlock_output *output = RUN(sandbox, "true");
    const sandlock_enforcement *enforcement = sandlock_output_enforcement(output);
    CHECK_INT(sandlock_enforcement_landlock_abi(enforcement), sandlock_host_landlock_abi());
    CHECK(lines(enforcement, SANDLOCK_ENFORCEMENT_ENFORCED) > 0);
    CHECK_INT(lines(enforcement, SANDLOCK_ENFORCEMENT_WEAKENED), 0);
    CHECK(has(enforcement, SANDLOCK_ENFORCEMENT_ENFORCED, "fs_truncate"));
    CHECK_INT(lines(enforcement, 0), 0);
    CHECK_INT(lines(enforcement, 4), 0);
    CHECK_INT(lines(enforcement, UINT32_MAX), 0);
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);

    set(policy, "syscalls.allow", "ptrace");
    set(policy, "protections.fs_truncate", "off");
    sandbox = sandbox_for(policy);
    output = RUN(sandbox, "true");
    enforcement = sandlock_output_enforcement(output);
    CHECK(has(enforcement, SANDLOCK_ENFORCEMENT_WEAKENED, "ptrace"));
    CHECK(has(enforcement, SANDLOCK_ENFORCEMENT_WEAKENED, "fs_truncate"));
    CHECK(!has(enforcement, SANDLOCK_ENFORCEMENT_ENFORCED, "fs_truncate"));
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

/* One of a thread is the caller's, and outlives what it came with. */
static void a_thread_has_one_of_its_own(void)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        sandlock_policy *policy = system_grants();
        sandlock_enforcement *enforcement = NULL;
        set(policy, "syscalls.allow", "ptrace");
        OK(sandlock_confine_self(policy, &enforcement, &error));
        sandlock_policy_free(policy);
        CHECK(sandlock_enforcement_landlock_abi(enforcement) > 0);
        CHECK(lines(enforcement, SANDLOCK_ENFORCEMENT_ENFORCED) > 0);
        CHECK(has(enforcement, SANDLOCK_ENFORCEMENT_WEAKENED, "ptrace"));
        sandlock_enforcement_free(enforcement);
        fflush(NULL);
        _exit(0);
    }
    CHECK_INT(exit_code_of(pid), 0);
}

int main(void)
{
    what_the_policy_lifts_is_weakened();
    a_thread_has_one_of_its_own();
    return done();
}
