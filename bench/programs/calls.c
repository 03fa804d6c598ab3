/* Times system calls and prints a line for each: name, nanoseconds.
 *
 *   calls            confined by whoever started it, or not at all
 *   calls PATH...    confined by itself, with read grants on PATH...
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "timing.h"

#define FILE_NAME "/etc/passwd"

static int opened;

static int call_getppid(void)
{
	/* Raw, because a C library may remember the answer. */
	return syscall(SYS_getppid) < 0;
}

static int call_fstat(void)
{
	struct stat status;

	return fstat(opened, &status);
}

static int call_stat(void)
{
	struct stat status;

	return stat(FILE_NAME, &status);
}

static int call_open(void)
{
	int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);

	return fd < 0 || close(fd);
}

static int call_mmap(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED || munmap(page, 4096);
}

/* Judged by its arguments, so the kernel caches no verdict. */
static int call_fcntl(void)
{
	return fcntl(opened, F_GETFL) < 0;
}

static int call_fork(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child < 0 || waitpid(child, &status, 0) != child || status != 0;
}

static const struct {
	const char *name;
	int (*call)(void);
	int repeat;
} subjects[] = {
	{ "getppid", call_getppid, 1000 },
	{ "fstat", call_fstat, 500 },
	{ "stat", call_stat, 300 },
	{ "open+close", call_open, 200 },
	{ "mmap+munmap", call_mmap, 200 },
	{ "fork+wait", call_fork, 5 },
	{ "fcntl", call_fcntl, 1000 },
};

int main(int argc, char **argv)
{
	if (argc > 1)
		confine(argv + 1);
	opened = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
	if (opened < 0)
		err(1, FILE_NAME);
	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++)
		printf("%s %.1f\n", subjects[i].name, time_of(subjects[i].call, subjects[i].repeat));
	return 0;
}
