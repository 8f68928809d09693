"""The index page: every report in a folder, good or failed, with its question and key figures."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bankmkt.reports.figures import shown, title
from bankmkt.reports.page import SECURITY, css, environment
from bankmkt.reports.report import Report, load, write_text

COLUMNS = 5
"""Key figures shown per branch."""


@dataclass(frozen=True)
class Entry:
    """A report as the index shows it: the latest run, and the last good one where the latest failed."""

    report: Report
    good: "Entry | None" = None

    @property
    def link(self) -> str:
        """Address of the page, relative to the index; empty if there is none."""
        return self._link(".html")

    @property
    def pdf(self) -> str:
        """Address of the PDF, relative to the index; empty if there is none."""
        return self._link(".pdf")

    @property
    def figures(self) -> list[tuple[str, str]]:
        """Names and values of the key figures, in words."""
        return [(title(name), shown(name, value)) for name, value in self.report.figures.items()]

    @property
    def values(self) -> list[str]:
        """Values of the first key figures, in words."""
        return [value for _, value in self.figures[:COLUMNS]]

    def _link(self, suffix: str) -> str:
        path = self.report.file(suffix)
        return quote(path.relative_to(self.report.out).as_posix()) if path.is_file() else ""


def entries(out: Path) -> list[Entry]:
    """Read every report's record under a folder; what is no record is passed over."""
    found = [report for path in sorted([*out.glob("*.json"), *out.glob("*/*.json")]) if (report := load(path, out))]
    good = {report.name: Entry(report) for report in found if report.ok}
    failed = {report.name: Entry(report, good.get(report.name)) for report in found if not report.ok}
    return [entry for _, entry in sorted((good | failed).items(), key=lambda item: _order(item[1].report))]


def write_index(out: Path) -> Path:
    """Write ``index.html`` for the reports in a folder, whole or not at all.

    Returns
    -------
    Path
        Of the page.
    """
    every = entries(out)
    groups: dict[str, list[Entry]] = {}
    for entry in every:
        if "/" in entry.report.name:
            groups.setdefault(entry.report.notebook, []).append(entry)
    failed = sum(not entry.report.ok for entry in every)
    text = (
        environment()
        .get_template("index.html.j2")
        .render(
            security=SECURITY,
            css=css(),
            done=len(every) - failed,
            failed=failed,
            single=[entry for entry in every if "/" not in entry.report.name],
            groups=[
                {
                    "name": name,
                    "title": rows[0].report.title,
                    "question": rows[0].report.question,
                    "figures": next(([n for n, _ in row.figures[:COLUMNS]] for row in rows if row.figures), []),
                    "rows": rows,
                }
                for name, rows in groups.items()
            ],
        )
    )
    write_text(out / "index.html", text)
    return out / "index.html"


def _order(report: Report) -> tuple[str, int, str]:
    notebook, _, unit = report.name.partition("/org_id=")
    return notebook, int(unit) if unit.isdigit() else 0, report.name
