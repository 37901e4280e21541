"""Finds the migrations of a checkout, and puts them in the order in which their tool runs them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.checkout import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.source.checkout import Checkout, SourceFile

_FOLDER = re.compile(r"(?i)^(?!\d).*migrat|^(?:drizzle|sqls|changelogs?|deploy|patches|upgrades?)$")
_NEVER_RUN = frozenset(
    (
        "test",
        "tests",
        "__tests__",
        "e2e",
        "spec",
        "fixtures",
        "mocks",
        "__mocks__",
        "seed",
        "seeds",
        "seeders",
        "archive",
    )
) | {"archive", "down", "undo", "revert", "rollback", "rollbacks", "verify"}
_DOWN = re.compile(r"(?i)(?:^|[.])(?:down|undo|rollback|revert)[.]|^U\d[\d._]*__")
_DOWN_OF = re.compile(r"(?i)[_-](?:down|undo|rollback|revert)(?=\.\w+$)")
_SNAPSHOT = re.compile(r"(?i)^(?:schema|structure|dump|full[_-]?schema|latest)\.sql$")
_NUMBERED = re.compile(r"^(?:[VB]?\d|R__)")
_UP = re.compile(r"\bup\b")
_DATE = re.compile(r"^(\d{4})[-_.](\d\d)[-_.](\d\d)((?:[-_.T]?\d+)*)(?=\D|$)")
_VERSION = re.compile(r"^[VB](\d+(?:[._]\d+)*)__")
_BY_NAME = re.compile(r"\bknex\b|\bKnex\b|queryInterface|\bKysely\b|QueryInterface")


@dataclass(frozen=True, slots=True)
class MigrationHistory:
    """The migrations of one folder in the order in which they run, and those that its tool would not run.

    Not `ordered` where names say nothing of the order: then a table is made before it is altered.
    """

    folder: str
    files: tuple[SourceFile, ...]
    left_out: tuple[str, ...] = ()
    ordered: bool = True


@dataclass(frozen=True, slots=True)
class Scripts:
    """All files that may change a table: the histories, and those that stand by themselves."""

    histories: tuple[MigrationHistory, ...]
    loose: tuple[SourceFile, ...]


def find_scripts(checkout: Checkout) -> Scripts:
    """Sort the files of a checkout into histories and loose ones; tests, seeds and down migrations are left out."""
    groups: dict[str, list[SourceFile]] = {}
    loose = []
    files = checkout.of(".sql", *SOURCE)
    paths = {file.path for file in files}
    for file in files:
        *folders, name = file.path.split("/")
        if _NEVER_RUN & {folder.lower() for folder in folders} or name.endswith(".d.ts") or _is_down(file.path, paths):
            continue
        group = _group_of(folders, name, file)
        if group is None:
            loose.append(file)
        else:
            groups.setdefault(group, []).append(file)
    histories = [_history(checkout, folder, files) for folder, files in groups.items()]
    return Scripts(tuple(histories), tuple(loose))


def _is_down(path: str, paths: set[str]) -> bool:
    """Whether a file is the down migration of another one; one that is only called so may be one that runs."""
    name = path.rpartition("/")[2]
    if _DOWN.search(name):
        return True
    return any(_DOWN_OF.sub(up, path) in paths for up in ("", "_up", "-up")) if _DOWN_OF.search(name) else False


def _group_of(folders: list[str], name: str, file: SourceFile) -> str | None:
    """The folder whose history a file belongs to; None where it stands by itself."""
    if name.lower() in ("migration.sql", "up.sql") and folders and folders[-1][:1].isdigit():
        return "/".join(folders[:-1])
    is_sql = file.suffix == ".sql"
    if is_sql and _SNAPSHOT.match(name):
        return None
    deepest = max((n for n, folder in enumerate(folders) if _FOLDER.search(folder)), default=-1)
    if deepest >= 0 and (is_sql or _UP.search(file.text)):
        while deepest > 0 and folders[deepest] == "sqls" and _FOLDER.search(folders[deepest - 1]):
            deepest -= 1  # of db-migrate, whose programs stand above
        return "/".join(folders[: deepest + 1])
    if _NUMBERED.match(name) and (is_sql or _UP.search(file.text)):
        return "/".join(folders)
    return None


def _history(checkout: Checkout, folder: str, files: list[SourceFile]) -> MigrationHistory:
    journal = _journal(checkout, folder)
    if journal is not None:
        order = {tag: n for n, tag in enumerate(journal)}

        def tag_of(file: SourceFile) -> str:
            below = file.path.removeprefix(folder + "/")
            return below.removesuffix("/migration.sql").removesuffix(".sql")

        known = [file for file in files if tag_of(file) in order]
        if known:
            known.sort(key=lambda file: order[tag_of(file)])
            left = tuple(file.path for file in files if file.suffix == ".sql" and tag_of(file) not in order)
            return MigrationHistory(folder, tuple(known), left)
    plan = _plan(checkout, folder)
    if plan is not None:
        known = [file for file in files if _stem(file) in plan]
        if known:
            known.sort(key=lambda file: plan.index(_stem(file)))
            return MigrationHistory(folder, tuple(known), tuple(f.path for f in files if _stem(f) not in plan))
    numbered = [file for file in files if _has_number(folder, file)]
    if len(numbered) > 1 or (numbered and len(numbered) < len(files)):
        # Helpers and snapshots beside numbered migrations are no migrations; those that run again come last.
        again = [file for file in files if file.path.rpartition("/")[2].startswith("R__")]
        files = [file for file in numbered if file not in again] + again
        if _by_name(files):
            return MigrationHistory(folder, tuple(sorted(files, key=lambda file: file.path)))
    return MigrationHistory(folder, tuple(sorted(files, key=lambda file: _key(folder, file))), ordered=bool(numbered))


def _stem(file: SourceFile) -> str:
    return file.path.rpartition("/")[2].removesuffix(file.suffix)


def _by_name(files: Iterable[SourceFile]) -> bool:
    """Whether the tool sorts names as text, 10 before 2: Knex, Sequelize and Kysely do."""
    return any(file.suffix != ".sql" and _BY_NAME.search(file.text) for file in files)


def _has_number(folder: str, file: SourceFile) -> bool:
    below = file.path.removeprefix(folder + "/") if folder else file.path
    return any(_NUMBERED.match(part) for part in below.split("/")) or bool(_of_class(file))


def _of_class(file: SourceFile) -> list[int]:
    """The time in the name of a class or file, such as AddToken1690000000000 (TypeORM, MikroORM)."""
    stem = _stem(file)
    in_name = re.match(r"^[A-Za-z_]+(\d{8,})", stem)
    if in_name:
        return [int(in_name[1])]
    if file.suffix == ".sql":
        return []
    of_class = re.search(r"\bclass\s+\w*?(\d{13,14})\b", file.text)
    return [int(of_class[1])] if of_class else []


def _key(folder: str, file: SourceFile) -> tuple[object, ...]:
    """Sorts by number, part by part of the path, 2 before 10; what has none comes after, by name."""
    below = file.path.removeprefix(folder + "/") if folder else file.path
    key: list[object] = []
    for part in below.split("/"):
        numbers = _numbers(part)
        if numbers is None and part == below.rpartition("/")[2]:
            numbers = _of_class(file) or None
        repeated = part.startswith("R__")
        key.append((repeated or (numbers is None), numbers or [], part))
    return tuple(key)


def _numbers(name: str) -> list[int] | None:
    version = _VERSION.match(name)
    if version:
        return [int(part) for part in re.split(r"[._]", version[1])]
    date = _DATE.match(name)
    if date:
        rest = "".join(re.findall(r"\d+", date[4]))
        return [int(date[1] + date[2] + date[3]), int(rest or 0)]
    plain = re.match(r"^[VB]?(\d+)", name)
    return [int(plain[1])] if plain else None


def _journal(checkout: Checkout, folder: str) -> list[str] | None:
    """The order that Drizzle keeps in meta/_journal.json; None where there is none that can be read."""
    path = checkout.root / folder / "meta" / "_journal.json"
    try:
        journal = json.loads(path.read_text(encoding="utf-8"))
        entries = sorted(journal["entries"], key=lambda entry: entry["idx"])
        return [str(entry["tag"]) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _plan(checkout: Checkout, folder: str) -> list[str] | None:
    """The order of sqitch.plan, which stands beside the folder `deploy`."""
    if folder.rpartition("/")[2] != "deploy":
        return None
    path = (checkout.root / folder).parent / "sqitch.plan"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    return [line.split()[0] for line in lines if line.strip() and line[0] not in "%#@"]
