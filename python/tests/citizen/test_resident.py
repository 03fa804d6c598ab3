"""A program with 4 GiB in use."""

from .running import run

GIBIBYTES = 4.0


def test_a_run_copies_neither_memory_nor_page_tables():
    with open("/proc/meminfo") as meminfo:
        sizes = {line.split()[0]: int(line.split()[1]) for line in meminfo}
    available = sizes["MemAvailable:"] / (1 << 20)
    print(run("resident.py", str(min(GIBIBYTES, available / 3))))
