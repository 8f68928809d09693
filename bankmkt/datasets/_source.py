"""Find a published data set's files, hold them against their checksums, hand over their tables."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bankmkt.errors import DataError, one_of

VARIABLE = "BANKMKT_REAL_DATA"
"""Environment variable that names the folder in which each set has its own folder."""


@dataclass(frozen=True)
class Source:
    """A published data set: where it comes from and what its files must be.

    Parameters
    ----------
    name
        Also the name of the folder that holds the files.
    files
        File name → (size in bytes, SHA-256 in hexadecimal digits).
    page
        The publisher's page, where the files can be had.
    citation, licence
        Whom to cite, and on what terms the data may be used.
    """

    name: str
    files: Mapping[str, tuple[int, str]]
    page: str
    citation: str
    licence: str

    def read(self, path: str | os.PathLike[str] | None, *names: str) -> list[bytes]:
        """Return the content of the named files, in order, once each is known to be as published.

        Parameters
        ----------
        path
            See :func:`folders`.
        names
            Of files of this set.

        Raises
        ------
        DataError
            If no folder holds all the files, or one of them is not as published.
        """
        places = folders(self.name, path)
        folder = next((place for place in places if all((place / name).is_file() for name in names)), None)
        if folder is None:
            missing = [name for name in names if not any((place / name).is_file() for place in places)] or names
            raise DataError(
                f"{self.name}: {', '.join(missing)} not found",
                expected="in " + " or ".join(str(place) for place in places),
                todo=f"get it from {self.page} and pass its folder as path=, or set {VARIABLE} to the folder "
                f"that holds {self.name}/",
            )
        return [self._checked(folder / name) for name in names]

    def _checked(self, file: Path) -> bytes:
        size, digest = self.files[file.name]
        try:
            content = file.read_bytes()
        except OSError as error:
            raise DataError(str(file), expected="a readable file", todo=str(error)) from error
        again = f"the file is cut short, altered or another version: get it again from {self.page}"
        if len(content) != size:
            raise DataError(f"size of {file} in bytes", len(content), str(size), again)
        found = hashlib.sha256(content).hexdigest()
        if found != digest:
            raise DataError(f"SHA-256 of {file}", found, digest, again)
        return content


def folders(name: str, path: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the folders in which a set is looked for, first come first served.

    Parameters
    ----------
    name
        Name of the set.
    path
        The set's own folder, or the one that holds it; where given, no other is looked at.

    Returns
    -------
    list of Path
        Without ``path``: the set's folder in the folder that ``BANKMKT_REAL_DATA`` names, then in ``../shared/data``
        beside the checkout of this project, then in ``../shared/data`` beside the working directory.

    Examples
    --------
    >>> [folder.as_posix() for folder in folders("cdnow", "data")]
    ['data', 'data/cdnow']
    """
    if path is not None:
        return [Path(path), Path(path) / name]
    beside = [Path(__file__).parents[2], Path.cwd()]
    roots = [place.resolve().parent / "shared" / "data" for place in beside]
    if os.environ.get(VARIABLE):
        roots.insert(0, Path(os.environ[VARIABLE]))
    return list(dict.fromkeys(root / name for root in roots))


@dataclass(frozen=True)
class Dataset:
    """The tables of a published data set; each is also an attribute.

    Columns that mean what a column of :mod:`bankmkt.schema` means have its name and type; columns that only this
    set has follow them, named as published; columns of ours that the set does not tell are absent.

    Parameters
    ----------
    name
        Of the set.
    tables
        Name → frame.
    page, citation, licence
        Where the set comes from, whom to cite and on what terms it may be used.

    Examples
    --------
    >>> toy = Dataset("toy", {"customers": pd.DataFrame({"customer_id": [1, 2]})}, "https://example.org", "-", "-")
    >>> len(toy.customers)
    2
    >>> toy
    Dataset toy: customers (2 rows)
    """

    name: str
    tables: Mapping[str, pd.DataFrame]
    page: str
    citation: str
    licence: str

    @classmethod
    def of(cls, source: Source, **tables: pd.DataFrame) -> "Dataset":
        """Return the tables read from a source."""
        return cls(source.name, tables, source.page, source.citation, source.licence)

    def __getattr__(self, name: str) -> pd.DataFrame:
        tables = self.__dict__.get("tables", {})
        if name in tables:
            return tables[name]
        raise AttributeError(f"{self.__dict__.get('name')} has no table {name!r}: expected {one_of(tables)}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.tables]

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} ({len(frame):,} rows)" for name, frame in self.tables.items())
        return f"Dataset {self.name}: {rows}"


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with every integer as int64 and every fraction as float64.

    Examples
    --------
    >>> plain(pd.DataFrame({"n": pd.Series([1], dtype="int8"), "x": pd.Series([.5], dtype="float32")})).dtypes.to_dict()
    {'n': dtype('int64'), 'x': dtype('float64')}
    """
    wide = {
        name: "int64" if kind.kind in "iu" else "float64" for name, kind in frame.dtypes.items() if kind.kind in "iuf"
    }
    return frame.astype(wide)
