/* A program that does nothing; it needs the library if LINKED. */
#ifdef LINKED
#include <sandlock.h>

int main(void)
{
	return !sandlock_version();
}
#else
int main(void)
{
	return 0;
}
#endif
