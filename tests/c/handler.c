/* Handlers: how they are registered, in which order and about what they are asked, what their failure
 * means, and what they may do meanwhile. */

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

static sandlock_handler_options options_of(const char *name)
{
    sandlock_handler_options options = SANDLOCK_INIT(sandlock_handler_options);
    options.name = name;
    return options;
}

static void add(sandlock_sandbox *sandbox, long call, sandlock_handler_fn handler, void *user_data,
                const sandlock_handler_options *options)
{
    OK(sandlock_sandbox_add_handler(sandbox, call, handler, user_data, NULL, options, &error));
}

static sandlock_action refuse(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    return sandlock_errno(user_data == NULL ? EACCES : *(int *)user_data);
}

static sandlock_action count(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    atomic_fetch_add((atomic_int *)user_data, 1);
    return sandlock_continue();
}

static void must_not_be_freed(void *user_data)
{
    (void)user_data;
    failed(__FILE__, __LINE__, "user data of a failed registration was freed");
}

/* Registration. */

/* Nothing is registered, and nothing freed. */
static void refused(int line, sandlock_status kind, long call, const sandlock_handler_options *options,
                    const char *part)
{
    static atomic_int asked;
    sandlock_sandbox *sandbox = system_sandbox();
    clear();
    check_fails(__FILE__, line, "registration",
                sandlock_sandbox_add_handler(sandbox, call, count, &asked, must_not_be_freed, options, &error),
                kind);
    check_part(__FILE__, line, "message", MESSAGE(), part);
    check_int(__FILE__, line, "status",
              sandlock_sandbox_add_handler(sandbox, call, count, &asked, must_not_be_freed, options, NULL),
              kind);
    EXITS(0, sandbox, "uname");
    check_int(__FILE__, line, "asked", asked, 0);
    sandlock_sandbox_free(sandbox);
}

#define REFUSED(kind, call, options, part) refused(__LINE__, kind, call, options, part)
#define ARGUMENT SANDLOCK_ERROR_ARGUMENT
#define REGISTRATION SANDLOCK_ERROR_REGISTRATION

static void calls_that_nobody_can_be_asked_about_are_refused(void)
{
    long wrong[] = {-1, LONG_MIN, LONG_MAX, 0xfff, 1L << 32, SYS_uname + (1L << 32), 0x40000000 | SYS_uname};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        REFUSED(REGISTRATION, wrong[i], NULL, "");
    REFUSED(REGISTRATION, SYS_exit_group, NULL, "exit_group");
    REFUSED(REGISTRATION, SYS_rt_sigreturn, NULL, "rt_sigreturn");
    REFUSED(REGISTRATION, SYS_mount, NULL, "nobody");
    REFUSED(REGISTRATION, SYS_close, NULL, "close");
    REFUSED(REGISTRATION, SYS_wait4, NULL, "wait4");
}

static void interruptible_calls_are_accepted_on_demand(void)
{
    atomic_int asked = 0;
    sandlock_handler_options options = options_of(NULL);
    sandlock_sandbox *sandbox = system_sandbox();
    options.flags = SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE;
    add(sandbox, SYS_close, count, &asked, &options);
    EXITS(0, sandbox, "cat", "/dev/null");
    CHECK(asked > 0);
    sandlock_sandbox_free(sandbox);
}

struct later {
    sandlock_handler_options options;
    char tail[8192];
};

static void options_have_the_size_of_some_version(void)
{
    struct later *later = calloc(1, sizeof *later);
    CHECK(later != NULL);
    size_t size = sizeof(sandlock_handler_options);
    size_t wrong[] = {0, 1, sizeof(size_t), size - 1, size + 1, size + 4, 4097, 4104, SIZE_MAX, SIZE_MAX / 2 + 1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        later->options.size = wrong[i];
        REFUSED(ARGUMENT, SYS_uname, &later->options, "options.size");
    }
    size_t right[] = {size, size + 8, size + 16, 4096};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        sandlock_sandbox *sandbox = system_sandbox();
        later->options.size = right[i];
        add(sandbox, SYS_uname, refuse, NULL, &later->options);
        EXITS(1, sandbox, "uname");
        sandlock_sandbox_free(sandbox);
    }
    later->tail[3999 - size] = 1;
    later->options.size = 4000;
    REFUSED(ARGUMENT, SYS_uname, &later->options, "options sets fields");
    free(later);
}

