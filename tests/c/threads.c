/* One sandbox, used and changed by many threads; and what the library does by itself: nothing. */

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 8, RUNS = 12, SIGNALS = 64 };

/* This program again, with no descriptors but the first three, so that all others are the library's. */
static void start_afresh(void)
{
    char number[16];
    for (int fd = 3; fd < 1024; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    snprintf(number, sizeof number, "%d", entries("/proc/self/task"));
    execl(self(), self(), number, (char *)NULL);
    failed(__FILE__, __LINE__, "not started again");
}

static void loading_starts_no_thread_and_opens_nothing(void)
{
    /* ".", "..", one thread. */
    CHECK_INT(entries("/proc/self/task"), 3);
    /* The same, 0 to 2 and the directory itself. */
    CHECK_INT(entries("/proc/self/fd"), 2 + 3 + 1);
}

struct shared {
    sandlock_sandbox *sandbox;
    atomic_int asked, freed, added;
};

static void free_data(void *user_data)
{
    atomic_fetch_add(&((struct shared *)user_data)->freed, 1);
}

static sandlock_action count(const sandlock_notif *notif, void *user_data)
{
    struct shared *shared = user_data;
    char byte;
    atomic_fetch_add(&shared->asked, 1);
    CHECK_INT(sandlock_notif_read(notif, sandlock_notif_arg(notif, 0), &byte, 1), SANDLOCK_OK);
    return sandlock_continue();
}

static void *run_and_add(void *argument)
{
    struct shared *shared = argument;
    for (int i = 0; i < RUNS; i++) {
        if (i % 3 == 0) {
            OK(sandlock_sandbox_add_handler(shared->sandbox, SYS_uname, count, shared, free_data, NULL, &error));
            atomic_fetch_add(&shared->added, 1);
        }
        int before = shared->asked;
        sandlock_output *output = RUN(shared->sandbox, "uname", "-s");
        CHECK_TEXT(printed(output), "Linux\n");
        CHECK(shared->asked > before);
        CHECK(sandlock_output_handler_error(output, 0) == NULL);
        sandlock_output_free(output);
        if (i % 4 == 0) {
            sandlock_sandbox *clone = sandlock_sandbox_clone(shared->sandbox);
            EXITS(0, clone, "true");
            sandlock_sandbox_free(clone);
        }
        FAILS(SANDLOCK_ERROR_REGISTRATION,
              sandlock_sandbox_add_handler(shared->sandbox, SYS_mount, count, NULL, free_data, NULL, &error));
    }
    clear();
    return NULL;
}

static void many_threads_use_one_sandbox(void)
{
    struct shared shared = {system_sandbox(), 0, 0, 0};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, run_and_add, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    CHECK_INT(shared.added, THREADS * RUNS / 3);
    CHECK_INT(shared.freed, 0);
    sandlock_sandbox_free(shared.sandbox);
    CHECK_INT(shared.freed, shared.added);
}

struct waiting {
    sandlock_child *child;
    atomic_int ended;
};

static void *wait_for_it(void *argument)
{
    struct waiting *waiting = argument;
    sandlock_output *output = NULL;
    OK(sandlock_child_wait(waiting->child, &output, &error));
    CHECK_INT(sandlock_output_reason(output), SANDLOCK_REASON_KILLED);
    CHECK_TEXT(printed(output), "shared\n");
    sandlock_output_free(output);
    atomic_fetch_add(&waiting->ended, 1);
    clear();
    return NULL;
}

static void many_threads_use_one_child(void)
{
    struct waiting waiting = {NULL, 0};
    pthread_t threads[THREADS];
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    launch.argv = WORDS("sh", "-c", "echo shared; echo >&2; exec sleep 1000");
    launch.err.kind = SANDLOCK_STDIO_PIPED;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &waiting.child, &error));
    int err = sandlock_child_stderr(waiting.child);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, wait_for_it, &waiting), 0);
    CHECK(becomes_readable(err));
    CHECK_INT(waiting.ended, 0);
    OK(sandlock_child_kill(waiting.child, &error));
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    CHECK_INT(waiting.ended, THREADS);
    CHECK_INT(close(err), 0);
    sandlock_child_free(waiting.child);
    sandlock_sandbox_free(sandbox);
}

static void dispositions(struct sigaction *actions)
{
    for (int number = 1; number <= SIGNALS; number++) {
        memset(&actions[number], 0, sizeof actions[number]);
        sigaction(number, NULL, &actions[number]);
    }
}

static void no_signal_handler_is_installed(void)
{
    static struct sigaction before[SIGNALS + 1], after[SIGNALS + 1];
    sigset_t mask_before, mask_after;
    dispositions(before);
    CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &mask_before), 0);
    many_threads_use_one_child();
    many_threads_use_one_sandbox();
    dispositions(after);
    CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &mask_after), 0);
    for (int number = 1; number <= SIGNALS; number++) {
        CHECK(before[number].sa_handler == after[number].sa_handler);
        CHECK_INT(sigismember(&mask_before, number), sigismember(&mask_after, number));
    }
}

static void threads_end_with_what_they_served(void)
{
    long long deadline = milliseconds() + 10000;
    while (entries("/proc/self/task") != 3)
        CHECK(milliseconds() < deadline);
    CHECK_INT(entries("/proc/self/fd"), 2 + 3 + 1);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc == 1)
        start_afresh();
    loading_starts_no_thread_and_opens_nothing();
    no_signal_handler_is_installed();
    threads_end_with_what_they_served();
    return done();
}
