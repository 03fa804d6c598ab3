/* What a call asks to open, in one shape, and its opening in the task's place. The program inside is
 * this one again, and makes the call that its second word names. */

#include "check.h"

#include <linux/openat2.h>
#include <stdatomic.h>

static const char *const CALLS[] = {"open", "creat", "openat", "openat2"};

/* Inside: `openat PATH` and so on; prints what can be read, or the error number. */

static int print(long fd)
{
    char text[64] = {0};
    if (fd < 0)
        printf("error %d", errno);
    else
        printf("%s", read((int)fd, text, sizeof text - 1) > 0 ? text : "nothing");
    fflush(stdout);
    return 0;
}

static int inside(const char *call, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
    int directory = open("/usr", O_RDONLY | O_DIRECTORY);
    if (strcmp(call, "openat") == 0)
        return print(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0));
    if (strcmp(call, "openat below") == 0)
        return print(syscall(SYS_openat, directory, path, O_RDONLY, 0));
    if (strcmp(call, "openat write") == 0)
        return print(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0640));
    if (strcmp(call, "openat nowhere") == 0)
        return print(syscall(SYS_openat, AT_FDCWD, 8L, O_RDONLY, 0));
    if (strcmp(call, "openat2") == 0)
        return print(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
    /* What a later kernel has behind the struct. */
    struct { struct open_how how; uint64_t later[2]; } longer = {how, {0, 0}};
    if (strcmp(call, "openat2 longer") == 0)
        return print(syscall(SYS_openat2, AT_FDCWD, path, &longer, sizeof longer));
    longer.later[1] = 1;
    if (strcmp(call, "openat2 later") == 0)
        return print(syscall(SYS_openat2, AT_FDCWD, path, &longer, sizeof longer));
    how.flags |= UINT64_C(1) << 40;
    if (strcmp(call, "openat2 flags") == 0)
        return print(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
    if (strcmp(call, "openat2 wrong") == 0)
        return print(syscall(SYS_openat2, AT_FDCWD, path, &how, 3L));
#ifdef SYS_open
    if (strcmp(call, "open") == 0)
        return print(syscall(SYS_open, path, O_RDONLY, 0));
    if (strcmp(call, "creat") == 0)
        return print(syscall(SYS_creat, path, 0600));
#endif
    return 1;
}

/* Outside. */

/* What a request for a path that ends so is expected to be, and what comes of it. */
struct expected {
    const char *path;
    int directory_is_cwd, flags;
    uint32_t mode;
    uint64_t resolve, added;
    bool writes;
    atomic_int met;
    sandlock_open_request *kept;
};

static sandlock_action judge(const sandlock_notif *notif, void *user_data)
{
    struct expected *expected = user_data;
    sandlock_open_request *request = NULL;
    sandlock_error *why = NULL;
    if (sandlock_notif_open_request(notif, &request, &why) != SANDLOCK_OK) {
        CHECK(request == NULL && why != NULL);
        sandlock_action action = sandlock_refuse_error(why);
        CHECK_INT(action.kind, SANDLOCK_ACTION_ERRNO);
        sandlock_error_free(why);
        return action;
    }
    CHECK(why == NULL);
    if (expected->path == NULL || strcmp(sandlock_open_request_path(request), expected->path) != 0) {
        sandlock_open_request_free(request);
        return sandlock_continue();
    }
    if (expected->directory_is_cwd)
        CHECK_INT(sandlock_open_request_directory(request), AT_FDCWD);
    else
        CHECK(sandlock_open_request_directory(request) > 2);
    CHECK_INT(sandlock_open_request_flags(request) & ~O_LARGEFILE, expected->flags);
    CHECK_INT(sandlock_open_request_mode(request), expected->mode);
    CHECK_INT(sandlock_open_request_resolve(request), (long long)expected->resolve);
    CHECK_INT(sandlock_open_request_writes(request), expected->writes);
    sandlock_open_request_add_resolve(request, expected->added);
    CHECK(sandlock_open_request_resolve(request) == (expected->resolve | expected->added));
    atomic_fetch_add(&expected->met, 1);
    sandlock_action action = sandlock_notif_open(notif, request);
    if (expected->kept == NULL)
        expected->kept = request;
    else
        sandlock_open_request_free(request);
    return action;
}

static char file[PATH_MAX + 16], made[PATH_MAX + 16], link_path[PATH_MAX + 16];

static sandlock_policy *policy_with_files(void)
{
    sandlock_policy *policy = guest_policy();
    set(policy, "fs.write", working_directory());
    return policy;
}

/* Runs the call on the path under a handler that expects this; what the program printed. */
static void opens(int line, const char *call, struct expected *expected, const char *path, const char *text)
{
    sandlock_sandbox *sandbox = sandbox_for(policy_with_files());
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++)
        if (sandlock_syscall_number(CALLS[i]) >= 0)
            OK(sandlock_sandbox_add_handler(sandbox, sandlock_syscall_number(CALLS[i]), judge, expected, NULL,
                                            NULL, &error));
    sandlock_output *output = RUN(sandbox, self(), call, path);
    check_text(__FILE__, line, call, printed(output), text);
    check_int(__FILE__, line, "how often it was met", expected->met, expected->path != NULL);
    if (expected->kept != NULL)
        CHECK_TEXT(sandlock_open_request_path(expected->kept), expected->path);
    sandlock_open_request_free(expected->kept);
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

#define OPENS(call, path, text, ...)                                             \
    do {                                                                         \
        struct expected expected = {__VA_ARGS__};                                \
        opens(__LINE__, call, &expected, path, text);                            \
    } while (0)

static const char *number(int error_number)
{
    static char text[32];
    snprintf(text, sizeof text, "error %d", error_number);
    return text;
}

static void every_call_that_opens_has_one_shape(void)
{
    OPENS("openat", file, "contents", .path = file, .directory_is_cwd = 1, .flags = O_RDONLY);
    OPENS("openat below", "./no/such", number(ENOENT), .path = "./no/such", .flags = O_RDONLY);
    OPENS("openat2", file, "contents", .path = file, .directory_is_cwd = 1, .flags = O_RDONLY | O_CLOEXEC,
          .resolve = RESOLVE_NO_MAGICLINKS);
    OPENS("openat write", made, "nothing", .path = made, .directory_is_cwd = 1,
          .flags = O_WRONLY | O_CREAT | O_EXCL, .mode = 0640, .writes = true);
    CHECK_INT(unlink(made), 0);
#ifdef SYS_open
    OPENS("open", file, "contents", .path = file, .directory_is_cwd = 1, .flags = O_RDONLY);
    OPENS("creat", made, "nothing", .path = made, .directory_is_cwd = 1,
          .flags = O_WRONLY | O_CREAT | O_TRUNC, .mode = 0600, .writes = true);
    CHECK_INT(unlink(made), 0);
#endif
}

static void flags_of_the_handler_bound_where_the_path_leads(void)
{
    OPENS("openat", link_path, "contents", .path = link_path, .directory_is_cwd = 1);
    OPENS("openat", link_path, number(ELOOP), .path = link_path, .directory_is_cwd = 1,
          .added = RESOLVE_NO_SYMLINKS);
}

static void the_kernel_bounds_it_by_the_grants(void)
{
    char text[64];
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, text, 1) == 1);
    CHECK_INT(close(fd), 0);
    OPENS("openat", "/etc/passwd", number(EACCES), .path = "/etc/passwd", .directory_is_cwd = 1);
}

