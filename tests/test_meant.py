"""Where a hand meant a face's features: kept in the corpus, and learned from as far as it is trusted."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from s2f.batches import MOUTH, Faces, as_meant, dressed, read, to_float
from s2f.models import Reader
from s2f.shipped import BUNDLED
from tests.scripts import script

SIDE = 128


@pytest.fixture(scope="module")
def faces(mini_corpus: Path) -> Faces:
    return read(str(mini_corpus), "train", SIDE).invented()


def off(faces: Faces) -> torch.Tensor:
    """(N, D) how far the hands' landmarks are from the photograph's, in eye distances."""
    unit = (faces.landmarks[:, 0] - faces.landmarks[:, 1]).norm(dim=-1)
    return (faces.meant - faces.landmarks[:, None]).norm(dim=-1).mean(-1) / unit[:, None]


def test_a_hand_means_features_near_where_they_are(faces: Faces) -> None:
    by_hand = faces.style == 0
    assert by_hand.any()
    assert not by_hand.all()
    assert (off(faces)[~by_hand] == 0).all()  # lines taken from a photograph lie where it has them
    assert (off(faces)[by_hand] > 0.002).all()
    assert (off(faces)[by_hand] < 0.5).all()


def test_the_clumsier_the_farther_off(faces: Faces) -> None:
    by_hand = faces.style == 0
    both = torch.stack([1 - faces.skill[by_hand], off(faces)[by_hand]])
    assert torch.corrcoef(both)[0, 1] > 0.3


def test_a_corpus_of_an_earlier_version_is_read(mini_corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(mini_corpus, tmp_path / "corpus")
    for path in (tmp_path / "corpus" / "data").iterdir():
        whole = pq.read_table(path).drop_columns(["sketch_landmarks"])
        said = json.loads(whole.schema.metadata[b"huggingface"])
        del said["info"]["features"]["sketch_landmarks"]
        metadata = {**whole.schema.metadata, b"huggingface": json.dumps(said).encode()}
        pq.write_table(whole.replace_schema_metadata(metadata), path)
    earlier = read(str(tmp_path / "corpus"), "train", SIDE).invented()
    assert (off(earlier) == 0).all()


def marked(at: torch.Tensor) -> torch.Tensor:
    """A soft bright spot in a picture of even slope."""
    line = torch.arange(SIDE).float()
    across, down = line[None, :], line[:, None]
    spot = torch.exp(-0.5 * ((across - at[0]) ** 2 + (down - at[1]) ** 2) / 2.5**2)
    return (0.5 * (across + down) / SIDE - 0.5 + spot).expand(1, 3, -1, -1)


def test_features_come_to_lie_where_they_were_meant(faces: Faces) -> None:
    true = faces.landmarks[:1]
    wanted = true.clone()
    wanted[:, MOUTH, 1] -= 6
    middle = true[0, MOUTH].mean(0)
    moved = as_meant(marked(middle), true, wanted)
    brightest = divmod(int((moved - marked(torch.tensor([-99.0, -99.0])))[0, 0].argmax()), SIDE)
    assert brightest[0] == pytest.approx(float(middle[1]) - 6, abs=1.5)
    assert brightest[1] == pytest.approx(float(middle[0]), abs=1.5)
    assert (moved - marked(middle))[..., :2].abs().max() < 0.01  # the rim stays


def test_where_all_is_meant_as_it_is_nothing_moves(faces: Faces) -> None:
    picture = faces.picture[:2] / 127.5 - 1
    assert torch.equal(as_meant(picture, faces.landmarks[:2], faces.landmarks[:2]), picture)


def test_what_is_moved_stays_sharp(faces: Faces) -> None:
    picture = torch.randn(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    for _ in range(2):  # as fine as photographs are
        picture = torch.nn.functional.avg_pool2d(picture, 3, 1, 1)
    moved = as_meant(picture, faces.landmarks[:4], faces.landmarks[:4] + 0.5)  # between the pixels, at worst
    middle = (slice(None), slice(None), slice(40, 88), slice(40, 88))
    assert moved[middle].diff(dim=-1).std() > 0.93 * picture[middle].diff(dim=-1).std()


def test_the_lesson_shows_what_is_trusted(faces: Faces) -> None:
    """The mouth of the photograph that is to be made lies between where it was and where it was meant."""
    meant = faces.landmarks[:, None].repeat(1, faces.style.shape[1], 1, 1)
    meant[:, :, MOUTH, 1] -= 8
    shifted = replace(faces, style=torch.zeros_like(faces.style), meant=meant)
    args = argparse.Namespace(freehand=1.0, resolution=SIDE)
    chosen = torch.arange(12) % len(faces)
    batch = script("drawer").lesson(shifted, chosen, args, torch.Generator().manual_seed(0))
    was = faces.landmarks[chosen][:, MOUTH].mean(1)[:, 1] / SIDE * 2 - 1
    np.testing.assert_allclose(batch["places"][:, 2, 1], was - 8 / SIDE * 2 * batch["trust"], atol=1e-4)
    assert batch["trust"].max() - batch["trust"].min() > 0.5  # each with another trust


def test_whether_there_is_hair_only_the_drawing_says(faces: Faces) -> None:
    """The shaven are given a hair colour, as what a visitor leaves open is; all else is theirs."""
    look = faces.look.clone()
    shaven = torch.arange(len(faces)) % 4 == 1
    look[shaven, 1] = torch.nan
    bald = replace(faces, look=look, shaven=shaven)
    chosen = torch.arange(8)
    given, hair = dressed(bald, chosen), 1
    assert given[:, hair].isfinite().all()
    assert (given[shaven[chosen], hair] == look[chosen[shaven[chosen]] - 1, hair]).all()
    rest = [k for k in range(look.shape[1]) if k != hair]
    torch.testing.assert_close(given[:, rest], look[chosen][:, rest], equal_nan=True)
    assert bald.look[shaven, hair].isnan().all()  # the corpus is as it was


def test_an_unskilled_hand_is_told_less_of_pixels_however_far_it_is_trusted(faces: Faces) -> None:
    args = argparse.Namespace(freehand=1.0, resolution=SIDE)
    module = script("drawer")
    batch = module.lesson(faces, torch.arange(4) % len(faces), args, torch.Generator().manual_seed(0))
    made = [torch.zeros_like(batch["true"])]

    def lost(skill: float, trust: float) -> torch.Tensor:
        whole = torch.full_like(batch["trust"], 1.0)
        return torch.stack(module.pixels(made, {**batch, "skill": skill * whole, "trust": trust * whole}))

    torch.testing.assert_close(lost(0, 0), lost(1, 0) / torch.tensor([4, 4, 16]))
    torch.testing.assert_close(lost(0.6, 0), lost(0.6, 1))


def test_what_the_reader_sees_on_its_way_counts(faces: Faces) -> None:
    """Nothing for the photograph itself, something for a soft one, most for no face; it can be learned."""
    reader = Reader.from_pretrained(str(BUNDLED / "reader")).eval().requires_grad_(False)
    read_alike, true = script("drawer").read_alike, to_float(faces.picture[:2])
    assert [float(x) for x in read_alike(reader, true, true)] == [0, 0]
    made = torch.nn.functional.avg_pool2d(true, 5, 1, 2).requires_grad_()
    shown, seen = read_alike(reader, made, true)
    (shown + seen).backward()
    assert made.grad is not None
    assert made.grad.abs().sum() > 0
    shown, seen = shown.detach(), seen.detach()
    assert 0.05 < float(seen) < float(read_alike(reader, torch.zeros_like(true), true)[1])
    assert float(shown) > 0
