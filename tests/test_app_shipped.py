"""The page with the weights that come with it: an example becomes a face that is read as one, and smiles."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from s2f.expression import CLASSES
from s2f.image import to_tensor
from s2f.models import Classifier, Reader
from s2f.shipped import BUNDLED
from tests.visitors import FLAGS, face_of, leave, need_browser, served, settled, source, visit

EXAMPLE = 3


@torch.inference_mode()
def read(picture: bytes) -> tuple[str, float]:
    """The expression that the classifier names, and how sure the reader is of a face."""
    face = to_tensor([Image.open(io.BytesIO(picture)).convert("RGB").resize((256, 256))])
    named = Classifier.from_pretrained(BUNDLED / "classifier").eval()(face).argmax()
    return CLASSES[int(named)], float(Reader.from_pretrained(BUNDLED / "reader").eval()(face).confidence)


def test_an_example_becomes_a_person_who_smiles_when_asked(tmp_path_factory: pytest.TempPathFactory) -> None:
    chosen = os.environ.get("S2F_SHOTS")
    shots = Path(chosen) if chosen else tmp_path_factory.mktemp("shots")
    with served(tmp_path_factory.mktemp("space")) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=need_browser(), args=FLAGS)
        page = visit(browser, address)
        page.get_by_role("button", name=re.compile("Example drawing")).nth(EXAMPLE).click()
        face = face_of(page)
        expect(face).to_be_visible()
        before = settled(face)
        _, sure = read(face.screenshot())
        assert sure > 0.9
        strip = page.get_by_role("radiogroup", name="Expression")
        strip.get_by_role("radio", name="happy", exact=True).click()
        expect(face).not_to_have_attribute("src", before)
        expect(face).to_have_accessible_name(re.compile("happy"))
        assert source(face) == settled(face)
        named, sure = read(face.screenshot())
        assert named == "happy"
        assert sure > 0.9
        page.screenshot(path=shots / "page.png")  # the README's first picture
        leave(page)
        browser.close()