static void unknown_numbers_are_refused(void)
{
    sandlock_handler_options options = options_of(NULL);
    options.flags = 2;
    REFUSED(ARGUMENT, SYS_uname, &options, "flags");
    options.flags = SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE | UINT64_C(1) << 63;
    REFUSED(ARGUMENT, SYS_uname, &options, "flags");
    uint32_t priorities[] = {2, 256, UINT32_MAX};
    for (size_t i = 0; i < sizeof priorities / sizeof *priorities; i++) {
        options = options_of(NULL);
        options.priority = priorities[i];
        REFUSED(ARGUMENT, SYS_uname, &options, "priority");
    }
    int32_t numbers[] = {-1, 4096, INT32_MIN, INT32_MAX, -EPERM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        options = options_of(NULL);
        options.on_error = numbers[i];
        REFUSED(REGISTRATION, SYS_uname, &options, "error number");
    }
    uint64_t deadlines[] = {3600001, UINT64_C(1) << 32, UINT64_MAX, INT64_MAX};
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        options = options_of(NULL);
        options.deadline_ms = deadlines[i];
        REFUSED(REGISTRATION, SYS_uname, &options, "deadline");
    }
}

static void names_are_texts_of_ones_own(void)
{
    sandlock_handler_options options = options_of("\xff");
    REFUSED(ARGUMENT, SYS_uname, &options, "options.name is not UTF-8");
    options.name = "ok \xc3";
    REFUSED(ARGUMENT, SYS_uname, &options, "options.name is not UTF-8");
    options.name = "";
    REFUSED(REGISTRATION, SYS_uname, &options, "name");
    options.name = "policy";
    REFUSED(REGISTRATION, SYS_uname, &options, "name");
    options.name = "tasks";
    REFUSED(REGISTRATION, SYS_uname, &options, "name");
}

static void conditions_that_mean_nothing_are_refused(void)
{
    const struct { sandlock_when when; sandlock_status kind; } cases[] = {
        {{.argument = 6, .test = SANDLOCK_WHEN_EQ}, REGISTRATION},
        {{.argument = 255, .test = SANDLOCK_WHEN_EQ}, REGISTRATION},
        {{.argument = 256, .test = SANDLOCK_WHEN_EQ}, ARGUMENT},
        {{.argument = UINT32_MAX, .test = SANDLOCK_WHEN_EQ}, ARGUMENT},
        {{.test = 0}, ARGUMENT},
        {{.test = 6}, ARGUMENT},
        {{.test = UINT32_MAX}, ARGUMENT},
        {{.test = SANDLOCK_WHEN_EQ, .mask = 1}, ARGUMENT},
        {{.test = SANDLOCK_WHEN_GE, .mask = UINT64_MAX}, ARGUMENT},
        {{.test = SANDLOCK_WHEN_MASKED_EQ, .mask = 1, .value = 2}, REGISTRATION},
        {{.test = SANDLOCK_WHEN_LT, .value = 0}, REGISTRATION},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sandlock_when both[] = {{.test = SANDLOCK_WHEN_EQ}, cases[i].when};
        sandlock_handler_options options = options_of(NULL);
        options.when = both;
        options.when_count = 2;
        REFUSED(cases[i].kind, SYS_uname, &options, "");
    }
    sandlock_handler_options options = options_of(NULL);
    sandlock_when when = {.test = SANDLOCK_WHEN_EQ};
    options.when = &when;
    options.when_count = SIZE_MAX;
    REFUSED(ARGUMENT, SYS_uname, &options, "options.when");
}

