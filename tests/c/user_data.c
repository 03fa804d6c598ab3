/* User data is freed exactly once, on every path, and not before anybody could be given it. */

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

struct data {
    atomic_int freed, used;
};

static void free_data(void *user_data)
{
    atomic_fetch_add(&((struct data *)user_data)->freed, 1);
}

static sandlock_action use(const sandlock_notif *notif, void *user_data)
{
    struct data *data = user_data;
    (void)notif;
    CHECK_INT(data->freed, 0);
    atomic_fetch_add(&data->used, 1);
    return sandlock_continue();
}

static void look(const sandlock_notif *notif, const sandlock_verdict *verdict, void *user_data)
{
    (void)verdict;
    use(notif, user_data);
}

static void add(sandlock_sandbox *sandbox, struct data *data)
{
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, use, data, free_data, NULL, &error));
}

static void a_sandbox_that_never_ran_frees_it(void)
{
    struct data data = {0}, other = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    add(sandbox, &data);
    OK(sandlock_sandbox_add_observer(sandbox, SYS_uname, look, &other, free_data, NULL, &error));
    CHECK_INT(data.freed, 0);
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 1);
    CHECK_INT(other.freed, 1);
}

static void a_sandbox_that_ran_frees_it(void)
{
    struct data data = {0}, other = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    add(sandbox, &data);
    OK(sandlock_sandbox_add_observer(sandbox, SYS_uname, look, &other, free_data, NULL, &error));
    for (int i = 0; i < 3; i++)
        EXITS(0, sandbox, "uname");
    CHECK_INT(data.used, 3);
    CHECK_INT(other.used, 6);
    CHECK_INT(data.freed, 0);
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 1);
    CHECK_INT(other.freed, 1);
}

static void a_failed_registration_leaves_it_to_the_caller(void)
{
    struct data data = {0};
    sandlock_handler_options options = SANDLOCK_INIT(sandlock_handler_options);
    sandlock_sandbox *sandbox = system_sandbox();
    FAILS(SANDLOCK_ERROR_REGISTRATION,
          sandlock_sandbox_add_handler(sandbox, SYS_mount, use, &data, free_data, NULL, &error));
    FAILS(SANDLOCK_ERROR_REGISTRATION,
          sandlock_sandbox_add_observer(sandbox, -1, look, &data, free_data, NULL, &error));
    options.flags = UINT64_MAX;
    FAILS(SANDLOCK_ERROR_ARGUMENT,
          sandlock_sandbox_add_handler(sandbox, SYS_uname, use, &data, free_data, &options, &error));
    FAILS(SANDLOCK_ERROR_ARGUMENT,
          sandlock_sandbox_add_handler(sandbox, SYS_uname, NULL, &data, free_data, NULL, &error));
    EXITS(0, sandbox, "uname");
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 0);
    CHECK_INT(data.used, 0);
}

static void a_clone_shares_it(void)
{
    struct data data = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    add(sandbox, &data);
    sandlock_sandbox *clone = sandlock_sandbox_clone(sandbox);
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 0);
    EXITS(0, clone, "uname");
    CHECK_INT(data.used, 1);
    sandlock_sandbox_free(clone);
    CHECK_INT(data.freed, 1);
}

static void a_child_keeps_it(void)
{
    struct data data = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    sandlock_child *child = NULL;
    launch.argv = WORDS("sh", "-c", "read line; uname");
    launch.in.kind = SANDLOCK_STDIO_PIPED;
    add(sandbox, &data);
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 0);
    CHECK_INT(close(sandlock_child_stdin(child)), 0);
    OK(sandlock_child_wait(child, NULL, &error));
    CHECK_INT(data.used, 1);
    sandlock_child_free(child);
    CHECK_INT(data.freed, 1);
}

static void a_sandbox_outlives_its_child(void)
{
    struct data data = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    sandlock_child *child = NULL;
    launch.argv = WORDS("sleep", "1000");
    add(sandbox, &data);
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    sandlock_child_free(child);
    CHECK_INT(data.freed, 0);
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 1);
}

static void an_output_does_not_keep_it(void)
{
    struct data data = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    add(sandbox, &data);
    sandlock_output *output = RUN(sandbox, "uname");
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 1);
    sandlock_output_free(output);
    CHECK_INT(data.freed, 1);
}

static void a_start_that_fails_does_not_keep_it(void)
{
    struct data data = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    add(sandbox, &data);
    FAILS(SANDLOCK_ERROR_NOT_FOUND, sandlock_sandbox_run(sandbox, WORDS("no-such-command"), NULL, &error));
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 1);
}

static void the_same_data_twice_is_freed_twice(void)
{
    struct data data = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    add(sandbox, &data);
    add(sandbox, &data);
    EXITS(0, sandbox, "uname");
    CHECK_INT(data.used, 2);
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 2);
}

/* Registrations for several calls. */

