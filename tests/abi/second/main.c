/* Two static libraries made by Rust get along in one program. */
#include <string.h>

#include <sandlock.h>

extern int second_catches(void);

int main(void)
{
    sandlock_policy *policy = sandlock_policy_new();
    sandlock_error *err = NULL;
    int ok = second_catches() == 1;
    ok = ok && sandlock_policy_set(policy, "no.such", "setting", &err) == SANDLOCK_ERROR_POLICY;
    ok = ok && strstr(sandlock_error_message(err), "no.such") != NULL;
    sandlock_error_free(err);
    sandlock_policy_free(policy);
    return ok ? 0 : 1;
}
