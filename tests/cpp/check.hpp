// What the tests of sandlock.hpp have in common.

#ifndef CHECK_HPP
#define CHECK_HPP

#include <sandlock.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <string>

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Notes that something does not hold, also where NDEBUG is defined, and goes on.
#define CHECK(condition) check::expect((condition), #condition, __FILE__, __LINE__)

/// Notes that an expression does not throw a sandlock::Error of this kind.
#define CHECK_FAILS(error_kind, expression) \
    CHECK(check::kind_of([&] { static_cast<void>(expression); }) == sandlock::ErrorKind::error_kind)

namespace check {

inline int failures = 0;
inline std::mutex reporting;

inline void expect(bool holds, const char *condition, const char *file, int line) {
    if (!holds) {
        const std::lock_guard lock(reporting);
        std::fprintf(stderr, "%s:%d: %s\n", file, line, condition);
        failures++;
    }
}

/// Runs tests, and says what main() returns.
inline int run(std::initializer_list<void (*)()> tests) {
    for (const auto test : tests) {
        try {
            test();
        } catch (const std::exception &exception) {
            std::fprintf(stderr, "unexpected: %s\n", exception.what());
            failures++;
        }
    }
    return failures == 0 ? 0 : 1;
}

/// The error that `act` ends with, or one that none is like.
inline sandlock::Error error_of(const std::function<void()> &act) {
    try {
        act();
    } catch (const sandlock::Error &error) {
        return error;
    }
    return {sandlock::ErrorKind{0}, "nothing was thrown"};
}

inline sandlock::ErrorKind kind_of(const std::function<void()> &act) {
    return error_of(act).kind();
}

/// Lets the programs of the system run. Their PATH is not the caller's, in which there can be
/// folders that are not for everybody.
inline sandlock::Policy programs() {
    sandlock::Policy policy;
    policy.set("fs.read", "/usr").set("process.env", "PATH=/usr/bin:/bin");
    for (const char *path : {"/lib", "/lib64", "/bin"}) {
        policy.set("fs.read_if_exists", path);
    }
    return policy;
}

/// Something that one thread waits for and another one brings about.
class Event {
public:
    void set() {
        const std::lock_guard lock(mutex_);
        is_set_ = true;
        changed_.notify_all();
    }

    /// Whether it came within a time that is long enough on a busy machine.
    bool wait() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return is_set_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_set_ = false;
};

/// A folder of its own below the working directory, which is removed with what was made in it.
class Folder {
public:
    Folder() {
        char name[] = "folder-XXXXXX";
        char *made = mkdtemp(name);
        char *whole = made == nullptr ? nullptr : realpath(made, nullptr);
        CHECK(whole != nullptr);
        path_ = whole == nullptr ? "" : whole;
        std::free(whole);
    }
    Folder(const Folder &) = delete;
    Folder &operator=(const Folder &) = delete;
    ~Folder() {
        for (const char *name : {"/file", "/other", "/link"}) {
            unlink((path_ + name).c_str());
        }
        CHECK(rmdir(path_.c_str()) == 0);
    }

    const std::string &path() const { return path_; }
    /// Files that it may have.
    std::string file() const { return path_ + "/file"; }
    std::string other() const { return path_ + "/other"; }
    std::string link() const { return path_ + "/link"; }

private:
    std::string path_;
};

inline void write_file(const std::string &path, const std::string &text) {
    std::ofstream(path) << text;
}

inline std::string read_file(const std::string &path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// A pipe of this process.
struct Pipe {
    Pipe() {
        int ends[2] = {-1, -1};
        CHECK(pipe(ends) == 0);
        reading = sandlock::Fd(ends[0]);
        writing = sandlock::Fd(ends[1]);
    }

    sandlock::Fd reading;
    sandlock::Fd writing;
};

/// Everything up to the end of a descriptor.
inline std::string read_all(const sandlock::Fd &fd) {
    std::string all;
    char buffer[4096];
    ssize_t count = 0;
    while ((count = read(fd.get(), buffer, sizeof buffer)) > 0) {
        all.append(buffer, static_cast<std::size_t>(count));
    }
    CHECK(count == 0);
    return all;
}

inline void write_all(const sandlock::Fd &fd, const std::string &bytes) {
    CHECK(write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

/// Counts how many of its copies are alive.
class Alive {
public:
    explicit Alive(std::atomic<int> &count) : count_(&count) { ++*count_; }
    Alive(const Alive &other) : count_(other.count_) { ++*count_; }
    Alive &operator=(const Alive &) = delete;
    ~Alive() { --*count_; }

private:
    std::atomic<int> *count_;
};

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

}  // namespace check

#endif  // CHECK_HPP