static void one_registration_for_several_calls_frees_it_once(void)
{
    const long calls[] = {SYS_uname, SYS_getcwd, SYS_uname};
    struct data data = {0}, seen = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler_for(sandbox, calls, 3, use, &data, free_data, NULL, &error));
    OK(sandlock_sandbox_add_observer_for(sandbox, calls, 2, look, &seen, free_data, NULL, &error));
    EXITS(0, sandbox, "uname");
    /* Named twice, asked twice. */
    CHECK_INT(data.used, 2);
    CHECK_INT(seen.used, 2);
    sandlock_sandbox *clone = sandlock_sandbox_clone(sandbox);
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 0);
    EXITS(0, clone, "pwd");
    CHECK(data.used > 2);
    sandlock_sandbox_free(clone);
    CHECK_INT(data.freed, 1);
    CHECK_INT(seen.freed, 1);
}

static void all_calls_are_registered_or_none(void)
{
    const struct { long calls[3]; size_t count; sandlock_status kind; const char *part; } cases[] = {
        {{SYS_uname, SYS_mount, SYS_uname}, 3, SANDLOCK_ERROR_REGISTRATION, "mount"},
        {{SYS_uname, SYS_getcwd, -1}, 3, SANDLOCK_ERROR_REGISTRATION, ""},
        {{SYS_uname, SYS_close, 0}, 2, SANDLOCK_ERROR_REGISTRATION, "close"},
        {{SYS_uname, 0, 0}, 0, SANDLOCK_ERROR_ARGUMENT, "syscalls is empty"},
        {{SYS_uname, 0, 0}, SIZE_MAX, SANDLOCK_ERROR_ARGUMENT, "syscalls cannot be that long"}};
    struct data data = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FAILS(cases[i].kind, sandlock_sandbox_add_handler_for(sandbox, cases[i].calls, cases[i].count, use, &data,
                                                              free_data, NULL, &error));
        CHECK_PART(MESSAGE(), cases[i].part);
        FAILS(cases[i].kind, sandlock_sandbox_add_observer_for(sandbox, cases[i].calls, cases[i].count, look, &data,
                                                               free_data, NULL, &error));
        CHECK_PART(MESSAGE(), cases[i].part);
    }
    EXITS(0, sandbox, "uname");
    CHECK_INT(data.used, 0);
    OK(sandlock_sandbox_add_handler_for(sandbox, cases[0].calls, 1, use, &data, free_data, NULL, &error));
    EXITS(0, sandbox, "uname");
    CHECK_INT(data.used, 1);
    CHECK_INT(data.freed, 0);
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 1);
}

static void nothing_to_free_is_fine(void)
{
    struct data data = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, use, &data, NULL, NULL, &error));
    EXITS(0, sandbox, "uname");
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.used, 1);
    CHECK_INT(data.freed, 0);
}

/* A function that frees may call the library, also about the sandbox's like. */
static void use_the_library(void *user_data)
{
    sandlock_policy *policy = system_policy();
    sandlock_sandbox *sandbox = NULL;
    CHECK_INT(sandlock_sandbox_new(policy, &sandbox, NULL), SANDLOCK_OK);
    CHECK_INT(sandlock_sandbox_run(sandbox, WORDS("true"), NULL, NULL), SANDLOCK_OK);
    sandlock_sandbox_free(sandbox);
    sandlock_policy_free(policy);
    free_data(user_data);
}

static void a_function_that_frees_may_use_the_library(void)
{
    struct data data = {0};
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, use, &data, use_the_library, NULL, &error));
    sandlock_sandbox_free(sandbox);
    CHECK_INT(data.freed, 1);
}

/* What is freed by the thread that serves a child may ask about that child. */

struct owner {
    sandlock_child *child;
    atomic_int freed, used;
    sandlock_status state;
    pthread_t host;
    bool was_another_thread;
};

static sandlock_action use_owner(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    atomic_fetch_add(&((struct owner *)user_data)->used, 1);
    return sandlock_continue();
}

static void ask_about_the_child(void *user_data)
{
    struct owner *owner = user_data;
    sandlock_usage usage = SANDLOCK_INIT(sandlock_usage);
    sandlock_processes *processes = NULL;
    CHECK(sandlock_child_pid(owner->child) > 0);
    CHECK_INT(sandlock_child_usage(owner->child, &usage, NULL), SANDLOCK_OK);
    CHECK(usage.wall_ns > 0);
    CHECK_INT(sandlock_child_processes(owner->child, &processes, NULL), SANDLOCK_OK);
    sandlock_processes_free(processes);
    CHECK_INT(sandlock_child_kill(owner->child, NULL), SANDLOCK_OK);
    owner->was_another_thread = !pthread_equal(pthread_self(), owner->host);
    owner->state = sandlock_child_wait_timeout(owner->child, 0, NULL, NULL);
    atomic_fetch_add(&owner->freed, 1);
}

