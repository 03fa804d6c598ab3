/* sandlock: confines untrusted programs on Linux under Landlock and seccomp, without root.
 *
 * Made of the sources in sandlock-ffi/src by `make generate`; docs/c.md is the guide.
 *
 * CONVENTIONS, which hold wherever a function does not say otherwise
 *
 * Errors. A function that can fail returns a sandlock_status, SANDLOCK_OK (0) or the kind of the
 * failure, and takes a `sandlock_error **err`, which may be NULL. On failure it writes an error
 * object there, to be freed with sandlock_error_free(); on success it writes nothing there. Begin with
 * NULL in places for errors and results, and free an error before its place is used again. There is no
 * last error of a thread. A call that failed has changed nothing and written no other result. Where
 * memory is exhausted, the process is aborted.
 *
 * NULL. Where a pointer must not be NULL, NULL is SANDLOCK_ERROR_ARGUMENT; functions that cannot fail
 * return NULL, 0, -1 or false for it where they do not say otherwise. Every _free function takes NULL
 * and does nothing.
 *
 * Ownership. What a function hands out through a `**` parameter or as a pointer that is not const
 * is the caller's, and is freed once, with the _free function of its type. What it returns as a
 * const pointer belongs to the object that it was asked of, and lives as long. What is passed in is
 * copied or only read during the call; descriptors that are passed in stay the caller's. Exceptions:
 * user_data that was registered, causes, and the descriptor of sandlock_inject_fd(). Descriptors that
 * are given out are blocking and close-on-exec; a write to one whose reader has gone raises SIGPIPE.
 *
 * Texts end in a NUL. Paths, arguments and what programs print are bytes; settings, TOML, names and
 * messages are UTF-8, and what is not is SANDLOCK_ERROR_ARGUMENT.
 *
 * Threads. Every function may be called from any thread. Objects that never change (errors, outputs),
 * sandboxes and children may be used by several threads at once; other objects by one at a time if
 * one of them changes it. Nobody may use an object while it is freed, or change the environment
 * (setenv) while a program is started. The library starts no thread when it is loaded, installs no
 * signal handler, and cannot be unloaded. It starts threads for children and for runs with handlers,
 * which end with them; these threads block every signal but those of their own faults (SIGSEGV and its
 * like). A thread that waits in the library is cancelled (pthread_cancel) when it returns.
 *
 * Forks. A process that was forked may free what it has a copy of, and may start sandboxes of its own.
 * Trees that its parent has started are not its: waiting and signalling are errors there. What it frees
 * is its own copy, user_data too.
 *
 * Callbacks (handlers, observers, functions that free) are called by threads of the library, which
 * have 2 MiB of stack, by several at once where several programs run. They may call every function of
 * this header, but handlers and observers must not wait for, or free, the child whose call they are
 * asked about. They return: longjmp(), a C++ exception, pthread_exit() or cancellation must not leave
 * them. An exception that does aborts the process; <sandlock.hpp> catches them. A handler that takes long holds up every call of its run, unless it has a deadline (see
 * sandlock_handler_options); one that misses its deadline can outlive the run and the sandbox, and
 * user_data is freed after it. user_data is that of a sandbox: for data of one run, clone the sandbox
 * and add the handler to the clone.
 *
 * Structs that begin with `size` can grow: set it to sizeof, and zero what you do not use, as in
 * `sandlock_launch launch = {0}; launch.size = sizeof launch;` or SANDLOCK_INIT. A size below that of the
 * first version, above 4096 or not of whole words, an unknown number or flag, and fields that this
 * version does not know and that are not zero are SANDLOCK_ERROR_ARGUMENT. All other structs stay as
 * they are.
 *
 * Arrays of texts (argv, env) are `const char *const *`, so that they can be constants in C++ too; C
 * asks for a cast where they are `char **`, as those of main() are.
 *
 * Versions. Numbers never change their meaning. While the major version is 0, a minor version may
 * change the interface: SONAME is libsandlock.so.0.<minor>.
 */


#ifndef SANDLOCK_H
#define SANDLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where to ignore what is returned would leave something less confined than was meant. */
#if defined(__GNUC__)
#define SANDLOCK_MUST_USE __attribute__((warn_unused_result))
#else
#define SANDLOCK_MUST_USE
#endif

#if !defined(__cplusplus)
/* A struct of the given type with its size and zeros, in C: sandlock_launch l = SANDLOCK_INIT(sandlock_launch); */
#define SANDLOCK_INIT(type) ((type){.size = sizeof(type)})
#endif


/**
 * The kind of sandlock_continue(). Kinds are numbers that a register holds by no accident: a handler that
 * forgets to return something has failed.
 */
#define SANDLOCK_ACTION_CONTINUE 1397489665

/**
 * The kind of sandlock_errno().
 */
#define SANDLOCK_ACTION_ERRNO 1397489666

/**
 * The kind of sandlock_return().
 */
#define SANDLOCK_ACTION_RETURN 1397489667

/**
 * The kind of sandlock_inject_fd().
 */
#define SANDLOCK_ACTION_INJECT_FD 1397489668

/**
 * The kind of sandlock_inject_bytes().
 */
#define SANDLOCK_ACTION_INJECT_BYTES 1397489669

/**
 * The kind of sandlock_kill().
 */
#define SANDLOCK_ACTION_KILL 1397489670

/**
 * For SANDLOCK_ACTION_INJECT_FD: the task's descriptor is closed when it executes a program.
 */
#define SANDLOCK_ACTION_CLOEXEC 1

/**
 * Protections that hold, by name.
 */
#define SANDLOCK_ENFORCEMENT_ENFORCED 1

/**
 * Protections that this kernel lacks, which the policy accepts.
 */
#define SANDLOCK_ENFORCEMENT_DEGRADED 2

/**
 * What the policy itself lifts from the defaults.
 */
#define SANDLOCK_ENFORCEMENT_WEAKENED 3

/**
 * Creating the keeper.
 */
#define SANDLOCK_STEP_KEEPER 1

/**
 * Setting the keeper up as the reaper of the tree.
 */
#define SANDLOCK_STEP_SUBREAPER 2

/**
 * Creating the child.
 */
#define SANDLOCK_STEP_CHILD 3

/**
 * Binding the child to its keeper.
 */
#define SANDLOCK_STEP_DIE_WITH_KEEPER 4

/**
 * Starting a session or group.
 */
#define SANDLOCK_STEP_NEW_SESSION 5

/**
 * Resetting signals.
 */
#define SANDLOCK_STEP_RESET_SIGNALS 6

/**
 * Setting a resource limit.
 */
#define SANDLOCK_STEP_LIMIT 7

/**
 * Changing the directory.
 */
#define SANDLOCK_STEP_CHANGE_DIRECTORY 8

/**
 * Setting no_new_privs.
 */
#define SANDLOCK_STEP_NO_NEW_PRIVILEGES 9

/**
 * Applying the Landlock rules.
 */
#define SANDLOCK_STEP_LANDLOCK 10

/**
 * Dropping capabilities.
 */
#define SANDLOCK_STEP_DROP_CAPABILITIES 11

/**
 * Setting up the descriptors.
 */
#define SANDLOCK_STEP_DESCRIPTORS 12

