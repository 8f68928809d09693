"""Tags of a project's own, declared in a Python file."""

import importlib.util
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from bankmkt.errors import DataError, ParameterError
from bankmkt.tags.catalogue import used
from bankmkt.tags.declare import Tag
from bankmkt.tags.families import choose, house_tags


def read(path: str | Path) -> list[Tag]:
    """Read the tags that a Python file declares.

    The file is run: read only files that you trust as you trust your own code. Every :class:`bankmkt.tags.Tag` at its
    top level counts, by itself or in a list or tuple; each is checked at once against the features there are.

    Parameters
    ----------
    path
        A file such as ``my_tags.py``.

    Returns
    -------
    list of Tag
        In the order of the file.

    Raises
    ------
    DataError
        If the file is not there, cannot be run (the message names the line), or declares no tag.
    ParameterError
        If a definition uses what is no feature and no attribute, its code is taken, or two differ under one code.

    Examples
    --------
    >>> import tempfile
    >>> text = "from ibis import _; from bankmkt.tags import Tag; "
    >>> text += "rich = Tag('rich', 'Rich', '富裕客户', 'mine', _.aum >= 1e6, 'AUM of 1,000,000 yuan or more')"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "my_tags.py").write_text(text, encoding="utf-8")
    ...     [tag.code for tag in read(Path(folder) / "my_tags.py")]
    ['rich']
    """
    path = Path(path).absolute()
    if path.suffix != ".py" or not path.is_file():
        raise DataError("tags", str(path), "a Python file that declares tags", "check the path")
    # By identity: a tag may stand in several lists, but two tags of one code are a mistake even where they look alike
    found = list({id(tag): tag for tag in _declared(vars(_run(path)).values())}.values())
    if not found:
        todo = "declare one at the top level, as rich = Tag(…); help(bankmkt.tags.Tag) shows how"
        raise DataError("tags", str(path), "at least one Tag", todo)
    for tag in choose(found):
        if tag.code in house_tags():
            raise ParameterError("tag", tag.code, "a code that the catalogue does not have", f"rename it in {path}")
        used(tag)
    return found


def pick(codes: Iterable[str] | None = None, own: str | Path | None = None) -> list[Tag]:
    """Return tags by code, of the house and of a file of one's own; all of both for None.

    Parameters
    ----------
    codes
        At least one; spaces around them do not matter.
    own
        As in :func:`read`.

    Raises
    ------
    DataError, ParameterError
        As :func:`read`, or if there is no code, or one is in neither.

    Examples
    --------
    >>> [tag.name for tag in pick(["payroll", " age"])]
    ['Paid through the bank', 'Age']
    """
    mine = {} if own is None else {tag.code: tag for tag in read(own)}
    if codes is None:
        return [*choose(None), *mine.values()]
    names = [code.strip() for code in codes]
    if not all(names) or not names:
        raise ParameterError("tags", ", ".join(names), "codes, such as payroll, age", "leave them out to take all tags")
    return choose(mine.get(name, name) for name in names)


def _run(path: Path) -> ModuleType:
    """Run a file and return what it defined."""
    spec = importlib.util.spec_from_file_location(f"bankmkt_own_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DataError("tags", str(path), "a Python file", "check the path")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the file is not ours: it may raise anything, and its author wants file and line
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) and not lines else lines[-1] if lines else None
        where = f"{path}, line {line}" if line else str(path)
        what = f"{where}: {type(error).__name__}: {error}" if str(error) else f"{where}: {type(error).__name__}"
        raise DataError(what, todo="correct the file there") from error
    return module


def _declared(values: Iterable[Any]) -> Iterator[Tag]:
    for value in values:
        if isinstance(value, Tag):
            yield value
        elif isinstance(value, list | tuple):
            yield from (item for item in value if isinstance(item, Tag))
