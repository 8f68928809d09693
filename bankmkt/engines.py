"""Where tables live: the address of an engine turned into an Ibis backend.

============================  ==================================================================
``duckdb``                    embedded in this process; memory limit and threads can be set
``local[2]``, ``local[*]``    Spark in this process, on so many cores
``spark://host:port``         a Spark cluster
``sc://host:port``            a Spark Connect server
============================  ==================================================================
"""

import atexit
import functools
import os
import re
import shutil
import socket
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from bankmkt.errors import EngineError, ParameterError, one_of

ENGINES = ("duckdb", "local[2]", "spark://host:port", "sc://host:port")
"""An example of each address that :func:`connect` understands."""

_LOCAL = re.compile(r"local(\[([1-9]\d*|\*)\])?")
_CLUSTER = re.compile(r"(?P<scheme>spark|sc)://(?P<host>\[[^\]]+\]|[^:/;,]+)(:(?P<port>\d+))?(?P<rest>[/;,].*)?")
_MEMORY = re.compile(r"\d+(\.\d+)?\s*[KMGT]i?B", re.IGNORECASE)
_PORTS = {"spark": 7077, "sc": 15002}
_REACH_SECONDS = 5.0

_QUIET = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
logger.shell.name = org.apache.spark.api.python.PythonGatewayServer
logger.shell.level = error
logger.executor.name = org.apache.spark.executor.Executor
logger.executor.level = off
logger.tasks.name = org.apache.spark.scheduler.TaskSetManager
logger.tasks.level = off
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n
"""

_SQL_CONF = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",  # the bank's local time, without zone, as DuckDB keeps it
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.legacy.parquet.nanosAsLong": "true",  # else files with such times are refused; see bankmkt.sources
}


def connect(
    engine: str = "duckdb",
    *,
    memory_limit: str | None = None,
    threads: int | None = None,
    database: str | Path | None = None,
) -> Any:
    """Open an engine.

    Each DuckDB engine is new; Spark sessions are shared by address within a process.

    Parameters
    ----------
    engine
        ``"duckdb"``, ``"local[2]"``, ``"spark://host:port"`` or ``"sc://host:port"``.
    memory_limit
        Such as ``"4GB"``. DuckDB spills to a temporary folder beyond it; for ``local[…]`` it is the
        size of the Java process and must be given the first time; a cluster has its own settings.
    threads
        Of DuckDB; default all cores.
    database
        A DuckDB file, opened read-only.

    Returns
    -------
    ibis.BaseBackend

    Raises
    ------
    ParameterError
        When the address is not an engine's or an option does not apply to it.
    EngineError
        When the engine is not installed or cannot be reached.

    Examples
    --------
    >>> connect("duckdb", memory_limit="1GB", threads=1).name
    'duckdb'
    >>> connect("oracle")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: engine = 'oracle': expected one of duckdb, local[2], ...; pass engine="duckdb"
    """
    check_engine(engine)
    if memory_limit is not None and not _MEMORY.fullmatch(memory_limit):
        raise ParameterError("memory_limit", memory_limit, "a number with a unit", 'pass memory_limit="4GB"')
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise ParameterError("threads", threads, "an integer from 1", "pass threads=2")
    if engine == "duckdb":
        return _duckdb(memory_limit, threads, database)
    if threads is not None:
        raise ParameterError("threads", threads, f"no threads for engine {engine!r}", 'pass engine="local[2]" for two')
    if database is not None:
        raise ParameterError("engine", engine, "duckdb, for a DuckDB file", 'pass engine="duckdb"')
    if memory_limit is not None and not is_local(engine):
        raise ParameterError("memory_limit", memory_limit, f"no limit for {engine!r}", "set it where the server starts")
    return _spark(engine, memory_limit)


def is_engine(engine: Any) -> bool:
    """Whether the address is an engine's; see :func:`connect`."""
    if not isinstance(engine, str):
        return False
    return engine == "duckdb" or any(pattern.fullmatch(engine) for pattern in (_LOCAL, _CLUSTER))


def check_engine(engine: str) -> None:
    """Raise ParameterError unless the address is an engine's."""
    if not is_engine(engine):
        raise ParameterError("engine", engine, one_of(ENGINES), 'pass engine="duckdb"')


def failures(con: Any) -> tuple[type[Exception], ...]:
    """Return the errors that an engine raises when it cannot answer; none but for DuckDB and Spark.

    Parameters
    ----------
    con
        Ibis backend.
    """
    if con.name == "duckdb":
        import duckdb

        return (duckdb.Error,)
    if con.name == "pyspark":
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        return PySparkException, Py4JError
    return ()


