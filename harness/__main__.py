"""`chatbots-smoke`, which is `python -m harness` in a checkout."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.parser import COMMAND, CONFIGURATION, parsed
from harness.cli.redaction import last_redactor
from harness.console import Lasting
from harness.report.verdict import ExitCode
from harness.run.pytest_process import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def command() -> int:
    """`chatbots-smoke`, as it is installed: the files of its user are in the working directory."""
    return main(program=COMMAND, folder=Path.cwd())


def main(
    arguments: Sequence[str] | None = None, *, program: str = "python -m harness", folder: Path | None = None
) -> int:
    """Run one command; returns its exit code, of the same table as the gate's.

    `folder` holds `environments.yaml` and `reports/`: the checkout, or the working directory where there is none.
    """
    folder = folder or (ROOT if (ROOT / CONFIGURATION).exists() else Path.cwd())
    try:
        options = parsed(sys.argv[1:] if arguments is None else arguments, program=program, folder=folder)
    except SystemExit as ended:  # argparse's own 2 is that of an interrupted run
        return ExitCode.USAGE if ended.code else ExitCode.RELEASE
    # Only the module of this command is imported: some bring much that the others do not need.
    run: Callable[..., int] = import_module(f"harness.cli.{options.command}").run

    from harness.configuration.loading import ConfigurationError
    from harness.history.reading import UnreadableHistory
    from harness.report.run_log import NoTrend

    # Rows are removed and counted whether or not anybody takes the output.
    sys.stdout, sys.stderr = Lasting(sys.stdout), Lasting(sys.stderr)
    try:
        return run(options)
    except (ConfigurationError, UnreadableHistory, NoTrend) as error:
        print(f"ERROR: {last_redactor(options)(str(error))}", file=sys.stderr)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception:  # our own mistake: Python would print it in clear, and exit with the code for a roll-back
        print(last_redactor(options)(traceback.format_exc().rstrip()), file=sys.stderr)
        print("ERROR: the harness itself failed; report what it says above", file=sys.stderr)
        return ExitCode.INTERNAL_ERROR


if __name__ == "__main__":
    sys.exit(main())
