"""Who may import whom, and what every check must say of itself: the rules of the layout, read from the sources."""

import ast
import re
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = {"harness", "rehearsal", "checks", "tests", "tools", "bench", "conftest"}
# The harness from its top floor down. What stands on a floor imports what stands below it, and no neighbour.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"__main__"}),
    frozenset({"cli"}),
    frozenset({"soak", "rollout", "pytest_plugin", "doctor", "drafting"}),
    frozenset({"plugin"}),
    frozenset({"options"}),
    frozenset({"invocation"}),
    frozenset({"run"}),
    frozenset({"report", "preflight", "source"}),
    frozenset({"checkers"}),
    frozenset({"postgres", "http"}),
    frozenset({"configuration"}),
    frozenset({"history", "redaction", "findings", "progress"}),
    frozenset({"errors"}),
    frozenset({"claims", "text", "console", "deferred", "extras", "files", "pytest_internals"}),
    frozenset({"patterns"}),
)
MOST_AT_THE_TOP = 15  # modules of harness/ itself
MAY_BE_IMPORTED_BY_CHECKS = {"checkers", "errors", "findings", "history", "http", "postgres", "preflight", "source"}
# Which packages may use a library. A library that is not named here may be used anywhere.
USERS: dict[str, set[str]] = {
    "requests": {"http", "soak"},
    "urllib3": {"http", "soak"},
    "psycopg": {"cli", "configuration", "doctor", "drafting", "postgres", "preflight", "run"},
    "yaml": {"cli", "configuration", "drafting", "source"},
    "pytest": {"cli", "invocation", "options", "plugin", "pytest_internals", "pytest_plugin"},
    "_pytest": {"pytest_internals"},
    "jinja2": {"report"},
    "tree_sitter": {"source"},
    "postgast": {"postgres", "source"},
    # Importing it changes a whole process: it stays in the soak's own.
    "locust": {"soak"},
    "gevent": {"soak"},
}
ASKS = {"requests", "urllib3", "psycopg", "socket", "yaml", "tenacity", "os", "pathlib", "subprocess", "pytest"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def imported(path: Path) -> list[str]:
    """The dotted name of every module that a file imports, wherever in it, relative ones made absolute."""
    package = path.relative_to(ROOT).parent.parts
    names = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names += [f"{module}.{alias.name}" for alias in node.names]
    return names


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


def test_the_harness_imports_nothing_of_the_project_but_itself() -> None:
    """Least of all the rehearsal: shared code would hide the same bug on both sides."""
    assert others_of_the_project("harness") == {}


def test_the_rehearsal_imports_nothing_of_the_project_but_itself() -> None:
    """It knows the harness as little as a real deployment does."""
    assert others_of_the_project("rehearsal") == {}


def others_of_the_project(package: str) -> dict[str, set[str]]:
    """What the files of a package import of the other packages, by file."""
    return {named(path): others for path in sources(package) if (others := first_parts(path) & OWN - {package})}


def test_the_tools_import_no_other_programs() -> None:
    """They use the harness, the rehearsal and the helpers of the tests; nothing of the project needs them to run."""
    everywhere = sources("harness", "rehearsal", "checks", "bench")
    assert [named(path) for path in everywhere if "tools" in first_parts(path)] == []


@pytest.mark.parametrize("path", sources("checks"), ids=named)
def test_a_check_imports_only_what_judges(path: Path) -> None:
    """Checkers, what they judge, and wording; nothing that asks, and no other library."""
    names = {tuple(name.split(".")[:2]) for name in imported(path)} - {("__future__", "annotations")}
    assert names <= {("harness", module) for module in MAY_BE_IMPORTED_BY_CHECKS}


def test_the_root_conftest_only_names_the_plugin() -> None:
    """It imports what registers the modules of `harness.pytest_plugin`, and does nothing else."""
    file = ROOT / "conftest.py"
    assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in tree_of(file).body)
    assert {name.rpartition(".")[0] for name in imported(file)} == {"harness.pytest_plugin.registration"}
    assert len(file.read_text(encoding="utf-8").splitlines()) < 60


def modules() -> dict[str, Path]:
    """The dotted name of each module of the harness, and its file."""
    return {dotted(path): path for path in sources("harness")}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package_of(module: str) -> str:
    """The package of the harness that a module is in, or the name of one at its top."""
    return module.split(".")[1]


def arrows(files: dict[str, Path]) -> dict[str, set[str]]:
    """For each of these modules, those among them that it imports, for types alone or not."""
    found: dict[str, set[str]] = {}
    for module, path in files.items():
        found[module] = set()
        for name in imported(path):
            while name and name not in files:
                name = name.rpartition(".")[0]
            found[module] |= {name} - {"", module}
    return found


