"""The notebooks themselves: where they are, what they ask, the rules they keep."""

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.schema import TABLES

if TYPE_CHECKING:
    from bankmkt.bank import Bank

CODE_RULES = {
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "async def",
    ast.ClassDef: "class",
    ast.Lambda: "lambda",
    ast.For: "for",
    ast.While: "while",
    ast.Try: "try",
}
"""What belongs into the package, not into a notebook."""

_ABSOLUTE = re.compile(r"""(?:^|[\s"'(=])(/(?:home|root|Users|tmp|mnt|work|opt|var)/|[A-Z]:\\\\|file://)""")
_REPORT = re.compile(r"\d\d_\w+")


def folder() -> Path:
    """Find the folder of notebooks: ``notebooks`` here, or that of the checkout bankmkt is installed from."""
    here, checkout = Path("notebooks"), Path(__file__).parents[2] / "notebooks"
    for candidate in (here, checkout):
        if any(candidate.glob("*.ipynb")):
            return candidate.resolve()
    raise DataError(
        "folder", str(here.resolve()), "notebooks", "run this in bankmkt's folder, or name a notebook's path"
    )


def reports() -> list[str]:
    """Name every report, in order: the notebooks called ``NN_subject``."""
    return sorted(path.stem for path in folder().glob("*.ipynb") if _REPORT.fullmatch(path.stem))


def find(name: str) -> Path:
    """Find a notebook by its name (``"30_long_tail"``) or its path.

    Raises
    ------
    ParameterError
        If there is no such notebook; the message lists those there are.
    """
    path = Path(name)
    if path.suffix == ".ipynb":
        if path.is_file():
            return path.resolve()
        raise ParameterError("notebook", name, "the path of a notebook", "check the path")
    found = folder() / f"{name}.ipynb"
    if path.name != name or not found.is_file():
        raise ParameterError("report", name, "one of " + ", ".join(reports()), "or pass the path of a notebook")
    return found


def read(path: Path) -> Any:
    """Read a notebook as an ``nbformat.NotebookNode``."""
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise DataError("notebook", str(path), "a Jupyter notebook", str(error).splitlines()[0]) from error


def heading(notebook: Any) -> tuple[str, str]:
    """Read a notebook's title and question from its first Markdown cell.

    Returns
    -------
    title, question : str
        The first heading, and the first sentence that ends with a question mark outside it;
        without one, the first line of text.
    """
    source = next((cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown"), "")
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"[*`]", "", source))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    title = next((line.lstrip("# ") for line in lines if line.startswith("#")), "")
    text = [line.removeprefix("> ") for line in lines if not line.startswith("#")]
    paragraph = " ".join(text)
    asked = re.search(r"[^.?!]*\?", paragraph)
    return title, asked[0].strip() if asked else (text[0] if text else "")


def needs(notebook: Any) -> tuple[str, ...]:
    """Read which tables a notebook cannot do without.

    Its first Markdown cell says so in a line ``Needs: campaigns, assignments.``

    Raises
    ------
    DataError
        If one is no table of the schema.
    """
    source = next((cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown"), "")
    line = re.search(r"\bNeeds:(.*)", re.sub(r"[*`]", "", source))
    names = re.findall(r"\w+", line[1].replace(" and ", " ")) if line else []
    for name in names:
        if name not in TABLES:
            raise DataError("table", name, one_of(TABLES), "correct the notebook's line that begins with Needs:")
    return tuple(names)


def lacks(notebook: Any, bank: "Bank") -> tuple[str, ...]:
    """Name the tables that a notebook needs and a bank has not."""
    return tuple(name for name in needs(notebook) if not bank.has(name))


def fingerprint(notebook: Any) -> str:
    """Digest what a notebook says and does, without its outputs."""
    parts = [f"{cell['cell_type']}\0{cell['source']}" for cell in notebook["cells"]]
    return hashlib.sha256("\1".join(parts).encode()).hexdigest()


def unfinished(notebook: Any) -> str:
    """Say why an executed notebook is no complete report; empty if it is one.

    A kernel that dies can leave a notebook without any error in it, so every code cell must show that it ran.
    """
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] != "code" or not cell["source"].strip():
            continue
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                return f"cell {number}: {output['ename']}: {output['evalue'].strip()}"
        if cell["execution_count"] is None:
            return f"cell {number} did not run"
    return ""


def faults(notebook: Any) -> Iterator[str]:
    """Yield every rule of the house that a committed notebook breaks, with the cell's number."""
    kernel = notebook["metadata"].get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield f"kernel {kernel!r}: set it to python3"
    for tag in ("parameters", "results"):
        cells = [cell for cell in notebook["cells"] if tag in cell["metadata"].get("tags", ())]
        if len(cells) != 1:
            yield f"{len(cells)} cells tagged {tag}: keep one"
        elif tag == "results":
            if not cells[0]["outputs"]:
                yield "the cell tagged results has no stored output: run make notebooks"
            if "nbval-check-output" not in cells[0]["metadata"]["tags"]:
                yield "the cell tagged results lacks the tag nbval-check-output: nbval would not compare it"
    for number, cell in enumerate(notebook["cells"], 1):
        if _ABSOLUTE.search(cell["source"]) or _ABSOLUTE.search(str(cell.get("outputs", ""))):
            yield f"cell {number} holds an absolute path"
        if cell["cell_type"] == "code":
            yield from _code_faults(number, cell)
    if reason := unfinished(notebook):
        yield f"{reason}: run make notebooks"


def _code_faults(number: int, cell: Any) -> Iterator[str]:
    for node in ast.walk(ast.parse(cell["source"])):
        if word := CODE_RULES.get(type(node)):
            yield f"cell {number} has a {word}: move the logic into the package"
    for output in cell["outputs"]:
        if "image/png" in output.get("data", {}) and not output["metadata"].get("image/png", {}).get("alt"):
            yield f"cell {number} has a figure without alternative text: use reports.show"
        if output["output_type"] == "stream" and output["name"] == "stderr":
            yield f"cell {number} writes to stderr: {output['text'].strip().splitlines()[-1]}"