/**
 * Installing the seccomp filter.
 */
#define SANDLOCK_STEP_FILTER 13

/**
 * Executing the program.
 */
#define SANDLOCK_STEP_EXECUTE 14

/**
 * Taking the terminal's foreground.
 */
#define SANDLOCK_STEP_FOREGROUND 15

/**
 * Bounding whom the keeper can signal to its own tree.
 */
#define SANDLOCK_STEP_KEEPER_SCOPE 16

/**
 * Installing the filter that asks the supervisor.
 */
#define SANDLOCK_STEP_LISTENER 17

/**
 * Behind the built-ins: it is asked about what they let through.
 */
#define SANDLOCK_PRIORITY_AFTER 0

/**
 * In front of the built-ins. It can only make things stricter: sandlock_continue() means "go on with
 * the built-ins".
 */
#define SANDLOCK_PRIORITY_BEFORE 1

/**
 * What is usual: SANDLOCK_STDIO_NULL for descriptor 0, SANDLOCK_STDIO_CAPTURED for 1 and 2; with
 * SANDLOCK_LAUNCH_INTERACTIVE, SANDLOCK_STDIO_INHERIT for all.
 */
#define SANDLOCK_STDIO_DEFAULT 0

/**
 * The caller's own descriptor of the same number.
 */
#define SANDLOCK_STDIO_INHERIT 1

/**
 * /dev/null.
 */
#define SANDLOCK_STDIO_NULL 2

/**
 * A pipe whose other end sandlock_child_stdin() and its like give out.
 */
#define SANDLOCK_STDIO_PIPED 3

/**
 * Collected for the output, up to `capture_limit`. Not for descriptor 0.
 */
#define SANDLOCK_STDIO_CAPTURED 4

/**
 * A copy of the caller's descriptor `fd`.
 */
#define SANDLOCK_STDIO_FD 5

/**
 * A pipe with the `length` bytes at `data` and then its end. For descriptor 0 alone; the bytes are
 * copied.
 */
#define SANDLOCK_STDIO_BYTES 6

/**
 * Whatever descriptor 1 is, so that both outputs keep their order. For descriptor 2 alone.
 */
#define SANDLOCK_STDIO_STDOUT 7

/**
 * The caller's own descriptors, session and terminal: where 0, 1 and 2 are the terminal, Ctrl-C and
 * its like reach the program, as in a shell.
 */
#define SANDLOCK_LAUNCH_INTERACTIVE 1

/**
 * None of the caller's variables: what the policy's process.env and `env` set is all there is.
 */
#define SANDLOCK_LAUNCH_CLEAR_ENV 2

/**
 * Everybody let the call through, and the kernel carries it out; Landlock may still refuse it.
 */
#define SANDLOCK_OUTCOME_CONTINUE 1

/**
 * It failed with the error number `value`.
 */
#define SANDLOCK_OUTCOME_REFUSED 2

/**
 * It returned `value`.
 */
#define SANDLOCK_OUTCOME_ANSWERED 3

/**
 * It returned a new descriptor.
 */
#define SANDLOCK_OUTCOME_INJECTED 4

/**
 * The tree was killed.
 */
#define SANDLOCK_OUTCOME_KILLED 5

/**
 * Its task had ended, or was interrupted, before it could be answered.
 */
#define SANDLOCK_OUTCOME_GONE 6

/**
 * For `flags` of options: accepts calls that a signal must not interrupt: close, dup, fork, clone,
 * wait and their like. A call that waits for the supervisor when a signal comes fails with EINTR, or is
 * made once more, if it has not been received yet; programs do not expect that of these.
 */
#define SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE 1

/**
 * The program exited by itself.
 */
#define SANDLOCK_REASON_EXITED 1

/**
 * A signal ended it; SIGSYS is a call that the filter kills for.
 */
#define SANDLOCK_REASON_SIGNALED 2

/**
 * Its time was over and the tree was killed.
 */
#define SANDLOCK_REASON_TIMEOUT 3

/**
 * sandlock_child_kill() or a handler's sandlock_kill() ended the tree.
 */
#define SANDLOCK_REASON_KILLED 4

/**
 * The version of the header: `0` of `0.1.2`.
 */
#define SANDLOCK_VERSION_MAJOR 0

/**
 * The version of the header: `1` of `0.1.2`.
 */
#define SANDLOCK_VERSION_MINOR 1

/**
 * The version of the header: `2` of `0.1.2`.
 */
#define SANDLOCK_VERSION_PATCH 0

/**
 * The argument is `value`. A negative number may be given with 32 bits or with 64.
 */
#define SANDLOCK_WHEN_EQ 1

/**
 * The argument is not `value`.
 */
#define SANDLOCK_WHEN_NE 2

/**
 * The argument is lower than `value`, both unsigned.
 */
#define SANDLOCK_WHEN_LT 3

/**
 * The argument is `value` or higher, both unsigned.
 */
#define SANDLOCK_WHEN_GE 4

/**
 * The argument's bits of `mask` are those of `value`, which has no others.
 */
#define SANDLOCK_WHEN_MASKED_EQ 5

/**
 * A running program and everything it started.
 *
 * Every function may be called from any thread at any time, and as often as one likes, until
 * sandlock_child_free(): a call that comes too late has no effect. In a process that was forked from the one
 * that started the program, waiting and signalling are errors (SANDLOCK_ERROR_IO, ECHILD), and freeing
 * it ends nothing: the tree is not that process's.
 */
typedef struct sandlock_child sandlock_child;

/**
 * What is enforced, degraded and weakened. It never changes.
 */
typedef struct sandlock_enforcement sandlock_enforcement;

/**
 * Why something could not be done. It never changes; texts and objects that it gives out live as long
 * as it does.
 */
typedef struct sandlock_error sandlock_error;

/**
 * A handler or observer that failed. It belongs to the error or output that gave it out.
 */
typedef struct sandlock_handler_error sandlock_handler_error;

/**
 * A system call that waits for an answer, and the task that makes it. It is valid until the callback
 * returns that was given it.
 *
 * The task does not move on its own meanwhile, but its memory can change: other threads of its process
 * run on. Read once, decide on what was read, and do not read again.
 */
typedef struct sandlock_notif sandlock_notif;

/**
 * What a call that opens by path asks for, read from the task once. It can be kept; it is the
 * caller's.
 */
typedef struct sandlock_open_request sandlock_open_request;

/**
 * What a run left: how it ended, what it printed, what it used and what was enforced. It never
 * changes; bytes, texts and objects that it gives out live as long as it does.
 */
typedef struct sandlock_output sandlock_output;

/**
 * What a program may do: data alone. A policy without settings grants nothing.
 *
 * A policy can be read by several threads at once; nobody else may use it while it is changed.
 */
typedef struct sandlock_policy sandlock_policy;

/**
 * The processes of a tree at one moment, parents before their children. It never changes.
 */
typedef struct sandlock_processes sandlock_processes;

/**
 * A policy, checked against this kernel and made ready: it runs any number of programs, also at the
 * same time from several threads.
 *
 * Every function may be called from any thread at any time; only sandlock_sandbox_free() ends that.
 * Runs and children that are under way need the sandbox no more.
 */
