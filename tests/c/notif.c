/* The call that waits, and the memory, paths and descriptors of its task. The program inside is this
 * one again: it makes times(2) with an address, the number of a case and what that needs. */

#include "check.h"

#include <linux/audit.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { PAGE = 65536, MOST = 16 << 20, HANDLED = 1000, OPENED = 50 };

static const char TEXT[] = "hello world";

/* Inside. */

static bool ask_with(const void *address, long number, long extra)
{
    long result = syscall(SYS_times, address, number, extra, 0xdeadbeef00000001, -1L, 0x7fffffffffffffff);
    if (result == HANDLED + number)
        return true;
    printf("case %ld gave %ld\n", number, result);
    return false;
}

enum {
    READ, READ_BEYOND, READ_ACROSS, READ_NOTHING, READ_MUCH,
    TEXT_FITS, TEXT_ENDS_THE_MEMORY, TEXT_WITHOUT_END,
    WRITE, WRITE_PROTECTED, WRITE_BEYOND,
    PATH, PATH_LONGEST, PATH_TOO_LONG, PATH_OF_BYTES,
    SHOWN, REPLACED, THREAD, DOOMED, WHO, NO_OPEN,
};

static void *ask_from_a_thread(void *answered)
{
    *(bool *)answered = ask_with(NULL, THREAD, syscall(SYS_gettid));
    return NULL;
}

static bool memory(void)
{
    char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *end = page + PAGE, *text = page, *path = malloc(PATH_MAX + 1);
    char *much = mmap(NULL, MOST + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *fixed = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(end, PAGE);
    strcpy(text, TEXT);
    memcpy(end - sizeof TEXT, TEXT, sizeof TEXT);
    bool good = ask_with(text, READ, 0);
    good &= ask_with(end, READ_BEYOND, 0);
    good &= ask_with(end - 5, READ_ACROSS, 0);
    good &= ask_with(NULL, READ_NOTHING, 0);
    good &= ask_with(much, READ_MUCH, 0);
    good &= ask_with(text, TEXT_FITS, 0);
    good &= ask_with(end - sizeof TEXT, TEXT_ENDS_THE_MEMORY, 0);
    good &= ask_with(text, WRITE, 0) && strcmp(text, "HELLO world") == 0;
    good &= ask_with(fixed, WRITE_PROTECTED, 0) && strcmp(fixed, "written") == 0;
    good &= ask_with(end, WRITE_BEYOND, 0);
    memset(end - 5, 'x', 5);
    good &= ask_with(end - 5, TEXT_WITHOUT_END, 0);
    good &= ask_with("/a/path", PATH, 0);
    good &= ask_with("/\xff\xfe", PATH_OF_BYTES, 0);
    memset(path, 'p', PATH_MAX);
    path[PATH_MAX] = '\0';
    good &= ask_with(path, PATH_TOO_LONG, 0);
    path[PATH_MAX - 1] = '\0';
    good &= ask_with(path, PATH_LONGEST, 0);
    free(path);
    return good;
}

static bool others(void)
{
    bool from_thread = false;
    pthread_t thread;
    int ends[2], status;
    bool good = ask_with(NULL, WHO, getpid());
    good &= pthread_create(&thread, NULL, ask_from_a_thread, &from_thread) == 0;
    pthread_join(thread, NULL);
    good &= from_thread;
    good &= chdir("/usr/bin") == 0 && ask_with(NULL, SHOWN, open("/usr/lib", O_RDONLY | O_DIRECTORY));
    good &= pipe(ends) == 0 && dup2(ends[1], OPENED) >= 0;
    good &= ask_with(NULL, REPLACED, OPENED);
    good &= write(OPENED, "replaced", 8) == 8;
    good &= ask_with(NULL, NO_OPEN, 0);
    pid_t child = fork();
    if (child == 0) {
        ask_with(TEXT, DOOMED, 0);
        _exit(0);
    }
    good &= waitpid(child, &status, 0) == child && WIFSIGNALED(status);
    return good;
}

/* Outside. */

static atomic_int seen;
static int replacement;
static uint64_t last_id;

static bool is_filled_with(const char *bytes, char byte, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != byte)
            return false;
    return true;
}

static bool is_zero(const char *bytes, size_t length)
{
    return is_filled_with(bytes, 0, length);
}

/* An empty text in a buffer of so many bytes, and nothing else of what the task has. */
static bool is_empty(const char *text, size_t capacity)
{
    return text[0] == '\0' && is_filled_with(text + 1, 'z', capacity - 1);
}

