"""A plugin of pydantic is handed whatever is validated; some send it to somebody's server."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.gates import ROOT, clean_environment

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = """
class Plugin:
    def new_schema_validator(self, *args, **kwargs):
        print("the plugin was asked")
        return None, None, None
plugin = Plugin()
"""
VALIDATES = "from harness.configuration.models import Table\nprint(Table().name)"


def test_no_plugin_of_pydantic_sees_a_configuration(tmp_path: Path) -> None:
    """One that is installed is not asked, though pydantic would load it."""
    (tmp_path / "listens.py").write_text(PLUGIN, encoding="utf-8")
    metadata = tmp_path / "listens-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: listens\nVersion: 1\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[pydantic]\nlistens = listens:plugin\n", encoding="utf-8")

    def said(code: str) -> str:
        environment = clean_environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
        environment.pop("PYDANTIC_DISABLE_PLUGINS", None)  # which this process has set when it imported the harness
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert "the plugin was asked" in said(
        "from pydantic import BaseModel\nclass Own(BaseModel):\n    x: int = 1\nOwn()"
    )
    assert said(VALIDATES) == "chatbots\n"
