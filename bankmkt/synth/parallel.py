"""Make blocks of customers here, or in worker programs side by side."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import IO, cast

from bankmkt.synth.work import Job, make_block


def blocks_done(job: Job, todo: list[int], workers: int) -> Iterator[None]:
    """Make blocks, here or in worker programs, and yield as each is done."""
    if workers == 1 or len(todo) < 2:
        for number in todo:
            make_block(job, number)
            yield
        return
    waiting: SimpleQueue[int | None] = SimpleQueue()
    results: SimpleQueue[OSError | None] = SimpleQueue()
    for number in todo:
        waiting.put(number)
    for _ in range(workers):
        waiting.put(None)
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(workers):
            pool.submit(_drive, job.folder, waiting, results)
        try:
            for _ in todo:
                result = results.get()
                if result is not None:
                    raise result
                yield
        finally:
            while not waiting.empty():  # after an error or a Ctrl-C: no new blocks
                waiting.get()
            for _ in range(workers):
                waiting.put(None)


def _drive(folder: Path, waiting: "SimpleQueue[int | None]", results: "SimpleQueue[OSError | None]") -> None:
    """Hand block numbers to one worker program until none is left."""
    program = [sys.executable, "-m", "bankmkt.synth.work", str(folder)]
    pipe = subprocess.PIPE
    try:
        started = subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    except OSError as error:
        results.put(error)
        return
    with started as worker:
        to_worker, answers, complaints = (cast("IO[str]", p) for p in (worker.stdin, worker.stdout, worker.stderr))
        while (number := waiting.get()) is not None:
            try:
                to_worker.write(f"{number}\n")
                to_worker.flush()
                answered = bool(answers.readline())
            except BrokenPipeError:
                answered = False
            if not answered:
                last = complaints.read().strip().splitlines()[-1:] or ["it was killed"]
                results.put(OSError(f"a worker ended: {last[0]}"))
                return
            results.put(None)
        to_worker.close()
