"""The training corpus: open portraits → people who do not exist → expressions → sketches → `datasets`.

`build` makes one, `load` reads one by folder or by Hub name, `push` publishes one, `adapt` reads somebody
else's set.
"""

from .adapt import adapt
from .build import build
from .load import load, push
from .plan import Recipe

__all__ = ["Recipe", "adapt", "build", "load", "push"]
