"""The house rules that a machine can check: who may import whom, who may read a clock, who may catch everything."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("hooks", "fhir_mappings", "cds_service")
MAY_IMPORT = {
    "hooks": {"hooks"},
    "fhir_mappings": {"fhir_mappings", "hooks", "fhir", "msgspec", "pydantic", "medspacy", "spacy"},
    "cds_service": {
        "cds_service",
        "alembic",
        "authlib",
        "fhir_mappings",
        "hooks",
        "cryptography",
        "flask",
        "flask_cors",
        "granian",
        "jwt",
        "markdown_it",
        "markupsafe",
        "msgspec",
        "requests",
        "sqlalchemy",
        "urllib3",
        "werkzeug",
    },
}
FORBIDDEN_NAMES = {
    "utils",
    "helpers",
    "common",
    "base",
    "misc",
    "manager",
    "managers",
    "handler",
    "handlers",
    "processor",
    "processors",
    "engine",
    "engines",
    "factory",
    "factories",
}
CLOCKS = {"now", "today", "utcnow", "time", "monotonic", "perf_counter", "time_ns", "localtime", "gmtime"}
CATCH_ALL_ALLOWED = Path("hooks/run.py")

MODULES = [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
PURE = [path for path in MODULES if path.parts[0] in ("hooks", "fhir_mappings")]


def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_one_way(path: Path) -> None:
    allowed = MAY_IMPORT[path.parts[0]] | sys.stdlib_module_names
    assert {name.partition(".")[0] for name in imported(path)} <= allowed


@pytest.mark.parametrize("path", PURE, ids=str)
def test_what_decides_cannot_reach_out(path: Path) -> None:
    """No network, processes, threads or randomness; the standard library holds these too."""
    reaching = r"(socket|http|urllib\.request|subprocess|threading|asyncio|random|secrets|os|time)(\..*)?"
    assert [name for name in imported(path) if re.fullmatch(reaching, name)] == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_text_search_is_loaded_only_where_it_is_switched_on(path: Path) -> None:
    """spaCy and medspaCy are an extra: one module names them, within functions."""
    libraries = {"medspacy", "spacy"}
    found = {name.partition(".")[0] for name in imported(path)} & libraries
    at_import = {
        name.partition(".")[0]
        for node in tree(path).body
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    assert found == (libraries if path == Path("fhir_mappings/idea_search.py") else set())
    assert not at_import & libraries


@pytest.mark.parametrize("path", [path for path in PURE if path.parts[0] == "hooks"], ids=str)
def test_no_rule_reads_uncoded_text(path: Path) -> None:
    """A mention may ask for a look on the closing card; it fires nothing and clears nothing."""
    may = {Path("hooks/mentions.py"), Path("hooks/facts.py")}
    read = [
        node.lineno
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Attribute) and node.attr in ("mentions", "texts_unread"))
        or (isinstance(node, ast.Constant) and node.value in ("mentions", "texts_unread"))
    ]
    assert path in may or read == []


@pytest.mark.parametrize("path", PURE, ids=str)
def test_what_decides_reads_no_clock(path: Path) -> None:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    read = [
        node.lineno
        for node in calls
        if isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("date", "datetime", "time")
    ]
    assert read == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_the_rule_runner_catches_everything(path: Path) -> None:
    caught = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or catches_all(node.type))
    ]
    assert len(caught) == (1 if path == CATCH_ALL_ALLOWED else 0)


def catches_all(node: ast.expr) -> bool:
    return any(isinstance(one, ast.Name) and one.id in ("Exception", "BaseException") for one in ast.walk(node))


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_every_module_begins_with_a_sentence(path: Path) -> None:
    said = ast.get_docstring(tree(path))
    assert said, "no docstring"
    assert said[0].isupper() or not said[0].isalpha()


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_names_say_what_a_thing_is(path: Path) -> None:
    assert path.stem not in FORBIDDEN_NAMES
    classes = [node for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
    endings = ("Manager", "Handler", "Processor", "Engine", "Factory", "Helper", "Utils")
    assert [one.name for one in classes if one.name.endswith(endings)] == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_nothing_inherits_but_errors_and_declared_records(path: Path) -> None:
    # Resource is FHIR's own; Protocol and Generic only tell the type checker something, NamedTuple declares a record.
    allowed = {"Exception", "ValueError", "ServiceError", "Struct", "Resource", "Protocol", "Generic", "NamedTuple", ""}
    if path.name == "fhir_lines.py":  # connections of urllib3 can only be added to by inheriting from them
        allowed |= {"HTTPConnection", "HTTPSConnection", "HTTPConnectionPool", "HTTPSConnectionPool", "HTTPAdapter"}
        allowed |= {"_Endable"}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            bases = {base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases}
            assert bases <= allowed or node.name.endswith("Error"), f"{node.name} inherits from {bases}"


def test_every_folder_of_code_is_in_the_wheel() -> None:
    """setuptools takes what is named, and only that; the vignettes, which lie with the tests, are data."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    data = {"hooks.rules.vignettes": "tests/vignettes"}
    assert setuptools["package-dir"] == data
    assert set(setuptools["packages"]) == {".".join(path.parent.parts) for path in MODULES} | set(data)


def test_every_data_file_is_in_the_wheel() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for package in PACKAGES:
        covered = {path for pattern in declared[package] for path in (ROOT / package).glob(pattern)}
        present = {path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert {path for path in present - covered if path.suffix not in (".py", ".typed", ".md")} == set()
