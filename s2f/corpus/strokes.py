"""The kernels under a drawing hand: how a stroke wanders, how ink covers paper, where hatching runs."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath=True)
def _point(p: np.ndarray, i: int, f: float, straight: bool) -> tuple[float, float]:
    """The curve through p at i + f: Catmull-Rom, or straight pieces."""
    n = len(p)
    b, c = p[i], p[i + 1]
    if straight:
        return b[0] + (c[0] - b[0]) * f, b[1] + (c[1] - b[1]) * f
    a, d = p[max(i - 1, 0)], p[min(i + 2, n - 1)]
    w0, w1 = -0.5 * f + f * f - 0.5 * f**3, 1 - 2.5 * f * f + 1.5 * f**3
    w2, w3 = 0.5 * f + 2 * f * f - 1.5 * f**3, -0.5 * f * f + 0.5 * f**3
    return (
        w0 * a[0] + w1 * b[0] + w2 * c[0] + w3 * d[0],
        w0 * a[1] + w1 * b[1] + w2 * c[1] + w3 * d[1],
    )


@njit(cache=True, fastmath=True)
def _controls(
    rng: np.random.Generator, points: np.ndarray, closed: bool, care: float, bad: float, shaky: float
) -> tuple[np.ndarray, float]:
    """The points a hand aims at: fewer the less skilled it is, more scattered the shakier."""
    n = len(points)
    aim = np.empty((n + 2, 2))
    drop = 0.0
    if n > 5 and bad > 0.3:
        drop = 0.55 * (bad - 0.3) * (1 - care)
    m = 0
    for i in range(n):
        if i == 0 or i == n - 1 or rng.random() >= drop:
            aim[m] = points[i]
            m += 1
    if closed:
        aim[m] = points[0]
        m += 1
    x0, x1, y0, y1 = 1e9, -1e9, 1e9, -1e9
    for i in range(m):
        x0, x1 = min(x0, aim[i, 0]), max(x1, aim[i, 0])
        y0, y1 = min(y0, aim[i, 1]), max(y1, aim[i, 1])
    span = max(x1 - x0, y1 - y0) + 3
    scatter = (min(0.5, 0.02 * span) + shaky * min(4.2, 0.038 * span)) * (1 - 0.9 * care)
    for i in range(m):
        aim[i, 0] += rng.normal(0, scatter)
        aim[i, 1] += rng.normal(0, scatter)
    if closed and rng.random() < 0.6 - 0.4 * shaky:
        aim[m - 1] = aim[0]
    return aim[:m], span


@njit(cache=True, fastmath=True)
def _curve(
    rng: np.random.Generator,
    aim: np.ndarray,
    span: float,
    care: float,
    shaky: float,
    tremor: float,
    wobble: float,
    straight: bool,
    overshoot: float,
    closed: bool,
    step: float,
) -> np.ndarray:
    """The path actually taken through the aims."""
    n = len(aim)
    reached = np.zeros(n)
    for i in range(n - 1):
        reached[i + 1] = reached[i] + np.hypot(aim[i + 1, 0] - aim[i, 0], aim[i + 1, 1] - aim[i, 1])
    length = reached[n - 1]
    m = max(3, int(length / step) + 1)
    out = np.empty((m, 2))
    begin, end = 0.0, 1.0
    if not closed and length > 14 and rng.random() < overshoot:
        begin = rng.uniform(-0.02, 0.04)
        end = 1 + rng.uniform(-0.06, 0.05 + 0.05 * shaky)
    amp = (min(0.35, 0.012 * span) + shaky * min(2.2, 0.018 * span)) * wobble * (1 - 0.85 * care)
    waves = np.empty((5, 4))
    for j in range(5):
        for c in range(2):
            waves[j, c], waves[j, 2 + c] = rng.normal(0, 1), rng.random() * 2 * np.pi
    jerk = tremor * (0.35 + 0.65 * shaky) * min(1.0, span / 30) * (1 - 0.7 * care)
    jx, jy, i = 0.0, 0.0, 0
    for s in range(m):
        k = begin + (end - begin) * s / (m - 1)
        way = min(max(k, 0.0), 1.0) * length
        while i < n - 2 and reached[i + 1] < way:
            i += 1
        piece = max(reached[i + 1] - reached[i], 1e-6)
        x, y = _point(aim, i, min((way - reached[i]) / piece, 1.0), straight)
        if k < 0 or k > 1:  # on in the direction of the last piece
            o = (k if k < 0 else k - 1) * length / piece
            x += (aim[i + 1, 0] - aim[i, 0]) * o
            y += (aim[i + 1, 1] - aim[i, 1]) * o
        for j in range(5):
            f = (1, 2, 3, 5, 8)[j]
            x += amp * waves[j, 0] * np.sin(2 * np.pi * f * k + waves[j, 2]) / f
            y += amp * waves[j, 1] * np.sin(2 * np.pi * f * k + waves[j, 3]) / f
        jx, jy = 0.5 * jx + rng.normal(0, jerk), 0.5 * jy + rng.normal(0, jerk)
        out[s, 0], out[s, 1] = x + jx, y + jy
    return out


@njit(cache=True, fastmath=True)
def trace(
    rng: np.random.Generator,
    points: np.ndarray,
    starts: np.ndarray,
    how: np.ndarray,
    habit: np.ndarray,
    step: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every stroke as drawn: points, relative radii, darkness, where each traced line starts, whose it is."""
    shaky, tremor, wobble, straight = habit[0], habit[1], habit[2], habit[3] > 0
    searching, gaps, overshoot, taper = habit[4], habit[5], habit[6], habit[7]
    pressure, bad = habit[8], habit[9]
    room = 4096
    xy, radius, dark = np.empty((room, 2)), np.empty(room), np.empty(room)
    first = [0]
    owner = [0]
    owner.clear()
    used = 0
    for k in range(len(starts) - 1):
        closed, width, tone, care = how[k, 0] > 0, how[k, 1], how[k, 2], how[k, 3]
        for _ in range(int(how[k, 4])):
            aim, span = _controls(rng, points[starts[k] : starts[k + 1]], closed, care, bad, shaky)
            path = _curve(rng, aim, span, care, shaky, tremor, wobble, straight, overshoot, closed, step)
            n = len(path)
            swell, phase, cycles = pressure * rng.uniform(0.3, 1), rng.random() * 6.28, rng.uniform(0.4, 1.6)
            pieces, lap = 1, 0.0
            if span > 25 and rng.random() < searching * (1 - care):
                pieces, lap = 2 + int(rng.random() * min(5.0, span / 40)), 0.35
            gap_at, gap_end = 2.0, 2.0
            if span > 20 and pieces == 1 and rng.random() < gaps * (1 - care):
                gap_at = rng.random()
                gap_end = gap_at + rng.uniform(0.03, 0.12)
            for piece in range(pieces):
                a = max(0, int((piece - lap * rng.random()) / pieces * (n - 1)))
                b = min(n - 1, int((piece + 1 + lap * rng.random()) / pieces * (n - 1) + 0.999))
                off = 0.0 if pieces == 1 else 0.7 + 1.6 * shaky
                ox, oy, dx, dy = (
                    rng.normal(0, off),
                    rng.normal(0, off),
                    rng.normal(0, off),
                    rng.normal(0, off),
                )
                if used + 2 * (b - a + 1) > room:
                    room = 2 * room + 2 * (b - a + 1)
                    more, r2, d2 = np.empty((room, 2)), np.empty(room), np.empty(room)
                    more[:used], r2[:used], d2[:used] = xy[:used], radius[:used], dark[:used]
                    xy, radius, dark = more, r2, d2
                open_line = False
                for s in range(a, b + 1):
                    t = s / (n - 1)
                    if gap_at < t < gap_end:
                        if open_line:
                            first.append(used)
                            owner.append(k)
                            open_line = False
                        continue
                    e = (s - a) / max(b - a, 1)
                    thin = 1 - taper * (1 - min(1.0, min(e, 1 - e) / 0.2 + 0.12)) ** 2
                    press = 1 + swell * np.sin(cycles * 6.28 * e + phase)
                    xy[used, 0], xy[used, 1] = path[s, 0] + ox + dx * e, path[s, 1] + oy + dy * e
                    radius[used] = 0.5 * width * press * thin
                    dark[used] = tone * min(1.0, 0.5 + 0.5 * press * thin)
                    used += 1
                    open_line = True
                if open_line:
                    first.append(used)
                    owner.append(k)
    return xy[:used], radius[:used], dark[:used], np.array(first), np.array(owner)