static void reads(const sandlock_notif *notif, uint64_t address, long number)
{
    char bytes[64];
    memset(bytes, 'z', sizeof bytes);
    if (number == READ) {
        CHECK_INT(sandlock_notif_read(notif, address, bytes, sizeof TEXT), SANDLOCK_OK);
        CHECK_TEXT(bytes, TEXT);
        CHECK_INT(bytes[sizeof TEXT], 'z');
        CHECK_INT(sandlock_notif_read(notif, address, bytes, 0), SANDLOCK_OK);
        CHECK_TEXT(bytes, TEXT);
        return;
    }
    uint64_t nowhere[] = {0, 1, UINT64_MAX, UINT64_MAX - 8, UINT64_C(1) << 63, UINT64_C(1) << 47};
    for (size_t i = 0; number == READ_NOTHING && i < sizeof nowhere / sizeof *nowhere; i++) {
        memset(bytes, 'z', sizeof bytes);
        CHECK_INT(sandlock_notif_read(notif, nowhere[i], bytes, 16), SANDLOCK_ERROR_TASK_MEMORY);
        CHECK(is_zero(bytes, 16) && bytes[16] == 'z');
        size_t length = 7;
        memset(bytes, 'z', sizeof bytes);
        CHECK_INT(sandlock_notif_read_cstr(notif, nowhere[i], bytes, 16, &length), SANDLOCK_ERROR_TASK_MEMORY);
        CHECK(is_empty(bytes, 16) && length == 7);
        CHECK_INT(sandlock_notif_write(notif, nowhere[i], TEXT, 4), SANDLOCK_ERROR_TASK_MEMORY);
        CHECK_INT(sandlock_notif_read(notif, nowhere[i], bytes, 0), SANDLOCK_OK);
    }
    if (number == READ_BEYOND || number == READ_ACROSS) {
        CHECK_INT(sandlock_notif_read(notif, address, bytes, 16), SANDLOCK_ERROR_TASK_MEMORY);
        CHECK(is_zero(bytes, 16) && bytes[16] == 'z');
    }
}

static void reads_much(const sandlock_notif *notif, uint64_t address)
{
    char *bytes = allocate(MOST + 1);
    memset(bytes, 'z', MOST + 1);
    CHECK_INT(sandlock_notif_read(notif, address, bytes, MOST), SANDLOCK_OK);
    CHECK(is_zero(bytes, MOST) && bytes[MOST] == 'z');
    memset(bytes, 'z', MOST + 1);
    CHECK_INT(sandlock_notif_read(notif, address, bytes, MOST + 1), SANDLOCK_ERROR_TOO_LONG);
    CHECK(is_filled_with(bytes, 'z', MOST + 1));
    memset(bytes, 0, MOST + 1);
    CHECK_INT(sandlock_notif_write(notif, address, bytes, MOST), SANDLOCK_OK);
    CHECK_INT(sandlock_notif_write(notif, address, bytes, MOST + 1), SANDLOCK_ERROR_TOO_LONG);
    size_t impossible[] = {SIZE_MAX, SIZE_MAX / 2 + 1};
    for (size_t i = 0; i < 2; i++) {
        bytes[0] = 'z';
        CHECK_INT(sandlock_notif_read(notif, address, bytes, impossible[i]), SANDLOCK_ERROR_TOO_LONG);
        CHECK_INT(sandlock_notif_write(notif, address, bytes, impossible[i]), SANDLOCK_ERROR_TOO_LONG);
        CHECK_INT(bytes[0], 'z');
    }
    free(bytes);
}

