/* valgrind */
/* Numbers and names of system calls. */

#include "check.h"

static void numbers_are_those_of_the_kernel(void)
{
    CHECK_INT(sandlock_syscall_number("openat"), SYS_openat);
    CHECK_INT(sandlock_syscall_number("uname"), SYS_uname);
    CHECK_INT(sandlock_syscall_number("exit_group"), SYS_exit_group);
    CHECK_TEXT(sandlock_syscall_name(SYS_openat), "openat");
    CHECK_TEXT(sandlock_syscall_name(SYS_uname), "uname");
}

static void what_is_no_call_has_no_number(void)
{
    const char *names[] = {"", "openat ", "OPENAT", "@files", "no_such_call", "0", "open\xff", "\xc3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK_INT(sandlock_syscall_number(names[i]), -1);
}

static void what_is_no_number_has_no_name(void)
{
    long numbers[] = {-1, LONG_MIN, LONG_MAX, 0x1000, 0xfff, 1L << 32, 0x40000000};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CHECK(sandlock_syscall_name(numbers[i]) == NULL);
}

static void every_name_leads_back_to_its_number(void)
{
    int known = 0;
    for (long number = -10; number < 5000; number++) {
        const char *name = sandlock_syscall_name(number);
        if (name == NULL)
            continue;
        CHECK_INT(sandlock_syscall_number(name), number);
        known++;
    }
    CHECK(known > 250);
}

int main(void)
{
    numbers_are_those_of_the_kernel();
    what_is_no_call_has_no_number();
    what_is_no_number_has_no_name();
    every_name_leads_back_to_its_number();
    return done();
}