def is_local(engine: str) -> bool:
    """Whether the engine works in this process, on this machine's files."""
    return engine == "duckdb" or _LOCAL.fullmatch(engine) is not None


def _duckdb(memory_limit: str | None, threads: int | None, database: str | Path | None) -> Any:
    import duckdb
    import ibis

    spill = Path(tempfile.gettempdir()) / f"bankmkt-spill-{uuid.uuid4().hex}"  # made when needed, shared with nobody
    config: dict[str, Any] = {"temp_directory": str(spill)}
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    if threads is not None:
        config["threads"] = threads
    try:
        con: Any = ibis.duckdb.connect(database or ":memory:", read_only=database is not None, **config)
    except duckdb.Error as error:
        raise EngineError(
            f"DuckDB cannot open {database or 'a database in memory'} ({error})",
            todo="close the programs that have it open, or check the file and the memory limit",
        ) from error
    ((shown,),) = con.raw_sql("SELECT current_setting('enable_progress_bar')").fetchall()
    if shown:  # where it is not, as in Jupyter, it may refuse to be set
        con.raw_sql("SET enable_progress_bar = false")
    return con


@functools.cache
def _spark(engine: str, memory_limit: str | None) -> Any:
    try:
        import pyspark  # noqa: F401  (asked for before ibis does, for a message that helps)
    except ImportError as error:
        raise EngineError(f"engine {engine!r} needs pyspark", todo="pip install bankmkt[spark]") from error
    import ibis

    session = _connect_session(engine) if engine.startswith("sc:") else _classic_session(engine, memory_limit)
    for name, value in _SQL_CONF.items():
        session.conf.set(name, value)
    con: Any = ibis.pyspark.connect(session)
    return con


def _classic_session(engine: str, memory_limit: str | None) -> Any:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise EngineError(f"engine {engine!r} needs Java 17 or later", todo="install a JDK, or set JAVA_HOME")
    if engine.startswith("spark:"):
        _reach(engine)
    running = SparkSession.getActiveSession()
    if running is not None and (running.sparkContext.master != engine or memory_limit is not None):
        raise EngineError(
            f"this process already runs Spark at {running.sparkContext.master!r}",
            todo="use that engine, or start a new process (in Jupyter: restart the kernel)",
        )
    conf = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_quiet_log()}",
        "spark.sql.warehouse.dir": str(Path(tempfile.gettempdir()) / f"bankmkt-{os.getpid()}-warehouse"),
        "spark.pyspark.python": sys.executable,
    }
    if local := _LOCAL.fullmatch(engine):
        cores = local[2] or "1"
        partitions = 2 * (os.cpu_count() or 1 if cores == "*" else int(cores))  # 200 small tasks would take seconds
        conf |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": str(partitions),
        }
    if memory_limit is not None:
        conf["spark.driver.memory"] = _java_memory(memory_limit)
    builder = SparkSession.builder.appName("bankmkt").master(engine)
    for name, value in conf.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkException, RuntimeError, OSError) as error:
        raise EngineError(
            f"Spark at {engine!r} does not start ({error})", todo="check Java 17 and the address"
        ) from error
    return session


def _java_memory(limit: str) -> str:
    """Return a memory limit as Java writes it: ``"1.5 GB"`` is ``"1536m"``."""
    number, unit = re.findall(r"[\d.]+|[KMGT]", limit.upper())
    return f"{max(1, int(float(number) * 1024.0 ** ('KMGT'.index(unit) - 1)))}m"


def _quiet_log() -> Path:
    """Write the settings that keep Spark from printing more than errors; return their file."""
    path = Path(tempfile.mkdtemp(prefix="bankmkt-spark-")) / "log4j2.properties"
    path.write_text(_QUIET)
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    return path


def _connect_session(engine: str) -> Any:
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise EngineError(f"engine {engine!r} needs Spark Connect", todo="pip install bankmkt[spark]") from error
    _reach(engine)
    try:
        session = SparkSession.builder.remote(engine).create()
        session.range(1).count()
    except (PySparkException, RuntimeError, OSError) as error:
        raise EngineError(f"Spark Connect at {engine!r} does not answer ({error})", todo="check the server") from error
    return session


def _reach(engine: str) -> None:
    """Raise EngineError within seconds when nothing listens at the address."""
    match = _CLUSTER.fullmatch(engine)
    assert match is not None, engine
    host, port = match["host"].strip("[]"), int(match["port"] or _PORTS[match["scheme"]])
    try:
        socket.create_connection((host, port), timeout=_REACH_SECONDS).close()
    except OSError as error:
        raise EngineError(
            f"nothing answers at {host}:{port} for engine {engine!r} ({error})",
            todo="check the address, start the server",
        ) from error
