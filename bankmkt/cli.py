"""The command line: ``bankmkt generate | validate | report | tags | notebooks | lab``."""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bankmkt import __version__
from bankmkt.errors import BankmktError, DataError, ParameterError

if TYPE_CHECKING:
    from bankmkt.bank import Bank
    from bankmkt.reports.report import Report

WRONG_INPUT = 2
"""Exit code for input that cannot be right; 1 says that something was found or failed."""

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


class Commands(click.Group):
    """Commands whose errors are a message, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of ours goes to stderr and ends with exit code 2, Ctrl-C with 130."""
        try:
            return super().invoke(ctx)
        except BankmktError as error:
            click.echo(f"bankmkt: {error}", err=True)
            ctx.exit(WRONG_INPUT)
        except KeyboardInterrupt as stop:
            click.echo(f"bankmkt: {stop or 'stopped'}", err=True)
            ctx.exit(STOPPED)


@click.group(
    cls=Commands,
    help="A workbench for bank marketing analysts.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__)
def main() -> None:
    """Run one of the commands below."""


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--customers", default=20_000, show_default=True, help="Number of customers.")
@click.option("--months", default=24, show_default=True, help="Number of months.")
@click.option("--seed", default=7, show_default=True, help="Same seed, same bank.")
@click.option("--start", default="2024-07", show_default=True, help="First month, YYYY-MM.")
@click.option("--workers", type=int, help="Processes; the bank is the same for any number.  [default: all cores]")
def generate(path: Path, **options: Any) -> None:
    """Make a synthetic bank in the folder PATH."""
    import bankmkt as bm

    bank = bm.generate(path, **options)
    rows = ", ".join(f"{n:,} {table}" for table, n in bank.describe().get("rows", {}).items())
    click.echo(f"{path}: {rows}")


@main.command()
@click.argument("path")
@click.option("--engine", default="duckdb", show_default=True, help="duckdb, local[2], spark://…, sc://…")
@click.option("--mapping", type=click.Path(path_type=Path), help="YAML file that renames your columns and values.")
@click.option("--deep", is_flag=True, help="Also compare the files' checksums with the manifest.")
def validate(path: str, engine: str, mapping: Path | None, deep: bool) -> None:
    """List every fault of the bank in PATH, and what it lacks; exit code 1 if there are faults."""
    import bankmkt as bm

    bank = bm.open_bank(path, engine, mapping=mapping, deep=deep)
    faults = bm.validate(bank)
    for row in faults.to_dict("records"):
        where = ".".join(str(row[key]) for key in ("table", "column") if row[key])
        examples = f" (for example {row['examples']})" if row["examples"] else ""
        rows = f": {_count(row['rows'], 'row')}{examples}" if row["rows"] else ""
        click.echo(f"{where}: {row['rule']}{rows}; {row['todo']}")
    if absent := faults.attrs["absent_optional"]:
        click.echo(f"Not there, and optional: {', '.join(absent)}.")
    if unchecked := faults.attrs["unchecked"]:
        click.echo(f"Not checked: {'; '.join(unchecked)}.")
    with contextlib.suppress(DataError):  # no notebooks here: nothing to say about reports
        click.echo(_runnable(bank))
    click.echo(_count(len(faults), "kind") + " of fault" if len(faults) else "No faults.")
    if len(faults):
        sys.exit(1)


@main.command()
@click.argument("names", nargs=-1)
@click.option("-p", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--params", type=click.Path(path_type=Path), help="YAML file of parameters; -p goes first.")
@click.option("--by", help="org_id: a report per branch. Finished ones are kept unless something changed.")
@click.option("--level", help="With --by org_id: sub_branch for a report per sub-branch.  [default: branch]")
@click.option("--bank", help="Path of a bank.  [default: the demo bank]")
@click.option("--engine", default="duckdb", show_default=True, help="duckdb, local[2], spark://…, sc://…")
@click.option("--jobs", default=2, show_default=True, help="Notebooks that run at once.")
@click.option("--timeout", default=900.0, show_default=True, help="Seconds a notebook may take.")
@click.option("--pdf", is_flag=True, help="Also write PDFs; needs Chromium.")
@click.option("--out", default="reports", show_default=True, type=click.Path(path_type=Path), help="Folder.")
def report(names: Sequence[str], parameters: Sequence[str], params: Path | None, **options: Any) -> None:
    """Run the reports NAMES (all of them by default) and write the index page."""
    import bankmkt as bm

    reports = bm.run_reports(names, {**_from_file(params), **_from_options(parameters)}, **options)
    click.echo(_summary(reports))
    click.echo((options["out"] / "index.html").absolute())
    if any(report.status == "failed" for report in reports):
        sys.exit(1)


@main.command()
@click.argument("path")
@click.option("--as-of", "as_of", required=True, help="The day, YYYY-MM-DD; nothing later is seen.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write: .parquet or .csv.")
@click.option("--tags", "codes", help="Codes, with commas.  [default: the whole catalogue, and your own]")
@click.option("--own", type=click.Path(path_type=Path), help="Python file with your own tags; it is run, so trust it.")
@click.option("--engine", default="duckdb", show_default=True, help="duckdb, local[2], spark://…, sc://…")
@click.option("--mapping", type=click.Path(path_type=Path), help="YAML file that renames your columns and values.")
def tags(
    path: str, as_of: str, out: Path, codes: str | None, own: Path | None, engine: str, mapping: Path | None
) -> None:
    """Compute the tags of every customer of the bank in PATH (or demo) and write them to a file."""
    import bankmkt as bm

    chosen = bm.tags.pick(None if codes is None else codes.split(","), own)
    if path == "demo":
        path = str(bm.demo_bank().path)
    rows = bm.tags.write(bm.open_bank(path, engine, mapping=mapping), as_of, out, chosen)
    click.echo(f"{out}: {_count(len(chosen), 'tag')} of {_count(rows, 'customer')} as of {as_of}")


@main.command()
@click.option("--check", is_flag=True, help="Only say which are stale; exit code 1 if any is.")
def notebooks(check: bool) -> None:
    """Run the committed notebooks again at their defaults and store what they show."""
    from bankmkt.reports import notebooks as house
    from bankmkt.reports.refresh import committed, refresh, stale

    found = []
    for name in committed():
        if not check:
            click.echo(f"{name}: {refresh(name):.1f} s")
        found += [f"{name}: {fault}" for fault in stale(house.find(name))]
    for fault in found:
        click.echo(fault, err=True)
    if found:
        sys.exit(1)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def lab(options: Sequence[str]) -> None:
    """Open JupyterLab at the start page, for this machine only; OPTIONS go to JupyterLab."""
    from bankmkt.reports.notebooks import folder

    page = folder() / "index.ipynb"
    command = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", *options, str(page)]
    os.execv(sys.executable, command)


def _count(n: int, what: str) -> str:
    """Return ``"1 row"`` or ``"2 rows"``."""
    return f"{n:,} {what}" + ("s" if n != 1 else "")


def _from_file(path: Path | None) -> dict[str, Any]:
    import yaml

    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        todo = f"check the path and the file ({str(error).splitlines()[0]})"
        raise ParameterError("--params", str(path), "a YAML file", todo) from error
    if not isinstance(content, dict):
        raise ParameterError("--params", str(path), "lines of the form  name: value", "such as  month: 2026-06")
    return {str(name): value for name, value in content.items()}


def _from_options(options: Sequence[str]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    for option, (name, equals, _) in zip(options, pairs, strict=True):
        if not (name and equals):
            raise ParameterError("-p", option, "name=value", "such as  -p month=2026-06")
    return {name: value for name, _, value in pairs}


def _runnable(bank: "Bank") -> str:
    """Say which of the house's reports have the tables they need."""
    from bankmkt.reports import notebooks as house

    lacks = {name: house.lacks(house.read(house.find(name)), bank) for name in house.reports()}
    ready = ", ".join(name for name, missing in lacks.items() if not missing) or "none"
    rest = "".join(f"; {name} needs {', '.join(missing)}" for name, missing in lacks.items() if missing)
    return f"Reports it has the tables for: {ready}{rest}."


def _summary(reports: "Sequence[Report]") -> str:
    width = max((len(report.name) for report in reports), default=0)
    lines = []
    for report in reports:
        status = "kept" if report.kept else report.status
        what = report.html if report.ok else report.error
        lines.append(f"{report.name:<{width}}  {status:<7}  {report.seconds:7.1f} s  {what}")
    done = sum(report.ok for report in reports)
    return "\n".join([*lines, f"{done} of {len(reports)} reports done"])