@njit(cache=True, fastmath=True)
def ink(
    light: np.ndarray,
    xy: np.ndarray,
    radius: np.ndarray,
    dark: np.ndarray,
    starts: np.ndarray,
    opacity: float,
    layered: bool,
    smooth: bool,
    grain: float,
    tooth: np.ndarray,
) -> None:
    """Lay capsules along every line. Within a line the darkest wins; layered lines darken one another."""
    size = light.shape[0]
    cover = np.zeros((size, size), np.float32)
    last = len(starts) - 2
    bx0, bx1, by0, by1 = size, -1, size, -1
    for line in range(last + 1):
        for i in range(starts[line], max(starts[line + 1] - 1, starts[line] + 1)):
            j = min(i + 1, starts[line + 1] - 1)
            ax, ay, vx, vy = xy[i, 0], xy[i, 1], xy[j, 0] - xy[i, 0], xy[j, 1] - xy[i, 1]
            ra, rb, da, db = radius[i], radius[j], dark[i], dark[j]
            r = max(ra, rb) + 1
            x0, x1 = max(0, int(min(ax, ax + vx) - r)), min(size - 1, int(max(ax, ax + vx) + r) + 1)
            y0, y1 = max(0, int(min(ay, ay + vy) - r)), min(size - 1, int(max(ay, ay + vy) + r) + 1)
            if x0 > x1 or y0 > y1:
                continue
            bx0, bx1, by0, by1 = min(bx0, x0), max(bx1, x1), min(by0, y0), max(by1, y1)
            inv = 1 / max(vx * vx + vy * vy, 1e-6)
            for y in range(y0, y1 + 1):
                for x in range(x0, x1 + 1):
                    px, py = x - ax, y - ay
                    t = min(max((px * vx + py * vy) * inv, 0.0), 1.0)
                    ex, ey = px - t * vx, py - t * vy
                    rim = ra + (rb - ra) * t
                    d2 = ex * ex + ey * ey
                    if d2 >= (rim + 0.5) ** 2:
                        continue
                    c = rim + 0.5 - np.sqrt(d2)
                    c = min(c, 1.0) * min(1.0, 2 * rim)
                    if not smooth:
                        c = 1.0 if c >= 0.5 else 0.0
                    c *= da + (db - da) * t
                    if c > cover[y, x]:
                        cover[y, x] = c
        if not layered and line < last:
            continue
        for y in range(by0, by1 + 1):
            for x in range(bx0, bx1 + 1):
                c = cover[y, x]
                if c > 0:
                    c *= opacity
                    if grain > 0:
                        c *= 1 - grain * tooth[y, x]
                    light[y, x] *= 1 - c
                    cover[y, x] = 0
        bx0, bx1, by0, by1 = size, -1, size, -1


