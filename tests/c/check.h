/* What every program here uses: checks that hold in every build, and short ways to the library. It is
 * included first. */

#ifndef CHECK_H
#define CHECK_H

#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sandlock.h>

/* The error of the last OK() or FAILS() of this thread. */
static _Thread_local sandlock_error *error;

static inline void clear(void)
{
    sandlock_error_free(error);
    error = NULL;
}

/* _exit: what runs at exit would wait for threads that a failed check may hold up. */
static inline void failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    fflush(NULL);
    _exit(1);
}

static inline void check_int(const char *file, int line, const char *what, long long is,
                             long long expected)
{
    if (is != expected) {
        fprintf(stderr, "%s is %lld, not %lld: ", what, is, expected);
        if (error != NULL)
            fprintf(stderr, "%s: ", sandlock_error_message(error));
        failed(file, line, what);
    }
}

static inline void check_text(const char *file, int line, const char *what, const char *is,
                              const char *expected)
{
    if (is == NULL || strcmp(is, expected) != 0) {
        fprintf(stderr, "%s is \"%s\", not \"%s\": ", what, is ? is : "(NULL)", expected);
        failed(file, line, what);
    }
}

static inline void check_part(const char *file, int line, const char *what, const char *text,
                              const char *part)
{
    if (text == NULL || strstr(text, part) == NULL) {
        fprintf(stderr, "\"%s\" is not in \"%s\": ", part, text ? text : "(NULL)");
        failed(file, line, what);
    }
}

static inline void check_fails(const char *file, int line, const char *what, sandlock_status is,
                               sandlock_status expected)
{
    check_int(file, line, what, is, expected);
    if (error == NULL)
        failed(file, line, "there is no error object");
    check_int(file, line, "kind of the error", sandlock_error_kind(error), expected);
    if (sandlock_error_message(error)[0] == '\0')
        failed(file, line, "the message is empty");
}

#define CHECK(condition) ((condition) ? (void)0 : failed(__FILE__, __LINE__, #condition))
#define CHECK_INT(is, expected) check_int(__FILE__, __LINE__, #is, (is), (expected))
#define CHECK_TEXT(is, expected) check_text(__FILE__, __LINE__, #is, (is), (expected))
#define CHECK_PART(text, part) check_part(__FILE__, __LINE__, #text, (text), (part))

/* A call that is given &error. It stays there for further checks until the next OK() or FAILS(). */
#define OK(call) (clear(), check_int(__FILE__, __LINE__, #call, (call), SANDLOCK_OK), CHECK(error == NULL))
#define FAILS(kind, call) (clear(), check_fails(__FILE__, __LINE__, #call, (call), (kind)))
#define MESSAGE() sandlock_error_message(error)

/* The end of main(). */
static inline int done(void)
{
    clear();
    return 0;
}

/* An array of words for argv and env. */
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline void set(sandlock_policy *policy, const char *setting, const char *value)
{
    OK(sandlock_policy_set(policy, setting, value, &error));
}

/* What coreutils and sh read. */
static inline sandlock_policy *system_grants(void)
{
    sandlock_policy *policy = sandlock_policy_new();
    set(policy, "fs.read", "/usr");
    set(policy, "fs.read_if_exists", "/lib");
    set(policy, "fs.read_if_exists", "/lib64");
    set(policy, "fs.read_if_exists", "/bin");
    set(policy, "fs.write_if_exists", "/dev/null");
    return policy;
}

/* The same for programs that are started, whatever PATH the tests have. */
static inline sandlock_policy *system_policy(void)
{
    sandlock_policy *policy = system_grants();
    set(policy, "process.env", "PATH=/usr/bin:/bin");
    return policy;
}

/* A sandbox for the policy, which is freed. */
static inline sandlock_sandbox *sandbox_for(sandlock_policy *policy)
{
    sandlock_sandbox *sandbox = NULL;
    OK(sandlock_sandbox_new(policy, &sandbox, &error));
    sandlock_policy_free(policy);
    return sandbox;
}

static inline sandlock_sandbox *system_sandbox(void)
{
    return sandbox_for(system_policy());
}

static inline sandlock_output *run_words(const char *file, int line,
                                         const sandlock_sandbox *sandbox,
                                         const char *const *argv)
{
    sandlock_output *output = NULL;
    clear();
    check_int(file, line, "the status of the run", sandlock_sandbox_run(sandbox, argv, &output, &error),
              SANDLOCK_OK);
    return output;
}

#define RUN(sandbox, ...) run_words(__FILE__, __LINE__, sandbox, WORDS(__VA_ARGS__))
#define SH(sandbox, script) RUN(sandbox, "sh", "-c", script)

