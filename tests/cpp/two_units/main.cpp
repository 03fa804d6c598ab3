// One of two files of a program that both include sandlock.hpp.

#include "../check.hpp"

sandlock::Sandbox with_handler();
sandlock::Error error_of_the_other();

int main() {
    // The exception comes back although the handler, and the error, are of the other file.
    return check::run({[] {
        const sandlock::Sandbox sandbox = with_handler();
        const auto error = check::error_of([&] { static_cast<void>(sandbox.run({"uname"})); });
        CHECK(error.kind() == sandlock::ErrorKind::handler && error.cause() != nullptr);
        CHECK(error_of_the_other().kind() == sandlock::ErrorKind::policy);
    }});
}
