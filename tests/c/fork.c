/* Forks of the host: the new process frees its copies and starts sandboxes of its own; the tree that
 * its parent has started is not its. */

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

static int freed;

static void free_data(void *user_data)
{
    (void)user_data;
    freed++;
}

static sandlock_action inject(const sandlock_notif *notif, void *user_data)
{
    (void)user_data;
    char path[PATH_MAX];
    if (sandlock_notif_read_path(notif, 1, path, sizeof path, NULL) != SANDLOCK_OK)
        return sandlock_errno(EPERM);
    return strcmp(path, "/made/up") == 0 ? sandlock_inject_bytes("made up\n", 8) : sandlock_continue();
}

static void starts_one_of_its_own(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_openat, inject, NULL, NULL, NULL, &error));
    sandlock_output *output = RUN(sandbox, "cat", "/made/up");
    CHECK_TEXT(printed(output), "made up\n");
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

#define NOT_OURS(call) (FAILS(SANDLOCK_ERROR_IO, call), CHECK_INT(sandlock_error_errno(error), ECHILD))

static void a_child_is_the_parents_alone(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    sandlock_child *child = NULL;
    launch.argv = WORDS("sh", "-c", "read line; cat /made/up; echo $line");
    launch.in.kind = SANDLOCK_STDIO_PIPED;
    OK(sandlock_sandbox_add_handler(sandbox, SYS_openat, inject, &freed, free_data, NULL, &error));
    sandlock_output *earlier = RUN(sandbox, "echo", "earlier"), *output = NULL;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    FAILS(SANDLOCK_ERROR_NOT_FOUND, sandlock_sandbox_run(sandbox, WORDS("no-such-command"), NULL, &error));

    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK_INT(sandlock_error_kind(error), SANDLOCK_ERROR_NOT_FOUND);
        CHECK_TEXT(printed(earlier), "earlier\n");
        NOT_OURS(sandlock_child_wait(child, &output, &error));
        NOT_OURS(sandlock_child_wait_timeout(child, 0, &output, &error));
        NOT_OURS(sandlock_child_wait_timeout(child, UINT64_MAX, &output, &error));
        NOT_OURS(sandlock_child_kill(child, &error));
        NOT_OURS(sandlock_child_signal(child, SIGKILL, &error));
        NOT_OURS(sandlock_child_pause(child, &error));
        NOT_OURS(sandlock_child_resume(child, &error));
        CHECK(output == NULL);
        sandlock_child_free(child);
        sandlock_output_free(earlier);
        sandlock_sandbox_free(sandbox);
        starts_one_of_its_own();
        clear();
        fflush(NULL);
        _exit(0);
    }
    CHECK_INT(exit_code_of(pid), 0);
    CHECK_INT(sandlock_child_wait_timeout(child, 0, NULL, NULL), SANDLOCK_RUNNING);
    int in = sandlock_child_stdin(child);
    CHECK_INT(write(in, "alive\n", 6), 6);
    CHECK_INT(close(in), 0);
    OK(sandlock_child_wait(child, &output, &error));
    CHECK_TEXT(printed(output), "made up\nalive\n");
    sandlock_output_free(output);
    sandlock_output_free(earlier);
    sandlock_child_free(child);
    CHECK_INT(freed, 0);
    sandlock_sandbox_free(sandbox);
    CHECK_INT(freed, 1);
}

static sandlock_action fork_and_go_on(const sandlock_notif *notif, void *user_data)
{
    sandlock_sandbox *sandbox = user_data;
    (void)notif;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        sandlock_sandbox_free(sandbox);
        fflush(NULL);
        _exit(0);
    }
    CHECK_INT(exit_code_of(pid), 0);
    return sandlock_continue();
}

static void a_handler_may_fork(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, fork_and_go_on, sandbox, NULL, NULL, &error));
    EXITS(0, sandbox, "uname");
    EXITS(0, sandbox, "uname");
    sandlock_sandbox_free(sandbox);
}

static atomic_bool is_over;

static void *make_actions(void *unused)
{
    while (!is_over)
        sandlock_action_discard(sandlock_inject_bytes("busy", 4));
    return unused;
}

static void *run_programs(void *unused)
{
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_openat, inject, NULL, NULL, NULL, &error));
    while (!is_over)
        EXITS(0, sandbox, "cat", "/made/up");
    sandlock_sandbox_free(sandbox);
    clear();
    return unused;
}

/* Sandboxes and registrations that come and go while the process is forked. */
struct busy {
    sandlock_sandbox *sandbox;
    atomic_int rounds;
};

static sandlock_action go_on(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    (void)user_data;
    return sandlock_continue();
}

static void *change_sandboxes(void *argument)
{
    struct busy *busy = argument;
    while (!is_over) {
        sandlock_sandbox *clone = sandlock_sandbox_clone(busy->sandbox);
        OK(sandlock_sandbox_add_handler(clone, SYS_uname, go_on, NULL, NULL, NULL, &error));
        sandlock_sandbox_free(clone);
        /* As many as one still clones quickly. */
        if (atomic_fetch_add(&busy->rounds, 1) < 300)
            OK(sandlock_sandbox_add_handler(busy->sandbox, SYS_uname, go_on, NULL, NULL, NULL, &error));
    }
    clear();
    return NULL;
}

static void use_the_copy(sandlock_sandbox *sandbox)
{
    alarm(20);
    sandlock_sandbox *clone = sandlock_sandbox_clone(sandbox);
    OK(sandlock_sandbox_add_handler(clone, SYS_uname, go_on, NULL, NULL, NULL, &error));
    OK(sandlock_host_check(&error));
    sandlock_action_discard(sandlock_inject_bytes("forked", 6));
    sandlock_sandbox_free(clone);
    sandlock_sandbox_free(sandbox);
    clear();
    _exit(0);
}

static void forks_at_any_moment_use_their_copies(void)
{
    struct busy busy = {system_sandbox(), 0};
    pthread_t threads[2];
    is_over = false;
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, change_sandboxes, &busy), 0);
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
            use_the_copy(busy.sandbox);
        CHECK_INT(exit_code_of(pid), 0);
    }
    is_over = true;
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    CHECK(busy.rounds > 0);
    sandlock_sandbox_free(busy.sandbox);
}

/* The allocator of AddressSanitizer does not release its locks in the new process. */
#if defined(__SANITIZE_ADDRESS__)
static const bool allocator_survives_forks = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const bool allocator_survives_forks = false;
#else
static const bool allocator_survives_forks = true;
#endif
#else
static const bool allocator_survives_forks = true;
#endif

/* Whatever other threads hold at that moment, the new process does not wait for it. */
static void forks_at_any_moment_start_sandboxes(void)
{
    pthread_t threads[2];
    is_over = false;
    CHECK_INT(pthread_create(&threads[0], NULL, make_actions, NULL), 0);
    CHECK_INT(pthread_create(&threads[1], NULL, run_programs, NULL), 0);
    for (int i = 0; i < 40; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            alarm(20);
            starts_one_of_its_own();
            clear();
            _exit(0);
        }
        CHECK_INT(exit_code_of(pid), 0);
    }
    is_over = true;
    CHECK_INT(pthread_join(threads[0], NULL), 0);
    CHECK_INT(pthread_join(threads[1], NULL), 0);
}

int main(void)
{
    a_child_is_the_parents_alone();
    a_handler_may_fork();
    if (allocator_survives_forks) {
        forks_at_any_moment_use_their_copies();
        forks_at_any_moment_start_sandboxes();
    }
    return done();
}
