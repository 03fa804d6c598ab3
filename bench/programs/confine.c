#define _GNU_SOURCE
#include "confine.h"

#include <err.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The installed header may be older than the kernel and lack the last fields. */
struct ruleset {
	uint64_t fs, net, scoped;
};

/* The rights that each Landlock ABI knows, all of which a sandbox handles. */
static struct ruleset everything(int abi)
{
	int fs_rights = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;

	return (struct ruleset){
		.fs = (UINT64_C(1) << fs_rights) - 1,
		.net = abi >= 4 ? 3 : 0,
		.scoped = abi >= 6 ? 3 : 0,
	};
}

static void grant_reading(int ruleset, const char *path)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};
	struct stat status;

	if (rule.parent_fd < 0 || fstat(rule.parent_fd, &status) < 0)
		err(1, "%s", path);
	if (S_ISDIR(status.st_mode))
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		err(1, "landlock_add_rule(%s)", path);
	close(rule.parent_fd);
}

static void restrict_paths(char *const *paths)
{
	int abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset handled = everything(abi);
	int ruleset = syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);

	if (abi < 0 || ruleset < 0)
		err(1, "landlock_create_ruleset");
	for (; *paths; paths++)
		grant_reading(ruleset, *paths);
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		err(1, "landlock_restrict_self");
	close(ruleset);
}

static void allow_every_call(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = 1, .filter = &allow };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		err(1, "seccomp");
}

void confine(char *const *paths)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err(1, "prctl(PR_SET_NO_NEW_PRIVS)");
	restrict_paths(paths);
	allow_every_call();
}