static void texts(const sandlock_notif *notif, uint64_t address, long number)
{
    char text[64];
    size_t length = 7;
    memset(text, 'z', sizeof text);
    if (number == TEXT_WITHOUT_END) {
        CHECK_INT(sandlock_notif_read_cstr(notif, address, text, 6, &length), SANDLOCK_ERROR_TASK_MEMORY);
        CHECK(is_empty(text, sizeof text));
        text[0] = 'z';
        CHECK_INT(sandlock_notif_read_cstr(notif, address, text, 5, &length), SANDLOCK_ERROR_TOO_LONG);
        CHECK(is_empty(text, sizeof text));
        CHECK_INT(length, 7);
        return;
    }
    CHECK_INT(sandlock_notif_read_cstr(notif, address, text, sizeof TEXT, &length), SANDLOCK_OK);
    CHECK_TEXT(text, TEXT);
    CHECK_INT(length, strlen(TEXT));
    CHECK_INT(text[sizeof TEXT], 'z');
    CHECK_INT(sandlock_notif_read_cstr(notif, address, text, sizeof text, NULL), SANDLOCK_OK);
    CHECK_TEXT(text, TEXT);
    length = 7;
    memset(text, 'z', sizeof text);
    CHECK_INT(sandlock_notif_read_cstr(notif, address, text, sizeof TEXT - 1, &length), SANDLOCK_ERROR_TOO_LONG);
    CHECK(is_empty(text, sizeof text));
    text[0] = 'z';
    CHECK_INT(sandlock_notif_read_cstr(notif, address, text, 0, &length), SANDLOCK_ERROR_TOO_LONG);
    CHECK(is_filled_with(text, 'z', sizeof text));
    CHECK_INT(sandlock_notif_read_cstr(notif, address, NULL, 0, &length), SANDLOCK_ERROR_TOO_LONG);
    CHECK_INT(length, 7);
}

static void writes(const sandlock_notif *notif, uint64_t address, long number)
{
    if (number == WRITE) {
        CHECK_INT(sandlock_notif_write(notif, address, "HELLO", 5), SANDLOCK_OK);
        CHECK_INT(sandlock_notif_write(notif, address, "never", 0), SANDLOCK_OK);
    } else if (number == WRITE_PROTECTED) {
        CHECK_INT(sandlock_notif_write(notif, address, "written", 8), SANDLOCK_OK);
    } else {
        CHECK_INT(sandlock_notif_write(notif, address, TEXT, 1), SANDLOCK_ERROR_TASK_MEMORY);
        CHECK_INT(sandlock_notif_write(notif, address - 1, "yy", 2), SANDLOCK_ERROR_TASK_MEMORY);
    }
}

static void paths(const sandlock_notif *notif, long number)
{
    static char path[2 * PATH_MAX];
    size_t length = 7;
    memset(path, 'z', sizeof path);
    if (number == PATH_TOO_LONG) {
        CHECK_INT(sandlock_notif_read_path(notif, 0, path, sizeof path, &length), SANDLOCK_ERROR_TOO_LONG);
        CHECK(is_empty(path, sizeof path));
        CHECK_INT(length, 7);
    } else if (number == PATH_LONGEST) {
        CHECK_INT(sandlock_notif_read_path(notif, 0, path, PATH_MAX, &length), SANDLOCK_OK);
        CHECK_INT(length, PATH_MAX - 1);
        CHECK_INT(strlen(path), length);
        CHECK_INT(sandlock_notif_read_path(notif, 0, path, PATH_MAX - 1, &length), SANDLOCK_ERROR_TOO_LONG);
        CHECK_TEXT(path, "");
    } else {
        const char *expected = number == PATH ? "/a/path" : "/\xff\xfe";
        CHECK_INT(sandlock_notif_read_path(notif, 0, path, strlen(expected) + 1, &length), SANDLOCK_OK);
        CHECK_TEXT(path, expected);
        CHECK_INT(length, strlen(expected));
        CHECK_INT(sandlock_notif_read_path(notif, 0, path, strlen(expected), NULL), SANDLOCK_ERROR_TOO_LONG);
        CHECK_INT(sandlock_notif_read_path(notif, 0, NULL, 0, NULL), SANDLOCK_ERROR_TOO_LONG);
        uint32_t wrong[] = {6, 7, UINT32_MAX};
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            memset(path, 'z', sizeof path);
            CHECK_INT(sandlock_notif_read_path(notif, wrong[i], path, 16, NULL), SANDLOCK_ERROR_ARGUMENT);
            CHECK(is_empty(path, 16));
        }
    }
}

static void shown_as(const sandlock_notif *notif, int directory, const char *path, const char *expected)
{
    char shown[PATH_MAX];
    size_t length = 7, size = strlen(expected) + 1;
    memset(shown, 'z', sizeof shown);
    OK(sandlock_notif_display_path(notif, directory, path, shown, size, &length, &error));
    CHECK_TEXT(shown, expected);
    CHECK_INT(length, strlen(expected));
    CHECK_INT(shown[size], 'z');
    length = 7;
    memset(shown, 'z', sizeof shown);
    FAILS(SANDLOCK_ERROR_TOO_LONG,
          sandlock_notif_display_path(notif, directory, path, shown, size - 1, &length, &error));
    CHECK_INT(sandlock_error_errno(error), ENAMETOOLONG);
    CHECK(is_empty(shown, sizeof shown));
    CHECK_INT(length, 7);
    /* The buffer may hold the path. */
    strcpy(shown, path);
    OK(sandlock_notif_display_path(notif, directory, shown, shown, sizeof shown, NULL, &error));
    CHECK_TEXT(shown, expected);
}