/* Without a handler, and with one that can read no request: the program learns the same. */
static void is_refused_as_by_the_kernel(int line, const char *call, int error_number)
{
    sandlock_sandbox *sandbox = sandbox_for(policy_with_files());
    sandlock_output *output = RUN(sandbox, self(), call, file);
    check_text(__FILE__, line, call, printed(output), number(error_number));
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
    struct expected expected = {.path = NULL};
    opens(line, call, &expected, file, number(error_number));
}

#define IS_REFUSED(call, number) is_refused_as_by_the_kernel(__LINE__, call, number)

static void what_the_kernel_would_refuse_is_refused(void)
{
    IS_REFUSED("openat nowhere", EFAULT);
    IS_REFUSED("openat2 wrong", EINVAL);
    IS_REFUSED("openat2 flags", EINVAL);
    IS_REFUSED("openat2 later", E2BIG);
    OPENS("openat2 longer", file, "contents", .path = file, .directory_is_cwd = 1, .flags = O_RDONLY | O_CLOEXEC,
          .resolve = RESOLVE_NO_MAGICLINKS);
}

static void refusals_have_the_number_of_the_error(void)
{
    sandlock_policy *policy = sandlock_policy_new();
    CHECK_INT(sandlock_refuse_error(NULL).kind, SANDLOCK_ACTION_ERRNO);
    CHECK_INT(sandlock_refuse_error(NULL).value, EPERM);
    FAILS(SANDLOCK_ERROR_POLICY, sandlock_policy_set(policy, "no.setting", "", &error));
    CHECK_INT(sandlock_error_errno(error), 0);
    CHECK_INT(sandlock_refuse_error(error).value, EPERM);
    /* It stays the caller's. */
    CHECK_INT(sandlock_error_kind(error), SANDLOCK_ERROR_POLICY);
    sandlock_policy_free(policy);
}

int main(int argc, char **argv)
{
    if (argc > 2)
        return inside(argv[1], argv[2]);
    snprintf(file, sizeof file, "%s/file", working_directory());
    snprintf(made, sizeof made, "%s/made", working_directory());
    snprintf(link_path, sizeof link_path, "%s/link", working_directory());
    write_file(file, "contents", 0644);
    unlink(link_path);
    CHECK_INT(symlink("file", link_path), 0);
    every_call_that_opens_has_one_shape();
    flags_of_the_handler_bound_where_the_path_leads();
    the_kernel_bounds_it_by_the_grants();
    what_the_kernel_would_refuse_is_refused();
    refusals_have_the_number_of_the_error();
    unlink(file);
    unlink(link_path);
    return done();
}
