"""What keeps the house in order: imports go one way, everything public is typed, pins and ranges agree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import s2f
from s2f.expression import CLASSES

ROOT = Path(__file__).parents[1]
PACKAGE = sorted((ROOT / "s2f").rglob("*.py"))
SOURCES = [*PACKAGE, ROOT / "app.py", *sorted((ROOT / "train").glob("*.py"))]

# Lower floors never import higher ones; on one floor imports may not run in circles.
FLOORS = [
    {"s2f", "errors"},
    {"image", "decode", "look", "losses", "expression", "watermark", "data_folder", "shipped"},
    {"hub", "modelfile", "snapshot", "containers", "signing", "provenance"},
    {"sketch", "doctor", "page", "ruling", "framing", "strokes"}
    | {
        "models",
        "metrics",
        "restore",
        "photo",
        "corpus",
        "training",
        "batches",
        "fitting",
        "jitter",
        "gallery",
        "animation",
        "publishing",
        "export",
    },
    {"pipeline", "roles"},
    {"evaluation"},
    {"commands", "space"},
    {"__main__", "app", "train"},
]
HEAVY = {
    "torch",
    "cv2",
    "numba",
    "scipy",
    "datasets",
    "gradio",
    "diffusers",
    "accelerate",
    "dlib",
    "pandas",
    "PIL",
}


def room(path: Path) -> str:
    """s2f/models/stargan.py lives in `models`, s2f/image.py in `image`, train/x.py in `train`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] != "s2f":
        return parts[0]
    return "s2f" if parts[1] == "__init__" else parts[1]


def floor(name: str) -> int:
    found = [n for n, names in enumerate(FLOORS) if name in names]
    assert found, f"{name} has no floor: give it one in FLOORS"
    return found[0]


def imports(path: Path, *, top_only: bool = False) -> list[tuple[str, bool]]:
    """(absolute module, whether it is inside s2f) of every import statement, `if TYPE_CHECKING` left out."""
    tree = ast.parse(path.read_text("utf-8"))
    hidden: set[ast.AST] = set()
    for node in ast.walk(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if typing_only or (top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            hidden |= set(ast.walk(node)) - {node}
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    out = []
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.Import):
            out += [(alias.name, alias.name.split(".")[0] == "s2f") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names = (
                [f"{module}.{alias.name}" for alias in node.names] if module in ("s2f", base) else [module]
            )
            out += [(name, name.split(".")[0] == "s2f") for name in names]
    return out


def inner_room(module: str) -> str:
    parts = module.split(".")
    if len(parts) == 1 or (
        len(parts) == 2 and parts[1] in dir(s2f) and not (ROOT / "s2f" / f"{parts[1]}.py").exists()
    ):
        return "s2f"
    return parts[1]


def test_imports_go_one_way() -> None:
    arrows: dict[str, set[str]] = {}
    for path in SOURCES:
        here = room(path)
        for module, ours in imports(path):
            there = inner_room(module) if ours else here
            if there in (here, "s2f"):
                continue
            assert floor(there) <= floor(here), f"{path.name} ({here}) imports {module}: that is upstairs"
            arrows.setdefault(here, set()).add(there)

    def reach(start: str, seen: tuple[str, ...] = ()) -> None:
        assert start not in seen, f"imports run in a circle: {' -> '.join((*seen, start))}"
        for there in arrows.get(start, ()):
            reach(there, (*seen, start))

    for start in arrows:
        reach(start)


def test_the_ground_floor_imports_nothing_of_s2f_but_errors() -> None:
    for name in ("errors", "image", "decode", "losses", "expression"):
        path = ROOT / "s2f" / f"{name}.py"
        if path.exists():
            assert {inner_room(m) for m, ours in imports(path) if ours} <= {"errors", "decode"}, name


def test_models_never_see_pictures_data_losses_or_devices() -> None:
    for path in (ROOT / "s2f" / "models").glob("*.py"):
        seen = {m.split(".")[0] for m, ours in imports(path) if not ours}
        rooms = {inner_room(m) for m, ours in imports(path) if ours}
        assert not seen & {"PIL", "cv2", "datasets", "gradio"}, path.name
        assert rooms <= {"errors", "expression", "hub", "models", "s2f"}, (path.name, rooms)
        assert not re.search(r"\.cuda\(|\bdevice\s*=\s*[\"']", path.read_text("utf-8")), path.name


def test_importing_s2f_is_fast_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, time, os; before = set(os.listdir('.')); t = time.perf_counter(); import s2f; "
        "took = time.perf_counter() - t; assert set(os.listdir('.')) == before; "
        f"heavy = {HEAVY!r} & set(sys.modules); print(took, sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    took, heavy = done.stdout.split(maxsplit=1)
    assert float(took) < 2
    assert heavy.strip() == "[]"


def test_public_names_exist_and_strangers_are_refused() -> None:
    for name in s2f.__all__:
        assert getattr(s2f, name) is not None
    with pytest.raises(AttributeError, match="it offers"):
        _ = s2f.nonsense  # type: ignore[attr-defined]


def test_every_public_function_is_typed() -> None:
    untyped = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
                if bare or node.returns is None:
                    untyped.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} {bare}")
    assert not untyped, "\n".join(untyped)


def test_no_source_is_two_ideas() -> None:
    long = {str(p): n for p in SOURCES if (n := len(p.read_text("utf-8").splitlines())) > 400}
    assert not long


def test_nothing_unpickles_and_nothing_is_printed() -> None:
    for path in SOURCES:
        text = path.read_text("utf-8")
        assert not re.search(r"^\s*(import|from) (pickle|dill|joblib)\b", text, re.M), path
        assert not re.search(r"^\s*print\(", text, re.M), path
        for call in re.findall(r"torch\.load\([^)]*\)", text):
            assert "weights_only=True" in call, path


def test_one_order_of_classes_everywhere() -> None:
    """Any tuple, list or Markdown table that names all seven classes names them in our order."""
    texts = [*SOURCES, ROOT / "README.md", *sorted((ROOT / "model_cards").glob("*.md"))]
    for path in texts:
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.List | ast.Tuple):
                    words = [e.value for e in node.elts if isinstance(e, ast.Constant)]
                elif isinstance(node, ast.Dict):
                    words = [e.value for e in node.keys if isinstance(e, ast.Constant)]
                else:
                    continue
                if set(CLASSES) <= set(words):
                    assert tuple(w for w in words if w in CLASSES) == CLASSES, path
        else:
            for line in path.read_text("utf-8").splitlines():
                words = [w for w in re.findall(r"[a-z]+", line) if w in CLASSES]
                if set(words) == set(CLASSES):
                    assert tuple(dict.fromkeys(words)) == CLASSES, f"{path}: {line}"