@njit(cache=True, fastmath=True)
def hatch(polygon: np.ndarray, angle: float, gap: float, first: float) -> np.ndarray:
    """Parallel lines across a polygon, `gap` apart, as (n, 2, 2) ends."""
    c, s = np.cos(angle), np.sin(angle)
    n = len(polygon)
    p = np.empty((n, 2))
    for i in range(n):
        p[i, 0] = polygon[i, 0] * c + polygon[i, 1] * s
        p[i, 1] = -polygon[i, 0] * s + polygon[i, 1] * c
    low, high = p[:, 1].min(), p[:, 1].max()
    rows = min(int((high - low) / gap) + 1, 2000)
    out = np.empty((rows * 8, 2, 2))
    found = 0
    cuts = np.empty(n)
    for row in range(rows):
        y = low + gap * (row + first)
        m = 0
        for i in range(n):
            j = (i + 1) % n
            if (p[i, 1] <= y) != (p[j, 1] <= y):
                cuts[m] = p[i, 0] + (y - p[i, 1]) / (p[j, 1] - p[i, 1]) * (p[j, 0] - p[i, 0])
                m += 1
        ordered = np.sort(cuts[:m])
        for k in range(0, m - 1, 2):
            if ordered[k + 1] - ordered[k] > 0.5 * gap and found < len(out):
                for e in range(2):
                    x = ordered[k + e]
                    out[found, e, 0], out[found, e, 1] = x * c - y * s, x * s + y * c
                found += 1
    return out[:found]


@njit(cache=True)
def scale_about_middle(points: np.ndarray, ids: np.ndarray, c: float, s: float, dx: float, dy: float) -> None:
    """Turn and scale the named points about their middle (c, s: scaled cosine and sine), and move them."""
    mx, my = 0.0, 0.0
    for i in ids:
        mx += points[i, 0]
        my += points[i, 1]
    mx, my = mx / len(ids), my / len(ids)
    for i in ids:
        x, y = points[i, 0] - mx, points[i, 1] - my
        points[i, 0] = mx + c * x - s * y + dx
        points[i, 1] = my + s * x + c * y + dy
