/* The processes of a tree. */

#include "check.h"

static sandlock_child *spawn(const sandlock_sandbox *sandbox, const char *const *argv)
{
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    sandlock_child *child = NULL;
    launch.argv = argv;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    return child;
}

/* The list, when it has so many, and the first and the last one have their commands: for a moment in
 * its execve(2) a process has that of its parent, or none. */
static sandlock_processes *processes_of(const sandlock_child *child, size_t count, const char *command)
{
    sandlock_processes *processes = NULL;
    long long deadline = milliseconds() + 10000;
    for (;;) {
        OK(sandlock_child_processes(child, &processes, &error));
        const char *word = sandlock_processes_command(processes, count - 1, 0);
        if (sandlock_processes_count(processes) == count && word != NULL && strcmp(word, command) == 0 &&
            sandlock_processes_command(processes, 0, 0)[0] != '[')
            return processes;
        sandlock_processes_free(processes);
        CHECK(milliseconds() < deadline);
    }
}

static void parents_come_before_their_children(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_child *child = spawn(sandbox, WORDS("sh", "-c", "sleep 1000 & wait"));
    sandlock_processes *processes = processes_of(child, 2, "sleep");
    int32_t first = sandlock_processes_pid(processes, 0), second = sandlock_processes_pid(processes, 1);
    CHECK_INT(first, sandlock_child_pid(child));
    CHECK_INT(sandlock_processes_parent(processes, 1), first);
    CHECK(second > 0 && second != first);
    CHECK(sandlock_processes_parent(processes, 0) > 0);
    CHECK_TEXT(sandlock_processes_command(processes, 0, 0), "sh");
    CHECK_TEXT(sandlock_processes_command(processes, 0, 1), "-c");
    CHECK_TEXT(sandlock_processes_command(processes, 0, 2), "sleep 1000 & wait");
    CHECK(sandlock_processes_command(processes, 0, 3) == NULL);
    CHECK_TEXT(sandlock_processes_command(processes, 1, 0), "sleep");
    CHECK_TEXT(sandlock_processes_command(processes, 1, 1), "1000");
    size_t behind[] = {2, 3, SIZE_MAX};
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        CHECK_INT(sandlock_processes_pid(processes, behind[i]), 0);
        CHECK_INT(sandlock_processes_parent(processes, behind[i]), 0);
        CHECK(sandlock_processes_command(processes, behind[i], 0) == NULL);
        CHECK(sandlock_processes_command(processes, 1, behind[i]) == NULL);
    }
    sandlock_child_free(child);
    /* A list needs no child. */
    CHECK_TEXT(sandlock_processes_command(processes, 1, 0), "sleep");
    sandlock_processes_free(processes);
    sandlock_sandbox_free(sandbox);
}

static void commands_are_any_bytes(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_child *child = spawn(sandbox, WORDS("tail", "-f", "/dev/null", "--", "\xff\n", ""));
    sandlock_processes *processes = processes_of(child, 1, "tail");
    CHECK_TEXT(sandlock_processes_command(processes, 0, 4), "\xff\n");
    CHECK_TEXT(sandlock_processes_command(processes, 0, 5), "");
    sandlock_processes_free(processes);
    sandlock_child_free(child);
    sandlock_sandbox_free(sandbox);
}

int main(void)
{
    parents_come_before_their_children();
    commands_are_any_bytes();
    return done();
}
