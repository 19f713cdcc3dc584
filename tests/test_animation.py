"""Animations: there and back without a jump, in files that programs open and that say what they are."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from s2f import animation, provenance
from s2f.errors import S2FError
from s2f.expression import Expression
from s2f.provenance import Facts, Model
from tests.test_watermark import portrait

av = pytest.importorskip("av")

FACTS = Facts({"editor": Model("org/editor", "abc")})
KEY = b"k" * 32


def face(share: float = 0.0, size: int = 128) -> Image.Image:
    """A portrait that brightens with its expression."""
    picture = portrait(4).resize((size, size))
    return picture.point(lambda level: level + 30 * share)


def express(wanted: list[Expression]) -> list[Image.Image]:
    return [face(each.classes["happy"]) for each in wanted]


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return animation.frames(face(), express, Expression.of("happy"), count=20)


@pytest.mark.parametrize("count", [4, 5, 20, 31, 250])
def test_it_starts_at_rest_reaches_the_height_and_comes_back(count: int) -> None:
    shares = animation.shares(count)
    assert len(shares) == count
    assert shares[0] == 0
    assert max(shares) == 1
    assert shares[1:] == pytest.approx(shares[1:][::-1])  # as it came
    steps = np.abs(np.diff([*shares, shares[0]]))
    if count >= 20:
        assert steps.max() < 5 / count
        assert steps[0] < steps.max() / 2 > steps[-1]  # slow to start, slow to end


def test_each_share_is_asked_for_once() -> None:
    asked: list[float] = []

    def count_them(wanted: list[Expression]) -> list[Image.Image]:
        asked.extend(each.classes["happy"] for each in wanted)
        return express(wanted)

    start = face()
    made = animation.frames(start, count_them, Expression.of("happy", 0.8), count=20)
    assert made[0] is start
    assert len(set(asked)) == len(asked) <= 10
    assert max(asked) == pytest.approx(0.8)
    assert made[3] is made[17]


def test_units_and_blends_come_and_go_too() -> None:
    half = animation.scaled(Expression({"happy": 0.6, "surprised": 1.0}, {"AU43_L": 1.0}), 0.5)
    assert half == Expression({"happy": 0.3, "surprised": 0.5}, {"AU43_L": 0.5})
    assert not animation.scaled(Expression.parse("sad+AU4:1"), 0.0).vector().any()


def test_a_gif_plays_for_ever_at_its_pace(pictures: list[Image.Image]) -> None:
    data = animation.encode(pictures, ".gif", FACTS, fps=12, key=KEY)
    with Image.open(io.BytesIO(data)) as gif:
        assert gif.info["loop"] == 0
        total, colours = 0, []
        for n in range(getattr(gif, "n_frames", 0)):
            gif.seek(n)
            total += gif.info["duration"]
            colours.append(np.asarray(gif.convert("RGB"), np.float32).mean((0, 1)))
        assert total == pytest.approx(1000 * len(pictures) / 12, abs=10)
    assert np.ptp(colours, axis=0).min() > 15


def test_a_gif_keeps_small_colours_and_does_not_swarm() -> None:
    page = Image.new("RGB", (128, 128), (200, 204, 210))
    page.paste((190, 70, 80), (50, 90, 78, 98))  # lips: a hundredth of the picture
    moved = page.copy()
    moved.paste((60, 40, 30), (10, 10, 20, 20))
    data = animation.encode([page, moved], ".gif", FACTS, key=KEY)
    with Image.open(io.BytesIO(data)) as gif:
        first = np.asarray(gif.convert("RGB"), int)
        gif.seek(1)
        second = np.asarray(gif.convert("RGB"), int)
    assert np.abs(first[92:96, 54:74].mean((0, 1)) - (190, 70, 80)).max() < 8
    calm = np.s_[40:88, 30:120]
    assert (first[calm] != second[calm]).any(axis=2).mean() < 0.2


def test_an_mp4_is_what_browsers_play(pictures: list[Image.Image], tmp_path: Path) -> None:
    path = tmp_path / "new" / "face.mp4"
    animation.save(pictures, path, FACTS, fps=20, key=KEY)
    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.width, context.height) == (128, 128)
        assert stream.average_rate == Fraction(20)
        assert "AI-generated" in video.metadata["comment"]
        assert (context.colorspace, context.color_range) == (1, 1)  # BT.709, of limited range
        decoded = [frame.to_ndarray(format="rgb24").astype(float) for frame in video.decode(video=0)]
    assert len(decoded) == len(pictures)
    for picture, shown in zip(pictures, decoded, strict=True):
        assert np.abs(shown - np.asarray(picture)).mean() < 4
        assert np.abs((shown - np.asarray(picture)).mean((0, 1))).max() < 3  # the decoder here cuts off
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays before all of it is there
    assert [p.name for p in path.parent.iterdir()] == ["face.mp4"]


@pytest.mark.parametrize("suffix", animation.KINDS)
def test_both_are_signed_and_marked(suffix: str, tmp_path: Path) -> None:
    large = [portrait(4), portrait(4).filter(ImageFilter.GaussianBlur(1))]
    path = tmp_path / f"face{suffix}"
    animation.save(large, path, FACTS, key=KEY)
    found, reading = provenance.read(path, key=KEY), provenance.read_watermark(path)
    assert found is not None
    assert reading is not None
    assert (found.status, found.facts) == ("signed", FACTS)
    assert reading.payload == FACTS.model_id


def test_colours_become_those_of_bt709() -> None:
    for rgb, expected in (
        ((255, 255, 255), (235, 128, 128)),
        ((0, 0, 0), (16, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 0, 255), (32, 240, 118)),
    ):
        planes = animation._bt709(np.full((8, 8, 3), rgb, np.float32))
        assert planes.shape == (12, 8)
        assert (planes[0, 0], planes[8, 0], planes[10, 0]) == expected


def test_odd_sizes_lose_some_lines() -> None:
    data = animation.encode([face(size=67)] * 4, ".mp4", FACTS, key=KEY)
    with av.open(io.BytesIO(data)) as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (64, 64)


def test_what_cannot_be_animated_is_said(tmp_path: Path) -> None:
    with pytest.raises(S2FError, match="got 3 pictures, expected 4 to 250"):
        animation.shares(3)
    with pytest.raises(S2FError, match=r"ending in \.avi, expected \.gif or \.mp4"):
        animation.save([face()], tmp_path / "x.avi", FACTS)
    with pytest.raises(S2FError, match="at 99 a second, expected one or more at 1 to 50"):
        animation.save([face()], tmp_path / "x.gif", FACTS, fps=99)
    with pytest.raises(S2FError, match="expected one size"):
        animation.frames(face(size=64), express, Expression.of("happy"), count=8)
    (tmp_path / "bad.mp4").write_bytes(b"\0\0\0\x10ftypisom\0\0\2\0")
    with pytest.raises(S2FError, match="holds no video"):
        provenance.read_watermark(tmp_path / "bad.mp4")


def test_animate_on_the_command_line(
    run_cli, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S2F_DATA", str(tmp_path / "data"))
    face(size=256).save(tmp_path / "face.png")
    words = ["animate", tmp_path / "face.png", "--model", tiny_model, "--size", 256, "-e", "happy"]
    words += ["--frames", 6]
    status, out, err = run_cli(*words, "--out", tmp_path / "face.gif", "--fps", 10)
    assert (status, err) == (0, "")
    assert out.endswith("face.gif\n")
    with Image.open(tmp_path / "face.gif") as gif:
        assert gif.size == (256, 256)
    found = provenance.read(tmp_path / "face.gif")
    assert found is not None
    assert found.status == "signed"
    assert found.facts.models["editor"].name == "StarGAN"
    status, out, err = run_cli(*words, "--out", tmp_path / "face.avi")
    assert (status, out) == (1, "")
    assert "expected a name in .gif or .mp4" in err
