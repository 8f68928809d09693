"""Fixtures that every test may use."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import tiny

os.environ.setdefault("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
"""Java compiles quickly rather than well: Spark's tests are about small tables, and take half the time."""


@pytest.fixture
def tiny_frames():
    """The small bank as pandas frames, a copy to spoil at will."""
    return tiny.frames()


@pytest.fixture(scope="session")
def tiny_bank():
    """The small bank in DuckDB."""
    from bankmkt.bank import open_bank

    return open_bank(tiny.frames())


@pytest.fixture(scope="session")
def real_data():
    """Folder of the real data sets."""
    folder = Path(os.environ.get("BANKMKT_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: docs/datasets.md says where to get it, BANKMKT_REAL_DATA where it lies")
    return folder


@pytest.fixture(scope="session")
def java():
    """Java for Spark: a must in CI, a reason to skip elsewhere."""
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        if os.environ.get("CI") == "true":
            pytest.fail("Spark's tests need Java 17: .ci/run installs it")
        pytest.skip("no Java: install a JDK 17 to run Spark's tests")


@pytest.fixture(scope="session")
def spark_url(java):
    """Address of Spark in this process."""
    return "local[2]"


@pytest.fixture(scope="session")
def spark_bank(spark_url):
    """The small bank in Spark."""
    from bankmkt.bank import open_bank

    return open_bank(tiny.frames(), engine=spark_url)


@pytest.fixture(scope="session")
def spark_connect_url(java, tmp_path_factory):
    """Address of a Spark Connect server, started by pyspark's own script and stopped after the tests."""
    import pyspark

    folder = tmp_path_factory.mktemp("connect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(Path(pyspark.__file__).parent / "bin" / "spark-submit"),
        "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
        "--master", "local[2]",
        "--conf", f"spark.connect.grpc.binding.port={port}",
        "--conf", "spark.connect.grpc.binding.address=127.0.0.1",
        "--conf", "spark.driver.host=127.0.0.1",
        "--conf", "spark.driver.bindAddress=127.0.0.1",
        "--conf", "spark.ui.enabled=false",
        "--conf", "spark.sql.shuffle.partitions=4",
        "--conf", f"spark.sql.warehouse.dir={folder / 'warehouse'}",
        "spark-internal",
    ]  # fmt: skip
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        for _ in range(480):
            assert server.poll() is None, (folder / "log").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.25)
        else:
            pytest.fail("Spark Connect did not start:\n" + (folder / "log").read_text())
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)