def pins(path: Path) -> dict[str, Requirement]:
    lines = [line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith("-r ")]
    return {canonicalize_name(r.name): r for r in found}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def ranges() -> list[Requirement]:
    extras = project()["optional-dependencies"]
    lines = [*project()["dependencies"], *(line for lines in extras.values() for line in lines)]
    return [r for r in map(Requirement, lines) if r.name != "s2f"]


def test_pins_are_exact_and_inside_the_ranges() -> None:
    every = pins(ROOT / "requirements.txt") | pins(ROOT / "tests" / "requirements.txt")
    for name, pin in every.items():
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), f"{name} is not pinned exactly"
        assert not pin.extras, f"{name} has extras: pip takes no such line as a constraint"
    for wanted in ranges():
        pin = every.get(canonicalize_name(wanted.name))
        if pin is None:
            assert wanted.name == "wandb", (
                f"{wanted.name} has a range and no pin"
            )  # an account's service: never installed here
            continue
        assert wanted.specifier.contains(str(pin.specifier)[2:]), f"{pin} lies outside {wanted}"


def test_every_pin_has_a_range() -> None:
    known = {canonicalize_name(r.name) for r in ranges()}
    for file in ("requirements.txt", "tests/requirements.txt"):
        assert set(pins(ROOT / file)) <= known, file


def test_requirements_hold_every_run_time_dependency() -> None:
    base = {canonicalize_name(Requirement(d).name) for d in project()["dependencies"]}
    extras = project()["optional-dependencies"]
    parts = [Requirement(line) for part in ("app", "animation", "gallery") for line in extras[part]]
    app = {canonicalize_name(part.name) for part in parts} - {"s2f"}
    assert set(pins(ROOT / "requirements.txt")) == base | app
    assert {"train", "gfpgan", "cluster", "dev"} <= set(project()["optional-dependencies"])


def test_bundled_weights_say_what_they_are_and_stay_small() -> None:
    folder = ROOT / "s2f" / "weights"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 36 * 2**20
    for path in files:
        assert path.suffix in {".safetensors", ".json"}, path
        if path.suffix == ".safetensors":
            beside = {p.name for p in path.parent.iterdir()}
            assert {"config.json", "training.json", "metrics.json"} <= beside, path


def test_the_tree_names_no_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    for name in filter(None, listed):
        path = ROOT / name
        if (
            path.suffix in {".py", ".md", ".toml", ".txt", ".json", ""}
            and path.is_file()
            and path != Path(__file__)
        ):
            text = path.read_text("utf-8", errors="replace")
            assert not re.search(r"(?<![\w.])/(root|work|home/\w+|Users/\w+)/", text), name