static void shows(const sandlock_notif *notif, int directory)
{
    char shown[64];
    shown_as(notif, AT_FDCWD, "/a//b/./c/../d", "/a/b/d");
    shown_as(notif, AT_FDCWD, "/../../x", "/x");
    shown_as(notif, AT_FDCWD, "cat", "/usr/bin/cat");
    shown_as(notif, AT_FDCWD, "../lib", "/usr/lib");
    shown_as(notif, directory, "x", "/usr/lib/x");
    shown_as(notif, directory, "/\xff", "/\xff");
    int nowhere[] = {9999, -1};
    for (size_t i = 0; i < 2; i++) {
        memset(shown, 'z', sizeof shown);
        FAILS(SANDLOCK_ERROR_TASK,
              sandlock_notif_display_path(notif, nowhere[i], "x", shown, sizeof shown, NULL, &error));
        CHECK(is_empty(shown, sizeof shown));
    }
    FAILS(SANDLOCK_ERROR_TOO_LONG, sandlock_notif_display_path(notif, AT_FDCWD, "x", NULL, 0, NULL, &error));
    CHECK_INT(sandlock_notif_display_path(notif, AT_FDCWD, "x", NULL, 0, NULL, NULL), SANDLOCK_ERROR_TOO_LONG);
}

static void replaces(const sandlock_notif *notif, uint32_t number)
{
    int closed = dup(0);
    CHECK_INT(close(closed), 0);
    FAILS(SANDLOCK_ERROR_TASK, sandlock_notif_replace_fd(notif, number, closed, false, &error));
    CHECK_INT(sandlock_error_errno(error), EBADF);
    FAILS(SANDLOCK_ERROR_TASK, sandlock_notif_replace_fd(notif, number, INT_MAX, false, &error));
    FAILS(SANDLOCK_ERROR_ARGUMENT, sandlock_notif_replace_fd(notif, number, -1, false, &error));
    CHECK_PART(MESSAGE(), "fd is -1");
    FAILS(SANDLOCK_ERROR_ARGUMENT, sandlock_notif_replace_fd(notif, number, INT_MIN, false, &error));
    FAILS(SANDLOCK_ERROR_TASK, sandlock_notif_replace_fd(notif, UINT32_MAX, replacement, false, &error));
    OK(sandlock_notif_replace_fd(notif, number, replacement, true, &error));
    CHECK(fcntl(replacement, F_GETFD) >= 0);
}

static void says_who(const sandlock_notif *notif, int32_t thread)
{
    CHECK_INT(sandlock_notif_pid(notif), thread);
    CHECK_INT(sandlock_notif_syscall(notif), SYS_times);
    CHECK(sandlock_notif_id(notif) != last_id);
    CHECK(sandlock_notif_instruction_pointer(notif) > 4096);
#if defined(__x86_64__)
    CHECK_INT(sandlock_notif_arch(notif), AUDIT_ARCH_X86_64);
#elif defined(__aarch64__)
    CHECK_INT(sandlock_notif_arch(notif), AUDIT_ARCH_AARCH64);
#endif
    CHECK(sandlock_notif_is_waiting(notif));
    CHECK(sandlock_notif_arg(notif, 3) == UINT64_C(0xdeadbeef00000001));
    CHECK(sandlock_notif_arg(notif, 4) == UINT64_MAX);
    CHECK(sandlock_notif_arg(notif, 5) == INT64_MAX);
    CHECK(sandlock_notif_arg(notif, 6) == 0 && sandlock_notif_arg(notif, UINT32_MAX) == 0);
}