/* Runs to an end with this exit code, and frees the output. */
static inline void check_run(const char *file, int line, const sandlock_sandbox *sandbox,
                             const char *const *argv, int code)
{
    sandlock_output *output = run_words(file, line, sandbox, argv);
    size_t length = 0;
    const char *complaint = sandlock_output_stderr(output, &length);
    if (sandlock_output_exit_code(output) != code)
        fprintf(stderr, "%.*s", (int)length, complaint);
    check_int(file, line, argv[0], sandlock_output_exit_code(output), code);
    sandlock_output_free(output);
}

#define EXITS(code, sandbox, ...) check_run(__FILE__, __LINE__, sandbox, WORDS(__VA_ARGS__), code)

/* What a program printed, as a text. */
static inline const char *printed(const sandlock_output *output)
{
    static _Thread_local char text[4096];
    size_t length = 0;
    const char *bytes = sandlock_output_stdout(output, &length);
    CHECK(length < sizeof text);
    memcpy(text, bytes, length);
    text[length] = '\0';
    return text;
}

/* This very program, to be run inside with a word that says what to do. */
static inline const char *self(void)
{
    static _Thread_local char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    CHECK(length > 0);
    path[length] = '\0';
    return path;
}

/* Grants the directory of the library, where the program is not linked with it statically. */
static inline void grant_library(sandlock_policy *policy)
{
    char line[PATH_MAX + 128];
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        char *path = strchr(line, '/'), *name = strstr(line, "/libsandlock.so");
        if (path == NULL || name == NULL)
            continue;
        *name = '\0';
        set(policy, "fs.read", path);
        break;
    }
    fclose(maps);
}

/* Room for the program itself, and for the runtime of a sanitizer, which reads /proc/self and cannot
 * look for leaks inside. */
static inline sandlock_policy *guest_policy(void)
{
    sandlock_policy *policy = system_policy();
    char directory[PATH_MAX];
    strcpy(directory, self());
    strrchr(directory, '/')[1] = '\0';
    set(policy, "fs.read", directory);
    set(policy, "fs.read", "/proc");
    grant_library(policy);
    set(policy, "process.env", "ASAN_OPTIONS=detect_leaks=0");
    return policy;
}

static inline sandlock_sandbox *guest_sandbox(void)
{
    return sandbox_for(guest_policy());
}

/* As a guest, makes the call with the number in the second word and the registers behind it, prints
 * what comes of it (a negative error number), and ends the program. */
static inline void make_call(int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], "call") != 0)
        return;
    unsigned long long registers[7] = {0};
    for (int i = 2; i < argc && i < 9; i++)
        registers[i - 2] = strtoull(argv[i], NULL, 0);
    long result = syscall((long)registers[0], registers[1], registers[2], registers[3], registers[4],
                          registers[5], registers[6]);
    printf("%ld\n", result == -1 ? -(long)errno : result);
    fflush(stdout);
    _exit(0);
}

/* The result of times(2), which no program makes by itself, with these registers in a guest. */
static inline long times_of(const sandlock_sandbox *sandbox, const char *first, const char *second)
{
    char number[32];
    snprintf(number, sizeof number, "%ld", (long)SYS_times);
    sandlock_output *output = RUN(sandbox, self(), "call", number, first, second);
    CHECK_INT(sandlock_output_exit_code(output), 0);
    long result = atol(printed(output));
    sandlock_output_free(output);
    return result;
}

static inline void *allocate(size_t size)
{
    void *memory = malloc(size);
    CHECK(memory != NULL);
    return memory;
}

static inline char *working_directory(void)
{
    static char path[PATH_MAX];
    CHECK(getcwd(path, sizeof path) != NULL);
    return path;
}

static inline void write_file(const char *path, const char *text, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), (long long)strlen(text));
    CHECK_INT(close(fd), 0);
}

/* Whether the descriptor becomes readable within ten seconds. */
static inline bool becomes_readable(int fd)
{
    struct pollfd event = {.fd = fd, .events = POLLIN};
    return poll(&event, 1, 10000) == 1;
}

/* Reads until `count` bytes are there or the end is. */
static inline size_t read_fully(int fd, char *bytes, size_t count)
{
    size_t length = 0;
    while (length < count && becomes_readable(fd)) {
        ssize_t more = read(fd, bytes + length, count - length);
        if (more <= 0)
            break;
        length += (size_t)more;
    }
    return length;
}

/* Waits for a child process of the test; its exit code. */
static inline int exit_code_of(pid_t pid)
{
    int status = 0;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The entries of a directory, "." and ".." included. */
static inline int entries(const char *path)
{
    DIR *directory = opendir(path);
    CHECK(directory != NULL);
    int count = 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static inline long long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

#endif
