#ifndef CONFINE_H
#define CONFINE_H

/* Restricts the process as a sandbox with read grants on `paths` does, at the least cost the
 * kernel allows: one Landlock ruleset, one seccomp filter that allows everything. `paths` ends in
 * a null pointer. Ends the process when that fails. */
void confine(char *const *paths);

#endif
