/* Calls that somebody answers, and prints nanoseconds.
 *
 *   trapped SUBJECT         what one call takes; answered, or not, by whoever started it
 *   trapped SUBJECT bare    answered by a bare loop in a process of its own
 *   trapped SUBJECT session the same, and the calls come from another session
 *   trapped latency         the 99th percentile of answered calls, while another process waits
 *   trapped moment          when this program began, on the monotonic clock
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"
#include "timing.h"

#define FILE_NAME "/etc/passwd"
#define LATENCIES 20000

static const char path[] = "/a/path/of/63/bytes/that/nobody/opens/because/it/is/answered/00";
_Static_assert(sizeof(path) == 64, "the path has 64 bytes, the NUL among them");

/* The argument is one that conditions on it can exclude. */
static int call_getppid(void)
{
	return syscall(SYS_getppid, 0) < 0;
}

static int call_answered(void)
{
	return syscall(SYS_getppid, 0) != ANSWER;
}

static int call_path(void)
{
	return syscall(SYS_chdir, path) != ANSWER;
}

static int call_fcntl(void)
{
	return syscall(SYS_fcntl, 1, F_GETFL, 0) < 0;
}

/* With a flag that no program start uses, so that it can be trapped alone. */
static int call_open(void)
{
	int fd = openat(AT_FDCWD, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 || close(fd);
}

static const struct subject {
	const char *name;
	int (*call)(void);
	int repeat;
	/* What a bare loop traps, and how much it reads. */
	int number;
	size_t length;
} subjects[] = {
	{ "answered", call_answered, 1500, SYS_getppid, 0 },
	{ "path", call_path, 1500, SYS_chdir, sizeof(path) },
	{ "getppid", call_getppid, 20000, SYS_getppid, 0 },
	{ "fcntl", call_fcntl, 20000, SYS_fcntl, 0 },
	{ "open", call_open, 400, SYS_openat, 0 },
};

static const struct subject *subject;

static void print_time(void)
{
	printf("%.1f\n", time_of(subject->call, subject->repeat));
}

/* Makes a call, again and again, that keeps whoever answers it waiting. */
static void wait_for_answers(void)
{
	for (;;)
		syscall(SYS_chdir, path);
}

/* How long each call takes; the first ones are answered 0 until the other process waits. */
static void print_latency(void)
{
	static double times[LATENCIES];
	pid_t other = fork();

	if (other < 0)
		err(1, "fork");
	if (other == 0)
		wait_for_answers();
	while (syscall(SYS_getppid, 0) == 0)
		;
	for (int i = 0; i < LATENCIES; i++) {
		double start = now();

		if (call_answered())
			errx(1, "a call was not answered");
		times[i] = now() - start;
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	sort(times, LATENCIES);
	printf("%.1f\n", times[LATENCIES * 99 / 100]);
}

static void find_subject(const char *name)
{
	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++) {
		if (strcmp(name, subjects[i].name) == 0)
			subject = &subjects[i];
	}
	if (!subject)
		errx(1, "no subject is named %s", name);
}

int main(int argc, char **argv)
{
	double beginning = now();

	if (argc < 2)
		errx(2, "usage: trapped SUBJECT [bare | session] | latency | moment");
	if (strcmp(argv[1], "moment") == 0) {
		printf("%.0f\n", beginning);
	} else if (strcmp(argv[1], "latency") == 0) {
		print_latency();
	} else {
		find_subject(argv[1]);
		if (argc > 2)
			answer(subject->number, subject->length, strcmp(argv[2], "session") == 0,
			       print_time);
		else
			print_time();
	}
	return 0;
}
