/* Loads a shared library into a process that has done nothing else.
 *
 *   load LIBRARY            prints how many nanoseconds that takes
 *   load LIBRARY threads    prints how many threads the process has then
 */
#include <dirent.h>
#include <dlfcn.h>
#include <err.h>
#include <stdio.h>

#include "timing.h"

static int threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int count = 0;

	if (!tasks)
		err(1, "/proc/self/task");
	for (struct dirent *entry; (entry = readdir(tasks));)
		count += entry->d_name[0] != '.';
	closedir(tasks);
	return count;
}

int main(int argc, char **argv)
{
	double begin;

	if (argc < 2)
		errx(2, "usage: load LIBRARY [threads]");
	begin = now();
	if (!dlopen(argv[1], RTLD_NOW | RTLD_LOCAL))
		errx(1, "%s", dlerror());
	printf("%.0f\n", argc > 2 ? threads() : now() - begin);
	return 0;
}
