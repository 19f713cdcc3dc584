"""The endpoints as tools of the Model Context Protocol, where its package is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from anyio.to_thread import run_sync
from gradio.mcp import GradioMCPServer


def offered() -> bool:
    """Whether the page serves tools; if so, an action of several outputs answers with each of them.

    Gradio alone hands a caller who wants no word on progress the whole tuple as one text, and no picture.
    """
    if find_spec("mcp") is None:
        return False
    GradioMCPServer._execute_tool_without_progress = _every_output  # type: ignore[assignment]
    return True


async def _every_output(_server: GradioMCPServer, job: Any) -> list[Any]:
    result = await run_sync(job.result)
    return [*result] if isinstance(result, tuple) else [result]