static void ends_it(const sandlock_notif *notif, uint64_t address)
{
    char bytes[16] = "poison";
    long long deadline = milliseconds() + 10000;
    CHECK_INT(sandlock_notif_read(notif, address, bytes, sizeof TEXT), SANDLOCK_OK);
    CHECK_INT(kill(sandlock_notif_pid(notif), SIGKILL), 0);
    while (sandlock_notif_is_waiting(notif))
        CHECK(milliseconds() < deadline);
    CHECK_INT(sandlock_notif_read(notif, address, bytes, sizeof TEXT), SANDLOCK_ERROR_TASK_GONE);
    CHECK(is_zero(bytes, sizeof TEXT));
    memset(bytes, 'z', sizeof bytes);
    CHECK_INT(sandlock_notif_read_cstr(notif, address, bytes, sizeof bytes, NULL), SANDLOCK_ERROR_TASK_GONE);
    CHECK(is_empty(bytes, sizeof bytes));
    bytes[0] = 'z';
    CHECK_INT(sandlock_notif_read_path(notif, 0, bytes, sizeof bytes, NULL), SANDLOCK_ERROR_TASK_GONE);
    CHECK(is_empty(bytes, sizeof bytes));
    bytes[0] = 'z';
    CHECK_INT(sandlock_notif_write(notif, address, TEXT, 4), SANDLOCK_ERROR_TASK_GONE);
    FAILS(SANDLOCK_ERROR_TASK_GONE, sandlock_notif_replace_fd(notif, 50, replacement, true, &error));
    CHECK_INT(sandlock_notif_display_path(notif, AT_FDCWD, "x", bytes, sizeof bytes, NULL, NULL),
              SANDLOCK_ERROR_TASK_GONE);
    /* What was read before is there still. */
    CHECK(sandlock_notif_arg(notif, 0) == address);
}

static sandlock_action asked(const sandlock_notif *notif, void *user_data)
{
    uint64_t address = sandlock_notif_arg(notif, 0);
    long number = (long)sandlock_notif_arg(notif, 1), extra = (long)sandlock_notif_arg(notif, 2);
    sandlock_open_request *request = user_data;
    if (number <= READ_NOTHING)
        reads(notif, address, number);
    else if (number == READ_MUCH)
        reads_much(notif, address);
    else if (number <= TEXT_WITHOUT_END)
        texts(notif, address, number);
    else if (number <= WRITE_BEYOND)
        writes(notif, address, number);
    else if (number <= PATH_OF_BYTES)
        paths(notif, number);
    else if (number == SHOWN)
        shows(notif, (int)extra);
    else if (number == REPLACED)
        replaces(notif, (uint32_t)extra);
    else if (number == DOOMED)
        ends_it(notif, address);
    else if (number == NO_OPEN) {
        FAILS(SANDLOCK_ERROR_TASK, sandlock_notif_open_request(notif, &request, &error));
        CHECK_PART(MESSAGE(), "times");
        CHECK_INT(sandlock_refuse_error(error).value, EPERM);
        CHECK(request == user_data);
    } else
        says_who(notif, (int32_t)extra);
    clear();
    last_id = sandlock_notif_id(notif);
    atomic_fetch_add(&seen, 1);
    return sandlock_return(HANDLED + number);
}

static void everything_of_a_task_is_as_it_says(void)
{
    static char nothing;
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    replacement = ends[1];
    sandlock_sandbox *sandbox = guest_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_times, asked, &nothing, NULL, NULL, &error));
    sandlock_output *output = RUN(sandbox, self(), "inside");
    CHECK_TEXT(printed(output), "");
    CHECK_INT(sandlock_output_exit_code(output), 0);
    CHECK_INT(seen, NO_OPEN + 1);
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
    char text[16] = {0};
    CHECK_INT(close(ends[1]), 0);
    CHECK_INT(read_fully(ends[0], text, sizeof text), 8);
    CHECK_TEXT(text, "replaced");
    CHECK_INT(close(ends[0]), 0);
}

static sandlock_action at_the_start(const sandlock_notif *notif, void *user_data)
{
    int *starts = user_data;
    char path[PATH_MAX];
    if ((*starts)++ == 0) {
        uint64_t address = sandlock_notif_arg(notif, 0);
        CHECK_INT(sandlock_notif_read_path(notif, 0, path, sizeof path, NULL), SANDLOCK_OK);
        CHECK_PART(path, "true");
        CHECK_INT(sandlock_notif_write(notif, address, "x", 1), SANDLOCK_ERROR_TASK);
    }
    return sandlock_continue();
}

static void a_start_shares_memory_and_is_not_written_to(void)
{
    int starts = 0;
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_execve, at_the_start, &starts, NULL, NULL, &error));
    EXITS(0, sandbox, "true");
    CHECK_INT(starts, 1);
    sandlock_sandbox_free(sandbox);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return memory() && others() ? 0 : 1;
    everything_of_a_task_is_as_it_says();
    a_start_shares_memory_and_is_not_written_to();
    return done();
}