typedef struct sandlock_sandbox sandlock_sandbox;

/**
 * What a handler answers to a call; made by the functions below, and returned once. One with all bits
 * zero, or of an unknown kind, is a failure of the handler and refuses the call.
 */
typedef struct {
    /**
     * One of SANDLOCK_ACTION_.
     */
    uint32_t kind;
    /**
     * SANDLOCK_ACTION_CLOEXEC, or 0.
     */
    uint32_t flags;
    /**
     * The error number, the value, or the library's number for the descriptor or the bytes.
     */
    int64_t value;
} sandlock_action;

/**
 * What became of a call: SANDLOCK_OK, or one of SANDLOCK_ERROR_; for functions that wait for a time also
 * SANDLOCK_RUNNING. The numbers never change their meaning; later versions can have more.
 */
typedef int32_t sandlock_status;

/**
 * Resources that a whole tree used, but for processes whose parents ignored SIGCHLD. Set `size` to
 * sizeof(sandlock_usage) before it is filled in.
 */
typedef struct {
    /**
     * sizeof(sandlock_usage).
     */
    size_t size;
    /**
     * Wall clock from the start to the end of the last process, nanoseconds.
     */
    uint64_t wall_ns;
    /**
     * Processor time in user mode, nanoseconds.
     */
    uint64_t user_ns;
    /**
     * Processor time in the kernel, nanoseconds.
     */
    uint64_t system_ns;
    /**
     * Peak resident memory of the largest process, bytes; 0 where it is not above the peak of the
     * calling process at the start, with which a start shares memory.
     */
    uint64_t peak_memory;
} sandlock_usage;

/**
 * Decides about a call. It runs on the supervisor's thread, or on a thread of a pool, and by several
 * threads at once where the sandbox runs several programs.
 */
typedef sandlock_action (*sandlock_handler_fn)(const sandlock_notif *notif, void *user_data);

/**
 * Frees user data; called once, by whichever thread drops what had it. NULL where there is nothing
 * to free.
 */
typedef void (*sandlock_free_fn)(void *user_data);

/**
 * A condition on one argument of a call, which the kernel checks: calls that do not match are never
 * trapped. Whether an argument has 32 or 64 bits depends on the call; a condition matches if it does in
 * either reading, so that bits in the unused upper half cannot avoid it.
 */
typedef struct {
    /**
     * The argument, 0 to 5.
     */
    uint32_t argument;
    /**
     * One of SANDLOCK_WHEN_.
     */
    uint32_t test;
    /**
     * For SANDLOCK_WHEN_MASKED_EQ; 0 otherwise.
     */
    uint64_t mask;
    /**
     * What it is compared with.
     */
    uint64_t value;
} sandlock_when;

/**
 * How a handler is called. Set `size`, and what you want of the rest; zero selects the default.
 */
typedef struct {
    /**
     * sizeof(sandlock_handler_options).
     */
    size_t size;
    /**
     * The name in verdicts and errors, UTF-8; NULL is "handler".
     */
    const char *name;
    /**
     * Which calls it is asked about: those that meet all of these. NULL: all.
     */
    const sandlock_when *when;
    /**
     * How many conditions `when` has.
     */
    size_t when_count;
    /**
     * 0: it is called on the supervisor's thread, which answers one call after the other. Otherwise it is
     * called on a thread of a pool, and a call that it has not answered after as many milliseconds,
     * at most an hour, fails with EPERM: what it returns later is ignored.
     */
    uint64_t deadline_ms;
    /**
     * SANDLOCK_PRIORITY_AFTER or SANDLOCK_PRIORITY_BEFORE.
     */
    uint32_t priority;
    /**
     * What it means that it failed. 0: the tree is killed, and the run ends with
     * SANDLOCK_ERROR_HANDLER. An error number: the call fails with it, and the failure is listed in
     * the output.
     */
    int32_t on_error;
    /**
     * SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE, or 0.
     */
    uint64_t flags;
} sandlock_handler_options;

/**
 * What became of a call. Valid until the callback returns; later versions can append fields.
 */
typedef struct {
    /**
     * How much of it there is, in bytes.
     */
    size_t size;
    /**
     * One of SANDLOCK_OUTCOME_.
     */
    uint64_t outcome;
    /**
     * The error number or the value; 0 otherwise.
     */
    int64_t value;
    /**
     * Who decided: "policy" where nobody did, a built-in capability, or the handler's name.
     */
    const char *by;
} sandlock_verdict;

/**
 * Watches a call. It is called twice for each: before anybody decides, when `verdict` is NULL; and when
 * the call has been answered and its task runs on, so that its memory cannot be read any more. It runs
 * on the thread that answers.
 */
typedef void (*sandlock_observer_fn)(const sandlock_notif *notif,
                                     const sandlock_verdict *verdict,
                                     void *user_data);

/**
 * Which calls an observer is shown. Set `size`, and what you want of the rest.
 */
typedef struct {
    /**
     * sizeof(sandlock_observer_options).
     */
    size_t size;
    /**
     * The name in errors, UTF-8; NULL is "observer".
     */
    const char *name;
    /**
     * Which calls it is shown: those that meet all of these. NULL: all.
     */
    const sandlock_when *when;
    /**
     * How many conditions `when` has.
     */
    size_t when_count;
    /**
     * SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE, or 0.
     */
    uint64_t flags;
} sandlock_observer_options;

/**
 * Where one of the program's descriptors 0, 1 and 2 comes from or leads to.
 */
typedef struct {
    /**
     * One of SANDLOCK_STDIO_.
     */
    uint32_t kind;
    /**
     * For SANDLOCK_STDIO_FD, which copies it; 0 or -1 otherwise.
     */
    int32_t fd;
    /**
     * For SANDLOCK_STDIO_BYTES.
     */
    const void *data;
    /**
     * For SANDLOCK_STDIO_BYTES; 0 otherwise.
     */
    size_t length;
} sandlock_stdio;

/**
 * A command, its descriptors and its surroundings. Set `size` and `argv`, and what you want of the
 * rest; zero selects the default.
 */
typedef struct {
    /**
     * sizeof(sandlock_launch).
     */
    size_t size;
    /**
     * The program, looked for in its PATH, and its arguments: any bytes. NULL ends the array.
     */
    const char *const *argv;
    /**
     * Variables, each "NAME=VALUE", that are added or replaced over what the policy says. NULL ends
     * the array, and may stand for it.
     */
    const char *const *env;
    /**
     * The directory to start in, instead of the policy's; it grants nothing. NULL: the policy's.
     */
    const char *cwd;
    /**
     * Descriptor 0.
     */
    sandlock_stdio in;
    /**
     * Descriptor 1.
     */
    sandlock_stdio out;
    /**
     * Descriptor 2.
     */
    sandlock_stdio err;
    /**
     * How many bytes of each captured output are kept; the rest is read and counted. 0: 64 MiB.
     */
    uint64_t capture_limit;
    /**
     * The tree ends after as many milliseconds, instead of the policy's limits.timeout. 0: the
     * policy's; UINT64_MAX: never.
     */
    uint64_t timeout_ms;
    /**
     * SANDLOCK_LAUNCH_INTERACTIVE and SANDLOCK_LAUNCH_CLEAR_ENV, or 0.
     */
    uint64_t flags;
} sandlock_launch;

