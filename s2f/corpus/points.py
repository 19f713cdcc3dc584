"""Which of the 189 landmarks is what; left and right are the viewer's."""

from __future__ import annotations

import numpy as np

COUNT = 189
PUPILS = (0, 1)
IRIS = (tuple(range(2, 10)), tuple(range(10, 18)))
UPPER_LID = ((18, 19, 20, 21, 22), (23, 24, 25, 26, 27))
LOWER_LID = ((18, 28, 29, 30, 22), (23, 31, 32, 33, 27))
LIP_SEAM_UPPER = (87, 94, 95, 96, 97, 98, 93)
LIP_SEAM_LOWER = (87, 99, 100, 101, 102, 103, 93)
LIP_TOP = (87, 88, 89, 90, 91, 92, 93)
LIP_BOTTOM = (87, 104, 105, 106, 107, 108, 93)
CHIN = 129
HAIR = tuple(range(145, 158))
NECK = (183, 184)
EAR = (tuple(range(115, 120)), tuple(range(120, 125)))
EARS = EAR[0] + EAR[1]
EAR_RING = ((109, *EAR[0], 111), (112, *EAR[1], 114))  # with where they join the face
TEMPLE, JAW = (109, 112), ((126, 127), (132, 131))
# these do not sit on the mesh: they follow the eyeballs, the hair and the backdrop
OFF_MESH = frozenset((*range(18), *HAIR, *NECK, *EARS))
# these have their own vertex, so that lids and lips open and close exactly
PINNED = tuple(
    sorted({*LIP_SEAM_UPPER, *LIP_SEAM_LOWER, *UPPER_LID[0], *UPPER_LID[1], *LOWER_LID[0], *LOWER_LID[1]})
)
FACE_RING = (109, 110, 111, *range(125, 134), 114, 113, 112, *range(144, 133, -1))

# the kit's 68 landmark vertices -> the landmarks whose mean they are; the others have no counterpart
SIXTY_EIGHT: dict[int, tuple[int, ...]] = {
    **{6: (127,), 7: (128,), 9: (130,), 10: (131,)},
    **{17: (71,), 18: (72, 83), 19: (73, 84), 20: (74, 84), 21: (76,)},
    **{22: (77,), 23: (78, 85), 24: (79, 85), 25: (81, 86), 26: (82,)},
    **{27: (51, 57), 28: (52, 58), 29: (53, 59), 30: (54, 60)},
    **{31: (64,), 32: (180,), 33: (55,), 34: (181,), 35: (69,)},
    **{36: (18,), 37: (19,), 38: (21,), 39: (22,), 40: (30,), 41: (28,)},
    **{42: (23,), 43: (24,), 44: (26,), 45: (27,), 46: (33,), 47: (31,)},
    **{48: (87,), 49: (88,), 50: (89,), 51: (90,), 52: (91,), 53: (92,), 54: (93,)},
    **{55: (108,), 56: (107,), 57: (106,), 58: (105,), 59: (104,)},
    **{61: (95,), 62: (96,), 63: (97,), 65: (102,), 66: (101,), 67: (100,)},
}


def eye_distance(landmarks: np.ndarray) -> float:
    """In pixels: the unit of all that grows on a head or sits on it."""
    return float(np.hypot(*(landmarks[PUPILS[1]] - landmarks[PUPILS[0]])))


def sixty_eight(landmarks: np.ndarray) -> dict[int, np.ndarray]:
    """Where the kit's landmark vertices should be, by their number of 68."""
    return {k: landmarks[list(ids)].mean(0) for k, ids in SIXTY_EIGHT.items()}
