"""Weights between those of a run and of the one it went on from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from s2f.batches import read, to_float
from s2f.models import Drawer, Editor, load_model
from s2f.training import TrainingError
from tests.scripts import script


def drawer(folder: Path, seed: int, width: int = 8) -> Drawer:
    torch.manual_seed(seed)
    made = Drawer(widths=[width] * 4, detail=[8, 8], condition=8, bank=8)
    made.hand.bias.fill_(0.1 * seed)
    made.save_pretrained(folder)
    return made


def words(folder: Path, share: float | str) -> list[str]:
    names = {"--model": "later", "--kept": "earlier", "--output_dir": "out"}
    return [*(str(w) for k, v in names.items() for w in (k, folder / v)), "--share", str(share)]


def test_learned_weights_meet_and_the_story_stays(tmp_path: Path) -> None:
    later, earlier = drawer(tmp_path / "later", 1), drawer(tmp_path / "earlier", 2)
    (tmp_path / "later" / "training.json").write_text('{"images_seen": 480}', "utf-8")
    script("blend").main(words(tmp_path, 0.25))
    made = load_model(tmp_path / "out")
    assert made.config == later.config
    for name, weight in made.named_parameters():
        wanted = 0.75 * later.get_parameter(name) + 0.25 * earlier.get_parameter(name)
        torch.testing.assert_close(weight.float(), wanted, atol=2e-3, rtol=2e-3)  # kept in half precision
    assert made.hand.bias.item() == pytest.approx(0.1, abs=1e-3)  # the later's: fitted, not learned
    told = json.loads((tmp_path / "out" / "training.json").read_text("utf-8"))
    assert told == {"images_seen": 480, "kept": "earlier", "kept_share": 0.25}


def test_what_is_not_learned_is_of_the_corpus(tmp_path: Path, mini_corpus: Path) -> None:
    drawer(tmp_path / "later", 1)
    drawer(tmp_path / "earlier", 2)
    script("blend").main([*words(tmp_path, 0.5), "--corpus", str(mini_corpus)])
    made = Drawer.from_pretrained(tmp_path / "out")
    faces = read(str(mini_corpus), "train", 256).invented()
    skill = faces.skill[torch.arange(len(faces)), torch.arange(len(faces)) % faces.skill.shape[1]]
    pages = [faces.drawing[n, n % faces.drawing.shape[1]] for n in range(len(faces))]
    told = torch.stack([made.skill(made.seen(to_float(page[None, None])))[0] for page in pages])
    assert (told - skill).abs().mean() < 0.8 * (skill - skill.mean()).abs().mean()
    whole = faces.look[faces.look.isfinite().flatten(1).all(1)]
    for look in made.bank:  # each somebody's: half a precision is what is kept
        assert (look[0] - whole[:, 0]).abs().amax(1).min() < 0.1


def test_only_a_drawer_reads_hands(tmp_path: Path, mini_corpus: Path) -> None:
    for name in ("later", "earlier"):
        Editor(size=128, widths=[8, 16], detail=8, condition=8).save_pretrained(tmp_path / name)
    with pytest.raises(TrainingError, match="expected a Drawer, who reads hands; drop it"):
        script("blend").main([*words(tmp_path, 0.5), "--corpus", str(mini_corpus)])
    assert not (tmp_path / "out").exists()


def test_two_that_are_not_of_one_size_are_refused(tmp_path: Path) -> None:
    drawer(tmp_path / "later", 1)
    drawer(tmp_path / "earlier", 2, width=16)
    with pytest.raises(TrainingError, match="other sizes, expected two of one size; give a run"):
        script("blend").main(words(tmp_path, 0.5))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("share", [-0.1, 1.5, "nan"])
def test_a_share_is_from_0_to_1(
    share: float | str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        script("blend").main(words(tmp_path, share))
    assert "expected a number from 0 to 1; correct it" in capsys.readouterr().err