/**
 * It was done.
 */
#define SANDLOCK_OK 0

/**
 * Nothing is wrong, but something of the tree still runs: see sandlock_child_wait_timeout(). There is
 * no error object.
 */
#define SANDLOCK_RUNNING -1

/**
 * A setting is unknown, malformed or contradicts another one; sandlock_error_setting() says which.
 */
#define SANDLOCK_ERROR_POLICY 1

/**
 * This kernel cannot enforce what the policy asks for.
 */
#define SANDLOCK_ERROR_UNSUPPORTED 2

/**
 * The command, or something else that was asked for one start, cannot be used: it is empty, or names
 * a stream that nobody would serve.
 */
#define SANDLOCK_ERROR_COMMAND 3

/**
 * The command does not exist.
 */
#define SANDLOCK_ERROR_NOT_FOUND 4

/**
 * The command exists but cannot be executed, or the policy does not let it start.
 */
#define SANDLOCK_ERROR_CANNOT_EXECUTE 5

/**
 * The program could not be started, or a thread not be confined; sandlock_error_step() says where it
 * failed.
 */
#define SANDLOCK_ERROR_SPAWN 6

/**
 * A system call of the library itself failed; sandlock_error_errno() says how.
 */
#define SANDLOCK_ERROR_IO 7

/**
 * A handler failed, and the tree was killed; sandlock_error_handler_error() says which one.
 */
#define SANDLOCK_ERROR_HANDLER 8

/**
 * A handler or observer cannot be registered for that call, or with these options.
 */
#define SANDLOCK_ERROR_REGISTRATION 9

/**
 * An argument cannot be used: a NULL pointer, an unknown number or size, a text that is not UTF-8.
 */
#define SANDLOCK_ERROR_ARGUMENT 10

/**
 * A bug of this library.
 */
#define SANDLOCK_ERROR_INTERNAL 11

/**
 * The task that waited for an answer waits no more.
 */
#define SANDLOCK_ERROR_TASK_GONE 12

/**
 * Memory of the task is not mapped.
 */
#define SANDLOCK_ERROR_TASK_MEMORY 13

/**
 * Something of the task is longer than the limit or the buffer.
 */
#define SANDLOCK_ERROR_TOO_LONG 14

/**
 * Something else about the task could not be done.
 */
#define SANDLOCK_ERROR_TASK 15

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Goes on with the next handler; after the last one the kernel carries the call out, as far as the
 * policy lets it. What the handler has read of the task's memory may have changed by then.
 */
sandlock_action sandlock_continue(void);

/**
 * The call fails with this error number, 1 to 4095; another one is a failure of the handler.
 */
sandlock_action sandlock_errno(int32_t number);

/**
 * The call fails with the error number for what `status` says about a function of the notification:
 * EFAULT, ENAMETOOLONG or EPERM. A program that gives a bad address is refused, and does not make the
 * handler fail.
 */
sandlock_action sandlock_refuse(sandlock_status status);

/**
 * The call fails with the error number that `err` has about the task, EPERM where it has none: as
 * sandlock_refuse(), for functions of the notification that give an error object. `err` stays the
 * caller's.
 */
sandlock_action sandlock_refuse_error(const sandlock_error *err);

/**
 * The call returns this, and the kernel does nothing. Programs take -4095 to -1 for error numbers.
 */
sandlock_action sandlock_return(int64_t value);

/**
 * The task gets a descriptor for the file that `fd` is open on, and the call returns its number. `fd`
 * is the action's from here on: it is closed when the task has its own. Pass dup(fd) to keep yours. Make
 * the action in the callback that returns it.
 */
sandlock_action sandlock_inject_fd(int32_t fd,
                                   bool cloexec);

/**
 * The task gets a descriptor for a file in memory that holds these bytes and cannot be changed, and the
 * call returns its number. The bytes are copied; make the action in the callback that returns it. The
 * descriptor is close-on-exec if the call asked for that, or is not one that opens by path. The action
 * has all bits zero if `data` is NULL and `length` is not 0.
 */
sandlock_action sandlock_inject_bytes(const void *data,
                                      size_t length);

/**
 * The whole tree is killed; the run ends with SANDLOCK_REASON_KILLED.
 */
sandlock_action sandlock_kill(void);

/**
 * Gives up an action that is not going to be returned: closes its descriptor, frees its bytes.
 */
void sandlock_action_discard(sandlock_action action);

/**
 * The process id of the program, which the kernel can give to another one when this one has ended; 0
 * for NULL.
 */
int32_t sandlock_child_pid(const sandlock_child *child);

/**
 * A descriptor that becomes readable when nothing of the tree is left: for poll(2) and its like. It is
 * the child's, not the caller's: do not close it. -1 for NULL.
 */
int32_t sandlock_child_fd(const sandlock_child *child);

/**
 * Our end of a piped descriptor 0, which is the caller's from here on, to be closed; -1 if it was
 * not piped, or has been given out.
 */
int32_t sandlock_child_stdin(sandlock_child *child);

/**
 * Our end of a piped descriptor 1: as sandlock_child_stdin().
 */
int32_t sandlock_child_stdout(sandlock_child *child);

/**
 * Our end of a piped descriptor 2: as sandlock_child_stdin().
 */
int32_t sandlock_child_stderr(sandlock_child *child);

/**
 * Waits until nothing of the tree is left; free `*output` (`output` may be NULL) with
 * sandlock_output_free(). A piped descriptor 0 that nobody took is closed first. What came out of piped
 * outputs must be read meanwhile, or the program waits for room. It can be called again, and gives the
 * same output.
 *
 * SANDLOCK_ERROR_HANDLER: a handler failed and ended the run. SANDLOCK_ERROR_IO: somebody killed the
 * program's keeper, or the thread that serves it failed; the tree has ended then too.
 */
sandlock_status sandlock_child_wait(const sandlock_child *child,
                                    sandlock_output **output,
                                    sandlock_error **err);

/**
 * As sandlock_child_wait(), for at most `timeout_ms` milliseconds; 0 only looks. A piped descriptor 0
 * stays open. SANDLOCK_RUNNING if something of the tree is still there: nothing is written then.
 */
sandlock_status sandlock_child_wait_timeout(const sandlock_child *child,
                                            uint64_t timeout_ms,
                                            sandlock_output **output,
                                            sandlock_error **err);

/**
 * Kills the whole tree, also what left the program's session and group, and what is stopped;
 * sandlock_child_wait() says when it is gone, and how.
 *
 * SANDLOCK_ERROR_IO: this process may not signal, by a filter of its own.
 */
sandlock_status sandlock_child_kill(sandlock_child *child, sandlock_error **err);

/**
 * Sends a signal to the program itself. One that has ended gets none.
 *
 * SANDLOCK_ERROR_IO: there is no such signal; otherwise as sandlock_child_kill().
 */
sandlock_status sandlock_child_signal(sandlock_child *child, int32_t signal, sandlock_error **err);

/**
 * Stops every process of the tree (SIGSTOP) and returns when all have stopped. Time goes on: a timeout
 * still ends a paused tree.
 *
 * SANDLOCK_ERROR_IO: a process could not be stopped, and others may be.
 */
