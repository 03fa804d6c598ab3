#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>

/* What every trapped call is answered. */
#define ANSWER 42

/* Runs `work` in a child whose calls with `number` are answered by a loop in this process, with
 * nothing around it: the least that an answer costs. Before each answer the loop reads `length`
 * bytes at the call's first argument and checks that the call still waits, if `length` is not 0.
 * The child is in a session of its own if `in_session`, as a program in a sandbox is. */
void answer(int number, size_t length, bool in_session, void (*work)(void));

#endif
