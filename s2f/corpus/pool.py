"""Worker processes that make parts: started fresh, one thread each, gone when their parent is.

`concurrent.futures` is not used: its workers hold both ends of their queue and so outlive a killed parent.
Here each has a pipe of its own, and a closed pipe ends it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, cast

from ..errors import CorpusError
from .plan import Part

WORKER = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    "1",
) | {
    # glibc keeps a freed picture's memory for the next one: asking the kernel each time holds two workers up
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}
# start(*arguments) -> make(part, said) -> None, where said(rows) is called as rows are done
Make = Callable[[Part, Callable[[int], None]], None]
Start = Callable[..., Make]


@dataclass(frozen=True)
class Said:
    """News from a worker: `rows` more rows are made, and perhaps a whole part with them."""

    rows: int
    part: Part | None = None


def in_this_process(parts: Sequence[Part], start: Start, arguments: tuple[Any, ...]) -> Iterator[Said]:
    make = start(*arguments)
    for part in parts:
        news: list[Said] = []
        make(part, lambda rows, news=news: news.append(Said(rows)))  # type: ignore[misc]
        yield from news
        yield Said(0, part)


def in_workers(
    parts: Sequence[Part], start: Start, arguments: tuple[Any, ...], workers: int
) -> Iterator[Said]:
    """Make the parts in `workers` processes; whatever ends this generator ends them."""
    todo = iter(parts)
    hands: dict[Connection, BaseProcess] = {}
    busy: dict[Connection, Part] = {}
    try:
        with _as_worker():
            for _ in range(min(workers, len(parts))):
                connection, process = _hire(start, arguments)
                hands[connection] = process
        for connection in hands:
            _hand_out(connection, todo, busy)
        while busy:
            for ready in wait(list(busy)):
                connection = cast(Connection, ready)
                kind, value = _news(connection, hands[connection], busy[connection])
                if kind == "error":
                    raise CorpusError(value)
                if kind == "oserror":
                    raise OSError(*value)
                if kind == "rows":
                    yield Said(value)
                else:
                    yield Said(0, busy.pop(connection))
                    _hand_out(connection, todo, busy)
    finally:
        for connection, process in hands.items():
            connection.close()
            process.terminate()
        for process in hands.values():
            process.join()


def _hire(start: Start, arguments: tuple[Any, ...]) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, start, arguments), daemon=True)
    process.start()
    there.close()  # else the end of the worker would not close the pipe
    return here, process


def _hand_out(connection: Connection, todo: Iterator[Part], busy: dict[Connection, Part]) -> None:
    part = next(todo, None)
    if part is not None:
        busy[connection] = part
        with contextlib.suppress(OSError):  # a worker that has died is reported when it is waited for
            connection.send(part)


def _news(connection: Connection, process: BaseProcess, part: Part) -> tuple[str, Any]:
    try:
        return connection.recv()
    except (EOFError, OSError):
        process.join(5)
        raise CorpusError(
            f"got a worker that ended (exit code {process.exitcode}) in part {part.name}, expected it to "
            "finish; if memory ran out give fewer --workers, then run the same command again"
        ) from None


def _work(connection: Connection, start: Start, arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches the whole process group; the parent alone answers it and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            make = start(*arguments)
            while True:
                part = connection.recv()
                make(part, lambda rows: connection.send(("rows", rows)))
                connection.send(("part", part.name))
        except CorpusError as error:
            connection.send(("error", str(error)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except OSError as error:
            connection.send(("oserror", (error.errno, error.strerror or str(error), error.filename)))
        except Exception as error:
            text = " ".join(str(error).split())
            connection.send(
                ("error", f"got {type(error).__name__} ({text}) in a worker, expected it to work; report it")
            )


@contextlib.contextmanager
def _as_worker() -> Iterator[None]:
    """One thread per worker, so the same sums in any number of workers; read when a process begins."""
    before = {name: os.environ.get(name) for name in WORKER}
    os.environ.update(WORKER)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
