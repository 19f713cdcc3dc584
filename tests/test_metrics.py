"""Metrics against independent implementations and against what is known by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from s2f.errors import S2FError
from s2f.losses import structure
from s2f.metrics import cosine, distance, frechet, kernel, mean, nearest, psnr, sharpness, ssim


@pytest.fixture
def pictures() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    one = cv2.GaussianBlur(rng.integers(0, 256, (61, 48, 3)).astype(np.uint8), (0, 0), 2) * 3
    two = np.clip(cv2.GaussianBlur(one, (0, 0), 1) + rng.normal(8, 6, one.shape), 0, 255).astype(np.uint8)
    return one, two


def test_ssim_and_psnr_are_the_known_ones(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    one, two = pictures
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    assert ssim(one, two) == pytest.approx(
        structural_similarity(one, two, channel_axis=2, **window), abs=1e-6
    )
    grey = structural_similarity(one[..., 0], two[..., 0], **window)
    assert ssim(one[..., 0], two[..., 0]) == pytest.approx(grey, abs=1e-6)
    assert psnr(one, two) == pytest.approx(peak_signal_noise_ratio(one, two, data_range=255), abs=1e-9)
    assert ssim(one, one) == pytest.approx(1, abs=1e-12)
    assert psnr(one, one) == 100
    assert ssim(one, 255 - one) < 0  # raw: not moved into 0 to 1


def test_the_loss_of_structure_is_what_the_metric_measures(
    pictures: tuple[np.ndarray, np.ndarray],
) -> None:
    one, two = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, 2) for p in pictures)
    a, b = (torch.from_numpy(p).permute(2, 0, 1)[None].double() / 127.5 - 1 for p in (one, two))
    assert float(structure(a, b)) == pytest.approx(1 - ssim(one, two), abs=1e-4)
    assert float(structure(a, a)) == pytest.approx(0, abs=1e-6)
    assert float(structure(a, b, torch.full((1, 1, 8, 8), 0.5))) == pytest.approx(float(structure(a, b)) / 2)


def test_pictures_that_cannot_be_compared_are_refused(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    one, two = pictures
    for other in (two[:-1], two.astype(float), two[:5, :5]):
        with pytest.raises(S2FError, match="expected two of one size"):
            ssim(one[: len(other), : other.shape[1]] if other.shape[0] == 5 else one, other)


def test_sharpness_is_the_energy_of_the_laplacian(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    dot = np.zeros((9, 9), np.uint8)
    dot[4, 4] = 10
    assert sharpness(dot) == pytest.approx((40**2 + 4 * 10**2) / 81)
    assert sharpness(cv2.GaussianBlur(pictures[0], (0, 0), 2)) < 0.2 * sharpness(pictures[0])


def test_frechet_of_gaussians_is_the_formula() -> None:
    """In one direction: (difference of means)² + (difference of spreads)²; turning both changes nothing."""
    rng = np.random.default_rng(0)
    base = rng.standard_normal((4000, 3))
    base = (base - base.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(base.T))).T
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    one, two = base * (1, 2, 3), base[rng.permutation(4000)] * (4, 2, 1) + (5, 0, 0)
    wanted = 25 + (1 - 4) ** 2 + 0 + (3 - 1) ** 2
    assert frechet(one @ turn, two @ turn) == pytest.approx(wanted, rel=1e-9)
    assert frechet(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet(one[:, :1], two[:, :1]) == pytest.approx(25 + 9, rel=1e-9)


def test_kernel_distance_is_unbiased_and_grows() -> None:
    rng = np.random.default_rng(0)
    near = [kernel(*rng.standard_normal((2, 40, 8))) for _ in range(60)]
    assert abs(np.mean(near)) < 3 * np.std(near) / np.sqrt(60)
    assert min(near) < 0
    one = rng.standard_normal((40, 8))
    assert kernel(one, one + 0.5) < kernel(one, one + 1.5)


def test_means_know_that_pictures_of_one_person_are_alike() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(12), 20)
    values = np.repeat(rng.standard_normal(12), 20) + 0.01 * rng.standard_normal(240)
    by_person, by_picture = mean(values, person), mean(values)
    assert by_person["mean"] == by_picture["mean"] == pytest.approx(values.mean())
    assert by_person["n"] == by_picture["n"] == 240

    def width(figure: dict) -> float:
        return figure["interval95"][1] - figure["interval95"][0]

    assert width(by_person) > 3 * width(by_picture)
    expected = 2 * 1.96 * values.std() / np.sqrt(240)
    assert width(by_picture) == pytest.approx(expected, rel=0.15)
    assert mean([1.0, np.nan, 3.0])["n"] == 2
    assert np.isnan(mean([])["mean"])


def test_a_distance_comes_with_the_jackknife_interval() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((200, 2)), rng.standard_normal((200, 2)) + 1
    apart = distance(lambda a, b: float(b.mean() - a.mean()), one, two)
    low, high = apart["interval95"]
    assert apart["n"] == 200
    assert low < apart["mean"] < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 / 400), rel=0.5)
    assert np.isnan(distance(frechet, one[:15], two[:15])["interval95"]).all()


def test_who_is_nearest_goes_by_direction_not_length() -> None:
    gallery = np.array([[1.0, 0], [0, 5], [-3, 0]])
    assert nearest(np.array([[9.0, 1], [0.1, 0.2], [-1, 0.5]]), gallery).tolist() == [0, 1, 2]
    assert cosine(np.array([[2.0, 0]]), np.array([[1.0, 1]]))[0] == pytest.approx(np.sqrt(0.5))
