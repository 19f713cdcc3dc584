"""The page's actions as tools of the Model Context Protocol: a real server, a real client of it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import anyio
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from s2f import provenance
from s2f.space.studio import data_url, png
from tests.conftest import draw_face
from tests.visitors import served, tiny_face_model

TOOLS = {"draw", "express", "strip", "animate", "restore", "sketch"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("space")
    with served(home, S2F_MODEL=str(tiny_face_model(home))) as address:
        yield address


def asked(app: str, *calls: tuple[str, dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    """(tools, answers), all in one session."""

    async def talk() -> tuple[list[Any], list[Any]]:
        async with (
            streamable_http_client(f"{app}/gradio_api/mcp/") as (incoming, outgoing, _),
            ClientSession(incoming, outgoing) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            return tools, [await session.call_tool(name, values) for name, values in calls]

    return anyio.run(talk)


def test_every_action_is_a_tool_that_says_what_it_takes_and_draws_a_face(app: str) -> None:
    drawing = data_url(png(draw_face()), "image/png")
    tools, (drawn, wrong) = asked(
        app,
        ("draw", {"drawing": drawing, "expression": "happy:0.8", "seed": 3}),
        ("draw", {"drawing": drawing, "expression": "joyous"}),
    )
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.description, tool.name
        taken = tool.inputSchema["properties"]
        assert all(one["type"] and one["description"] for one in taken.values()), tool.name
    assert not drawn.isError, drawn.content
    (picture,) = (part for part in drawn.content if part.type == "image")
    assert Image.open(io.BytesIO(base64.b64decode(picture.data))).size == (512, 512)
    assert wrong.isError
    assert "joyous" in wrong.content[0].text
    (address,) = re.findall(r"http://\S+\.jpg", str([part for part in drawn.content if part.type == "text"]))
    signed = provenance.read(urlopen(address, timeout=30).read())
    assert signed is not None
    assert set(signed.facts.models) == {"drawer", "editor"}
