"""SketchToFace over real models at tiny width, and over plain callables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from s2f import Expression, Result, S2FError, SketchToFace
from s2f.errors import Cancelled, ModelError
from s2f.expression import ACTION_UNITS, CLASSES
from s2f.models import Drawer, Editor
from s2f.pipeline import pick_device, pick_dtype


def grey_drawer(sketch: torch.Tensor) -> torch.Tensor:
    assert sketch.shape[1:] == (1, 64, 64)
    assert -1 <= sketch.min() <= sketch.max() <= 1
    return sketch.expand(-1, 3, -1, -1)


def noisy_drawer(sketch: torch.Tensor, generator: list[torch.Generator]) -> torch.Tensor:
    assert len(generator) == len(sketch)
    return torch.stack([torch.rand(3, 64, 64, generator=g) * 2 - 1 for g in generator])


def brightening_editor(face: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
    assert units.shape == (len(face), len(ACTION_UNITS))
    return face + units.mean(1)[:, None, None, None]


def inverter(face: torch.Tensor) -> torch.Tensor:
    return -face


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


@pytest.fixture
def tiny_drawer() -> Drawer:
    torch.manual_seed(0)
    drawer = Drawer(size=128, widths=[8, 16], detail=[], condition=16, bank=40)
    for parameter in drawer.parameters():  # at rest its blocks pass the picture through
        parameter.data += 0.05 * torch.randn_like(parameter)
    drawer.bank.copy_(torch.tensor([50.0, 10.0, 12.0]) + 8 * torch.randn(40, 7, 3))
    return drawer


@pytest.fixture
def pipe() -> SketchToFace:
    return SketchToFace(grey_drawer, brightening_editor, inverter, device="cpu", size=64)


def test_one_drawing_gives_one_typed_result(pipe: SketchToFace, face_drawing: Image.Image) -> None:
    result = pipe(face_drawing, expression="happy:0.8", restore=True, seed=3)
    assert isinstance(result, Result)
    assert [p.size for p in (result.face, result.edited, result.restored)] == [(64, 64)] * 3
    assert result.image is result.restored
    assert result.seed == 3
    assert result.expression == Expression.of("happy", 0.8)
    assert len(result.timings) == 4
    assert all(t >= 0 for t in result.timings.values())
    np.testing.assert_allclose(pixels(result.restored), 255 - pixels(result.edited), atol=1)
    assert pixels(result.edited).sum() > pixels(result.face).sum()


def test_a_look_reaches_the_drawer_and_what_is_open_is_chosen_by_the_seed(
    tiny_drawer: Drawer, face_drawing: Image.Image
) -> None:
    pipe = SketchToFace(tiny_drawer, device="cpu")
    asked = pipe(face_drawing, look="skin=#804020", seed=1)
    assert asked.look.colours()["skin"] == "#804020"
    assert {"hair", "eye", "lip"} <= set(asked.look.colours())
    again, other = (pipe(face_drawing, look={"skin": "#804020"}, seed=s) for s in (1, 2))
    assert pixels(asked.face).tolist() == pixels(again.face).tolist()
    assert asked.look == again.look != other.look
    assert pixels(asked.face).tolist() != pixels(other.face).tolist()
    repeated = pipe(face_drawing, look=asked.look, seed=1)
    assert pixels(repeated.face).tolist() == pixels(asked.face).tolist()


def test_faithfulness_reaches_the_drawer(tiny_drawer: Drawer, face_drawing: Image.Image) -> None:
    pipe = SketchToFace(tiny_drawer, device="cpu")
    faces = [pipe(face_drawing, faithfulness=f, seed=1).face for f in (0.0, 1.0)]
    assert pixels(faces[0]).tolist() != pixels(faces[1]).tolist()
    with pytest.raises(S2FError, match="got faithfulness 2, expected a number from 0 to 1"):
        pipe(face_drawing, faithfulness=2)


def test_a_look_for_a_drawer_without_one_is_said(pipe: SketchToFace, face_drawing: Image.Image) -> None:
    with pytest.raises(ModelError, match="got a look for a function, expected a drawer that takes one"):
        pipe(face_drawing, look="hair=black")


def test_a_strip_is_all_seven_and_equals_singles(face_drawing: Image.Image) -> None:
    editor = Editor(size=128, widths=[8, 16], detail=8, condition=16)
    pipe = SketchToFace(editor=editor, device="cpu")
    face = Image.new("RGB", (128, 128), "tan")
    strip = pipe.strip(face, intensity=0.6)
    assert list(strip) == list(CLASSES)
    single = pipe.express(face, "sad:0.6")
    np.testing.assert_allclose(pixels(strip["sad"]), pixels(single), atol=1)
    named = pipe.strip(face, {"a": "happy", "b": Expression.parse("angry:0.5")})
    assert list(named) == ["a", "b"]


def test_a_strip_of_an_editor_that_cannot_share_a_look(pipe: SketchToFace) -> None:
    strip = pipe.strip(Image.new("RGB", (64, 64), "tan"))
    assert pixels(strip["neutral"]).sum() < pixels(strip["happy"]).sum()


def test_a_list_gives_a_list_and_equals_singles(pipe: SketchToFace, face_drawing: Image.Image) -> None:
    pictures = [face_drawing, face_drawing.rotate(8, fillcolor=255), face_drawing]
    many = pipe(pictures, expression="sad", seed=5)
    assert [r.seed for r in many] == [5, 6, 7]
    for n, result in enumerate(many):
        single = pipe(pictures[n], expression="sad", seed=5 + n)
        assert (pixels(result.image) == pixels(single.image)).all()
    assert pipe([], seed=1) == []


def test_the_seed_decides_and_is_told(face_drawing: Image.Image) -> None:
    pipe = SketchToFace(noisy_drawer, device="cpu", size=64)
    first = pipe(face_drawing)
    again = pipe(face_drawing, seed=first.seed)
    assert (pixels(first.face) == pixels(again.face)).all()
    assert (pixels(pipe(face_drawing, seed=first.seed + 1).face) != pixels(first.face)).any()
    batch = pipe([face_drawing] * 10, seed=first.seed)  # more than one batch
    assert (pixels(batch[0].face) == pixels(first.face)).all()
    assert (pixels(batch[9].face) == pixels(pipe(face_drawing, seed=first.seed + 9).face)).all()
    by_generator = [pipe(face_drawing, generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert by_generator[0].seed == by_generator[1].seed


def test_progress_is_told_and_cancel_is_asked(pipe: SketchToFace, face_drawing: Image.Image) -> None:
    told: list[tuple[int, int, str]] = []
    pipe(face_drawing, expression="happy", restore=True, progress=lambda *step: told.append(step))
    assert [t[0] for t in told] == [0, 1, 2, 3, 4]
    assert {t[1] for t in told} == {4}
    with pytest.raises(Cancelled):
        pipe(face_drawing, cancel=lambda: True)
    seen: list[str] = []
    with pytest.raises(Cancelled):  # between steps, not only at the start
        pipe(face_drawing, progress=lambda n, of, what: seen.append(what), cancel=lambda: len(seen) == 2)
    assert len(seen) == 2
    assert pipe(face_drawing).face.size == (64, 64)  # the next call works


def test_trained_models_round_trip_through_a_folder(tiny_model: Path, face_drawing: Image.Image) -> None:
    pipe = SketchToFace.from_pretrained(tiny_model, device="cpu", size=256)
    result = pipe(face_drawing, expression="surprised:0.7", seed=1)
    assert result.edited is not None
    assert result.edited.size == (256, 256)
    alone = SketchToFace.from_pretrained(
        drawer=tiny_model / "drawer", editor=tiny_model / "editor", device="cpu", size=256
    )
    assert (
        pixels(alone(face_drawing, expression="surprised:0.7", seed=1).image) == pixels(result.image)
    ).all()
    swapped = SketchToFace.from_pretrained(tiny_model, editor=brightening_editor, device="cpu", size=256)
    assert swapped.editor is brightening_editor
    assert (pixels(swapped(face_drawing, seed=1).face) == pixels(result.face)).all()


def test_a_class_conditioned_editor_gets_class_weights(face_drawing: Image.Image) -> None:
    seen = []

    class Editor:
        condition = "classes"

        def __call__(self, face: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            seen.append(labels)
            return face

    SketchToFace(grey_drawer, Editor(), device="cpu", size=64)(face_drawing, expression="angry:0.5")
    np.testing.assert_allclose(seen[0], [[0.5, 0, 0, 0, 0.5, 0, 0]])


def test_a_photograph_goes_straight_to_the_editor(pipe: SketchToFace) -> None:
    face = Image.new("RGB", (64, 64), (80, 60, 50))
    assert pixels(pipe.express(face, "happy")).mean() > pixels(face).mean()
    assert (pixels(pipe.express(face, "neutral")) == pixels(face)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"expression": "hapy"}, "hapy"),
        ({"seed": -1}, "whole number"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": 1, "generator": torch.Generator()}, "both"),
        ({"prepare_steps": ["polish"]}, "polish"),
    ],
)
def test_bad_options_are_one_sentence(pipe: SketchToFace, face_drawing, options, words) -> None:
    with pytest.raises(S2FError, match=words) as caught:
        pipe(face_drawing, **options)
    assert "\n" not in str(caught.value)
    assert "expected" in str(caught.value)


def test_what_comes_with_s2f_needs_no_name(face_drawing: Image.Image) -> None:
    pipe = SketchToFace()
    result = pipe(face_drawing, expression="happy", look="skin=deep", seed=1)
    assert result.face.size == (512, 512)
    assert pixels(result.face).std() > 20  # a face, and not a grey page
    assert 1 < np.abs(pixels(result.face) - pixels(result.edited)).mean() < 40
    other = pipe(face_drawing, look="skin=fair", seed=1)
    skin = np.s_[300:340, 170:200]
    assert pixels(other.face)[skin].mean() > pixels(result.face)[skin].mean() + 20
    assert list(pipe.strip(result.face)) == list(CLASSES)
    named = SketchToFace.from_pretrained(drawer=grey_drawer)
    assert named.drawer is grey_drawer
    assert isinstance(named.editor, Editor)


def test_a_missing_role_says_how_to_mend_it(
    face_drawing: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s2f.pipeline.BUNDLED", tmp_path)
    pipe = SketchToFace(grey_drawer, device="cpu", size=64)
    with pytest.raises(ModelError, match="editor=") as caught:
        pipe(face_drawing, expression="happy")
    assert "drawer" in str(caught.value)
    with pytest.raises(ModelError, match="restorer="):
        pipe(face_drawing, restore=True)
    with pytest.raises(ModelError, match="no model at all"):
        SketchToFace(device="cpu")(face_drawing)
    with pytest.raises(ModelError, match="plain function"):
        pipe.save_pretrained("never-written")


def test_folders_that_are_no_pipeline(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a single model"):
        SketchToFace.from_pretrained(tiny_model / "drawer")
    with pytest.raises(ModelError, match="no model"):
        SketchToFace.from_pretrained(tmp_path)


def test_out_of_memory_is_an_error_with_a_remedy(face_drawing: Image.Image) -> None:
    def hungry(sketch: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("no room")

    with pytest.raises(ModelError, match="smaller pictures"):
        SketchToFace(hungry, device="cpu", size=64)(face_drawing)


def test_devices_and_precisions() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device().type in ("cuda", "mps", "cpu")
    assert pick_dtype(None, torch.device("cpu")) is torch.float32
    assert pick_dtype("bfloat16", torch.device("cpu")) is torch.bfloat16
    for bad in ("gpu", "cuda:99", "xpu"):
        with pytest.raises(S2FError, match="expected one"):
            pick_device(bad)
    for bad in ("half", torch.int8):
        with pytest.raises(S2FError, match="expected one"):
            pick_dtype(bad, torch.device("cpu"))


def test_lower_precision_draws_nearly_the_same(tiny_model: Path, face_drawing: Image.Image) -> None:
    full = SketchToFace.from_pretrained(tiny_model, device="cpu", size=256)(face_drawing, seed=0).face
    less = SketchToFace.from_pretrained(tiny_model, device="cpu", dtype="bfloat16", size=256)(
        face_drawing, seed=0
    )
    assert np.abs(pixels(full) - pixels(less.face)).mean() < 6
