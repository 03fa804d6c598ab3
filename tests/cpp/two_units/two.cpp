// The other one.

#include "../check.hpp"

sandlock::Sandbox with_handler();
sandlock::Error error_of_the_other();

sandlock::Sandbox with_handler() {
    return sandlock::Sandbox{check::programs()}.add_handler(
        "uname", [](const sandlock::Notif &) -> sandlock::Action { throw 3; });
}

sandlock::Error error_of_the_other() {
    return check::error_of([] { static_cast<void>(sandlock::Policy::from_toml("x = 1")); });
}
