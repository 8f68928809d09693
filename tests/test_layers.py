"""Imports inside the package go down its layers only, and importing it is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "bankmkt"

LAYERS = [
    {"errors"},
    {"schema"},
    {"manifest", "dictionary", "margins", "months", "terms"},
    {"engines"},
    {"conform", "damage", "formats", "lookback"},
    {"sources", "settle", "saving"},
    {"mapping", "frames"},
    {"bank"},
    {"checks", "units"},
    {"validation"},
    {"synth", "datasets"},
    {"tags", "segments", "funnel", "experiment"},
    {"uplift"},
    {"campaigns"},
    {"reports"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FREE = {"plots", "privacy", "names", "confidence"}
"""plots see errors and the others; these are seen from everywhere and see errors only."""
HEAVY = {
    "causalml", "duckdb", "ibis", "lightgbm", "matplotlib", "nbconvert", "pandas", "papermill", "pyspark", "scipy",
    "sklearn", "statsmodels", "tea_tasting",
}  # fmt: skip


def unit(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """Yield modules of the package that a file imports, in full."""
    here = ("bankmkt", *path.relative_to(PACKAGE).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                module = ".".join([*here[: -node.level], *filter(None, [module])])
            if module == "bankmkt":
                yield from (f"bankmkt.{alias.name}" for alias in node.names)
            else:
                yield module


def breaches(path):
    me = unit(path)
    for module in imported(path):
        parts = module.split(".")
        if parts[0] != "bankmkt" or len(parts) == 1 or parts[1] in (me, "__version__"):
            continue
        other = parts[1]
        if me in FREE:
            fine = other == "errors" or (me == "plots" and other in FREE)
        elif other in FREE - {"plots"}:
            fine = True
        elif other == "plots":
            fine = LEVEL[me] >= LEVEL["reports"]
        else:
            fine = LEVEL[other] < LEVEL[me]
        if not fine:
            yield f"{path.relative_to(PACKAGE.parent)} imports {module}"


def modules():
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def test_every_module_has_its_layer():
    assert {unit(path) for path in modules()} <= LEVEL.keys() | FREE


def test_imports_go_down():
    assert [breach for path in modules() for breach in breaches(path)] == []


def test_the_check_sees_a_breach(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "synth").mkdir()
    (tmp_path / "schema.py").write_text("from bankmkt import bank\n")
    (tmp_path / "synth" / "world.py").write_text(
        "from ..campaigns import rules\nfrom . import blocks\nimport bankmkt.bank\n"
    )
    assert [breach.split(" imports ")[1] for path in modules() for breach in breaches(path)] == [
        "bankmkt.bank",
        "bankmkt.campaigns",
    ]


def code_lines(path):
    """Count lines that are neither blank, comment nor docstring."""
    text = path.read_text(encoding="utf-8")
    lines = {i for i, line in enumerate(text.splitlines(), 1) if line.strip() and not line.strip().startswith("#")}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def test_modules_are_short():
    """A module answers one question in some 300 lines; the schema is one long table."""
    long = {str(path.relative_to(PACKAGE)): code_lines(path) for path in modules() if unit(path) != "schema"}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}


def test_importing_the_package_is_cheap_and_changes_nothing():
    code = f"""
import locale, os, sys, time, warnings
before = dict(os.environ), list(warnings.filters), locale.setlocale(locale.LC_ALL)
start = time.perf_counter()
import bankmkt
took = time.perf_counter() - start
bankmkt.schema, bankmkt.errors, bankmkt.open_bank
after = dict(os.environ), list(warnings.filters), locale.setlocale(locale.LC_ALL)
print(sorted({HEAVY!r} & set(sys.modules)), took < 0.5, before == after)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[] True True"
