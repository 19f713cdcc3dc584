"""`s2f evaluate`: perfect and lazy systems score as they must; tables, sheets and files are whole."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from painted_corpus import SIZE, write_painted_corpus
from PIL import Image

from s2f.batches import Faces, read
from s2f.errors import ModelError
from s2f.evaluation import Judges, Published, evaluate, markdown
from s2f.evaluation.editors import as_asked, paired
from s2f.evaluation.gallery import neutral_people
from s2f.evaluation.lineup import columns, line_up
from s2f.evaluation.measures import beside_the_head, landmark_error, strokes_agree
from s2f.evaluation.showing import freehand
from s2f.evaluation.summary import summary
from s2f.evaluation.tally import Tally
from s2f.expression import ACTION_UNITS, CLASSES
from s2f.models import DCGAN, AlexNet, Classifier, Identity, Pix2Pix, Reader, StarGAN

Cli = Callable[..., tuple[int, str, str]]
PEOPLE = 4
DRAWN = PEOPLE * len(CLASSES) + 1  # and the real neutral photograph: the smile has no landmarks


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("painted") / "corpus"
    return write_painted_corpus(folder, {"validation": 1, "test": PEOPLE})


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("judges")
    Classifier(8, 1, 32).save_pretrained(folder / "classifier")
    AlexNet(3, 8, 64).save_pretrained(folder / "alexnet")
    Identity(8, 32, 16).save_pretrained(folder / "identity")
    Reader(8, 32).save_pretrained(folder / "reader")
    return folder


@pytest.fixture(scope="module")
def judges(judge_folder: Path) -> Judges:
    return Judges.load(judge_folder)


@pytest.fixture(scope="module")
def faces(corpus: Path) -> Faces:
    return read(str(corpus), "test", SIZE)


class Photographer:
    """A drawer that knows the photograph of every drawing."""

    def __init__(self, faces: Faces) -> None:
        self.known = {
            page.numpy().tobytes(): faces.picture[row].float() / 127.5 - 1
            for row in range(len(faces))
            for page in faces.drawing[row]
        }
        self.looks: list[torch.Tensor] = []

    def __call__(self, drawing: torch.Tensor, look: torch.Tensor | None = None) -> torch.Tensor:
        assert look is not None
        self.looks.append(look)
        pages = ((drawing + 1) * 127.5).round().to(torch.uint8)
        return torch.stack([self.known[page[0].numpy().tobytes()] for page in pages])


class Copyist:
    """An editor that changes nothing."""

    def __call__(self, face: torch.Tensor, action_units: torch.Tensor) -> torch.Tensor:
        assert action_units.shape == (len(face), len(ACTION_UNITS))
        return face


class Gambler:
    """A drawer by chance alone."""

    size = 64

    def __call__(self, drawing: torch.Tensor, *, generator: list[torch.Generator]) -> torch.Tensor:
        return torch.stack([torch.rand(3, 64, 64, generator=g) * 2 - 1 for g in generator])


class Memory:
    """A sampler whose noise is the number of a photograph; looking for a face, it finds another's."""

    latent = 1

    def __init__(self, faces: Faces) -> None:
        self.known, self.asked = faces.picture.float() / 127.5 - 1, 0

    def __call__(self, noise: torch.Tensor) -> torch.Tensor:
        self.asked += len(noise)
        return self.known[torch.arange(self.asked - len(noise), self.asked) % len(self.known)]

    def reconstruct(
        self, face: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return face.roll(1, 0), torch.zeros(len(face), 1)


@pytest.fixture(scope="module")
def report(corpus: Path, faces: Faces, judges: Judges) -> dict[str, Any]:
    drawers = {"perfect": Photographer(faces), "chance": Gambler()}
    samplers, editors = {"memory": Memory(faces)}, {"lazy": Copyist()}
    return evaluate(corpus, drawers=drawers, editors=editors, samplers=samplers, judges=judges, size=SIZE)


def test_a_drawer_that_returns_the_photograph_is_perfect(report: dict[str, Any]) -> None:
    figures = report["drawers"]["perfect"]["figures"]["all"]
    assert {f["n"] for name, f in figures.items() if not name.startswith("look")} == {3 * DRAWN}
    assert figures["ssim"]["mean"] == pytest.approx(1)
    assert figures["psnr"]["mean"] == 100
    assert figures["high-frequency energy"]["mean"] == pytest.approx(1)
    assert figures["identity cosine"]["mean"] == pytest.approx(1)
    assert figures["identity rank 1"]["rate"] > 0.5  # the judge is untrained and its gallery neutral
    assert figures["fréchet distance"]["mean"] == pytest.approx(0, abs=1e-4)
    assert figures["look, skin"]["mean"] < 0.01
    assert figures["look, skin"]["n"] == 3 * DRAWN
    truth = report["truth"]["figures"]["all"]
    assert figures["landmarks"]["mean"] == pytest.approx(truth["landmarks"]["mean"], rel=0.05)
    styles = report["drawers"]["perfect"]["figures"]["by style"]
    assert styles["contour"]["sketch fidelity"]["mean"] == pytest.approx(1)
    assert list(styles) == ["freehand", "contour", "edge"]
    meant, true = (styles["freehand"][f"landmarks{of}"]["mean"] for of in (", as the hand meant them", ""))
    assert meant == pytest.approx(true, rel=1e-3)  # this hand moved the page, and meant all as it is
    assert report["drawers"]["perfect"]["diversity"] is None


def test_a_drawer_by_chance_is_neither_right_nor_repetitive(report: dict[str, Any]) -> None:
    told = report["drawers"]["chance"]
    figures = told["figures"]["all"]
    assert figures["ssim"]["mean"] < 0.2
    assert figures["high-frequency energy"]["mean"] > 1.5
    assert figures["fréchet distance"]["mean"] > 0.1
    assert told["diversity"]["spread, levels of 255"]["mean"] > 20


def test_an_editor_that_changes_nothing_keeps_the_person_and_no_more(report: dict[str, Any]) -> None:
    told = report["editors"]["lazy"]
    figures = told["figures"]["all"]
    assert figures["identity cosine"]["mean"] == pytest.approx(1)
    assert figures["identity rank 1"]["rate"] > 0.9  # one in eight starts from no neutral picture
    assert figures["backdrop change, levels of 255"]["mean"] == 0
    assert figures["ssim"]["n"] == PEOPLE * (len(CLASSES) + 1)
    by_class = told["figures"]["by class"]
    assert by_class["neutral"]["ssim"]["mean"] > by_class["fearful"]["ssim"]["mean"]
    wrong = told["as asked"]["figures"]["all"]["expression error"]
    assert wrong["n"] == PEOPLE * len(CLASSES)
    assert wrong["rate"] == pytest.approx(6 / 7)  # whatever is named, it is one of seven
    assert told["as asked, real people"]["figures"]["all"]["expression error"]["n"] == len(CLASSES)
    counts = np.array(told["confusion"]["classifier"])
    assert counts.sum() == figures["ssim"]["n"]
    assert 1 - np.trace(counts) / counts.sum() == pytest.approx(figures["expression error"]["rate"])
    assert set(told["groups"]["ssim"]) == {"lowest", "highest"}


def test_a_sampler_is_scored_by_what_it_makes_and_by_whom_it_finds(report: dict[str, Any]) -> None:
    told = report["samplers"]["memory"]
    figures = told["figures"]["all"]
    assert figures["fréchet distance"]["n"] == 3 * DRAWN
    assert (
        0
        <= figures["fréchet distance"]["mean"]
        < report["drawers"]["chance"]["figures"]["all"]["fréchet distance"]["mean"]
    )
    assert "ssim" not in figures
    assert told["reconstruction"]["identity rank 1"] == {
        "rate": 0.0,
        "n": PEOPLE,
        "interval95": pytest.approx([0, 0.49], abs=0.01),
    }
    assert told["reconstruction"]["ssim"]["mean"] < 1


def test_the_summary_has_a_line_for_every_system_and_for_what_is_exact(report: dict[str, Any]) -> None:
    lines = [line.strip("| ").split(" | ") for line in summary(report, "drawers")]
    assert [line[0] for line in lines] == [
        "system",
        "---|---:" + "|---:" * 13,
        "the faces themselves",
        "**perfect**",
        "**chance**",
        "**memory**, from noise",
        "memory, people looked for",
    ]
    column = lines[0].index("SSIM")
    assert [line[column] for line in lines[3:6]] == [
        "1.000",
        f"{report['drawers']['chance']['figures']['all']['ssim']['mean']:.3f}",
        "–",
    ]
    assert float(lines[4][-1]) > 20  # variety
    edited = [line.strip("| ").split(" | ") for line in summary(report, "editors")]
    assert edited[3][4:] == edited[4][4:]  # who changes nothing is no better than nothing
    assert edited[4][-1] == "85.7 %"


def test_systems_are_lined_up_on_other_people_and_styles_each_time(faces: Faces, tmp_path: Path) -> None:
    count = 60
    tally = Tally(
        {},
        {
            "class": np.array([CLASSES[n % 7] for n in range(count)]),
            "style": np.array([("edge", "freehand")[n // 7 % 2] for n in range(count)]),
        },
        np.arange(count) // 4,
    )
    allowed = np.arange(count) >= 20
    some = columns(tally, allowed)
    assert allowed[some].all()
    assert len(set(tally.people[some].tolist())) == len(some) > 5
    assert len(set(tally.parts["class"][some].tolist())) == 7
    rows = {"given": faces.drawing[:3, :1], "short": faces.picture[:2], "photograph": faces.picture[:3]}
    sheet = Image.open(line_up(tmp_path / "sheets" / "drawers.jpg", rows))
    assert sheet.width < 3 * 130
    assert sheet.height > 3 * 112


def test_pairs_are_of_one_sitting(faces: Faces) -> None:
    edits = paired(faces)
    assert edits.target is not None
    assert torch.equal(faces.person[edits.source], faces.person[edits.target])
    assert not faces.real[edits.source].any()
    into_neutral = (faces.label[edits.source] != 0).numpy()
    assert into_neutral.sum() == PEOPLE
    assert (edits.label[into_neutral] == 0).all()
    assert np.array_equal(edits.units, faces.units[edits.target].numpy())
    few = edits.of(["sad", "happy"])
    assert sorted(set(few.label.tolist())) == [1, 2]
    assert few.target is not None
    assert len(few.source) == len(few.units) == len(few.labels) == len(few.target) == 2 * PEOPLE
    asked = as_asked(np.array([3, 5]))
    assert asked.source.tolist() == [3] * 7 + [5] * 7
    np.testing.assert_allclose(asked.labels.sum(1), 1)


def test_strokes_agree_within_a_hair_only() -> None:
    page = np.full((128, 128), 255, np.uint8)
    page[20:100, 40] = 0
    near, far = np.roll(page, 1, 1), np.roll(page, 9, 1)
    assert strokes_agree(page, page) == strokes_agree(page, near) == 1
    assert strokes_agree(page, far) == 0
    half = page.copy()
    half[60:] = 255
    assert strokes_agree(page, half) == pytest.approx(2 * 0.51 / 1.51, abs=0.02)
    blank = np.full_like(page, 255)
    assert strokes_agree(blank, blank) == 1
    assert strokes_agree(page, blank) == 0


def test_the_backdrop_is_beside_the_head(faces: Faces) -> None:
    outside = beside_the_head(faces.landmarks[0].numpy(), SIZE)
    assert outside[2, 2]
    assert outside[2, -3]
    assert not outside[-2].any()  # shoulders
    assert not outside[60, 64]
    assert 0.05 < outside.mean() < 0.6


def test_landmark_error_is_in_eye_distances(faces: Faces) -> None:
    marks = faces.landmarks[:2].numpy()
    moved = marks + np.array([3.0, 4.0])
    apart = np.linalg.norm(marks[:, 0] - marks[:, 1], axis=-1)
    np.testing.assert_allclose(landmark_error(moved, marks), 5 / apart, rtol=1e-4)


def test_the_command_writes_all_it_is_asked_for(
    corpus: Path, judge_folder: Path, tmp_path: Path, run_cli: Cli
) -> None:
    torch.manual_seed(0)
    Pix2Pix(width=2, depth=4).save_pretrained(tmp_path / "pix2pix")
    StarGAN(width=2, blocks=1).save_pretrained(tmp_path / "both" / "editor")
    Pix2Pix(width=2, depth=4).save_pretrained(tmp_path / "both" / "drawer")
    StarGAN(2, 2, 1, 1, ["happy", "sad"], 48).save_pretrained(tmp_path / "two")
    (tmp_path / "pix2pix" / "metrics.json").write_text('{"images_seen": 40, "minutes": 0.5, "test": {}}')
    words = ["evaluate", "--corpus", corpus, "--judges", judge_folder, "--size", 64, "--limit", 2]
    DCGAN(width=2, latent=3).save_pretrained(tmp_path / "dcgan")
    again = {"images_seen": 3000, "resolution": 128, "init": {"images_seen": 2000, "resolution": 64}}
    (tmp_path / "both" / "editor" / "training.json").write_text(json.dumps(again))
    words += ["--models", tmp_path / "pix2pix", tmp_path / "both", tmp_path / "dcgan", tmp_path / "two"]
    words += ["--json", tmp_path / "scores.json"]
    words += ["--markdown", tmp_path / "scores.md", "--sheets", tmp_path / "sheets", "--beside"]
    status, out, err = run_cli(*words)
    assert status == 0, err
    scores = json.loads((tmp_path / "scores.json").read_text("utf-8"))
    assert set(scores["drawers"]) == {"pix2pix", "both"}
    assert set(scores["editors"]) == {"both", "two"}
    assert set(scores["editors"]["two"]["figures"]["by class"]) == {"happy", "sad"}
    assert set(scores["samplers"]) == {"dcgan"}
    assert scores["samplers"]["dcgan"]["reconstruction"]["ssim"]["n"] == 1  # the other is a photograph
    assert scores["corpus"]["people"] == 2
    assert scores["machine"]["cores"] >= 1
    said = json.dumps(scores)
    assert "NaN" not in said
    assert str(tmp_path) not in said
    text = (tmp_path / "scores.md").read_text("utf-8")
    assert "| ssim |" in text
    assert "| class | neutral | happy |" in text
    assert "## Drawers" in text
    assert re.search(r"\| \*\*both\*\* \| \d+\.\d\d \| 128² \| 5 k \|", text)
    names = {path.name for path in (tmp_path / "sheets").iterdir()}
    assert {"drawer-pix2pix-sample.jpg", "editor-both-worst-ssim.jpg", "drawers.jpg", "editors.jpg"} <= names
    pages = {f"drawer-{drawer}-{what}-1.jpg" for drawer in ("pix2pix", "both") for what in ("looks", "seven")}
    assert pages | {"editor-both-seven-1.jpg", "editor-both-intensity-1.jpg"} <= names
    assert "editor-two-sample.jpg" in names
    assert "editor-two-seven-1.jpg" not in names
    beside = json.loads((tmp_path / "pix2pix" / "metrics.json").read_text("utf-8"))
    assert beside["training"] == {"images_seen": 40, "minutes": 0.5}
    assert beside["scores"]["figures"] == scores["drawers"]["pix2pix"]["figures"]
    assert (tmp_path / "both" / "editor" / "metrics.json").exists()


class Looking(torch.nn.Module):
    """Stands for the networks others score by: the calls of their archives, features of four patches."""

    def forward(
        self,
        x: torch.Tensor,
        return_features: bool = False,
        resize_images: bool = True,
        return_lpips: bool = False,
    ) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x.float() / 255, 2)


def test_networks_that_others_score_by_are_used_where_they_are_at_hand(tmp_path: Path) -> None:
    file = tmp_path / "looking.pt"
    torch.jit.script(Looking()).save(str(file))
    one = torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=torch.manual_seed(0))
    two = torch.clamp(one.int() + 51, max=255).to(torch.uint8)
    people = np.arange(40) // 2
    scores = Published.load(file, file).figures(one, one, people)
    assert scores["inception fréchet distance"]["mean"] == pytest.approx(0, abs=1e-9)
    assert scores["lpips"]["mean"] == pytest.approx(0, abs=1e-9)
    both = Published.load(file, file).figures(two, one, people)
    apart = torch.nn.functional.adaptive_avg_pool2d((two.int() - one.int()) / 255, 2).flatten(1)
    assert both["lpips"]["mean"] == pytest.approx(float((apart**2).sum(1).mean()), rel=1e-5)
    assert both["inception fréchet distance"]["mean"] > 12 * 0.1**2
    assert Published.load().figures(two, one, people) == {}
    file.write_bytes(b"no archive")
    with pytest.raises(ModelError, match="no TorchScript archive .*download it again"):
        Published.load(inception=file)


def test_drawings_to_look_at_are_of_all_skills_and_people(faces: Faces) -> None:
    some = freehand(faces, PEOPLE)
    assert (faces.style.numpy()[some[:, 0], some[:, 1]] == 0).all()
    assert not faces.real.numpy()[some[:, 0]].any()
    assert len(set(faces.person.numpy()[some[:, 0]])) == PEOPLE
    assert (np.diff(faces.skill.numpy()[some[:, 0], some[:, 1]]) >= 0).all()
    people = neutral_people(faces, 99)
    assert (faces.label.numpy()[people] == 0).all()
    assert len(people) == PEOPLE


def test_tables_say_what_was_not_measured(report: dict[str, Any]) -> None:
    text = markdown(report)
    assert "nan" not in text.lower()
    assert "| ssim | 1.000 [1.000, 1.000]" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--models", "{judges}/classifier"], "got a Classifier .*expected a drawer or an editor"),
        (["--drawer", "{judges}/reader"], "got a Reader .*expected a drawer"),
        (["--models", "{judges}"], r"without config.json, drawer/ or editor/"),
        (["--judges", "{judges}/reader"], "got no classifier, alexnet, identity, reader in"),
        (["--split", "train"], "got split train"),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(
    words: list[str], said: str, corpus: Path, judge_folder: Path, run_cli: Cli
) -> None:
    given = [word.format(judges=judge_folder) for word in words]
    if "--judges" not in words:
        given += ["--judges", str(judge_folder)]
    status, _, err = run_cli("evaluate", "--corpus", corpus, *given)
    assert status == 1
    assert err.count("\n") == 1
    assert re.search(said, err)


def test_judges_must_all_be_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="train what is missing"):
        Judges.load(tmp_path)