/* Options are read during the call alone. */
static void options_are_not_kept(void)
{
    sandlock_sandbox *sandbox = guest_sandbox();
    sandlock_handler_options *options = allocate(sizeof *options);
    sandlock_when *when = allocate(sizeof *when);
    char *name = allocate(8);
    strcpy(name, "kept");
    *when = (sandlock_when){.argument = 1, .test = SANDLOCK_WHEN_EQ, .value = 5};
    *options = options_of(name);
    options->when = when;
    options->when_count = 1;
    options->on_error = EXDEV;
    add(sandbox, SYS_times, refuse, NULL, options);
    memset(name, 'x', 7);
    memset(when, 0xff, sizeof *when);
    free(name);
    free(when);
    free(options);
    CHECK_INT(times_of(sandbox, "0", "5"), -EACCES);
    CHECK(times_of(sandbox, "0", "6") >= 0);
    sandlock_sandbox_free(sandbox);
}

/* Order. */

struct place {
    char *trace;
    char letter;
    sandlock_action answer;
};

static sandlock_action leave_trace(const sandlock_notif *notif, void *user_data)
{
    struct place *place = user_data;
    char *end = place->trace + strlen(place->trace);
    (void)notif;
    end[0] = place->letter;
    end[1] = '\0';
    return place->answer;
}

static void the_first_answer_in_the_order_of_registration_wins(void)
{
    char trace[32] = "";
    struct place places[] = {{trace, 'a', sandlock_continue()}, {trace, 'b', sandlock_continue()},
                             {trace, 'c', sandlock_return(77)}, {trace, 'd', sandlock_return(78)},
                             {trace, 'e', sandlock_continue()}};
    sandlock_handler_options before = options_of("before");
    before.priority = SANDLOCK_PRIORITY_BEFORE;
    sandlock_sandbox *sandbox = guest_sandbox();
    add(sandbox, SYS_times, leave_trace, &places[0], NULL);
    add(sandbox, SYS_times, leave_trace, &places[1], NULL);
    add(sandbox, SYS_times, leave_trace, &places[4], &before);
    add(sandbox, SYS_times, leave_trace, &places[2], NULL);
    add(sandbox, SYS_times, leave_trace, &places[3], NULL);
    CHECK_INT(times_of(sandbox, "0", "0"), 77);
    CHECK_TEXT(trace, "eabc");
    sandlock_sandbox_free(sandbox);
}

static void what_is_added_later_holds_for_later_runs(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    sandlock_child *child = NULL;
    sandlock_output *output = NULL;
    launch.argv = WORDS("sh", "-c", "read line; uname");
    launch.in.kind = SANDLOCK_STDIO_PIPED;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    add(sandbox, SYS_uname, refuse, NULL, NULL);
    CHECK_INT(close(sandlock_child_stdin(child)), 0);
    OK(sandlock_child_wait(child, &output, &error));
    CHECK_INT(sandlock_output_exit_code(output), 0);
    sandlock_output_free(output);
    sandlock_child_free(child);
    EXITS(1, sandbox, "uname");
    sandlock_sandbox_free(sandbox);
}

/* A handler cannot take back what the policy refuses. */
static void the_policy_comes_before_any_handler(void)
{
    sandlock_policy *policy = guest_policy();
    set(policy, "syscalls.deny", "times");
    sandlock_sandbox *sandbox = sandbox_for(policy);
    FAILS(REGISTRATION,
          sandlock_sandbox_add_handler(sandbox, SYS_times, refuse, NULL, must_not_be_freed, NULL, &error));
    CHECK_INT(times_of(sandbox, "0", "0"), -EPERM);
    sandlock_sandbox_free(sandbox);
    sandbox = guest_sandbox();
    CHECK(times_of(sandbox, "0", "0") > 0);
    sandlock_sandbox_free(sandbox);
}

/* Conditions. */

static void meets(int line, sandlock_when when, const char *value, bool expected)
{
    sandlock_sandbox *sandbox = guest_sandbox();
    sandlock_handler_options options = options_of(NULL);
    options.when = &when;
    options.when_count = 1;
    add(sandbox, SYS_times, refuse, NULL, &options);
    check_int(__FILE__, line, value, times_of(sandbox, "0", value) == -EACCES, expected);
    sandlock_sandbox_free(sandbox);
}

