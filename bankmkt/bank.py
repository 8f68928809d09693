"""A bank: its tables in one engine, as they are now or as they were known on a day."""

import datetime
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bankmkt import conform, engines, lookback, saving, sources
from bankmkt.conform import Raw
from bankmkt.damage import reading
from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.manifest import check_files, read_manifest
from bankmkt.mapping import apply, read_mapping
from bankmkt.schema import TABLES
from bankmkt.settle import settle

if TYPE_CHECKING:
    import pandas as pd


class Bank:
    """The tables of a bank in one engine; made by :func:`open_bank`.

    Every table is an attribute, an Ibis table with the columns of :mod:`bankmkt.schema` in its order and types.
    Nothing is read before a result is asked for.

    Parameters
    ----------
    con
        Ibis backend that holds the tables.
    raw
        Tables as they were found, by name; what :func:`bankmkt.validate` looks at.
    engine
        Address of the engine.
    path
        Where the bank was opened, if anywhere.
    manifest
        What the bank was made with, if known.
    date
        Last day that is known; None for all.

    Examples
    --------
    >>> import pandas as pd
    >>> bank = open_bank({"organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head"})})
    >>> bank
    Bank(1 table, engine='duckdb')
    >>> bank.organisations.count().execute()
    1
    """

    def __init__(
        self,
        con: Any,
        raw: Mapping[str, Raw],
        *,
        engine: str = "duckdb",
        path: Path | None = None,
        manifest: dict[str, Any] | None = None,
        date: datetime.date | None = None,
    ) -> None:
        self.con = con
        self.raw = dict(raw)
        self.engine = engine
        self.path = path
        self.manifest = manifest
        self.date = date
        self._made: dict[str, Any] = {}

    def __repr__(self) -> str:
        tables = f"{len(self.raw)} table" + ("s" if len(self.raw) != 1 else "")
        where = f"{str(self.path)!r}, " if self.path else ""
        date = f", as of {self.date}" if self.date else ""
        return f"Bank({where}{tables}, engine={self.engine!r}{date})"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.raw]

    def __getattr__(self, name: str) -> Any:
        if name in TABLES:
            return self.table(name)
        raise AttributeError(f"a Bank has no {name!r}; its tables are {', '.join(self.__dict__.get('raw', ()))}")

    def has(self, name: str) -> bool:
        """Whether the bank has a table of that name."""
        return name in self.raw

    def table(self, name: str) -> Any:
        """Return a table by name, as the attribute of that name does.

        Parameters
        ----------
        name
            One of :data:`bankmkt.schema.TABLES`.

        Returns
        -------
        ibis table

        Raises
        ------
        SchemaError
            When the bank lacks the table, or the table lacks a column.
        """
        if name not in TABLES:
            raise SchemaError("table", name, one_of(TABLES), "docs/data-dictionary.md lists them")
        if name not in self.raw:
            raise SchemaError(
                f"table {name} is not in this bank, which has {', '.join(self.raw)}",
                todo=f"test bank.has({name!r}) first" if TABLES[name].optional else f"add {name}: every bank needs it",
            )
        if name not in self._made:
            table = conform.conform(self.raw[name])
            if self.date is not None:
                campaigns = self.table("campaigns") if name == "truth" else None
                table = lookback.known(TABLES[name], table, self.date, campaigns)
            self._made[name] = table
        return self._made[name]

    def fetch(self, expr: Any) -> Any:
        """Return the answer to an expression over the bank's tables.

        Parameters
        ----------
        expr
            Ibis table, column or scalar.

        Returns
        -------
        pyarrow table, array or scalar

        Raises
        ------
        DataError
            When a file of the bank cannot be read; the message names it.
        EngineError
            When the engine cannot answer for another reason.

        Examples
        --------
        >>> import pandas as pd
        >>> bank = open_bank({"organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head"})})
        >>> bank.fetch(bank.organisations.count()).as_py()
        1
        """
        with reading(self.con, self.path):
            return self.con.to_pyarrow(expr)

    def frame(self, expr: Any) -> "pd.DataFrame":
        """Return the answer to a table expression as a pandas frame, with the types that Ibis gives it.

        Parameters
        ----------
        expr
            Ibis table.

        Raises
        ------
        DataError, EngineError
            As :meth:`fetch` does.
        """
        with reading(self.con, self.path):
            frame: pd.DataFrame = self.con.to_pandas(expr)
        return frame

    @property
    def tables(self) -> dict[str, Any]:
        """Every table of the bank by name, in the order of the schema."""
        return {name: self.table(name) for name in TABLES if name in self.raw}

    def as_of(self, date: datetime.date | str) -> "Bank":
        """Return the bank as it was known at the end of a day.

        Rows of a later time are gone; dates that were set later (``closed_on``, ``app_registered_on``,
        ``participated_on``) are null, and the truth of a campaign shows from the month end at which its outcomes are
        measured. Who took part on an unknown day (no ``participated_on``) is not yet known to have taken part.

        Parameters
        ----------
        date
            A day, or its text such as ``"2026-06-30"``. Of two, the earlier counts.

        Returns
        -------
        Bank

        Raises
        ------
        ParameterError
            When the date is none.
        """
        day = lookback.parse_date("date", date)
        if self.date is not None:
            day = min(day, self.date)
        return Bank(self.con, self.raw, engine=self.engine, path=self.path, manifest=self.manifest, date=day)

    @functools.cached_property
    def months(self) -> list[datetime.date]:
        """Month ends that balances holds, in order."""
        frame = self.fetch(self.table("balances").select("month").distinct().order_by("month"))
        return [day for day in frame["month"].to_pylist() if day is not None]

    def describe(self) -> dict[str, Any]:
        """Say in a few words which bank this is, for the foot of a report.

        Returns
        -------
        dict
            ``path``, ``engine``, ``as_of``, ``tables``, and where there is a manifest ``made_with`` (version),
            ``seed`` and ``rows`` by table (not for a bank as of a day, which has fewer); absent ones are left out.
        """
        manifest = self.manifest or {}
        out = {
            "path": str(self.path) if self.path else None,
            "engine": self.engine,
            "as_of": str(self.date) if self.date else None,
            "tables": len(self.raw),
            "made_with": manifest.get("bankmkt"),
            "seed": manifest.get("parameters", {}).get("seed"),
            "rows": manifest.get("rows") if self.date is None else None,
        }
        return {name: value for name, value in out.items() if value is not None}

    def save(self, path: str | Path) -> "Bank":
        """Write the bank as a Parquet folder, whole or not at all, and open it.

        The engine writes the files, so that the bank need not fit in memory; Spark must see the same path.

        Parameters
        ----------
        path
            A folder that does not exist.

        Returns
        -------
        Bank
            The saved one, in the same engine; in DuckDB where the tables came in an engine of their own.

        Raises
        ------
        DataError
            When the folder exists or cannot be written, or a file of this bank cannot be read.
        EngineError
            When the engine cannot answer for another reason.
        SchemaError
            When a table lacks a column.
        """
        path = Path(path).absolute()
        parameters = dict((self.manifest or {}).get("parameters", {}))
        if self.date is not None:
            parameters["as_of"] = str(self.date)
        saving.save(self.con, self.tables, self.path, path, parameters)
        return open_bank(path, engine=self.engine if engines.is_engine(self.engine) else "duckdb")