sandlock_status sandlock_child_pause(sandlock_child *child,
                                     sandlock_error **err);

/**
 * Lets every process of the tree go on (SIGCONT).
 *
 * SANDLOCK_ERROR_IO: a process could not be signalled.
 */
sandlock_status sandlock_child_resume(sandlock_child *child, sandlock_error **err);

/**
 * Every process of the tree at this moment; free `*processes` with sandlock_processes_free().
 *
 * SANDLOCK_ERROR_IO: /proc cannot be read.
 */
sandlock_status sandlock_child_processes(const sandlock_child *child,
                                         sandlock_processes **processes,
                                         sandlock_error **err);

/**
 * What the tree has used so far, to a hundredth of a second, and the peak of the largest process that
 * is there now; sandlock_output_usage() is exact. Set `usage->size` first.
 *
 * SANDLOCK_ERROR_IO: /proc cannot be read.
 */
sandlock_status sandlock_child_usage(const sandlock_child *child,
                                     sandlock_usage *usage,
                                     sandlock_error **err);

/**
 * Frees a child. A tree that still runs is ended, and waited for. NULL is allowed.
 */
void sandlock_child_free(sandlock_child *child);

/**
 * Applies the policy's Landlock rules and its filter of system calls to the calling thread, for ever:
 * what it starts later is confined too, other threads are not. `enforcement` may be NULL; free
 * `*enforcement` with sandlock_enforcement_free().
 *
 * SANDLOCK_ERROR_POLICY: settings contradict each other, a granted path is missing, or a setting applies
 * only to starting a program or to a whole process (limits.*, most of process.*), which cannot be applied to a thread.
 * SANDLOCK_ERROR_UNSUPPORTED: this kernel lacks a protection that the policy demands. The thread is as
 * it was then. SANDLOCK_ERROR_SPAWN: sandlock_error_step() failed; the thread may be confined in part.
 */
SANDLOCK_MUST_USE
sandlock_status sandlock_confine_self(const sandlock_policy *policy,
                                      sandlock_enforcement **enforcement,
                                      sandlock_error **err);

/**
 * The Landlock ABI that is used; 0 for NULL.
 */
uint32_t sandlock_enforcement_landlock_abi(const sandlock_enforcement *enforcement);

/**
 * How many lines `list` has, which is SANDLOCK_ENFORCEMENT_ENFORCED and so on; 0 for others.
 */
size_t sandlock_enforcement_count(const sandlock_enforcement *enforcement, uint32_t list);

/**
 * Line `index` of `list`, which is SANDLOCK_ENFORCEMENT_ENFORCED, SANDLOCK_ENFORCEMENT_DEGRADED or SANDLOCK_ENFORCEMENT_WEAKENED; NULL if
 * there are not so many. It lives as long as the enforcement.
 */
const char *sandlock_enforcement_line(const sandlock_enforcement *enforcement,
                                      uint32_t list,
                                      size_t index);

/**
 * Frees an enforcement of sandlock_confine_self(), not one of an output. NULL is allowed.
 */
void sandlock_enforcement_free(sandlock_enforcement *enforcement);

/**
 * The status that came with the error. SANDLOCK_OK for NULL.
 */
sandlock_status sandlock_error_kind(const sandlock_error *err);

/**
 * The errno(3) behind the failure; 0 where there is none, and for NULL.
 */
int32_t sandlock_error_errno(const sandlock_error *err);

/**
 * One line with everything that a user needs, settings and hint included, UTF-8; "no error" for NULL.
 */
const char *sandlock_error_message(const sandlock_error *err);

/**
 * The dotted path of the setting at fault, the first where there are several; NULL where none is.
 */
const char *sandlock_error_setting(const sandlock_error *err);

/**
 * A way out, where one is known; NULL otherwise.
 */
const char *sandlock_error_hint(const sandlock_error *err);

/**
 * The step of a start, or of sandlock_confine_self(), that failed, one of SANDLOCK_STEP_; 0 where it was none.
 */
int32_t sandlock_error_step(const sandlock_error *err);

/**
 * How many problems with settings there are; they are found all at once.
 */
size_t sandlock_error_problem_count(const sandlock_error *err);

/**
 * The dotted path of the setting of problem `index`; NULL where there are not so many.
 */
const char *sandlock_error_problem_setting(const sandlock_error *err, size_t index);

/**
 * What is wrong with the setting of problem `index`; NULL where there are not so many.
 */
const char *sandlock_error_problem_message(const sandlock_error *err, size_t index);

/**
 * The handler that failed, for SANDLOCK_ERROR_HANDLER and for a start that its failure refused; NULL
 * otherwise.
 */
const sandlock_handler_error *sandlock_error_handler_error(const sandlock_error *err);

/**
 * What the program left, where it was running when a handler's failure ended it; NULL otherwise.
 */
const sandlock_output *sandlock_error_output(const sandlock_error *err);

/**
 * Frees an error. NULL is allowed.
 */
void sandlock_error_free(sandlock_error *err);

/**
 * What a status means, in a few words; a text of the library's own, also for unknown numbers.
 */
const char *sandlock_status_text(sandlock_status status);

/**
 * Asks `handler` about the call `syscall` (SYS_openat, sandlock_syscall_number()) in every run that is
 * started from now on. Handlers are asked in the order in which they were added, behind the built-ins;
 * the first answer that is not sandlock_continue() wins. `options` may be NULL.
 *
 * The sandbox takes `user_data` over: `free_data` (which may be NULL) is called for it once, when the
 * sandbox, its clones, its children and its runs are gone, on whichever thread was the last one. If the
 * registration fails, `user_data` stays the caller's and is not freed.
 *
 * SANDLOCK_ERROR_REGISTRATION: there is no such call, the policy refuses it, so that nobody would be
 * asked, it cannot be trapped, or the options are invalid. SANDLOCK_ERROR_UNSUPPORTED: calls cannot be
 * passed to a supervisor here; the kernel, or a container, prevents it.
 */
SANDLOCK_MUST_USE
sandlock_status sandlock_sandbox_add_handler(sandlock_sandbox *sandbox,
                                             long syscall,
                                             sandlock_handler_fn handler,
                                             void *user_data,
                                             sandlock_free_fn free_data,
                                             const sandlock_handler_options *options,
                                             sandlock_error **err);

/**
 * As sandlock_sandbox_add_handler(), for each of `count` calls: all of them or none. A rule about paths
 * needs open, openat, openat2 and creat, for example. `user_data` is freed once, for all.
 */
SANDLOCK_MUST_USE
sandlock_status sandlock_sandbox_add_handler_for(sandlock_sandbox *sandbox,
                                                 const long *syscalls,
                                                 size_t count,
                                                 sandlock_handler_fn handler,
                                                 void *user_data,
                                                 sandlock_free_fn free_data,
                                                 const sandlock_handler_options *options,
                                                 sandlock_error **err);

/**
 * The number of the call that it was asked about; -1 for NULL.
 */
long sandlock_handler_error_syscall(const sandlock_handler_error *failure);

/**
 * Its name: see sandlock_handler_options.
 */
const char *sandlock_handler_error_name(const sandlock_handler_error *failure);

