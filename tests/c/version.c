/* valgrind */
/* The version of the header is that of the library. */

#include "check.h"

int main(void)
{
    char header[64];
    snprintf(header, sizeof header, "%d.%d.%d", SANDLOCK_VERSION_MAJOR, SANDLOCK_VERSION_MINOR,
             SANDLOCK_VERSION_PATCH);
    CHECK_TEXT(sandlock_version(), header);
    CHECK(sandlock_version() == sandlock_version());
    return done();
}
