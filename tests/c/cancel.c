/* Threads that are cancelled while they are in the library: they end when it returns, and it goes on. */

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

static sandlock_action go_on(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    (void)user_data;
    return sandlock_continue();
}

static sandlock_sandbox *supervised_sandbox(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, go_on, NULL, NULL, NULL, &error));
    return sandbox;
}

/* What a thread does that is cancelled meanwhile. */
struct waiting {
    void (*work)(struct waiting *);
    sandlock_sandbox *sandbox;
    sandlock_launch launch;
    sandlock_output *output;
    atomic_bool has_returned;
};

/* Cancelled where the stack has no variables: AddressSanitizer does not learn that a frame is left that
 * way, and its own end of the thread would stumble over them. */
static void *work_in_a_thread(void *argument)
{
    ((struct waiting *)argument)->work(argument);
    clear();
    ((struct waiting *)argument)->has_returned = true;
    pthread_testcancel();
    failed(__FILE__, __LINE__, "not cancelled");
    return NULL;
}

static void run(struct waiting *waiting)
{
    OK(sandlock_sandbox_run_launch(waiting->sandbox, &waiting->launch, &waiting->output, &error));
}

static void spawn_and_wait(struct waiting *waiting)
{
    sandlock_child *child = NULL;
    OK(sandlock_sandbox_spawn(waiting->sandbox, &waiting->launch, &child, &error));
    OK(sandlock_child_wait(child, &waiting->output, &error));
    sandlock_child_free(child);
}

static void is_cancelled_when_it_returns(sandlock_sandbox *sandbox, void (*work)(struct waiting *))
{
    struct waiting waiting = {work, sandbox, SANDLOCK_INIT(sandlock_launch), NULL, false};
    pthread_t thread;
    void *result = NULL;
    int in[2], err[2];
    char byte;
    CHECK_INT(pipe2(in, O_CLOEXEC), 0);
    CHECK_INT(pipe2(err, O_CLOEXEC), 0);
    waiting.launch.argv = WORDS("sh", "-c", "echo >&2; read line; echo $line");
    waiting.launch.in.kind = waiting.launch.err.kind = SANDLOCK_STDIO_FD;
    waiting.launch.in.fd = in[0];
    waiting.launch.err.fd = err[1];
    CHECK_INT(pthread_create(&thread, NULL, work_in_a_thread, &waiting), 0);
    CHECK_INT(read_fully(err[0], &byte, 1), 1);
    CHECK_INT(pthread_cancel(thread), 0);
    CHECK(!waiting.has_returned);
    CHECK_INT(write(in[1], "read\n", 5), 5);
    CHECK_INT(pthread_join(thread, &result), 0);
    CHECK(result == PTHREAD_CANCELED);
    CHECK(waiting.has_returned);
    CHECK_TEXT(printed(waiting.output), "read\n");
    sandlock_output_free(waiting.output);
    int ends[] = {in[0], in[1], err[0], err[1]};
    for (size_t i = 0; i < 4; i++)
        CHECK_INT(close(ends[i]), 0);
}

static void a_thread_that_waits_is_cancelled_when_it_returns(void)
{
    sandlock_sandbox *sandboxes[] = {system_sandbox(), supervised_sandbox()};
    for (size_t i = 0; i < 2; i++) {
        is_cancelled_when_it_returns(sandboxes[i], run);
        is_cancelled_when_it_returns(sandboxes[i], spawn_and_wait);
        EXITS(0, sandboxes[i], "uname");
        sandlock_sandbox_free(sandboxes[i]);
    }
}

/* Whatever the library does meanwhile, it is no place to be cancelled at. */
static void use_the_library(struct waiting *waiting)
{
    sandlock_policy *policy = sandlock_policy_new();
    sandlock_sandbox *sandbox = NULL;
    sandlock_child *child = NULL;
    sandlock_launch launch = SANDLOCK_INIT(sandlock_launch);
    char *text = NULL;
    launch.argv = WORDS("sleep", "1000");
    (void)waiting;
    CHECK_INT(pthread_cancel(pthread_self()), 0);
    CHECK(sandlock_host_landlock_abi() > 0);
    OK(sandlock_host_check(&error));
    OK(sandlock_host_json(&text, &error));
    sandlock_string_free(text);
    set(policy, "fs.read", "/usr");
    set(policy, "fs.read_if_exists", "/lib");
    set(policy, "fs.read_if_exists", "/lib64");
    set(policy, "fs.read_if_exists", "/bin");
    set(policy, "process.env", "PATH=/usr/bin:/bin");
    OK(sandlock_policy_explain(policy, &text, &error));
    sandlock_string_free(text);
    OK(sandlock_sandbox_new(policy, &sandbox, &error));
    sandlock_policy_free(policy);
    sandlock_sandbox_free(sandlock_sandbox_clone(sandbox));
    OK(sandlock_sandbox_add_handler(sandbox, SYS_uname, go_on, NULL, NULL, NULL, &error));
    EXITS(0, sandbox, "uname");
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));
    sandlock_child_free(child);
    sandlock_sandbox_free(sandbox);
    sandlock_action_discard(sandlock_inject_fd(dup(0), true));
    sandlock_action_discard(sandlock_inject_bytes("bytes", 5));
}

static void no_function_is_a_place_to_be_cancelled_at(void)
{
    struct waiting waiting = {.work = use_the_library};
    pthread_t thread;
    void *result = NULL;
    CHECK_INT(pthread_create(&thread, NULL, work_in_a_thread, &waiting), 0);
    CHECK_INT(pthread_join(thread, &result), 0);
    CHECK(waiting.has_returned);
    CHECK(result == PTHREAD_CANCELED);
}

int main(void)
{
    /* First: what is looked up once is looked up there. */
    no_function_is_a_place_to_be_cancelled_at();
    a_thread_that_waits_is_cancelled_when_it_returns();
    return done();
}
