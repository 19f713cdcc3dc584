"""The packed portraits in one frame: eyes level, as high and as far apart, grown where a photograph ends."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import CorpusError
from ..image import EYE_DISTANCE, EYE_LINE
from .geometry import SIZE, push_pull, rescaled
from .matte import cut_out
from .points import CHIN, COUNT

SHAVEN = "shaven"  # among what is worn
_COLUMNS = ("id", "gender", "ethnicity", "smile")
_CHEEKS_AND_NOSE = [165, 168, 51]
_REMEDY = "import the portraits again"
# Backdrops are grey: what differs more between channels is the light's colour, and is taken out.
_TINT = 1.06
_BACKDROP = 190.0  # grey level to which a tinted and dark backdrop is brightened, by a quarter at most
_SKIN_CHROMA = 14.0  # of a* and b* that the well-exposed portraits have


@dataclass(frozen=True, eq=False)
class Face:
    """A framed neutral photograph, its landmarks, and whose pictures it was made from, the host first."""

    image: np.ndarray  # (n,n,3) uint8 RGB, n 512 or 256
    landmarks: np.ndarray  # (189,2)
    gender: str = ""
    ethnicity: str = ""
    sources: tuple[str, ...] = ()
    mirrored: bool = False  # the host's picture is seen in a mirror
    outline: np.ndarray | None = None  # hair silhouette, where the picture's backdrop no longer tells it
    locks: tuple[np.ndarray, ...] = ()  # closed outlines of hair that it was given
    worn: tuple[str, ...] = ()  # what else it was given: long hair, a fringe, a beard, a shaven head

    @property
    def size(self) -> int:
        """Pixels across."""
        return len(self.image)

    @property
    def shaven(self) -> bool:
        """Whether its hair was taken away."""
        return SHAVEN in self.worn

    @property
    def group(self) -> str:
        """The first part of a mixed ethnicity."""
        return self.ethnicity.split("/")[0]


def load_portraits(pack: str | Path, size: int = SIZE) -> list[Face]:
    """All neutral portraits of a pack, in the order of its table; of 512 pixels, or made smaller."""
    pack = Path(pack)
    marks = _landmarks(pack)
    faces = []
    for row in people_table(pack):
        points = _points_of(pack, marks, row["id"])
        image = _neutralised(_framed(_photo(pack, row["id"], "neutral"), points), points)
        landmarks = rescaled(_moved(points), size / SIZE)
        if size != SIZE:
            image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        faces.append(Face(image, landmarks, row["gender"], row["ethnicity"], (row["id"],)))
    return faces


def load_smiles(pack: str | Path) -> dict[str, np.ndarray]:
    """id -> the smiling photograph, framed exactly as that person's neutral one."""
    pack = Path(pack)
    marks = _landmarks(pack)
    smiles = {}
    for row in people_table(pack):
        if row["smile"] == "yes":
            points = _points_of(pack, marks, row["id"])
            photo = _framed(_photo(pack, row["id"], "smile"), points)
            smiles[row["id"]] = _neutralised(photo, points)
    return smiles


