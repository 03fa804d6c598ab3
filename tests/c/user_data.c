/* User data is freed exactly once, on every path, and not before anybody could be given it. */

#include "check.h"

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
    return done();
}
