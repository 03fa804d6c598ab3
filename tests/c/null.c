/* Every function of the header with NULL for every pointer, in turn and together. The functions that
 * the library exports are compared with those that were called, so a new one needs its case here. */

#include "check.h"

#include <elf.h>
#include <link.h>

static const char *called[512];
static size_t called_count;

static void note(const char *function)
{
    for (size_t i = 0; i < called_count; i++)
        if (strcmp(called[i], function) == 0)
            return;
    CHECK(called_count < sizeof called / sizeof *called);
    called[called_count++] = function;
}

/* What nobody may write to. */
static char poison;
#define POISON ((void *)&poison)

/* What calls are given for their error object: first a place, then NULL. */
static sandlock_error **place;

static void check_refusal(int line, const char *parameter, sandlock_status status)
{
    char message[128];
    check_int(__FILE__, line, parameter, status, SANDLOCK_ERROR_ARGUMENT);
    if (place == NULL)
        return;
    CHECK(error != NULL);
    check_int(__FILE__, line, "kind", sandlock_error_kind(error), SANDLOCK_ERROR_ARGUMENT);
    snprintf(message, sizeof message, "%s is NULL", parameter);
    check_text(__FILE__, line, "message", MESSAGE(), message);
}

/* A fallible function says which parameter is NULL, if there is a place for it. */
#define REFUSES(function, parameter, arguments)                      \
    do {                                                             \
        note(#function);                                             \
        clear();                                                     \
        place = &error;                                              \
        check_refusal(__LINE__, parameter, function arguments);      \
        clear();                                                     \
        place = NULL;                                                \
        check_refusal(__LINE__, parameter, function arguments);      \
        CHECK(error == NULL);                                        \
    } while (0)

/* One without an error object. */
#define REFUSES_SILENTLY(function, arguments) \
    (note(#function), CHECK_INT(function arguments, SANDLOCK_ERROR_ARGUMENT))

/* A call that needs no pointer. */
#define TAKES(function, arguments) (note(#function), CHECK_INT(function arguments, SANDLOCK_OK))
#define GIVES(function, value, arguments) (note(#function), CHECK(function arguments == (value)))
#define DOES_NOTHING(function, arguments) (note(#function), (void)function arguments)
#define ZEROS(function, arguments) (note(#function), check_zeros(__LINE__, function arguments))
#define NO_POINTERS(function) (note(#function), (void)function)

static void check_zeros(int line, sandlock_action action)
{
    check_int(__FILE__, line, "kind", action.kind, 0);
    check_int(__FILE__, line, "flags", action.flags, 0);
    check_int(__FILE__, line, "value", action.value, 0);
}

static sandlock_action handler(const sandlock_notif *notif, void *user_data)
{
    (void)notif;
    (void)user_data;
    return sandlock_continue();
}

static void observer(const sandlock_notif *notif, const sandlock_verdict *verdict, void *user_data)
{
    (void)notif;
    (void)verdict;
    (void)user_data;
}

static void must_not_be_freed(void *user_data)
{
    (void)user_data;
    failed(__FILE__, __LINE__, "what stays the caller's was freed");
}

static int freed;

static void free_cause(void *cause)
{
    CHECK(cause == &freed);
    freed++;
}

static void policies(void)
{
    sandlock_policy *policy = system_policy(), *before = sandlock_policy_clone(policy);
    char *text = POISON;
    NO_POINTERS(sandlock_policy_new);
    GIVES(sandlock_policy_clone, NULL, (NULL));
    DOES_NOTHING(sandlock_policy_free, (NULL));
    REFUSES(sandlock_policy_set, "policy", (NULL, "fs.read", "/usr", place));
    REFUSES(sandlock_policy_set, "setting", (policy, NULL, "/usr", place));
    REFUSES(sandlock_policy_set, "value", (policy, "fs.read", NULL, place));
    REFUSES(sandlock_policy_set, "policy", (NULL, NULL, NULL, place));
    REFUSES(sandlock_policy_merge_toml, "policy", (NULL, "", place));
    REFUSES(sandlock_policy_merge_toml, "toml", (policy, NULL, place));
    REFUSES(sandlock_policy_merge_toml, "policy", (NULL, NULL, place));
    REFUSES(sandlock_policy_to_toml, "policy", (NULL, &text, place));
    REFUSES(sandlock_policy_to_toml, "text", (policy, NULL, place));
    REFUSES(sandlock_policy_to_toml, "policy", (NULL, NULL, place));
    GIVES(sandlock_policy_equal, false, (NULL, policy));
    GIVES(sandlock_policy_equal, false, (policy, NULL));
    GIVES(sandlock_policy_equal, false, (NULL, NULL));
    REFUSES(sandlock_policy_explain, "policy", (NULL, &text, place));
    REFUSES(sandlock_policy_explain, "text", (policy, NULL, place));
    REFUSES(sandlock_policy_explain, "policy", (NULL, NULL, place));
    REFUSES(sandlock_policy_explain_json, "policy", (NULL, &text, place));
    REFUSES(sandlock_policy_explain_json, "text", (policy, NULL, place));
    REFUSES(sandlock_policy_explain_json, "policy", (NULL, NULL, place));
    CHECK(text == POISON);
    CHECK(sandlock_policy_equal(policy, before));
    CHECK_INT(sandlock_policy_set(policy, "fs.read", "/srv", NULL), SANDLOCK_OK);
    sandlock_policy_free(policy);
    sandlock_policy_free(before);
}

static void hosts_and_texts(void)
{
    char *text = POISON;
    TAKES(sandlock_host_check, (NULL));
    NO_POINTERS(sandlock_host_landlock_abi);
    REFUSES(sandlock_host_json, "text", (NULL, place));
    CHECK_INT(sandlock_host_json(&text, NULL), SANDLOCK_OK);
    DOES_NOTHING(sandlock_string_free, (NULL));
    sandlock_string_free(text);
    GIVES(sandlock_syscall_number, -1, (NULL));
    NO_POINTERS(sandlock_syscall_name);
    NO_POINTERS(sandlock_status_text);
    NO_POINTERS(sandlock_version);
}

static void errors(void)
{
    GIVES(sandlock_error_kind, SANDLOCK_OK, (NULL));
    GIVES(sandlock_error_errno, 0, (NULL));
    note("sandlock_error_message");
    CHECK_TEXT(sandlock_error_message(NULL), "no error");
    GIVES(sandlock_error_setting, NULL, (NULL));
    GIVES(sandlock_error_hint, NULL, (NULL));
    GIVES(sandlock_error_step, 0, (NULL));
    GIVES(sandlock_error_problem_count, 0, (NULL));
    GIVES(sandlock_error_problem_setting, NULL, (NULL, 0));
    GIVES(sandlock_error_problem_message, NULL, (NULL, 0));
    GIVES(sandlock_error_handler_error, NULL, (NULL));
    GIVES(sandlock_error_output, NULL, (NULL));
    DOES_NOTHING(sandlock_error_free, (NULL));
    GIVES(sandlock_handler_error_syscall, -1, (NULL));
    GIVES(sandlock_handler_error_name, NULL, (NULL));
    GIVES(sandlock_handler_error_message, NULL, (NULL));
    GIVES(sandlock_handler_error_cause, NULL, (NULL, NULL));
    GIVES(sandlock_handler_error_cause, NULL, (NULL, &poison));
}

static void outputs(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_output *output = RUN(sandbox, "echo", "hello");
    sandlock_usage usage = {0};
    size_t length = 7;
    usage.size = sizeof usage;
    GIVES(sandlock_output_success, false, (NULL));
    GIVES(sandlock_output_exit_code, -1, (NULL));
    GIVES(sandlock_output_signal, 0, (NULL));
    GIVES(sandlock_output_status, -1, (NULL));
    GIVES(sandlock_output_reason, 0, (NULL));
    GIVES(sandlock_output_stdout, NULL, (NULL, &length));
    CHECK_INT(length, 0);
    length = 7;
    GIVES(sandlock_output_stderr, NULL, (NULL, &length));
    CHECK_INT(length, 0);
    GIVES(sandlock_output_stdout, NULL, (NULL, NULL));
    GIVES(sandlock_output_stderr, NULL, (NULL, NULL));
    CHECK(strncmp(sandlock_output_stdout(output, NULL), "hello\n", 6) == 0);
    CHECK(sandlock_output_stderr(output, NULL) != NULL);
    GIVES(sandlock_output_stdout_dropped, 0, (NULL));
    GIVES(sandlock_output_stderr_dropped, 0, (NULL));
    REFUSES(sandlock_output_usage, "output", (NULL, &usage, place));
    CHECK_INT(usage.wall_ns, 0);
    REFUSES(sandlock_output_usage, "usage", (output, NULL, place));
    REFUSES(sandlock_output_usage, "output", (NULL, NULL, place));
    CHECK_INT(sandlock_output_usage(output, &usage, NULL), SANDLOCK_OK);
    CHECK(usage.wall_ns > 0);
    GIVES(sandlock_output_enforcement, NULL, (NULL));
    GIVES(sandlock_output_handler_error_count, 0, (NULL));
    GIVES(sandlock_output_handler_error, NULL, (NULL, 0));
    GIVES(sandlock_output_handler_errors_dropped, 0, (NULL));
    GIVES(sandlock_output_json, NULL, (NULL));
    GIVES(sandlock_output_clone, NULL, (NULL));
    DOES_NOTHING(sandlock_output_free, (NULL));
    GIVES(sandlock_enforcement_landlock_abi, 0, (NULL));
    GIVES(sandlock_enforcement_count, 0, (NULL, SANDLOCK_ENFORCEMENT_ENFORCED));
    GIVES(sandlock_enforcement_line, NULL, (NULL, SANDLOCK_ENFORCEMENT_ENFORCED, 0));
    DOES_NOTHING(sandlock_enforcement_free, (NULL));
    sandlock_output_free(output);
    sandlock_sandbox_free(sandbox);
}

static void sandboxes(void)
{
    sandlock_policy *policy = system_policy();
    sandlock_sandbox *poisoned = POISON, *sandbox = system_sandbox();
    sandlock_output *output = POISON;
    sandlock_child *child = POISON;
    sandlock_enforcement *enforcement = POISON;
    const char *const *argv = WORDS("true");
    sandlock_launch launch = {0}, empty = {0};
    launch.size = empty.size = sizeof launch;
    launch.argv = argv;

    REFUSES(sandlock_sandbox_new, "policy", (NULL, &poisoned, place));
    REFUSES(sandlock_sandbox_new, "sandbox", (policy, NULL, place));
    REFUSES(sandlock_sandbox_new, "policy", (NULL, NULL, place));
    CHECK(poisoned == POISON);
    GIVES(sandlock_sandbox_clone, NULL, (NULL));
    DOES_NOTHING(sandlock_sandbox_free, (NULL));

    REFUSES(sandlock_sandbox_run, "sandbox", (NULL, argv, &output, place));
    REFUSES(sandlock_sandbox_run, "argv", (sandbox, NULL, &output, place));
    REFUSES(sandlock_sandbox_run, "sandbox", (NULL, NULL, NULL, place));
    TAKES(sandlock_sandbox_run, (sandbox, argv, NULL, NULL));
    REFUSES(sandlock_sandbox_run_interactive, "sandbox", (NULL, argv, &output, place));
    REFUSES(sandlock_sandbox_run_interactive, "argv", (sandbox, NULL, &output, place));
    REFUSES(sandlock_sandbox_run_interactive, "sandbox", (NULL, NULL, NULL, place));
    TAKES(sandlock_sandbox_run_interactive, (sandbox, argv, NULL, NULL));
    REFUSES(sandlock_sandbox_run_launch, "sandbox", (NULL, &launch, &output, place));
    REFUSES(sandlock_sandbox_run_launch, "launch", (sandbox, NULL, &output, place));
    REFUSES(sandlock_sandbox_run_launch, "argv", (sandbox, &empty, &output, place));
    REFUSES(sandlock_sandbox_run_launch, "sandbox", (NULL, NULL, NULL, place));
    TAKES(sandlock_sandbox_run_launch, (sandbox, &launch, NULL, NULL));
    REFUSES(sandlock_sandbox_spawn, "sandbox", (NULL, &launch, &child, place));
    REFUSES(sandlock_sandbox_spawn, "launch", (sandbox, NULL, &child, place));
    REFUSES(sandlock_sandbox_spawn, "child", (sandbox, &launch, NULL, place));
    REFUSES(sandlock_sandbox_spawn, "argv", (sandbox, &empty, &child, place));
    REFUSES(sandlock_sandbox_spawn, "sandbox", (NULL, NULL, NULL, place));
    CHECK(output == POISON);
    CHECK(child == POISON);

    launch.in.kind = SANDLOCK_STDIO_BYTES;
    launch.in.length = 1;
    REFUSES(sandlock_sandbox_run_launch, "in.data", (sandbox, &launch, &output, place));
    launch.in.length = 0;
    TAKES(sandlock_sandbox_run_launch, (sandbox, &launch, NULL, NULL));

    REFUSES(sandlock_confine_self, "policy", (NULL, &enforcement, place));
    REFUSES(sandlock_confine_self, "policy", (NULL, NULL, place));
    CHECK(enforcement == POISON);
    sandlock_policy_free(policy);
    sandlock_sandbox_free(sandbox);
}

static void many_runs(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_launch launch = {0};
    launch.size = sizeof launch;
    launch.argv = WORDS("true");
    const sandlock_launch *launches[] = {&launch, NULL};
    sandlock_output *outputs[] = {POISON, POISON};
    sandlock_error *errors[] = {POISON, POISON};
    REFUSES(sandlock_sandbox_run_all, "sandbox", (NULL, launches, 1, 1, outputs, errors, place));
    REFUSES(sandlock_sandbox_run_all, "launches", (sandbox, NULL, 1, 1, outputs, errors, place));
    REFUSES(sandlock_sandbox_run_all, "outputs", (sandbox, launches, 1, 1, NULL, errors, place));
    REFUSES(sandlock_sandbox_run_all, "errors", (sandbox, launches, 1, 1, outputs, NULL, place));
    REFUSES(sandlock_sandbox_run_all, "launches[1]", (sandbox, launches, 2, 1, outputs, errors, place));
    REFUSES(sandlock_sandbox_run_all, "sandbox", (NULL, NULL, 1, 1, NULL, NULL, place));
    for (size_t i = 0; i < 2; i++)
        CHECK(outputs[i] == POISON && errors[i] == POISON);
    TAKES(sandlock_sandbox_run_all, (sandbox, NULL, 0, 0, NULL, NULL, NULL));
    TAKES(sandlock_sandbox_run_all, (sandbox, launches, 1, 0, outputs, errors, NULL));
    CHECK(errors[0] == NULL && sandlock_output_success(outputs[0]));
    sandlock_output_free(outputs[0]);
    sandlock_sandbox_free(sandbox);
}

static void registrations(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_handler_options options = {0};
    sandlock_observer_options shown = {0};
    options.size = sizeof options;
    shown.size = sizeof shown;
    REFUSES(sandlock_sandbox_add_handler, "sandbox",
            (NULL, SYS_uname, handler, POISON, must_not_be_freed, &options, place));
    REFUSES(sandlock_sandbox_add_handler, "handler",
            (sandbox, SYS_uname, NULL, POISON, must_not_be_freed, &options, place));
    REFUSES(sandlock_sandbox_add_handler, "sandbox", (NULL, SYS_uname, NULL, NULL, NULL, NULL, place));
    REFUSES(sandlock_sandbox_add_observer, "sandbox",
            (NULL, SYS_uname, observer, POISON, must_not_be_freed, &shown, place));
    REFUSES(sandlock_sandbox_add_observer, "observer",
            (sandbox, SYS_uname, NULL, POISON, must_not_be_freed, &shown, place));
    REFUSES(sandlock_sandbox_add_observer, "sandbox", (NULL, SYS_uname, NULL, NULL, NULL, NULL, place));
    const long calls[] = {SYS_uname, SYS_times};
    REFUSES(sandlock_sandbox_add_handler_for, "sandbox",
            (NULL, calls, 2, handler, POISON, must_not_be_freed, &options, place));
    REFUSES(sandlock_sandbox_add_handler_for, "syscalls",
            (sandbox, NULL, 2, handler, POISON, must_not_be_freed, &options, place));
    REFUSES(sandlock_sandbox_add_handler_for, "handler",
            (sandbox, calls, 2, NULL, POISON, must_not_be_freed, &options, place));
    REFUSES(sandlock_sandbox_add_handler_for, "syscalls", (NULL, NULL, 1, NULL, NULL, NULL, NULL, place));
    REFUSES(sandlock_sandbox_add_observer_for, "sandbox",
            (NULL, calls, 2, observer, POISON, must_not_be_freed, &shown, place));
    REFUSES(sandlock_sandbox_add_observer_for, "syscalls",
            (sandbox, NULL, 2, observer, POISON, must_not_be_freed, &shown, place));
    REFUSES(sandlock_sandbox_add_observer_for, "observer",
            (sandbox, calls, 2, NULL, POISON, must_not_be_freed, &shown, place));
    REFUSES(sandlock_sandbox_add_observer_for, "syscalls", (NULL, NULL, 1, NULL, NULL, NULL, NULL, place));
    options.when_count = shown.when_count = 1;
    REFUSES(sandlock_sandbox_add_handler, "options.when",
            (sandbox, SYS_uname, handler, POISON, must_not_be_freed, &options, place));
    REFUSES(sandlock_sandbox_add_observer, "options.when",
            (sandbox, SYS_uname, observer, POISON, must_not_be_freed, &shown, place));
    TAKES(sandlock_sandbox_add_handler, (sandbox, SYS_uname, handler, NULL, NULL, NULL, NULL));
    TAKES(sandlock_sandbox_add_observer, (sandbox, SYS_uname, observer, NULL, NULL, NULL, NULL));
    TAKES(sandlock_sandbox_add_handler_for, (sandbox, calls, 2, handler, NULL, NULL, NULL, NULL));
    TAKES(sandlock_sandbox_add_observer_for, (sandbox, calls, 2, observer, NULL, NULL, NULL, NULL));
    EXITS(0, sandbox, "uname");
    sandlock_sandbox_free(sandbox);
}

static void children(void)
{
    sandlock_sandbox *sandbox = system_sandbox();
    sandlock_child *child = NULL;
    sandlock_output *output = POISON;
    sandlock_processes *processes = POISON;
    sandlock_usage usage = {0};
    sandlock_launch launch = {0};
    launch.size = sizeof launch;
    launch.argv = WORDS("sleep", "1000");
    usage.size = sizeof usage;
    OK(sandlock_sandbox_spawn(sandbox, &launch, &child, &error));

    GIVES(sandlock_child_pid, 0, (NULL));
    GIVES(sandlock_child_fd, -1, (NULL));
    GIVES(sandlock_child_stdin, -1, (NULL));
    GIVES(sandlock_child_stdout, -1, (NULL));
    GIVES(sandlock_child_stderr, -1, (NULL));
    REFUSES(sandlock_child_wait, "child", (NULL, &output, place));
    REFUSES(sandlock_child_wait, "child", (NULL, NULL, place));
    REFUSES(sandlock_child_wait_timeout, "child", (NULL, 0, &output, place));
    REFUSES(sandlock_child_wait_timeout, "child", (NULL, UINT64_MAX, NULL, place));
    REFUSES(sandlock_child_signal, "child", (NULL, SIGTERM, place));
    REFUSES(sandlock_child_pause, "child", (NULL, place));
    REFUSES(sandlock_child_resume, "child", (NULL, place));
    REFUSES(sandlock_child_processes, "child", (NULL, &processes, place));
    REFUSES(sandlock_child_processes, "processes", (child, NULL, place));
    REFUSES(sandlock_child_processes, "child", (NULL, NULL, place));
    REFUSES(sandlock_child_usage, "child", (NULL, &usage, place));
    REFUSES(sandlock_child_usage, "usage", (child, NULL, place));
    REFUSES(sandlock_child_usage, "child", (NULL, NULL, place));
    CHECK(output == POISON);
    CHECK(processes == POISON);
    CHECK_INT(usage.wall_ns, 0);
    GIVES(sandlock_processes_count, 0, (NULL));
    GIVES(sandlock_processes_pid, 0, (NULL, 0));
    GIVES(sandlock_processes_parent, 0, (NULL, 0));
    GIVES(sandlock_processes_command, NULL, (NULL, 0, 0));
    DOES_NOTHING(sandlock_processes_free, (NULL));

    GIVES(sandlock_child_wait_timeout, SANDLOCK_RUNNING, (child, 0, NULL, NULL));
    REFUSES(sandlock_child_kill, "child", (NULL, place));
    TAKES(sandlock_child_pause, (child, NULL));
    TAKES(sandlock_child_resume, (child, NULL));
    TAKES(sandlock_child_signal, (child, SIGCONT, NULL));
    TAKES(sandlock_child_kill, (child, NULL));
    TAKES(sandlock_child_wait, (child, NULL, NULL));
    DOES_NOTHING(sandlock_child_free, (NULL));
    sandlock_child_free(child);
    sandlock_sandbox_free(sandbox);
}

static void actions(void)
{
    NO_POINTERS(sandlock_continue);
    NO_POINTERS(sandlock_errno);
    NO_POINTERS(sandlock_refuse);
    note("sandlock_refuse_error");
    CHECK_INT(sandlock_refuse_error(NULL).value, EPERM);
    NO_POINTERS(sandlock_return);
    NO_POINTERS(sandlock_inject_fd);
    NO_POINTERS(sandlock_kill);
    ZEROS(sandlock_inject_bytes, (NULL, 1));
    ZEROS(sandlock_inject_bytes, (NULL, SIZE_MAX));
    sandlock_action empty = sandlock_inject_bytes(NULL, 0);
    CHECK_INT(empty.kind, SANDLOCK_ACTION_INJECT_BYTES);
    NO_POINTERS(sandlock_action_discard);
    sandlock_action_discard(empty);
}

static void without_a_notification(void)
{
    char bytes[8] = "poison!";
    size_t length = 7;
    sandlock_open_request *request = POISON;
    GIVES(sandlock_notif_id, 0, (NULL));
    GIVES(sandlock_notif_pid, 0, (NULL));
    GIVES(sandlock_notif_syscall, -1, (NULL));
    GIVES(sandlock_notif_arg, 0, (NULL, 0));
    GIVES(sandlock_notif_instruction_pointer, 0, (NULL));
    GIVES(sandlock_notif_arch, 0, (NULL));
    GIVES(sandlock_notif_is_waiting, false, (NULL));
    REFUSES_SILENTLY(sandlock_notif_read, (NULL, 0, bytes, sizeof bytes));
    REFUSES_SILENTLY(sandlock_notif_read, (NULL, 0, NULL, 1));
    REFUSES_SILENTLY(sandlock_notif_read_cstr, (NULL, 0, bytes, sizeof bytes, &length));
    REFUSES_SILENTLY(sandlock_notif_read_cstr, (NULL, 0, NULL, 1, NULL));
    REFUSES_SILENTLY(sandlock_notif_read_path, (NULL, 0, bytes, sizeof bytes, &length));
    REFUSES_SILENTLY(sandlock_notif_read_path, (NULL, 0, NULL, 1, NULL));
    REFUSES_SILENTLY(sandlock_notif_write, (NULL, 0, bytes, sizeof bytes));
    REFUSES_SILENTLY(sandlock_notif_write, (NULL, 0, NULL, 1));
    REFUSES(sandlock_notif_display_path, "notif", (NULL, AT_FDCWD, "/", bytes, sizeof bytes, &length, place));
    REFUSES(sandlock_notif_display_path, "path", (NULL, AT_FDCWD, NULL, NULL, 1, NULL, place));
    REFUSES(sandlock_notif_replace_fd, "notif", (NULL, 0, 0, false, place));
    REFUSES(sandlock_notif_open_request, "notif", (NULL, &request, place));
    REFUSES(sandlock_notif_open_request, "request", (NULL, NULL, place));
    ZEROS(sandlock_notif_open, (NULL, NULL));
    CHECK(request == POISON);
    CHECK_INT(length, 7);
    freed = 0;
    DOES_NOTHING(sandlock_notif_fail, (NULL, NULL, NULL, NULL, NULL));
    DOES_NOTHING(sandlock_notif_fail, (NULL, "message", &freed, free_cause, &poison));
    CHECK_INT(freed, 1);

    GIVES(sandlock_open_request_path, NULL, (NULL));
    GIVES(sandlock_open_request_flags, -1, (NULL));
    GIVES(sandlock_open_request_mode, 0, (NULL));
    GIVES(sandlock_open_request_resolve, 0, (NULL));
    GIVES(sandlock_open_request_writes, true, (NULL));
    GIVES(sandlock_open_request_directory, -1, (NULL));
    DOES_NOTHING(sandlock_open_request_add_resolve, (NULL, 0));
    DOES_NOTHING(sandlock_open_request_free, (NULL));
}

/* All pointers but the notification, which only a callback has. */
static sandlock_action asked(const sandlock_notif *notif, void *user_data)
{
    int *asked = user_data;
    char text[PATH_MAX];
    uint64_t address = sandlock_notif_arg(notif, 1);
    sandlock_open_request *request = NULL;
    if ((*asked)++ > 0)
        return sandlock_continue();
    REFUSES_SILENTLY(sandlock_notif_read, (notif, address, NULL, 1));
    REFUSES_SILENTLY(sandlock_notif_read_cstr, (notif, address, NULL, 1, NULL));
    REFUSES_SILENTLY(sandlock_notif_read_path, (notif, 1, NULL, 1, NULL));
    REFUSES_SILENTLY(sandlock_notif_write, (notif, address, NULL, 1));
    REFUSES(sandlock_notif_display_path, "path", (notif, AT_FDCWD, NULL, text, sizeof text, NULL, place));
    REFUSES(sandlock_notif_display_path, "shown", (notif, AT_FDCWD, "/", NULL, 1, NULL, place));
    REFUSES(sandlock_notif_open_request, "request", (notif, NULL, place));
    ZEROS(sandlock_notif_open, (notif, NULL));
    TAKES(sandlock_notif_read, (notif, address, NULL, 0));
    TAKES(sandlock_notif_write, (notif, address, NULL, 0));
    TAKES(sandlock_notif_read_path, (notif, 1, text, sizeof text, NULL));
    TAKES(sandlock_notif_read_cstr, (notif, address, text, sizeof text, NULL));
    TAKES(sandlock_notif_display_path, (notif, AT_FDCWD, "/", text, sizeof text, NULL, NULL));
    TAKES(sandlock_notif_open_request, (notif, &request, NULL));
    ZEROS(sandlock_notif_open, (NULL, request));
    sandlock_open_request_free(request);
    return sandlock_continue();
}

static void with_a_notification(void)
{
    int count = 0;
    sandlock_sandbox *sandbox = system_sandbox();
    OK(sandlock_sandbox_add_handler(sandbox, SYS_openat, asked, &count, NULL, NULL, &error));
    EXITS(0, sandbox, "cat", "/dev/null");
    CHECK(count > 0);
    sandlock_sandbox_free(sandbox);
}

/* The functions that the library exports. */

static bool is_called(const char *function)
{
    for (size_t i = 0; i < called_count; i++)
        if (strcmp(called[i], function) == 0)
            return true;
    return false;
}

static const void *at(const struct dl_phdr_info *object, ElfW(Addr) address)
{
    /* Some C libraries have added the base already. */
    return (const void *)(address < object->dlpi_addr ? object->dlpi_addr + address : address);
}

static size_t symbols_of_hash_table(const uint32_t *table)
{
    uint32_t buckets = table[0], first = table[1], bloom_words = table[2], last = 0;
    const uint32_t *bucket = table + 4 + bloom_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *chain = bucket + buckets;
    for (uint32_t i = 0; i < buckets; i++)
        if (bucket[i] > last)
            last = bucket[i];
    if (last < first)
        return first;
    while ((chain[last - first] & 1) == 0)
        last++;
    return last + 1;
}

static int compare_exports(struct dl_phdr_info *object, size_t size, void *found)
{
    const ElfW(Dyn) *entry = NULL;
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    const uint32_t *hash = NULL;
    (void)size;
    if (strstr(object->dlpi_name, "libsandlock") == NULL)
        return 0;
    for (size_t i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
            entry = (const void *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
    for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            symbols = at(object, entry->d_un.d_ptr);
        if (entry->d_tag == DT_STRTAB)
            names = at(object, entry->d_un.d_ptr);
        if (entry->d_tag == DT_GNU_HASH)
            hash = at(object, entry->d_un.d_ptr);
    }
    CHECK(symbols != NULL && names != NULL && hash != NULL);
    size_t count = symbols_of_hash_table(hash);
    for (size_t i = 0; i < count; i++) {
        const char *name = names + symbols[i].st_name;
        if (symbols[i].st_shndx == SHN_UNDEF || strncmp(name, "sandlock_", 9) != 0)
            continue;
        ++*(size_t *)found;
        if (!is_called(name))
            failed(__FILE__, __LINE__, name);
    }
    return 0;
}

static void every_function_was_called(void)
{
    size_t exported = 0;
    dl_iterate_phdr(compare_exports, &exported);
    CHECK_INT(called_count, exported);
}

int main(void)
{
    policies();
    hosts_and_texts();
    errors();
    outputs();
    sandboxes();
    many_runs();
    registrations();
    children();
    actions();
    without_a_notification();
    with_a_notification();
    every_function_was_called();
    return done();
}
