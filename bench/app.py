"""How fast the page answers, by a real client: a stroke's face, the strip that follows, and a crowd.

    python bench/app.py [--threads 2] [--rounds 9] [--models FOLDER] [--visitors 1 4 16] [--json FILE]

A page is served in its own process with `--threads` threads; its cold start lasts until the first face.
Then each visitor sends drawings that differ in one line, as strokes do, so that no answer comes from memory.
Times are those of the client, from sending to having: upload, queue, model, signature and download included.
Beside them stands how long the server computed for one answer ("processor", on Linux), which tells how
much of a time is the page's and how much other work on the same machine.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gradio_client import Client, handle_file
from PIL import Image, ImageDraw

from s2f.space.parts import EXAMPLES

logger = logging.getLogger("bench")
ROOT = Path(__file__).resolve().parents[1]


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--visitors", type=int, nargs="+", default=[1, 4, 16])
    p.add_argument("--models", help="folder with drawer/ and editor/; the bundled ones unless given")
    p.add_argument("--port", type=int, default=7999)
    p.add_argument("--json", type=Path)
    args = p.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        report = measured(Path(name), args)
    for what, figures in report.items():
        logger.info("%-28s %s", what, ", ".join(f"{k} {v:.2f} s" for k, v in figures.items()))
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n")


def measured(folder: Path, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    started = time.perf_counter()
    server = serve(folder, args)
    try:
        address = f"http://127.0.0.1:{args.port}"
        wait_for(address, server)
        seen = {"start to page": once(started, server)}
        client = Client(address, verbose=False, download_files=str(folder / "client"))
        face = draw(client, strokes(folder, 0))
        seen["start to first face"] = once(started, server)
        for count in args.visitors:
            before = computed(server)
            seen[f"stroke to face, {count} at once"] = crowd(client, folder, count, args.rounds)
            seen[f"stroke to face, {count} at once"] |= each(computed(server), before, count * args.rounds)
        before = computed(server)
        seen["strip of seven"] = spread(
            [
                timed(lambda: client.predict(handle_file(face), 1.0, api_name="/strip"))
                for _ in range(args.rounds)
            ]
        ) | each(computed(server), before, args.rounds)
        return seen
    finally:
        server.terminate()
        server.wait(30)


def computed(server: subprocess.Popen[bytes]) -> float | None:
    """Seconds that the server's threads have spent on a processor; unknown where there is no /proc."""
    try:
        fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def once(started: float, server: subprocess.Popen[bytes]) -> dict[str, float]:
    return {"once": time.perf_counter() - started} | each(computed(server), 0.0, 1)


def each(now: float | None, before: float | None, count: int) -> dict[str, float]:
    return {} if now is None or before is None else {"processor": (now - before) / count}


def serve(folder: Path, args: argparse.Namespace) -> subprocess.Popen[bytes]:
    places = {
        "PORT": str(args.port),
        "GRADIO_TEMP_DIR": str(folder / "cache"),
        "S2F_DATA": str(folder / "data"),
        "S2F_QUEUE": "100",
        "OMP_NUM_THREADS": str(args.threads),
    }
    chosen = {"S2F_MODEL": args.models} if args.models else {}
    return subprocess.Popen(
        [sys.executable, ROOT / "app.py"], env=os.environ | places | chosen, stdout=subprocess.DEVNULL
    )


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    """Return when a browser would have got the page."""
    while server.poll() is None:
        try:
            with urlopen(address, timeout=30) as page:
                page.read()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("bench: the page did not start; its own message stands above")


def strokes(folder: Path, number: int) -> Path:
    """An example drawing with one more line, another for every number."""
    page = Image.open(sorted(EXAMPLES.glob("*.png"))[number % 8]).convert("L")
    side = page.width
    ImageDraw.Draw(page).line([(side * 0.4, number % side), (side * 0.6, number % side + 3)], fill=0, width=2)
    path = folder / f"drawing-{number}.png"
    page.save(path)
    return path


def draw(client: Client, drawing: Path) -> str:
    face, _ = client.predict(handle_file(drawing), api_name="/draw")
    return str(face)


def crowd(client: Client, folder: Path, count: int, rounds: int) -> dict[str, float]:
    """Every visitor draws `rounds` strokes, each after the last one's face."""

    def visitor(n: int) -> list[float]:
        pages = [strokes(folder, 1 + n * rounds + k + 1000 * count) for k in range(rounds)]
        return [timed(lambda page=page: draw(client, page)) for page in pages]

    with ThreadPoolExecutor(count) as people:
        return spread([took for times in people.map(visitor, range(count)) for took in times])


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "median": statistics.median(ordered),
        "95th": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
    }


if __name__ == "__main__":
    main()
