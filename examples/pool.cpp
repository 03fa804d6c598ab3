// A build farm in small: a few threads take jobs from a queue and run each under one shared
// sandbox.
//
//     c++ -std=c++17 pool.cpp $(pkg-config --cflags --libs sandlock) -pthread && ./a.out
//
// A job may read the system's programs and write to the farm's own folder, and no more. It has a
// time limit and a limit of output, and every file that it opens for writing is noted.

#include <sandlock.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <queue>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>

using namespace std::chrono_literals;

struct Job {
    std::string name;
    std::string script;  // For sh(1), in the farm's folder.
    std::chrono::milliseconds timeout = 30s;
};

// A folder that goes with its owner.
struct Scratch {
    Scratch() {
        std::string name = std::filesystem::temp_directory_path() / "farm-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("cannot make a folder like " + name);
        }
        path = std::filesystem::canonical(name);
    }
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::filesystem::path path;
};

// What the workers share, and the observer with them.
struct Farm {
    std::optional<Job> take() {
        const std::lock_guard lock(mutex);
        if (jobs.empty()) {
            return std::nullopt;
        }
        Job next = jobs.front();
        jobs.pop();
        return next;
    }

    void note_end(const std::string &name, const std::string &status) {
        const std::lock_guard lock(mutex);
        statuses[name] = status;
    }

    void note_file(const std::string &path) {
        const std::lock_guard lock(mutex);
        files.insert(std::filesystem::path(path).filename());
    }

    std::mutex mutex;
    std::queue<Job> jobs;
    std::map<std::string, std::string> statuses;
    std::set<std::string> files;
};

static void fill(std::queue<Job> &jobs) {
    for (const std::string unit : {"lexer", "parser", "solver", "writer"}) {
        jobs.push({unit, "u=" + unit + "; echo \"$u();\" >$u.c && sort <$u.c >$u.o"});
    }
    jobs.push({"broken", "cat missing.c >broken.o"});
    jobs.push({"endless", "while :; do :; done", 200ms});
    jobs.push({"escaping", "echo mine >../farm.conf"});
    jobs.push({"talkative", "i=0; while [ $i -lt 500 ]; do echo warning; i=$((i + 1)); done"});
}

static sandlock::Sandbox sandbox_for(Farm &farm, const Scratch &scratch) {
    sandlock::Policy policy;
    policy.set("process.clean_env", "true").set("process.env", "PATH=/usr/bin:/bin");
    policy.set("process.cwd", scratch.path).set("fs.write", scratch.path).set("fs.read", "/usr");
    for (const char *path : {"/lib", "/lib64", "/bin"}) {
        policy.set("fs.read_if_exists", path);
    }
    const auto audit = [&farm](const sandlock::Notif &notif, const sandlock::Verdict *verdict) {
        // The path can be read while the call waits for its verdict, and not afterwards.
        if (verdict == nullptr) {
            farm.note_file(notif.read_path(1));
        }
    };
    const auto for_writing = sandlock::When::arg(2).masked_eq(O_ACCMODE, O_WRONLY);
    return sandlock::Sandbox{policy}.add_observer("openat", audit,
                                                  sandlock::ObserverOptions{}.when(for_writing));
}

// In words, how a job ended.
static std::string run(const sandlock::Sandbox &sandbox, const Job &job) try {
    auto launch = sandlock::Launch{"sh", "-c", job.script};
    const sandlock::Output output = sandbox.run(launch.timeout(job.timeout).capture_limit(1000));
    if (!output.success()) {
        return output.reason() == sandlock::Reason::timeout ? "timeout" : "failed";
    }
    return output.out_dropped() > 0 ? "ok, but too talkative" : "ok";
} catch (const sandlock::Error &error) {
    return std::string("not run: ") + error.what();
}

int main() try {
    const Scratch scratch;
    Farm farm;
    fill(farm.jobs);
    const sandlock::Sandbox sandbox = sandbox_for(farm, scratch);

    std::vector<std::thread> workers;
    for (int number = 0; number < 3; number++) {
        workers.emplace_back([&] {
            while (const std::optional<Job> job = farm.take()) {
                farm.note_end(job->name, run(sandbox, *job));
            }
        });
    }
    for (std::thread &worker : workers) {
        worker.join();
    }

    for (const auto &[name, status] : farm.statuses) {
        std::cout << name << ": " << status << '\n';
    }
    for (const std::string &file : farm.files) {
        std::cout << "opened for writing: " << file << '\n';
    }
} catch (const std::exception &error) {
    std::cerr << "pool: " << error.what() << '\n';
    return EXIT_FAILURE;
}
