"""The options of the gate: pytest learns them from here, and `chatbots-smoke run --help` prints them."""

from __future__ import annotations

from typing import Any

# Numbers are read by the configuration, whose refusal is worded, placed, and written into a verdict.
GATE_OPTIONS: dict[str, dict[str, Any]] = {
    "--env": {
        "action": "append",
        "metavar": "NAME",
        "help": "verify this environment; may be repeated (default: preview)",
    },
    "--environments": {"metavar": "FILE", "help": "read this file (default: environments.yaml)"},
    "--posts": {"metavar": "N", "help": "send N POSTs one after another, whatever the file says"},
    "--burst": {"metavar": "N", "help": "send N POSTs at the same moment, whatever the file says"},
    "--revision": {"metavar": "SHA", "help": "wait until the ready page names this commit; needs ready.revision"},
    "--source": {"metavar": "DIR", "help": "also check the app's source in this checkout"},
    "--read-only": {"action": "store_true", "help": "send no POST: check the schema and the stored tokens only"},
    "--allow-many": {"action": "store_true", "help": "allow more than 200 POSTs to a protected environment"},
    "--report-dir": {"metavar": "DIR", "help": "write the reports there (default: reports/<run id>)"},
    "--judge": {"action": "append", "metavar": "HISTORY", "help": "judge this saved history again; connect to nothing"},
}
