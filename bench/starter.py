"""Starts a command and says what it took: `python -I -S bench/starter.py DESCRIPTOR COMMAND ..`.

To Linux the peak of a process begins with that of the process that forked it, so that one must be small: this file
imports nothing that it can do without. To the descriptor goes one line: exit code, seconds of wall clock and of CPU,
and the peak in KB; or, in place of all that, a word that is no number and why the command cannot be run.
"""

import os
import signal
import sys
import time


def main() -> int:
    """Run it; returns its exit code, 128 + n where signal n ended it."""
    said, line = int(sys.argv[1]), sys.argv[2:]
    began_s = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.set_inheritable(said, False)
        try:
            os.execvp(line[0], line)
        except OSError as error:
            os.write(said, f"impossible {error.strerror}\n".encode())
            os._exit(127)
    for number in (signal.SIGTERM, signal.SIGINT):  # which the command gets too, and ends in its own way
        signal.signal(number, signal.SIG_IGN)
    _, status, used = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    took = (code, time.perf_counter() - began_s, used.ru_utime + used.ru_stime, used.ru_maxrss)
    os.write(said, (" ".join(map(str, took)) + "\n").encode())
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