def open_bank(
    source: str | Path | Mapping[str, Any],
    engine: str = "duckdb",
    *,
    mapping: str | Path | Mapping[str, Any] | None = None,
    memory_limit: str | None = None,
    threads: int | None = None,
    deep: bool = False,
) -> Bank:
    """Open a bank where it lies.

    Parameters
    ----------
    source
        A folder of Parquet files (``<table>/*.parquet`` or ``<table>.parquet``) or CSV files (``<table>.csv``), a
        DuckDB file, or a mapping from table names to Ibis tables, pandas frames or Arrow tables.
    engine
        ``"duckdb"``, ``"local[2]"``, ``"spark://host:port"`` or ``"sc://host:port"``. Ibis tables stay in their own.
    mapping
        How the source's names and values become ours: a YAML file (see ``docs/own-data.md``) or its content.
        By default ``mapping.yml`` in the folder, if there.
    memory_limit, threads
        Of the engine; see :func:`bankmkt.engines.connect`. Not with Ibis tables, whose engine runs already.
    deep
        Whether to compare checksums with the manifest, not only sizes.

    Returns
    -------
    Bank

    Raises
    ------
    DataError
        When there is no bank, or it is unfinished or damaged.
    EngineError
        When the engine cannot be reached.
    SchemaError, ParameterError
        When a table's name or an argument is not valid.

    Examples
    --------
    >>> open_bank("no/such/folder")
    Traceback (most recent call last):
        ...
    bankmkt.errors.DataError: source = 'no/such/folder': expected a folder or a DuckDB file; check the path
    """
    engines.check_engine(engine)
    connect = functools.partial(engines.connect, engine, memory_limit=memory_limit, threads=threads)
    path = None if isinstance(source, Mapping) else Path(source).absolute()
    if mapping is None and path is not None and (path / "mapping.yml").is_file():
        mapping = path / "mapping.yml"
    rules = {} if mapping is None else read_mapping(mapping)
    names = tuple(dict.fromkeys([*TABLES, *(rule.source for rule in rules.values())]))
    if isinstance(source, Mapping):
        own = sources.backend_of(source)
        if own is not None:
            _refuse_limits(memory_limit=memory_limit, threads=threads)
        con = connect() if own is None else own
        found = sources.read_frames(con, source, names)
        return _bank(con, apply(rules, found), engine=engine if own is None else own.name)
    assert path is not None
    if path.is_dir():
        manifest = read_manifest(path)
        if manifest is not None:
            check_files(path, manifest, deep)
        con = connect()
        found = sources.read_folder(con, path, names)
        return _bank(con, apply(rules, found), engine=engine, path=path, manifest=manifest)
    if not path.is_file():
        raise DataError("source", str(source), "a folder or a DuckDB file", "check the path")
    con = connect(database=path)
    return _bank(con, apply(rules, sources.read_database(con, names)), engine=engine, path=path)


def _bank(con: Any, raw: Mapping[str, Raw], path: Path | None = None, **about: Any) -> Bank:
    """Make a bank of tables as they were found."""
    with reading(con, path):
        return Bank(con, settle(con, raw), path=path, **about)


def check_bank(bank: Any) -> Bank:
    """Return ``bank``, or raise ParameterError if it is none.

    Examples
    --------
    >>> check_bank("data/bank")
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: bank = 'data/bank': expected a Bank; open it: bm.open_bank(path)
    """
    if not isinstance(bank, Bank):
        raise ParameterError("bank", bank, "a Bank", "open it: bm.open_bank(path)")
    return bank


def _refuse_limits(**limits: Any) -> None:
    """Raise ParameterError if a limit is set for an engine that somebody else has started."""
    for name, value in limits.items():
        if value is not None:
            raise ParameterError(name, value, "no limit for Ibis tables", "set it where their engine is started")