/**
 * What went wrong, UTF-8.
 */
const char *sandlock_handler_error_message(const sandlock_handler_error *failure);

/**
 * The cause that was handed to sandlock_notif_fail() together with this `type`; NULL where there is
 * none, or it came with another one, and for a `type` of NULL. It lives as long as the failure.
 */
const void *sandlock_handler_error_cause(const sandlock_handler_error *failure, const void *type);

/**
 * Whether this kernel enforces a policy without settings in full.
 *
 * SANDLOCK_ERROR_UNSUPPORTED: it does not; the message says what is missing, and what to do.
 */
sandlock_status sandlock_host_check(sandlock_error **err);

/**
 * The Landlock ABI of this kernel; 0 where Landlock is missing or disabled.
 */
uint32_t sandlock_host_landlock_abi(void);

/**
 * What this kernel can enforce, as the JSON object of `sandlock check --json`; free `*text` with
 * sandlock_string_free().
 */
sandlock_status sandlock_host_json(char **text, sandlock_error **err);

/**
 * The kernel's number for this call: no other one of the same run has it.
 */
uint64_t sandlock_notif_id(const sandlock_notif *notif);

/**
 * The id of the task that calls: a thread id, which is the process id for a first thread only.
 */
int32_t sandlock_notif_pid(const sandlock_notif *notif);

/**
 * The number of the call, SYS_openat and its like; -1 for NULL.
 */
long sandlock_notif_syscall(const sandlock_notif *notif);

/**
 * Argument `index`, 0 to 5, as the register has it; 0 for others. The kernel ignores the upper half
 * of an argument of 32 bits: cast it to int or unsigned before you compare it.
 */
uint64_t sandlock_notif_arg(const sandlock_notif *notif, uint32_t index);

/**
 * The address behind the instruction that makes the call.
 */
uint64_t sandlock_notif_instruction_pointer(const sandlock_notif *notif);

/**
 * The architecture whose calls the task makes, which is always that of this program: AUDIT_ARCH_X86_64
 * or AUDIT_ARCH_AARCH64 of linux/audit.h.
 */
uint32_t sandlock_notif_arch(const sandlock_notif *notif);

/**
 * Whether the task still waits for the answer.
 */
bool sandlock_notif_is_waiting(const sandlock_notif *notif);

/**
 * Reads `length` bytes at `address` of the task's memory, at most 16 MiB. If it fails, the buffer holds
 * zeros, but for a `length` beyond 16 MiB, when nothing is written; there is no error object.
 *
 * SANDLOCK_ERROR_TASK_MEMORY: not all of them are mapped. SANDLOCK_ERROR_TOO_LONG: more than 16 MiB.
 * SANDLOCK_ERROR_TASK_GONE: the task waits no more. SANDLOCK_ERROR_TASK: this process may not read the
 * task's memory, which a program can bring about.
 */
sandlock_status sandlock_notif_read(const sandlock_notif *notif,
                                    uint64_t address,
                                    void *data,
                                    size_t length);

/**
 * Reads the text at `address` up to its NUL, into `text`, which has room for `capacity` bytes with
 * the NUL. `*length` (which may be NULL) is the length without it. If it fails, the buffer holds an
 * empty text; there is no error object.
 *
 * SANDLOCK_ERROR_TOO_LONG: there is no NUL among the first `capacity` bytes, or `capacity` is 0.
 * Otherwise as sandlock_notif_read().
 */
sandlock_status sandlock_notif_read_cstr(const sandlock_notif *notif,
                                         uint64_t address,
                                         char *text,
                                         size_t capacity,
                                         size_t *length);

/**
 * Reads the path that argument `index` points to: as sandlock_notif_read_cstr() with that address. A
 * path has at most 4096 bytes with its NUL.
 *
 * Another thread of the program can change it before the kernel reads it: a decision on it followed
 * by sandlock_continue() holds against nobody who means to get past it. sandlock_notif_open() opens
 * what was judged.
 */
sandlock_status sandlock_notif_read_path(const sandlock_notif *notif,
                                         uint32_t index,
                                         char *path,
                                         size_t capacity,
                                         size_t *length);

/**
 * Writes `length` bytes to the task's memory at `address`, at most 16 MiB; also to pages that the task
 * itself can only read. There is no error object.
 *
 * SANDLOCK_ERROR_TASK_MEMORY: not all of it could be written, and some may have been.
 * SANDLOCK_ERROR_TASK: also while the program's start is what waits. Otherwise as
 * sandlock_notif_read().
 */
sandlock_status sandlock_notif_write(const sandlock_notif *notif,
                                     uint64_t address,
                                     const void *data,
                                     size_t length);

/**
 * Writes `path` as a person would want to see it into `shown`: from the task's root on, with the
 * directory that it is relative to, the task's own (`directory` is AT_FDCWD) or that of its descriptor
 * `directory`, and without `.`, `..` and doubled slashes. `shown` has room for `capacity` bytes with
 * the NUL; `*length` (which may be NULL) is the length without it.
 *
 * For display alone: never decide on it. The path can mean another file by the time it is used.
 *
 * SANDLOCK_ERROR_TASK: the task has no such descriptor. SANDLOCK_ERROR_TOO_LONG: no room.
 */
sandlock_status sandlock_notif_display_path(const sandlock_notif *notif,
                                            int32_t directory,
                                            const char *path,
                                            char *shown,
                                            size_t capacity,
                                            size_t *length,
                                            sandlock_error **err);

/**
 * Puts a copy of this process's descriptor `fd` into the task's table at `number`, closing what is
 * there, and leaves the call unanswered. `fd` stays the caller's.
 *
 * SANDLOCK_ERROR_TASK: the kernel refuses that. SANDLOCK_ERROR_TASK_GONE.
 */
sandlock_status sandlock_notif_replace_fd(const sandlock_notif *notif,
                                          uint32_t number,
                                          int32_t fd,
                                          bool cloexec,
                                          sandlock_error **err);

/**
 * Reads what the call asks to open, once: open(2), openat(2), openat2(2) and creat(2) in one shape.
 * Free `*request` with sandlock_open_request_free(). sandlock_refuse_error() is what to answer where it
 * fails.
 *
 * SANDLOCK_ERROR_TASK: the call opens no file by path, or the kernel would refuse its arguments;
 * sandlock_error_errno() says with which number.
 * Otherwise as sandlock_notif_read_path().
 */
sandlock_status sandlock_notif_open_request(const sandlock_notif *notif,
                                            sandlock_open_request **request,
                                            sandlock_error **err);

/**
 * Opens what `request` asks for in the task's place: the action to return, which hands the open file
 * over, or refuses the call with the kernel's error number, EPERM where it is not the kernel's.
 *
 * The path is the one in the request, so whatever a handler found out about it holds for what is
 * opened. The kernel bounds the open by the policy's grants. docs/extension-handlers.md says what
 * cannot be opened that way.
 */
sandlock_action sandlock_notif_open(const sandlock_notif *notif,
                                    const sandlock_open_request *request);