def circle_of(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, in its order; none where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def upward(graph: dict[str, set[str]]) -> list[str]:
    """The imports of the harness that do not lead to a lower floor."""
    floor = {package: number for number, packages in enumerate(FLOORS) for package in packages}
    return [
        f"{module} -> {other}"
        for module, others in graph.items()
        for other in others
        if {module, other}.isdisjoint({"harness"})
        and package_of(module) != package_of(other)
        and floor[package_of(module)] >= floor[package_of(other)]
    ]


def test_no_import_runs_in_a_circle() -> None:
    """Nowhere in the harness, nor in the rehearsal; an import for types alone ties files as well."""
    assert circle_of(arrows(modules())) == []
    assert circle_of(arrows({dotted(path): path for path in sources("rehearsal")})) == []


def test_no_import_of_the_harness_runs_upward() -> None:
    """Each package imports lower floors only, and every package has its floor."""
    assert {package_of(module) for module in modules() if module != "harness"} == frozenset().union(*FLOORS)
    assert upward(arrows(modules())) == []


def test_circles_and_upward_imports_are_seen() -> None:
    """The two rules above fail on what they forbid."""
    assert circle_of({"harness.run.a": {"harness.run.b"}, "harness.run.b": {"harness.run.a"}})
    assert upward({"harness.text": {"harness.http.client"}}) == ["harness.text -> harness.http.client"]
    assert upward({"harness.http.client": {"harness.postgres.rows"}})


def test_few_modules_stand_at_the_top_of_the_harness() -> None:
    """What has a room stands in it."""
    assert len([path for path in (ROOT / "harness").glob("*.py") if path.name != "__init__.py"]) <= MOST_AT_THE_TOP


@pytest.mark.parametrize("library", USERS)
def test_a_library_is_used_in_its_rooms_only(library: str) -> None:
    """So that it is known which package sends, reads or parses."""
    users = {package_of(module) for module, path in modules().items() if library in first_parts(path)}
    assert users
    assert users <= USERS[library]


@pytest.mark.parametrize(
    "path", [*sources("harness/checkers"), *sorted((ROOT / "harness").rglob("*/checkers.py"))], ids=named
)
def test_what_judges_does_no_input_or_output(path: Path) -> None:
    """Pure functions: a saved history can be judged again without touching anything."""
    assert not first_parts(path) & ASKS


def test_the_engine_of_a_soak_reaches_no_gate() -> None:
    """What imports locust changes a whole process; the others know only what a soak concluded."""
    files = modules()
    graph = arrows(files)
    tainted = {module for module, path in files.items() if {"locust", "gevent"} & first_parts(path)}
    assert {package_of(module) for module in tainted} == {"soak"}
    while more := {module for module, others in graph.items() if others & tainted} - tainted:
        tainted |= more
    assert {package_of(module) for module in tainted} == {"soak"}


def test_nothing_that_asks_or_judges_knows_of_the_rehearsal() -> None:
    """But the remedy that names it as the way to try the harness, and the headline of what is deployed for a trial."""
    lines = [
        (named(path), line.strip())
        for path in [*sources("harness", "checks"), ROOT / "conftest.py"]
        for line in path.read_text(encoding="utf-8").splitlines()
        if "rehears" in line.lower()
    ]
    assert [(file, line.partition(" = ")[0]) for file, line in lines] == [
        ("harness/configuration/loading.py", "TRY_IT"),
        ("harness/report/actions.py", "TRIAL_HOLDS"),
    ]


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


def test_every_module_says_what_it_is() -> None:
    """Its docstring's first sentence."""
    paths = sources("harness", "rehearsal", "checks")
    assert [named(path) for path in paths if not ast.get_docstring(tree_of(path))] == []


def test_every_public_function_and_class_says_what_it_is() -> None:
    """Those without an underscore, at the top of a module."""
    silent = [
        (named(path), node.name)
        for path in sources("harness")
        for node in tree_of(path).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_no_group_of_an_expression_is_repeated_for_good() -> None:
    """Python before 3.11.5 forgets to go back to where one began that fails in its middle: a secret was not masked.

    Where UUIDs are counted, a text of whole UUIDs is asked for, so that none can fail so.
    """
    for_good = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+|\(\?>")
    found = [
        (named(path), node.value)
        for path in sources("harness", "rehearsal", "checks")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and for_good.search(node.value)
    ]
    assert [name for name, _ in found] == ["harness/history/columnar.py"], found


def of_other_tests(names: list[str]) -> list[str]:
    """Those of these modules, and of what is in them, that are tests of the project."""
    return [name for name in names if name.startswith("tests.") and ".test_" in name]


# Its helpers stand in test_ordering.py yet.
SHARES_A_TEST = ROOT / "tests" / "source" / "migrations"


def test_no_test_is_imported() -> None:
    """What tests share stands in tests/support/, so that each of them can be moved, changed or left out by itself."""
    paths = [path for path in sources("tests", "tools") if path.parent != SHARES_A_TEST]
    assert {named(path): names for path in paths if (names := of_other_tests(imported(path)))} == {}


def test_an_import_of_a_test_is_seen() -> None:
    """Of the whole module or of something in it; what only sounds like one is none."""
    wrong = ["tests.run.test_cleanup.store", "tests.test_layout"]
    right = ["tests.support.cleanups.store", "checks.test_latency.test_latency_is_within_budget", "pytest.test_x"]
    assert of_other_tests([*wrong, *right]) == wrong


def test_every_test_says_what_is_true_when_it_passes() -> None:
    """In a docstring that does not begin with "Test"."""
    wrong = [
        (named(path), node.name)
        for path in sources("tests")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and (not (said := ast.get_docstring(node)) or said.lower().startswith("test"))
    ]
    assert wrong == []
