#define _GNU_SOURCE
#include "answer.h"

#include <err.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdatomic.h>
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
	/* Whether the child's next call is its last one. */
	atomic_bool is_done;
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
	atomic_store(&meeting->is_done, true);
	syscall(number, 0, 0, 0, 0);
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

static void answer_calls(int listener, struct meeting *meeting, size_t length)
{
	bool is_last;

	do {
		struct seccomp_notif call;
		struct seccomp_notif_resp response = { .val = ANSWER };

		memset(&call, 0, sizeof(call));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			err(1, "SECCOMP_IOCTL_NOTIF_RECV");
		is_last = atomic_load(&meeting->is_done);
		if (length && !is_last)
			read_argument(listener, &call, length);
		response.id = call.id;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0)
			err(1, "SECCOMP_IOCTL_NOTIF_SEND");
	} while (!is_last);
}

void answer(int number, size_t length, bool in_session, void (*work)(void))
{
	struct meeting *meeting = meeting_point();
	pid_t child = fork();
	int status;

	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		if (in_session && setsid() < 0)
			err(1, "setsid");
		work_trapped(number, meeting, work);
		exit(0);
	}
	answer_calls(take_listener(child, meeting), meeting, length);
	if (waitpid(child, &status, 0) != child || status != 0)
		errx(1, "the child failed");
}
