#ifndef TIMING_H
#define TIMING_H

/* The monotonic clock, in nanoseconds. */
double now(void);

/* Sorts `values` from low to high. */
void sort(double *values, int count);

/* Nanoseconds that `call` takes: the median of several chunks of `repeat` calls, so that one
 * interruption spoils one chunk and not the figure. Ends the process when a call returns other than
 * zero. */
double time_of(int (*call)(void), int repeat);

#endif
