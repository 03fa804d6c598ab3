/* Runs a shell script whose system calls this program answers: uname(2) is refused, getppid(2) returns
 * 4242, and every openat(2) is listed on stderr. Exits with 0 if the script noticed all of it.
 *
 *     cc -std=c11 examples/handler.c $(pkg-config --cflags --libs sandlock) -o handler && ./handler
 */
#define _GNU_SOURCE /* SYS_openat, and others of the system's own names */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <sandlock.h>

#define PATH_SIZE 4096
#define PARENT 4242

static const char script[] = "echo parent $PPID; uname || echo no uname; : < /usr/bin/env";
static const char expected[] = "parent 4242\nno uname\n";

static const char toml[] = "process.clean_env = true\n"
                           "fs.read = ['/usr']\n"
                           "fs.read_if_exists = ['/bin', '/lib', '/lib64', '/etc/ld.so.cache']\n";

/* Handlers without a deadline are called on one thread of the run, one call after the other, and that
 * thread has ended when the run is over: what they share needs no lock. */
struct audit {
    uint64_t id; /* the call that waits */
    char path[PATH_SIZE];
    unsigned opens, refused;
};

static sandlock_action deny_uname(const sandlock_notif *notif, void *user_data)
{
    struct audit *audit = user_data;
    (void)notif;
    audit->refused++;
    return sandlock_errno(EACCES);
}

static sandlock_action answer_getppid(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    (void)user_data;
    return sandlock_return(PARENT);
}

/* While the task waits, its memory can be read; `path` is empty if it cannot. */
static void note_path(struct audit *audit, const sandlock_notif *notif)
{
    int directory = (int)sandlock_notif_arg(notif, 0);
    char *path = audit->path;
    audit->id = sandlock_notif_id(notif);
    if (sandlock_notif_read_path(notif, 1, path, PATH_SIZE, NULL) == SANDLOCK_OK)
        sandlock_notif_display_path(notif, directory, path, path, PATH_SIZE, NULL, NULL);
}

/* An observer is called before anybody decides, and again when the call has been answered. What was
 * let through can still be refused by the kernel. */
static void audit_openat(const sandlock_notif *notif, const sandlock_verdict *verdict, void *user_data)
{
    struct audit *audit = user_data;
    if (verdict == NULL) {
        note_path(audit, notif);
    } else if (audit->id == sandlock_notif_id(notif)) {
        const char *what = verdict->outcome == SANDLOCK_OUTCOME_CONTINUE ? "let through" : "answered";
        fprintf(stderr, "%" PRId32 " openat %s: %s by %s\n", sandlock_notif_pid(notif), audit->path,
                what, verdict->by);
        audit->opens += strcmp(audit->path, "/usr/bin/env") == 0;
    }
}

/* The audit outlives the run, so nothing has to be freed for the sandbox. */
static sandlock_status register_all(sandlock_sandbox *sandbox, struct audit *audit,
                                    sandlock_error **err)
{
    sandlock_status status =
        sandlock_sandbox_add_handler(sandbox, SYS_uname, deny_uname, audit, NULL, NULL, err);
    if (status == SANDLOCK_OK)
        status = sandlock_sandbox_add_handler(sandbox, SYS_getppid, answer_getppid, NULL, NULL, NULL, err);
    if (status == SANDLOCK_OK)
        status = sandlock_sandbox_add_observer(sandbox, SYS_openat, audit_openat, audit, NULL, NULL, err);
    return status;
}

static int is_as_expected(const sandlock_output *output, const struct audit *audit)
{
    size_t length;
    const char *printed = sandlock_output_stdout(output, &length);
    fwrite(printed, 1, length, stdout);
    return sandlock_output_success(output) && length == strlen(expected)
           && memcmp(printed, expected, length) == 0 && audit->refused > 0 && audit->opens > 0;
}

int main(void)
{
    static const char *const command[] = {"/bin/sh", "-c", script, NULL};
    static struct audit audit;
    int result = 1;
    sandlock_error *err = NULL;
    sandlock_sandbox *sandbox = NULL;
    sandlock_output *output = NULL;
    sandlock_policy *policy = sandlock_policy_new();

    if (sandlock_policy_merge_toml(policy, toml, &err) == SANDLOCK_OK
        && sandlock_sandbox_new(policy, &sandbox, &err) == SANDLOCK_OK
        && register_all(sandbox, &audit, &err) == SANDLOCK_OK
        && sandlock_sandbox_run(sandbox, command, &output, &err) == SANDLOCK_OK)
        result = !is_as_expected(output, &audit);
    else
        fprintf(stderr, "handler: %s\n", sandlock_error_message(err));

    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
    sandlock_policy_free(policy);
    sandlock_error_free(err);
    return result;
}