static void is_freed_before_the_wait_is_over(uint64_t deadline_ms)
{
    struct owner owner = {NULL, 0, 0, SANDLOCK_ERROR_INTERNAL, pthread_self(), false};
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    sandlock_handler_options options = SANDLOCK_INIT(sandlock_handler_options);
    sandlock_output *output = NULL;
    options.deadline_ms = deadline_ms;
    launch.argv = WORDS("sh", "-c", "read line; uname >/dev/null; exit 5");
    launch.in.kind = SANDLOCK_STDIO_PIPED;
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, use_owner, &owner, ask_about_the_child, &options, &error));
    OK(sandlock_sandbox_spawn(sandbox, &launch, &owner.child, &error));
    sandlock_sandbox_free(sandbox);
    CHECK_INT(owner.freed, 0);
    OK(sandlock_child_wait(owner.child, &output, &error));
    CHECK_INT(sandlock_output_exit_code(output), 5);
    CHECK_INT(owner.used, 1);
    CHECK_INT(owner.freed, 1);
    CHECK(owner.was_another_thread);
    CHECK_INT(owner.state, SANDLOCK_OK);
    sandlock_output_free(output);
    sandlock_child_free(owner.child);
}

static void free_the_child(void *user_data)
{
    struct owner *owner = user_data;
    sandlock_child_free(owner->child);
    atomic_fetch_add(&owner->freed, 1);
}

/* Data that owns the child: freed on the child's own thread, which waits for nobody then. */
static void a_function_that_frees_may_free_the_child(void)
{
    struct owner owner = {NULL, 0, 0, SANDLOCK_ERROR_INTERNAL, pthread_self(), false};
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    launch.argv = WORDS("sh", "-c", "read line; uname >/dev/null");
    launch.in.kind = SANDLOCK_STDIO_PIPED;
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, use_owner, &owner, free_the_child, NULL, &error));
    OK(sandlock_sandbox_spawn(sandbox, &launch, &owner.child, &error));
    sandlock_sandbox_free(sandbox);
    CHECK_INT(owner.freed, 0);
    close(sandlock_child_stdin(owner.child));
    for (int i = 0; i < 10000 && owner.freed == 0; i++) {
        poll(NULL, 0, 1);
    }
    CHECK_INT(owner.freed, 1);
}

static void a_function_that_frees_may_ask_about_the_child(void)
{
    is_freed_before_the_wait_is_over(0);
    is_freed_before_the_wait_is_over(60000);
}

/* A megabyte on the stack of whoever calls. */
static void fill_the_stack(void)
{
    volatile char memory[1 << 20];
    for (size_t i = 0; i < sizeof memory; i += 512)
        memory[i] = (char)i;
    CHECK_INT(memory[1 << 19], 0);
}

static void free_with_a_deep_stack(void *user_data)
{
    fill_the_stack();
    free_data(user_data);
}

static sandlock_action use_with_a_deep_stack(const sandlock_notif *notif, void *user_data)
{
    fill_the_stack();
    return use(notif, user_data);
}

static void look_with_a_deep_stack(const sandlock_notif *notif, const sandlock_verdict *verdict, void *user_data)
{
    fill_the_stack();
    look(notif, verdict, user_data);
}

static void callbacks_have_room_on_the_stack(void)
{
    uint64_t deadlines[] = {0, 60000};
    for (size_t i = 0; i < 2; i++) {
        struct data data = {0};
        sandlock_sandbox *sandbox = system_sandbox();
        sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
        sandlock_handler_options options = SANDLOCK_INIT(sandlock_handler_options);
        sandlock_child *child = NULL;
        options.deadline_ms = deadlines[i];
        launch.argv = WORDS("sh", "-c", "read line; uname");
        launch.in.kind = SANDLOCK_STDIO_PIPED;
        OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, use_with_a_deep_stack, &data, free_with_a_deep_stack,
                                        &options, &error));
        OK(sandlock_sandbox_add_observer(sandbox, SYS_uname, look_with_a_deep_stack, &data,
                                         free_with_a_deep_stack, NULL, &error));
        OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
        sandlock_sandbox_free(sandbox);
        CHECK_INT(data.freed, 0);
        OK(sandlock_child_wait(child, NULL, &error));
        CHECK_INT(data.used, 3);
        CHECK_INT(data.freed, 2);
        sandlock_child_free(child);
    }
}

int main(void)
{
    a_sandbox_that_never_ran_frees_it();
    a_sandbox_that_ran_frees_it();
    a_failed_registration_leaves_it_to_the_caller();
    a_clone_shares_it();
    a_child_keeps_it();
    a_sandbox_outlives_its_child();
    an_output_does_not_keep_it();
    a_start_that_fails_does_not_keep_it();
    the_same_data_twice_is_freed_twice();
    nothing_to_free_is_fine();
    a_function_that_frees_may_use_the_library();
    one_registration_for_several_calls_frees_it_once();
    all_calls_are_registered_or_none();
    a_function_that_frees_may_ask_about_the_child();
    a_function_that_frees_may_free_the_child();
    callbacks_have_room_on_the_stack();
    return done();
}
