/* Embeds the library as a C program does.
 *
 *   embedder PROGRAM PATH...
 *
 * Reads a subject from each line of stdin, measures it, and prints nanoseconds. Sandboxes may read
 * PROGRAM, which is the one of trapped.c, and PATH...
 */
#define _GNU_SOURCE
#include <err.h>
#include <sandlock.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "answer.h"
#include "timing.h"

#define PATH_SIZE 4096
#define PATH_LENGTH 63
#define RUNS 9

extern char **environ;

/* Ends the process if a function of the library failed. */
static void check(sandlock_status status, const sandlock_error *error)
{
	if (status != SANDLOCK_OK)
		errx(1, "%s", sandlock_error_message(error));
}

static sandlock_action answer_call(const sandlock_notif *notif, void *user_data)
{
	(void)notif;
	(void)user_data;
	return sandlock_return(ANSWER);
}

static sandlock_action let_through(const sandlock_notif *notif, void *user_data)
{
	(void)notif;
	(void)user_data;
	return sandlock_continue();
}

static sandlock_action answer_path(const sandlock_notif *notif, void *user_data)
{
	char path[PATH_SIZE];
	size_t length;
	sandlock_status status = sandlock_notif_read_path(notif, 0, path, sizeof(path), &length);

	(void)user_data;
	if (status != SANDLOCK_OK)
		return sandlock_refuse(status);
	return sandlock_return(length == PATH_LENGTH ? ANSWER : 0);
}

static void count(const sandlock_notif *notif, const sandlock_verdict *verdict, void *user_data)
{
	atomic_ulong *counter = user_data;

	(void)notif;
	(void)verdict;
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void add_handler(sandlock_sandbox *sandbox, long number, sandlock_handler_fn handler)
{
	sandlock_error *error = NULL;

	check(sandlock_sandbox_add_handler(sandbox, number, handler, NULL, NULL, NULL, &error), error);
}

static void add_counter(sandlock_sandbox *sandbox, long number)
{
	static atomic_ulong counter;
	sandlock_error *error = NULL;

	check(sandlock_sandbox_add_observer(sandbox, number, count, &counter, NULL, NULL, &error),
	      error);
}

static sandlock_sandbox *make_sandbox(char *const *paths)
{
	sandlock_policy *policy = sandlock_policy_new();
	sandlock_sandbox *sandbox = NULL;
	sandlock_error *error = NULL;

	for (; *paths; paths++)
		check(sandlock_policy_set(policy, "fs.read", *paths, &error), error);
	check(sandlock_sandbox_new(policy, &sandbox, &error), error);
	sandlock_policy_free(policy);
	return sandbox;
}

static const char *program;
static sandlock_sandbox *plain, *answered, *chain, *path;

static void make_sandboxes(char *const *paths)
{
	program = paths[0];
	plain = make_sandbox(paths);
	answered = make_sandbox(paths);
	add_handler(answered, SYS_getppid, answer_call);
	chain = make_sandbox(paths);
	add_handler(chain, SYS_getppid, let_through);
	add_handler(chain, SYS_getppid, answer_call);
	add_counter(chain, SYS_getppid);
	path = make_sandbox(paths);
	add_handler(path, SYS_chdir, answer_path);
}

/* Runs a command that must succeed. */
static sandlock_output *run(const sandlock_sandbox *sandbox, const char *const *argv)
{
	sandlock_output *output = NULL;
	sandlock_error *error = NULL;

	check(sandlock_sandbox_run(sandbox, argv, &output, &error), error);
	if (!sandlock_output_success(output)) {
		size_t length;
		const char *printed = sandlock_output_stderr(output, &length);

		errx(1, "%s: %.*s", argv[0], (int)length, printed);
	}
	return output;
}

static void run_true(void)
{
	static const char *const command[] = { "/bin/true", NULL };

	sandlock_output_free(run(plain, command));
}

static void spawn_true(void)
{
	static char name[] = "/bin/true";
	char *const command[] = { name, NULL };
	pid_t child;
	int status;

	if (posix_spawn(&child, name, NULL, NULL, command, environ) != 0)
		errx(1, "posix_spawn");
	if (waitpid(child, &status, 0) != child || status != 0)
		errx(1, "waitpid");
}

static double median_of(void (*start)(void))
{
	double times[RUNS];

	for (int i = 0; i < RUNS; i++) {
		double begin = now();

		start();
		times[i] = now() - begin;
	}
	sort(times, RUNS);
	return times[RUNS / 2];
}

/* What the program says about a subject of its own. */
static double told_by(const sandlock_sandbox *sandbox, const char *subject)
{
	const char *const command[] = { program, subject, NULL };
	sandlock_output *output = run(sandbox, command);
	size_t length;
	const char *printed = sandlock_output_stdout(output, &length);
	char number[32] = "";
	double nanoseconds;

	memcpy(number, printed, length < sizeof(number) ? length : sizeof(number) - 1);
	nanoseconds = strtod(number, NULL);
	sandlock_output_free(output);
	return nanoseconds;
}

static double measure(const char *subject)
{
	if (strcmp(subject, "spawn") == 0)
		return median_of(spawn_true);
	if (strcmp(subject, "run") == 0)
		return median_of(run_true);
	if (strcmp(subject, "answered") == 0)
		return told_by(answered, "answered");
	if (strcmp(subject, "chain") == 0)
		return told_by(chain, "answered");
	if (strcmp(subject, "path") == 0)
		return told_by(path, "path");
	errx(1, "no subject is named %s", subject);
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc < 2)
		errx(2, "usage: embedder PROGRAM PATH...");
	make_sandboxes(argv + 1);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		printf("%.1f\n", measure(line));
		fflush(stdout);
	}
	sandlock_sandbox_free(plain);
	sandlock_sandbox_free(answered);
	sandlock_sandbox_free(chain);
	sandlock_sandbox_free(path);
	return 0;
}
