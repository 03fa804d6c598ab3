"""What was tried, and how it went."""

import os
import threading


class Report:
    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0

    def passes(self):
        with self.lock:
            self.passed += 1

    def fails(self, what, output):
        with self.lock:
            self.failed += 1
            print(f"FAILED {what}", *output.splitlines()[-60:], sep="\n  ", flush=True)

    def skips(self, what, reason):
        with self.lock:
            self.skipped += 1
            print(f"SKIP {what}: {reason}", flush=True)

    def finish(self):
        """The exit status. Where everything is required, what was skipped has failed."""
        print(f"native: {self.passed} builds and runs passed, {self.failed} failed, {self.skipped} skipped")
        required = os.environ.get("SANDLOCK_TEST_REQUIRE") == "all"
        return 1 if self.failed or (required and self.skipped) else 0
