#define _GNU_SOURCE
#include "answer.h"

#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Linux 6.6; the installed header may be older than the kernel. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1UL

#define MOST_BYTES 4096

/* What the child and this process tell each other. */
struct meeting {
	/* The child's descriptor of its listener, and whether this process has its own. */
	atomic_int listener;
	atomic_bool is_taken;
};

static struct meeting *meeting_point(void)
{
	struct meeting *meeting = mmap(NULL, sizeof(*meeting), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (meeting == MAP_FAILED)
		err(1, "mmap");
	atomic_store(&meeting->listener, -1);
	return meeting;
}

static int trap(int number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };
	int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	int listener;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err(1, "prctl(PR_SET_NO_NEW_PRIVS)");
	listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (listener < 0)
		err(1, "seccomp");
	return listener;
}

static void work_trapped(int number, struct meeting *meeting, void (*work)(void))
{
	atomic_store(&meeting->listener, trap(number));
	while (!atomic_load(&meeting->is_taken))
		sched_yield();
	work();
}

static int take_listener(pid_t child, struct meeting *meeting)
{
	int pidfd = syscall(SYS_pidfd_open, child, 0), listener;

	while (atomic_load(&meeting->listener) < 0)
		sched_yield();
	listener = syscall(SYS_pidfd_getfd, pidfd, atomic_load(&meeting->listener), 0);
	if (listener < 0)
		err(1, "pidfd_getfd");
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) < 0)
		err(1, "SECCOMP_IOCTL_NOTIF_SET_FLAGS");
	atomic_store(&meeting->is_taken, true);
	return listener;
}

static void read_argument(int listener, const struct seccomp_notif *call, size_t length)
{
	char buffer[MOST_BYTES];
	struct iovec local = { buffer, length };
	struct iovec remote = { (void *)(uintptr_t)call->data.args[0], length };
	uint64_t id = call->id;

	if (process_vm_readv(call->pid, &local, 1, &remote, 1, 0) != (ssize_t)length)
		err(1, "process_vm_readv");
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0)
		err(1, "SECCOMP_IOCTL_NOTIF_ID_VALID");
}

/* Until nobody is left who could call. */
static void answer_calls(int listener, size_t length)
{
	for (;;) {
		struct seccomp_notif call;
		struct seccomp_notif_resp response = { .val = ANSWER };

		memset(&call, 0, sizeof(call));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
			/* Before Linux 6.11 this would wait for ever. */
			if (errno == ENOENT)
				return;
			err(1, "SECCOMP_IOCTL_NOTIF_RECV");
		}
		if (length)
			read_argument(listener, &call, length);
		response.id = call.id;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0)
			err(1, "SECCOMP_IOCTL_NOTIF_SEND");
	}
}

void answer(int number, size_t length, void (*work)(void))
{
	struct meeting *meeting = meeting_point();
	pid_t child = fork();
	int status;

	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		work_trapped(number, meeting, work);
		exit(0);
	}
	answer_calls(take_listener(child, meeting), length);
	if (waitpid(child, &status, 0) != child || status != 0)
		errx(1, "the child failed");
}