/**
 * Says that the handler or observer that is being called has failed, for the reason `message` (any
 * bytes; NULL is "no reason given"). What a handler returns after that counts for nothing: its
 * `on_error` says what it means. The failure of an observer, and of a handler whose `on_error` is an
 * error number, is listed in the output.
 *
 * `cause` may be an object of yours, of any type: sandlock_handler_error_cause() gives it back to who asks
 * with the same `type`, which is any address of yours that stands for that type. `free_cause` (which
 * may be NULL) is called for it once, on any thread, when nobody needs it any more; at once where this
 * callback has failed before.
 */
void sandlock_notif_fail(const sandlock_notif *notif,
                         const char *message,
                         void *cause,
                         sandlock_free_fn free_cause,
                         const void *type);

/**
 * Shows `observer` every call `syscall` that the supervisor is asked about, in every run that is
 * started from now on: before anybody decides, and what was decided. What the policy refuses in the
 * kernel, nobody sees. `options` may be NULL.
 *
 * `user_data` and `free_data`, and errors: as sandlock_sandbox_add_handler().
 */
SANDLOCK_MUST_USE
sandlock_status sandlock_sandbox_add_observer(sandlock_sandbox *sandbox,
                                              long syscall,
                                              sandlock_observer_fn observer,
                                              void *user_data,
                                              sandlock_free_fn free_data,
                                              const sandlock_observer_options *options,
                                              sandlock_error **err);

/**
 * As sandlock_sandbox_add_observer(), for each of `count` calls: all of them or none. `user_data` is
 * freed once, for all.
 */
SANDLOCK_MUST_USE
sandlock_status sandlock_sandbox_add_observer_for(sandlock_sandbox *sandbox,
                                                  const long *syscalls,
                                                  size_t count,
                                                  sandlock_observer_fn observer,
                                                  void *user_data,
                                                  sandlock_free_fn free_data,
                                                  const sandlock_observer_options *options,
                                                  sandlock_error **err);

/**
 * The path, as the task gave it: any bytes. It lives as long as the request.
 */
const char *sandlock_open_request_path(const sandlock_open_request *request);

/**
 * The directory that a relative path begins at: a descriptor of the task, or AT_FDCWD.
 */
int32_t sandlock_open_request_directory(const sandlock_open_request *request);

/**
 * The flags of open(2), those that there are.
 */
int32_t sandlock_open_request_flags(const sandlock_open_request *request);

/**
 * The mode of a file to be created; 0 where none is.
 */
uint32_t sandlock_open_request_mode(const sandlock_open_request *request);

/**
 * The RESOLVE flags of openat2(2); 0 for other calls.
 */
uint64_t sandlock_open_request_resolve(const sandlock_open_request *request);

/**
 * Whether the descriptor can be written to, or the file is created or emptied. True for NULL.
 */
bool sandlock_open_request_writes(const sandlock_open_request *request);

/**
 * Adds RESOLVE flags of openat2(2), which bound where the path may lead: with RESOLVE_NO_SYMLINKS what
 * is opened is what the path says. Nothing for NULL.
 */
void sandlock_open_request_add_resolve(sandlock_open_request *request,
                                       uint64_t flags);

/**
 * Frees a request. NULL is allowed.
 */
void sandlock_open_request_free(sandlock_open_request *request);

/**
 * Whether the program exited with 0, in time.
 */
bool sandlock_output_success(const sandlock_output *output);

/**
 * The exit code; -1 if a signal, the timeout or a kill ended the program, and for NULL.
 */
int32_t sandlock_output_exit_code(const sandlock_output *output);

/**
 * The signal that ended the program, SIGKILL after a timeout or a kill; 0 if none did.
 */
int32_t sandlock_output_signal(const sandlock_output *output);

/**
 * The status as wait(2) has it, for WIFEXITED() and its like; -1 for NULL.
 */
int32_t sandlock_output_status(const sandlock_output *output);

/**
 * Why it ended, one of SANDLOCK_REASON_; 0 for NULL.
 */
int32_t sandlock_output_reason(const sandlock_output *output);

/**
 * What was written to descriptor 1, up to the limit; `*length` (which may be NULL) is its length in
 * bytes. Any bytes, NULs too, and one more NUL behind the last one, which does not count. NULL for NULL.
 */
const char *sandlock_output_stdout(const sandlock_output *output,
                                   size_t *length);

/**
 * What was written to descriptor 2: as sandlock_output_stdout().
 */
const char *sandlock_output_stderr(const sandlock_output *output, size_t *length);

/**
 * How many bytes were written to descriptor 1 beyond the limit of capture, and are lost.
 */
uint64_t sandlock_output_stdout_dropped(const sandlock_output *output);

/**
 * How many bytes were written to descriptor 2 beyond the limit of capture, and are lost.
 */
uint64_t sandlock_output_stderr_dropped(const sandlock_output *output);

/**
 * What the tree used; set `usage->size` first.
 */
sandlock_status sandlock_output_usage(const sandlock_output *output,
                                      sandlock_usage *usage,
                                      sandlock_error **err);

/**
 * What was enforced; it belongs to the output. NULL for NULL.
 */
const sandlock_enforcement *sandlock_output_enforcement(const sandlock_output *output);

/**
 * How many failures of handlers and observers are listed, at most a hundred.
 */
size_t sandlock_output_handler_error_count(const sandlock_output *output);

/**
 * Failure `index` of a handler or observer that did not end the run, of the first hundred; NULL if
 * there are not so many.
 */
const sandlock_handler_error *sandlock_output_handler_error(const sandlock_output *output,
                                                            size_t index);

/**
 * How many more failures there were.
 */
uint64_t sandlock_output_handler_errors_dropped(const sandlock_output *output);

/**
 * All of it but the captured bytes, as the JSON object of `sandlock run --status-fd`. NULL for NULL.
 */
const char *sandlock_output_json(const sandlock_output *output);

/**
 * An output of its own that says the same, which takes little: to keep what sandlock_error_output() lends.
 * NULL for NULL.
 */
sandlock_output *sandlock_output_clone(const sandlock_output *output);

/**
 * Frees an output. NULL is allowed.
 */
void sandlock_output_free(sandlock_output *output);

/**
 * A policy without settings; free it with sandlock_policy_free(). Never NULL.
 */
sandlock_policy *sandlock_policy_new(void);

/**
 * A policy of its own that is equal to `policy`; NULL for NULL.
 */
sandlock_policy *sandlock_policy_clone(const sandlock_policy *policy);

/**
 * Frees a policy. NULL is allowed. Sandboxes that were made of it do not need it.
 */
void sandlock_policy_free(sandlock_policy *policy);

/**
 * Sets the setting with the dotted path `setting` ("fs.read") from a text, which may be any bytes where
 * the setting is a path: lists and maps append, everything else replaces. A map takes "KEY=VALUE", or
 * the key as last part of the path. The settings are those of docs/settings.md.
 *
 * SANDLOCK_ERROR_POLICY: no setting has this path, or it does not take this value.
 */
SANDLOCK_MUST_USE
sandlock_status sandlock_policy_set(sandlock_policy *policy,
                                    const char *setting,
                                    const char *value,
                                    sandlock_error **err);

/**
 * Lays the TOML text `toml` over the policy: lists append, everything else replaces.
 *
 * SANDLOCK_ERROR_POLICY, with every problem of the text: what is not TOML, what no setting is named
 * like, what no setting takes.
 */
