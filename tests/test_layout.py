"""Who may import whom, and what every check must say of itself: the rules of the layout, read from the sources."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OWN = {"harness", "rehearsal", "checks", "tests", "bench", "conftest"}
JUDGE = {"checkers", "schema_checkers", "randomness", "latency", "history", "findings", "source"}
FACTS = {"catalog", "default", "stored", "watch", "readiness", "revision", "preflight"}
ENGINE = ("engine", "journal", "lifeline", "master", "numbers", "posting", "worker")
MAY_BE_IMPORTED_BY_CHECKS = JUDGE | FACTS


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> Iterator[str]:
    """The dotted name of every module that a file imports, wherever in it, relative ones made absolute."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def first_parts(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def test_there_is_something_to_hold_to_the_rules() -> None:
    """None of the rules below holds of nothing."""
    for folder in ("harness", "checks", "rehearsal", "tests"):
        assert sources(folder), folder


def test_imports_are_found_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In functions, under conditions, and relative ones."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    file = tmp_path / "harness" / "deep" / "a.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "import os.path\nif x:\n    from a import b, c\ndef f():\n    from . import d\n    from ..e import g\n",
        encoding="utf-8",
    )
    assert list(imported(file)) == ["os.path", "a.b", "a.c", "harness.deep.d", "harness.e.g"]


@pytest.mark.parametrize("path", sources("harness"), ids=named)
def test_the_harness_imports_nothing_of_the_project_but_itself(path: Path) -> None:
    """Least of all the rehearsal: shared code would hide the same bug on both sides."""
    assert first_parts(path) & OWN <= {"harness"}


@pytest.mark.parametrize("path", sources("rehearsal"), ids=named)
def test_the_rehearsal_imports_nothing_of_the_project_but_itself(path: Path) -> None:
    """It knows the harness as little as a real deployment does."""
    assert first_parts(path) & OWN <= {"rehearsal"}


@pytest.mark.parametrize("path", sources("checks"), ids=named)
def test_a_check_imports_only_what_judges(path: Path) -> None:
    """Checkers, what they judge, and wording; nothing that asks, and no other library."""
    names = {tuple(name.split(".")[:2]) for name in imported(path)} - {("__future__", "annotations")}
    assert names <= {("harness", module) for module in MAY_BE_IMPORTED_BY_CHECKS}


def test_the_composition_root_imports_only_the_harness() -> None:
    """It is the one that knows pytest and the harness; it knows no rehearsal."""
    assert first_parts(ROOT / "conftest.py") & OWN == {"harness"}


@pytest.mark.parametrize("module", ["checkers", "history", "findings", "answers", "remedies"])
def test_what_judges_does_no_input_or_output(module: str) -> None:
    """Pure functions: a saved history can be judged again without touching anything."""
    asking = {"requests", "urllib3", "psycopg", "socket", "yaml", "tenacity", "os", "pathlib", "subprocess", "pytest"}
    assert not first_parts(ROOT / "harness" / f"{module}.py") & asking


def test_the_engine_of_a_soak_reaches_no_gate() -> None:
    """Importing locust changes a whole process: it stays in the soak's own, and the others know only its conclusion."""
    everywhere = sources("harness", "checks", "rehearsal", "tests", "bench")
    soak = ROOT / "harness" / "soak"
    users = {named(path) for path in everywhere if {"locust", "gevent"} & first_parts(path)}
    assert users == {f"harness/soak/{name}.py" for name in ENGINE}
    engine = tuple(f"harness.soak.{name}" for name in (*ENGINE, "command", "processes"))
    outside = [
        path for path in (*everywhere, ROOT / "conftest.py") if soak not in path.parents and "tests" not in path.parts
    ]
    assert {named(path) for path in outside if any(name.startswith(engine) for name in imported(path))} == {
        "harness/__main__.py"
    }


def test_nothing_that_asks_or_judges_knows_of_the_rehearsal() -> None:
    """But the remedy that names it as the way to try the harness."""
    lines = [
        (named(path), line.strip())
        for path in [*sources("harness", "checks"), ROOT / "conftest.py"]
        for line in path.read_text(encoding="utf-8").splitlines()
        if "rehears" in line.lower()
    ]
    assert [(file, line.partition(" = ")[0]) for file, line in lines] == [("harness/configuration.py", "TRY_IT")]


@pytest.mark.parametrize("path", sources("checks"), ids=named)
def test_a_check_publishes_its_claim(path: Path) -> None:
    """The first line of its docstring is one sentence, and the rest says why; each test says what is true."""
    document = tree_of(path)
    claim, _, why = (ast.get_docstring(document) or "").partition("\n\n")
    assert claim.endswith(".")
    assert "\n" not in claim
    assert len(claim) <= 83  # with its outcome it fits a line of 100
    assert why.strip()
    tests = [node for node in document.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert tests
    for test in tests:
        said = ast.get_docstring(test) or ""
        assert said.endswith("."), test.name
        assert not said.lower().startswith("test"), test.name


def test_no_two_claims_are_the_same() -> None:
    """Nor two checks of one name: the verdict tells them apart by it."""
    documents = [tree_of(path) for path in sources("checks")]
    claims = [(ast.get_docstring(document) or "").partition("\n")[0] for document in documents]
    names = [node.name for document in documents for node in document.body if isinstance(node, ast.FunctionDef)]
    assert len(set(claims)) == len(claims)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", sources("harness", "rehearsal", "checks"), ids=named)
def test_every_module_says_what_it_is(path: Path) -> None:
    """Its docstring's first sentence."""
    assert ast.get_docstring(tree_of(path)), named(path)


@pytest.mark.parametrize("path", sources("harness"), ids=named)
def test_every_public_function_and_class_says_what_it_is(path: Path) -> None:
    """Those without an underscore, at the top of a module."""
    silent = [
        node.name
        for node in tree_of(path).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


@pytest.mark.parametrize("path", sources("tests"), ids=named)
def test_every_test_says_what_is_true_when_it_passes(path: Path) -> None:
    """In a docstring that does not begin with "Test"."""
    wrong = [
        node.name
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and (not (said := ast.get_docstring(node)) or said.lower().startswith("test"))
    ]
    assert wrong == []
