"""The command line as a person or a program uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import s2f
from tests.conftest import draw_face


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.radial_gradient("L").convert("RGB").resize((300, 400)).save(path)
    return path


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    path = tmp_path / "drawing.png"
    draw_face(400).save(path)
    return path


def test_version_and_help_as_a_module(run_cli) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "s2f", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"s2f {s2f.__version__}"
    for words in (["--help"], ["draw", "--help"], ["corpus", "--help"], ["corpus", "build", "--help"]):
        status, out, err = run_cli(*words)
        assert (status, err) == (0, "")
        assert "usage: s2f" in out


def test_sketch_writes_each_style(run_cli, photo: Path, tmp_path: Path) -> None:
    for style in ("contour", "pencil", "edge"):
        status, out, err = run_cli("sketch", photo, "--style", style, "--out", tmp_path / f"{style}.png")
        assert (status, err) == (0, "")
        assert Image.open(tmp_path / f"{style}.png").size == (300, 400)
        assert f"{style}.png" in out


def test_prepare_reports_what_it_did(run_cli, drawing: Path, tmp_path: Path) -> None:
    status, out, err = run_cli("prepare", drawing, "--out", tmp_path / "clean.png", "--size", 256, "--json")
    told = json.loads(out)
    assert (status, err, told["failed"]) == (0, "", [])
    assert Image.open(tmp_path / "clean.png").size == (256, 256)
    assert told["done"][0]["output"].endswith("clean.png")
    assert len(told["done"][0]["transform"]) == 2
    status, out, _ = run_cli("prepare", drawing, "--out", tmp_path / "raw.png", "--steps", "none")
    assert status == 0


def test_draw_and_express_with_a_model(run_cli, drawing: Path, tiny_model: Path, tmp_path: Path) -> None:
    words = ["draw", drawing, "--model", tiny_model, "--size", 256, "--seed", 4, "--device", "cpu"]
    status, out, err = run_cli(*words, "--expression", "happy:0.5", "--out", tmp_path / "face.png", "--json")
    told = json.loads(out)["done"][0]
    assert (status, err, told["seed"]) == (0, "", 4)
    assert {"drawing the face", "changing the expression"} <= set(told["timings"])
    first = (tmp_path / "face.png").read_bytes()
    run_cli(*words, "--expression", "happy:0.5", "--out", tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == first
    words = ["express", tmp_path / "face.png", "--model", tiny_model, "--size", 256, "-e", "sad"]
    status, _, err = run_cli(*words, "--out", tmp_path / "sad.webp")
    assert (status, err) == (0, "")
    assert Image.open(tmp_path / "sad.webp").format == "WEBP"


def test_presets_are_expressions_too(run_cli, drawing: Path, tiny_model: Path, tmp_path: Path) -> None:
    s2f.Expression({"happy": 0.3}, {"AU43_L": 1.0}).save(tmp_path / "wink.json")
    words = ["draw", drawing, "--model", tiny_model, "--size", 256, "-e", tmp_path / "wink.json"]
    assert run_cli(*words, "--out", tmp_path / "wink.png")[0] == 0


def test_folders_keep_their_layout_and_bad_files_do_not_stop_the_rest(
    run_cli, photo: Path, tmp_path: Path
) -> None:
    box = tmp_path / "in" / "deep"
    box.mkdir(parents=True)
    (box / "good.jpg").write_bytes(photo.read_bytes())
    (box.parent / "bad.png").write_bytes(b"not a picture")
    (box.parent / "notes.txt").write_text("left alone")
    status, out, err = run_cli("sketch", tmp_path / "in", "--out", tmp_path / "out", "--json")
    told = json.loads(out)
    assert status == 1
    assert (tmp_path / "out" / "deep" / "good.png").exists()
    assert [len(told["done"]), len(told["failed"])] == [1, 1]
    assert err.count("\n") == 1
    assert "bad.png" in err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["sketch", "x.jpg", "--stile", "edge"], "--style"),
        (["sketch", "x.jpg", "--sty", "edge"], "--style"),
        (["sketch", "x.jpg", "--style", "oil"], "contour"),
        (["sketch"], "input"),
        (["skech", "x.jpg"], "sketch"),
        (["prepare", "x.png", "--steps", "frame,polish"], "polish"),
        (["prepare", "x.png", "--size", "12.5"], "whole number"),
        (["draw", "x.png", "--expression", "hapy"], "hapy"),
        (["draw", "x.png", "--expression", "missing.json"], "missing.json"),
        (["express", "x.png"], "--expression"),
        ([], "COMMAND"),
        (["corpus"], "ACTION"),
    ],
)
def test_a_mistyped_line_is_one_line_and_no_run(run_cli, words, hint, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run_cli(*words)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert hint in err
    assert not any(tmp_path.iterdir())


def test_errors_are_one_line_with_a_remedy(
    run_cli, photo: Path, drawing: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    twin = tmp_path / "b" / "photo.png"
    twin.parent.mkdir()
    twin.write_bytes(photo.read_bytes())
    cases = [
        ["sketch", "missing.jpg"],
        ["sketch", "empty"],
        ["sketch", photo, twin, "--out", "one.png"],
        ["sketch", photo, twin],
        ["sketch", photo, "--out", photo],
        ["sketch", photo, "--out", drawing / "inside.png"],
        ["draw", "missing.png"],
        ["draw", drawing, "--model", "empty"],
        ["draw", drawing, "--model", "no/such-model-anywhere"],
        ["draw", drawing, "--model", "empty", "--device", "abacus"],
    ]
    before = photo.read_bytes()
    for words in cases:
        status, out, err = run_cli(*words)
        assert (status, out) == (1, ""), words
        assert err.count("\n") == 1, (words, err)
        assert "expected" in err, (words, err)
        assert ";" in err, (words, err)
    assert photo.read_bytes() == before


def test_no_model_has_to_be_named(run_cli, drawing: Path, tmp_path: Path) -> None:
    out = tmp_path / "face.png"
    assert run_cli("draw", drawing, "-e", "happy", "--out", out)[0] == 0
    assert Image.open(out).size == (512, 512)
    assert run_cli("strip", out, "--out", tmp_path / "seven.png")[0] == 0


def test_what_is_generated_says_so(run_cli, drawing: Path, tiny_model: Path, tmp_path: Path) -> None:
    words = ["--model", tiny_model, "--size", 256, "--out"]
    run_cli("draw", drawing, *words, tmp_path / "face.png", "--expression", "happy")
    run_cli("strip", tmp_path / "face.png", *words, tmp_path / "seven.jpg")
    status, out, err = run_cli("verify", tmp_path / "face.png", tmp_path / "seven.jpg", "--json")
    drawn, strip = json.loads(out)
    assert (status, err) == (0, "")
    assert set(drawn["models"]) == {"drawer", "editor"}
    assert set(strip["models"]) == {"editor"}
    status, _, err = run_cli("draw", drawing, *words, tmp_path / "face.bmp")
    assert status == 1
    assert "expected .png, .jpg, .jpeg, .webp" in err