SANDLOCK_MUST_USE
sandlock_status sandlock_policy_merge_toml(sandlock_policy *policy,
                                           const char *toml,
                                           sandlock_error **err);

/**
 * The policy as TOML, which sandlock_policy_merge_toml() makes an equal one of; free `*text` with
 * sandlock_string_free().
 *
 * SANDLOCK_ERROR_POLICY: a path or a variable is not UTF-8, and TOML cannot hold it.
 */
sandlock_status sandlock_policy_to_toml(const sandlock_policy *policy,
                                        char **text,
                                        sandlock_error **err);

/**
 * Whether two policies say the same. NULL is equal to nothing.
 */
bool sandlock_policy_equal(const sandlock_policy *policy, const sandlock_policy *other);

/**
 * What would be done to confine a program on this kernel, as the text of `sandlock explain`; free
 * `*text` with sandlock_string_free(). Nothing is run, and granted paths need not exist.
 *
 * SANDLOCK_ERROR_POLICY: settings contradict each other. SANDLOCK_ERROR_UNSUPPORTED: this kernel lacks a
 * protection that the policy demands.
 */
sandlock_status sandlock_policy_explain(const sandlock_policy *policy,
                                        char **text,
                                        sandlock_error **err);

/**
 * What would be done to confine a program on this kernel, as the JSON object of
 * `sandlock explain --json`; free `*text` with sandlock_string_free().
 *
 * As sandlock_policy_explain(); SANDLOCK_ERROR_POLICY also where a path or a variable is not UTF-8.
 */
sandlock_status sandlock_policy_explain_json(const sandlock_policy *policy,
                                             char **text,
                                             sandlock_error **err);

/**
 * How many there are; none when the tree has ended.
 */
size_t sandlock_processes_count(const sandlock_processes *processes);

/**
 * The id of process `index`; 0 if there are not so many.
 */
int32_t sandlock_processes_pid(const sandlock_processes *processes, size_t index);

/**
 * The id of the parent of process `index`; for those whose parent has ended, and the program itself,
 * that of the library's keeper. 0 if there are not so many.
 */
int32_t sandlock_processes_parent(const sandlock_processes *processes,
                                  size_t index);

/**
 * Word `word` of the command of process `index`, any bytes; NULL if there are not so many. A process without
 * arguments has its name in brackets. It lives as long as the list.
 */
const char *sandlock_processes_command(const sandlock_processes *processes,
                                       size_t index,
                                       size_t word);

/**
 * Frees a list of processes. NULL is allowed.
 */
void sandlock_processes_free(sandlock_processes *processes);

/**
 * Makes `policy` ready on this kernel; free `*sandbox` with sandlock_sandbox_free(). Nothing is started.
 * Granted paths are resolved here, not at each run.
 *
 * SANDLOCK_ERROR_POLICY: settings contradict each other, or a granted path is missing.
 * SANDLOCK_ERROR_UNSUPPORTED: this kernel lacks a protection that the policy demands.
 */
SANDLOCK_MUST_USE
sandlock_status sandlock_sandbox_new(const sandlock_policy *policy,
                                     sandlock_sandbox **sandbox,
                                     sandlock_error **err);

/**
 * A sandbox of its own with the same policy and the handlers that `sandbox` has now; each can be given
 * more. NULL for NULL.
 */
sandlock_sandbox *sandlock_sandbox_clone(const sandlock_sandbox *sandbox);

/**
 * Frees a sandbox, also while runs and children of it are under way. NULL is allowed.
 */
void sandlock_sandbox_free(sandlock_sandbox *sandbox);

/**
 * Runs a command to its end, in the calling thread, and collects what it prints; free `*output` with
 * sandlock_output_free(). `argv` is the program, looked for in its PATH, and its arguments: any bytes;
 * NULL must end the array, or memory behind it is read. `output` may be NULL.
 *
 * A program that ends badly is no error: the output says how it ended. When the program ends, whatever
 * it left running is killed.
 *
 * What kept the program from running: SANDLOCK_ERROR_COMMAND, SANDLOCK_ERROR_NOT_FOUND,
 * SANDLOCK_ERROR_CANNOT_EXECUTE, SANDLOCK_ERROR_SPAWN, SANDLOCK_ERROR_POLICY for a process.cwd that is no
 * directory, SANDLOCK_ERROR_IO when this process has no descriptors left or somebody killed the
 * program's keeper. SANDLOCK_ERROR_HANDLER: a handler failed and ended the run; what the program left
 * is in sandlock_error_output().
 */
sandlock_status sandlock_sandbox_run(const sandlock_sandbox *sandbox,
                                     const char *const *argv,
                                     sandlock_output **output,
                                     sandlock_error **err);

/**
 * As sandlock_sandbox_run(), with streams, variables, a directory or a time limit of its own. Nobody
 * serves a piped stream while the caller waits: SANDLOCK_ERROR_COMMAND.
 */
sandlock_status sandlock_sandbox_run_launch(const sandlock_sandbox *sandbox,
                                            const sandlock_launch *launch,
                                            sandlock_output **output,
                                            sandlock_error **err);

/**
 * As sandlock_sandbox_run(), with the caller's own descriptors 0, 1 and 2, session and terminal.
 */
sandlock_status sandlock_sandbox_run_interactive(const sandlock_sandbox *sandbox,
                                                 const char *const *argv,
                                                 sandlock_output **output,
                                                 sandlock_error **err);

/**
 * Runs `count` commands, at most `at_once` at the same time (0 counts as 1). `outputs` and `errors` are
 * arrays of `count` places: for each command one of them becomes an object that the caller frees, and
 * the other one NULL. One that fails does not keep the others from running, and does not make this
 * function fail. Threads of the library are used for all but one at a time.
 *
 * SANDLOCK_ERROR_ARGUMENT: an argument or one of the launches cannot be used; nothing has been run.
 */
sandlock_status sandlock_sandbox_run_all(const sandlock_sandbox *sandbox,
                                         const sandlock_launch *const *launches,
                                         size_t count,
                                         size_t at_once,
                                         sandlock_output **outputs,
                                         sandlock_error **errors,
                                         sandlock_error **err);

/**
 * Starts a command and returns when it has been executed; free `*child` with sandlock_child_free().
 * A thread of the library serves it from then on.
 *
 * Errors: as sandlock_sandbox_run(); SANDLOCK_ERROR_IO also when there is no room for another thread.
 */
sandlock_status sandlock_sandbox_spawn(const sandlock_sandbox *sandbox,
                                       const sandlock_launch *launch,
                                       sandlock_child **child,
                                       sandlock_error **err);

/**
 * The number of the system call `name` ("openat") on this architecture; -1 where there is none, and
 * for NULL.
 */
long sandlock_syscall_number(const char *name);

/**
 * The name of the system call `number` on this architecture, a text of the library's own; NULL where
 * there is none.
 */
const char *sandlock_syscall_name(long number);

/**
 * Frees a text that the caller owns. NULL is allowed.
 */
void sandlock_string_free(char *string);

/**
 * The version of the library that is loaded, as text: `0.1.0`.
 */
const char *sandlock_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SANDLOCK_H */