def frame(photo: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(512 x 512 RGB, landmarks in it) of an RGB or RGBA photograph; alpha 0 is beyond its end."""
    return _framed(photo, landmarks), _moved(landmarks)


def frame_matrix(landmarks: np.ndarray) -> np.ndarray:
    """2x3: the photograph's pixels -> the frame's."""
    across, middle = landmarks[1] - landmarks[0], (landmarks[0] + landmarks[1]) / 2
    scale = EYE_DISTANCE * SIZE / np.hypot(*across)
    matrix = cv2.getRotationMatrix2D(tuple(middle), np.degrees(np.arctan2(across[1], across[0])), scale)
    matrix[:, 2] += (SIZE * 0.5 - 0.5, SIZE * EYE_LINE - 0.5) - middle
    return matrix


def _moved(landmarks: np.ndarray) -> np.ndarray:
    matrix = frame_matrix(landmarks)
    return landmarks @ matrix[:, :2].T + matrix[:, 2]


def people_table(pack: Path) -> list[dict[str, str]]:
    """What the pack says of its people, without reading their pictures."""
    path = pack / "people.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"got {path} ({error}), expected the table of a pack's people; {_REMEDY}") from None
    missing = [name for name in _COLUMNS if rows and rows[0].get(name) is None]
    if missing or not rows:
        what = f"no column {', '.join(missing)}" if missing else "no people"
        raise CorpusError(f"got {path} with {what}, expected the table of a pack's people; {_REMEDY}")
    return rows


def _landmarks(pack: Path) -> dict[str, np.ndarray]:
    path = pack / "landmarks.npz"
    try:
        with np.load(path) as marks:
            return {name: marks[name] for name in marks.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CorpusError(f"got {path} ({error}), expected a pack's landmarks; {_REMEDY}") from None


def _points_of(pack: Path, marks: dict[str, np.ndarray], name: str) -> np.ndarray:
    points = marks.get(name)
    if points is None:
        raise CorpusError(f"got no landmarks of {name} in {pack / 'landmarks.npz'}, expected them; {_REMEDY}")
    if points.shape != (COUNT, 2) or not np.isfinite(points).all() or np.hypot(*(points[1] - points[0])) < 1:
        raise CorpusError(
            f"got landmarks of {name} that are not {COUNT} finite points with two pupils, expected those; "
            f"{_REMEDY}"
        )
    return points.astype(np.float64)


def _photo(pack: Path, name: str, kind: str) -> np.ndarray:
    path = pack / "portraits" / f"{name}_{kind}.webp"
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise CorpusError(f"got {path} ({error.strerror}), expected a readable picture; {_REMEDY}") from None
    photo = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if photo is None or photo.ndim != 3 or photo.dtype != np.uint8:
        raise CorpusError(f"got {path}, expected a whole picture in colour; {_REMEDY}")
    return cv2.cvtColor(photo, cv2.COLOR_BGRA2RGBA if photo.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def _framed(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    matrix = frame_matrix(points)
    inside = (photo[..., 3] > 254) if photo.shape[2] == 4 else np.ones(photo.shape[:2], bool)
    colour = np.ascontiguousarray(photo[..., :3])
    out = cv2.warpAffine(colour, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    known = cv2.warpAffine(inside.astype(np.float32), matrix, (SIZE, SIZE)) > 0.999
    if known.all() or not known.any():
        return out
    # outermost pixels mix with what lies behind the photograph's end
    known = cv2.erode(known.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    return _grown(out, known, _moved(points))


def _grown(image: np.ndarray, known: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Beyond a photograph's straight ends its smooth backdrop goes on and of the person what is cut there."""
    seen = _reflected(image, known)
    matte = cut_out(seen, landmarks)
    # single strands would come back as a ghost: shoulders go on, thick hair ends soon
    solid = np.clip(cv2.GaussianBlur(matte.alpha, (0, 0), 5) * 3 - 1.4, 0, 1)
    away = cv2.distanceTransform(1 - known.astype(np.uint8), cv2.DIST_L2, 5)
    body = _shoulders(image, known, landmarks)
    solid *= np.maximum(body, np.clip((13 - away + _ragged()[:, None]) / 13, 0, 1))
    grain = np.random.default_rng(0).normal(0, 1.2, (SIZE, SIZE, 1)).astype(np.float32)
    empty = np.clip(1 - 5 * cv2.GaussianBlur(matte.alpha, (0, 0), 4), 0, 1)  # backdrop alone goes on as it is
    solid = np.maximum(solid, empty)[..., None]
    grown = matte.backdrop + solid * (seen - matte.backdrop) + (1 - solid) * grain
    near = cv2.GaussianBlur(known.astype(np.float32), (0, 0), 2)
    keep = (np.clip(2 * near - 1, 0, 1) * known)[..., None]
    return np.clip(seen * keep + grown * (1 - keep) + 0.5, 0, 255).astype(np.uint8)


def _shoulders(image: np.ndarray, known: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """1 below the shoulders' line on either side, or below the chin where no line is clear."""
    columns = np.flatnonzero(known.mean(0) > 0.5)
    middle, rows = SIZE // 2, np.arange(SIZE, dtype=np.float32)[:, None]
    body = np.empty((SIZE, SIZE), np.float32)
    for edge, inwards, side in ((columns[0], 1, slice(0, middle)), (columns[-1], -1, slice(middle, SIZE))):
        start, _ = _shoulder(image, int(edge), inwards)
        body[:, side] = np.clip((rows - min(start - 12, landmarks[CHIN, 1] - 30)) / 14, 0, 1)
    return body


def _ragged() -> np.ndarray:
    """How much longer than others the strands of each row are, in pixels."""
    random = np.random.default_rng(3).standard_normal((SIZE, 1)).astype(np.float32)
    return 5 * cv2.GaussianBlur(random, (0, 0), 2.5)[:, 0] + 14 * cv2.GaussianBlur(random, (0, 0), 12)[:, 0]


def _reflected(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Beyond its ends the photograph is mirrored, shoulders going on down; waved, so that it hides."""
    ys, xs = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    columns, rows = (np.flatnonzero(known.mean(axis) > 0.5) for axis in (0, 1))
    left, right, top, bottom = (int(k) for k in (columns[0], columns[-1], rows[0], rows[-1]))
    away = np.maximum(np.maximum(left - xs, xs - right), 0)
    from_x = np.where(xs < left, 2 * left - xs, np.where(xs > right, 2 * right - xs, xs))
    from_y = np.where(ys < top, 2 * top - ys, np.where(ys > bottom, 2 * bottom - ys, ys))
    for edge, side in ((left, xs < left), (right, xs > right)):
        start, slope = _shoulder(image, edge, 1 if edge == left else -1)
        below = np.clip((from_y - start + 40) / 30, 0, 1)
        wave = 0.5 * np.sin(ys / 17) + 0.35 * np.sin(ys / 7.3 + 1)
        from_y = np.where(side, from_y - away * (2 * slope * below + wave * (1 - below)), from_y)
    from_x, from_y = from_x.astype(np.float32), from_y.astype(np.float32)
    out = cv2.remap(image, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    sure = cv2.remap(known.astype(np.float32), from_x, from_y, cv2.INTER_LINEAR) > 0.999
    out = np.where(known[..., None], image, out)
    if not sure.all():  # a slanting end: the reflection has corners of its own
        filled = push_pull(out.astype(np.float32), sure.astype(np.float32))
        out = np.where(sure[..., None], out, np.clip(filled, 0, 255)).astype(np.uint8)
    return out


def _shoulder(image: np.ndarray, edge: int, inwards: int) -> tuple[float, float]:
    """(height, fall per pixel outwards) of the line between backdrop and shoulder where it meets an end."""
    near = image[:, sorted((edge, edge + 25 * inwards))[0] :][:, :25].astype(np.float32)
    inside = cv2.blur(near, (5, 1))[:, ::inwards]  # from the end inwards
    backdrop = np.median(inside[40:200], axis=0)
    other = np.abs(inside - backdrop).sum(-1) > 60
    heights = []
    for column in range(0, 25, 2):
        empty = np.flatnonzero(~other[: SIZE - 1, column])
        heights.append(empty[-1] if len(empty) else 0)
    fit = np.polyfit(np.arange(0, 25, 2), heights, 1)
    steady = np.abs(np.polyval(fit, np.arange(0, 25, 2)) - heights).max() < 6 and heights[0] > 300
    return (float(fit[1]), float(np.clip(-fit[0], 0, 1.5))) if steady else (float(SIZE), 0.0)


def _neutralised(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Take a coloured light's tint out of the backdrop and its redness out of the skin; grey light stays."""
    sides = np.vstack([image[8:170:3, 4:40:3].reshape(-1, 3), image[8:170:3, -40:-4:3].reshape(-1, 3)])
    light = sides.sum(1)
    backdrop = np.median(sides[light >= np.percentile(light, 75)], 0)  # hair may hang there
    if backdrop.max() <= _TINT * backdrop.min():
        return image
    gain = backdrop.mean() / np.maximum(backdrop, 1) * np.clip(_BACKDROP / backdrop.mean(), 1, 1.25)
    lab = cv2.cvtColor(np.clip(image * gain / 255, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)
    spots = _moved(landmarks)[_CHEEKS_AND_NOSE].astype(int)
    skin = np.mean([lab[y - 4 : y + 5, x - 4 : x + 5].mean((0, 1)) for x, y in spots], 0)
    lab[..., 1] *= np.clip(_SKIN_CHROMA / max(skin[1], 1), 0.5, 1)
    lab[..., 2] *= np.clip(_SKIN_CHROMA / max(skin[2], 1), 0.8, 1.3)
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255 + 0.5, 0, 255).astype(np.uint8)
