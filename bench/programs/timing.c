#include "timing.h"

#include <err.h>
#include <stdlib.h>
#include <time.h>

#define CHUNKS 11

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static int ascending(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

void sort(double *values, int count)
{
	qsort(values, count, sizeof(*values), ascending);
}

double time_of(int (*call)(void), int repeat)
{
	double chunks[CHUNKS];

	for (int chunk = 0; chunk < CHUNKS; chunk++) {
		double start = now();

		for (int i = 0; i < repeat; i++) {
			if (call())
				err(1, "a call that must succeed failed");
		}
		chunks[chunk] = (now() - start) / repeat;
	}
	sort(chunks, CHUNKS);
	return chunks[CHUNKS / 2];
}
