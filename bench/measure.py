"""What processes have used so far, from /proc (Linux only), and how measurements are summed up."""

import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def require_proc() -> None:
    if not Path("/proc/self/stat").exists():
        sys.exit("CPU time is read from /proc, which only Linux has.")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine_seconds() -> float:
    """What all cores have worked so far, for whomever, and what other machines took from them."""
    fields = [int(n) for n in Path("/proc/stat").read_text().split(maxsplit=9)[1:9]]
    _, _, _, idle, waiting, *_ = fields
    return (sum(fields) - idle - waiting) / TICKS


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """What a process has in memory; with ``VmHWM``, the most it ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def forget_peak(pid: int) -> None:
    """Let ``VmHWM`` begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@dataclass(frozen=True)
class Used:
    """CPU seconds in a span of time: of each process that was watched, and of everybody else."""

    wall_s: float
    cpu_s: tuple[float, ...]
    others_s: float

    def cores(self, number: int = 0) -> float:
        return self.cpu_s[number] / self.wall_s

    @property
    def others(self) -> float:
        """Cores that programs took which have nothing to do with this."""
        return max(0.0, self.others_s / self.wall_s)


class Watch:
    """Watches some processes (and this one, so that it is not counted among the others)."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._before = self._now()

    def _now(self) -> tuple[float, list[float], float]:
        return (
            time.perf_counter(),
            [cpu_seconds(pid) for pid in (*self._pids, os.getpid())],
            machine_seconds(),
        )

    def used(self) -> Used:
        """Since this watch was made."""
        (at0, cpu0, all0), (at1, cpu1, all1) = self._before, self._now()
        cpu = [after - before for before, after in zip(cpu0, cpu1, strict=True)]
        return Used(at1 - at0, tuple(cpu[: len(self._pids)]), all1 - all0 - sum(cpu))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of all values do not pass."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
