"""How much memory a Python program took, measured in the process that ran it and nothing else."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path


def peak_mb() -> int:
    """The most memory that this process held so far, in MB.

    Not by getrusage() where there is another way: to Linux a child begins with the peak of the process that forked it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) // 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 ** (2 if sys.platform == "darwin" else 1)


# python tests/support/memory.py FILE MODULE ARGUMENT ..: runs the module, writes its peak to FILE
if __name__ == "__main__":
    file, *sys.argv = sys.argv[1:]
    sys.path[0] = os.getcwd()  # noqa: PTH109 (as `python -m` does)
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    finally:
        Path(file).write_text(str(peak_mb()), encoding="ascii")
