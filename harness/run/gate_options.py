"""The options of the gate: pytest learns them from here, and `chatbots-smoke run --help` prints them."""

from __future__ import annotations

from typing import Any

# Numbers are read by the configuration, whose refusal is worded, placed, and written into a verdict.
GATE_OPTIONS: dict[str, dict[str, Any]] = {
    "--env": {"action": "append", "metavar": "NAME", "help": "an environment to verify; repeatable (preview)"},
    "--environments": {"metavar": "FILE", "help": "the file that describes them (environments.yaml)"},
    "--posts": {"metavar": "N", "help": "POSTs to send one after another, instead of the file's"},
    "--burst": {"metavar": "N", "help": "POSTs to send at the same moment, instead of the file's"},
    "--revision": {"metavar": "SHA", "help": "wait until the ready page names this revision, and demand it"},
    "--source": {"metavar": "DIR", "help": "a checkout of the app, for the source checks"},
    "--read-only": {"action": "store_true", "help": "send no POST: schema and stored tokens only"},
    "--allow-many": {"action": "store_true", "help": "send more than 200 POSTs to a protected environment"},
    "--report-dir": {"metavar": "DIR", "help": "where reports are written (reports/<run id>)"},
    "--judge": {"action": "append", "metavar": "HISTORY", "help": "judge a saved history instead of a deployment"},
}