#define MEETS(test, mask, value, given) \
    meets(__LINE__, (sandlock_when){1, SANDLOCK_WHEN_##test, mask, value}, given, true)
#define MISSES(test, mask, value, given) \
    meets(__LINE__, (sandlock_when){1, SANDLOCK_WHEN_##test, mask, value}, given, false)

static void conditions_hold_in_either_reading(void)
{
    MEETS(EQ, 0, 5, "5");
    MEETS(EQ, 0, 5, "0xdeadbeef00000005");
    MISSES(EQ, 0, 5, "6");
    MEETS(EQ, 0, (uint64_t)-100, "0xffffff9c");
    MEETS(EQ, 0, (uint64_t)-100, "0xffffffffffffff9c");
    MEETS(EQ, 0, UINT32_MAX - 99, "0xffffffffffffff9c");
    MISSES(EQ, 0, (uint64_t)-100, "100");
    MEETS(NE, 0, 5, "6");
    MEETS(NE, 0, 5, "0x100000005");
    MISSES(NE, 0, 5, "5");
    MEETS(LT, 0, 5, "4");
    MEETS(LT, 0, 5, "0xffffffff00000004");
    MISSES(LT, 0, 5, "5");
    MEETS(GE, 0, 5, "5");
    MISSES(GE, 0, 5, "4");
    MEETS(GE, 0, 5, "0x100000004");
    MEETS(MASKED_EQ, 3, 1, "0xffffffff00000005");
    MISSES(MASKED_EQ, 3, 1, "2");
    MEETS(MASKED_EQ, 0, 0, "7");
}

static void all_conditions_of_a_registration_must_hold(void)
{
    sandlock_when both[] = {{0, SANDLOCK_WHEN_EQ, 0, 0}, {1, SANDLOCK_WHEN_EQ, 0, 5}};
    sandlock_handler_options options = options_of(NULL);
    options.when = both;
    options.when_count = 2;
    sandlock_sandbox *sandbox = guest_sandbox();
    add(sandbox, SYS_times, refuse, NULL, &options);
    CHECK_INT(times_of(sandbox, "0", "5"), -EACCES);
    CHECK(times_of(sandbox, "0", "4") >= 0);
    CHECK_INT(times_of(sandbox, "1", "5"), -EFAULT);
    sandlock_sandbox_free(sandbox);
}

/* Failures. */

static sandlock_action fail(const sandlock_notif *notif, void *user_data)
{
    sandlock_notif_fail(notif, user_data, NULL, NULL, NULL);
    return sandlock_continue();
}

static void a_failure_is_what_on_error_says(void)
{
    char message[] = "the reason";
    sandlock_handler_options options = options_of("strict");
    sandlock_sandbox *sandbox = guest_sandbox();
    options.on_error = EXDEV;
    add(sandbox, SYS_times, fail, message, &options);
    CHECK_INT(times_of(sandbox, "0", "0"), -EXDEV);
    sandlock_sandbox_free(sandbox);

    sandlock_output *output = (sandlock_output *)message;
    sandbox = system_sandbox();
    options.on_error = 0;
    add(sandbox, SYS_uname, fail, message, &options);
    FAILS(SANDLOCK_ERROR_HANDLER, sandlock_sandbox_run(sandbox, WORDS("uname"), &output, &error));
    CHECK(output == (sandlock_output *)message);
    const sandlock_handler_error *failure = sandlock_error_handler_error(error);
    CHECK_TEXT(sandlock_handler_error_name(failure), "strict");
    CHECK_TEXT(sandlock_handler_error_message(failure), message);
    CHECK_PART(MESSAGE(), "the reason");
    CHECK_INT(sandlock_output_reason(sandlock_error_output(error)), SANDLOCK_REASON_KILLED);
    CHECK_INT(sandlock_sandbox_run(sandbox, WORDS("uname"), NULL, NULL), SANDLOCK_ERROR_HANDLER);
    sandlock_sandbox_free(sandbox);
}

static void a_refused_start_is_a_failed_start(void)
{
    int number = EACCES;
    char message[] = "no start";
    sandlock_sandbox *sandbox = system_sandbox();
    add(sandbox, SYS_execve, refuse, &number, NULL);
    FAILS(SANDLOCK_ERROR_CANNOT_EXECUTE, sandlock_sandbox_run(sandbox, WORDS("true"), NULL, &error));
    sandlock_child *child = NULL;
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    launch.argv = WORDS("true");
    FAILS(SANDLOCK_ERROR_CANNOT_EXECUTE, sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    CHECK(child == NULL);
    sandlock_sandbox_free(sandbox);

    sandbox = system_sandbox();
    add(sandbox, SYS_execve, fail, message, NULL);
    FAILS(SANDLOCK_ERROR_HANDLER, sandlock_sandbox_run(sandbox, WORDS("true"), NULL, &error));
    CHECK_TEXT(sandlock_handler_error_message(sandlock_error_handler_error(error)), message);
    sandlock_sandbox_free(sandbox);

    sandlock_handler_options options = options_of("strict");
    options.on_error = EACCES;
    sandbox = system_sandbox();
    add(sandbox, SYS_execve, fail, message, &options);
    FAILS(SANDLOCK_ERROR_CANNOT_EXECUTE, sandlock_sandbox_run(sandbox, WORDS("true"), NULL, &error));
    CHECK_TEXT(sandlock_handler_error_message(sandlock_error_handler_error(error)), message);
    CHECK(sandlock_error_output(error) == NULL);
    sandlock_sandbox_free(sandbox);
}

/* Pooled. */

/* What a handler waits for, and tells. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool entered, open, left;
    sandlock_status late_read;
};

static void wait_until(struct gate *gate, const bool *condition)
{
    pthread_mutex_lock(&gate->lock);
    while (!*condition)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void tell(struct gate *gate, bool *condition)
{
    pthread_mutex_lock(&gate->lock);
    *condition = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static sandlock_action wait_at_the_gate(const sandlock_notif *notif, void *user_data)
{
    struct gate *gate = user_data;
    char byte;
    tell(gate, &gate->entered);
    wait_until(gate, &gate->open);
    gate->late_read = sandlock_notif_read(notif, sandlock_notif_arg(notif, 0), &byte, 1);
    CHECK(!sandlock_notif_is_waiting(notif));
    sandlock_notif_fail(notif, "too late", NULL, NULL, NULL);
    return sandlock_kill();
}

static void free_gate(void *user_data)
{
    struct gate *gate = user_data;
    tell(gate, &gate->left);
}

static void a_late_answer_is_ignored_and_its_data_outlives_the_run(void)
{
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false, false, 0};
    sandlock_handler_options options = options_of("slow");
    sandlock_sandbox *sandbox = system_sandbox();
    options.deadline_ms = 50;
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, wait_at_the_gate, &gate, free_gate, &options, &error));
    sandlock_output *output = SH(sandbox, "uname || echo refused");
    CHECK(gate.entered);
    CHECK_TEXT(printed(output), "refused\n");
    CHECK_INT(sandlock_output_reason(output), SANDLOCK_REASON_EXITED);
    CHECK_TEXT(sandlock_handler_error_name(sandlock_output_handler_error(output, 0)), "slow");
    CHECK_INT(sandlock_handler_error_syscall(sandlock_output_handler_error(output, 0)), SYS_uname);
    CHECK(sandlock_output_handler_error(output, 1) == NULL);
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
    CHECK(!gate.left);
    tell(&gate, &gate.open);
    wait_until(&gate, &gate.left);
    CHECK_INT(gate.late_read, SANDLOCK_ERROR_TASK_GONE);
}

static void a_pooled_answer_in_time_counts(void)
{
    sandlock_handler_options options = options_of(NULL);
    int number = EXDEV;
    options.deadline_ms = 3600000;
    sandlock_sandbox *sandbox = guest_sandbox();
    add(sandbox, SYS_times, refuse, &number, &options);
    CHECK_INT(times_of(sandbox, "0", "0"), -EXDEV);
    sandlock_sandbox_free(sandbox);
}

/* Threads and re-entry. */

struct meeting {
    pthread_t host;
    atomic_int inside, most;
};

static sandlock_action meet(const sandlock_notif *notif, void *user_data)
{
    struct meeting *meeting = user_data;
    (void)notif;
    CHECK(!pthread_equal(pthread_self(), meeting->host));
    int inside = atomic_fetch_add(&meeting->inside, 1) + 1;
    /* Waits for the other run, so that both are inside. */
    long long deadline = milliseconds() + 10000;
    while (meeting->most < 2 && atomic_load(&meeting->inside) < 2)
        CHECK(milliseconds() < deadline);
    if (inside > meeting->most)
        meeting->most = inside;
    return sandlock_continue();
}

static void handlers_of_several_runs_are_called_at_the_same_time_while_the_host_waits(void)
{
    struct meeting meeting = {pthread_self(), 0, 0};
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    launch.argv = WORDS("uname");
    const sandlock_launch *launches[] = {&launch, &launch};
    sandlock_output *outputs[2];
    sandlock_error *errors[2];
    add(sandbox, SYS_uname, meet, &meeting, NULL);
    OK(sandlock_sandbox_run_all(sandbox, launches, 2, 2, outputs, errors, &error));
    for (size_t i = 0; i < 2; i++) {
        CHECK(errors[i] == NULL && sandlock_output_success(outputs[i]));
        sandlock_output_free(outputs[i]);
    }
    CHECK_INT(meeting.inside, 2);
    sandlock_sandbox_free(sandbox);
}

struct host {
    sandlock_sandbox *sandbox, *other;
    sandlock_child *child;
    atomic_int asked;
};

static sandlock_action use_the_library(const sandlock_notif *notif, void *user_data)
{
    struct host *host = user_data;
    (void)notif;
    if (atomic_fetch_add(&host->asked, 1) > 0)
        return sandlock_continue();
    EXITS(0, host->other, "uname");
    add(host->sandbox, SYS_uname, refuse, NULL, NULL);
    sandlock_sandbox *clone = sandlock_sandbox_clone(host->sandbox);
    EXITS(1, clone, "uname");
    sandlock_sandbox_free(clone);
    sandlock_sandbox_free(host->sandbox);
    clear();
    return sandlock_continue();
}

static void a_handler_may_run_register_clone_and_free(void)
{
    struct host host = {system_sandbox(), system_sandbox(), NULL, 0};
    add(host.sandbox, SYS_uname, use_the_library, &host, NULL);
    /* Its sandbox is freed while it runs; what was added meanwhile does not hold for it. */
    sandlock_child *child = NULL;
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    launch.argv = WORDS("uname");
    OK(sandlock_sandbox_spawn(host.sandbox, &launch, &child, &error));
    sandlock_output *output = NULL;
    OK(sandlock_child_wait(child, &output, &error));
    CHECK_INT(sandlock_output_exit_code(output), 0);
    CHECK_INT(host.asked, 2);
    sandlock_output_free(output);
    sandlock_child_free(child);
    sandlock_sandbox_free(host.other);
}

static sandlock_action kill_own_child(const sandlock_notif *notif, void *user_data)
{
    struct host *host = user_data;
    sandlock_processes *processes = NULL;
    (void)notif;
    OK(sandlock_child_processes(host->child, &processes, &error));
    CHECK(sandlock_processes_count(processes) >= 1);
    sandlock_processes_free(processes);
    CHECK_INT(sandlock_child_wait_timeout(host->child, 0, NULL, NULL), SANDLOCK_RUNNING);
    OK(sandlock_child_kill(host->child, &error));
    return sandlock_continue();
}

static void a_handler_may_end_its_own_child(void)
{
    struct host host = {system_sandbox(), NULL, NULL, 0};
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    launch.argv = WORDS("sh", "-c", "read line; uname; while :; do :; done");
    launch.in.kind = SANDLOCK_STDIO_PIPED;
    add(host.sandbox, SYS_uname, kill_own_child, &host, NULL);
    OK(sandlock_sandbox_spawn(host.sandbox, &launch, &host.child, &error));
    CHECK_INT(close(sandlock_child_stdin(host.child)), 0);
    sandlock_output *output = NULL;
    OK(sandlock_child_wait(host.child, &output, &error));
    CHECK_INT(sandlock_output_reason(output), SANDLOCK_REASON_KILLED);
    sandlock_output_free(output);
    sandlock_child_free(host.child);
    sandlock_sandbox_free(host.sandbox);
}

/* Signals of the host do not reach the threads of the library. */
static sandlock_action look_at_mask(const sandlock_notif *notif, void *user_data)
{
    sigset_t mask;
    (void)notif;
    CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGPIPE, SIGWINCH};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        CHECK(sigismember(&mask, signals[i]) == 1);
    int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        CHECK(sigismember(&mask, faults[i]) == 0);
    atomic_fetch_add((atomic_int *)user_data, 1);
    return sandlock_continue();
}

static void signals_of_the_host_are_blocked_in_threads_of_the_library(void)
{
    atomic_int asked = 0;
    sandlock_handler_options pooled = options_of("pooled");
    sandlock_sandbox *sandbox = system_sandbox();
    pooled.deadline_ms = 60000;
    add(sandbox, SYS_uname, look_at_mask, &asked, NULL);
    add(sandbox, SYS_uname, look_at_mask, &asked, &pooled);
    EXITS(0, sandbox, "uname");
    CHECK_INT(asked, 2);
    sandlock_sandbox_free(sandbox);
}

enum { CAUGHT = 77 };

static void *volatile unmapped;

static void catch_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    _exit(number == SIGSEGV && info->si_addr == unmapped ? CAUGHT : 1);
}

static sandlock_action touch_what_is_not_mapped(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    (void)user_data;
    *(volatile char *)unmapped = 1;
    return sandlock_continue();
}

/* A fault that is blocked would end the process without a word to who handles it. */
static void a_fault_reaches_the_hosts_signal_handler(void)
{
    uint64_t deadlines[] = {0, 60000};
    for (size_t i = 0; i < 2; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            struct sigaction action = {0};
            sandlock_handler_options options = options_of(NULL);
            action.sa_sigaction = catch_fault;
            action.sa_flags = SA_SIGINFO;
            CHECK_INT(sigaction(SIGSEGV, &action, NULL), 0);
            unmapped = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            CHECK(unmapped != MAP_FAILED);
            options.deadline_ms = deadlines[i];
            sandlock_sandbox *sandbox = system_sandbox();
            add(sandbox, SYS_uname, touch_what_is_not_mapped, NULL, &options);
            CHECK_INT(sandlock_sandbox_run(sandbox, WORDS("uname"), NULL, NULL), SANDLOCK_OK);
            _exit(0);
        }
        CHECK_INT(exit_code_of(pid), CAUGHT);
    }
}

int main(int argc, char **argv)
{
    make_call(argc, argv);
    calls_that_nobody_can_be_asked_about_are_refused();
    interruptible_calls_are_accepted_on_demand();
    options_have_the_size_of_some_version();
    unknown_numbers_are_refused();
    names_are_texts_of_ones_own();
    conditions_that_mean_nothing_are_refused();
    options_are_not_kept();
    the_first_answer_in_the_order_of_registration_wins();
    what_is_added_later_holds_for_later_runs();
    the_policy_comes_before_any_handler();
    conditions_hold_in_either_reading();
    all_conditions_of_a_registration_must_hold();
    a_failure_is_what_on_error_says();
    a_refused_start_is_a_failed_start();
    a_late_answer_is_ignored_and_its_data_outlives_the_run();
    a_pooled_answer_in_time_counts();
    handlers_of_several_runs_are_called_at_the_same_time_while_the_host_waits();
    a_handler_may_run_register_clone_and_free();
    a_handler_may_end_its_own_child();
    signals_of_the_host_are_blocked_in_threads_of_the_library();
    a_fault_reaches_the_hosts_signal_handler();
    return done();
}
