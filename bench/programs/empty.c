/* The least that a shared library can be. */
extern int nothing;
