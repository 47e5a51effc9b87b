"""Procedural textures: seeded pictures that give colour features something to hold on to."""

from __future__ import annotations

import numpy as np

TEXEL_M = 0.005


Color = tuple[int, int, int]


def random_color(rng: np.random.Generator, low: Color, high: Color) -> Color:
    """An RGB colour between two others."""
    r, g, b = (int(v) for v in rng.integers(low, high))
    return r, g, b


def noise(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    """(height, width) float32 smooth value noise in [-1, 1], features of about `cell` texels."""
    import cv2

    grid = rng.uniform(-1, 1, (max(2, round(height / cell) + 2), max(2, round(width / cell) + 2))).astype(np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def plain(
    rng: np.random.Generator, size_m: tuple[float, float], color_rgb: tuple[int, int, int], contrast: float = 9.0
) -> np.ndarray:
    """(h, w, 3) uint8: one colour with stains of several sizes; size is width, height in metres."""
    width, height = (max(4, round(edge / TEXEL_M)) for edge in size_m)
    shade = sum(weight * noise(rng, height, width, cell) for weight, cell in ((0.5, 60.0), (0.3, 14.0), (0.35, 4.0)))
    return np.clip(np.array(color_rgb) + contrast * np.asarray(shade)[..., None], 0, 255).astype(np.uint8)


def terrazzo(rng: np.random.Generator, size_m: tuple[float, float]) -> np.ndarray:
    """(h, w, 3) uint8: a speckled floor with chips of many sizes and two strips of coloured tape."""
    import cv2

    image = plain(rng, size_m, (146, 152, 150), 7.0)
    height, width = image.shape[:2]
    for _ in range(round(size_m[0] * size_m[1] * 60)):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(1, 9)), int(rng.integers(1, 6)))
        shade = int(rng.integers(60, 220))
        color = tuple(int(np.clip(shade + rng.integers(-25, 25), 0, 255)) for _ in range(3))
        cv2.ellipse(image, center, axes, float(rng.uniform(0, 180)), 0, 360, color, -1, cv2.LINE_AA)
    for color in ((196, 168, 40), (60, 120, 170)):
        ends = rng.uniform(0.15, 0.85, (2, 2)) * (width, height)
        cv2.line(image, tuple(ends[0].astype(int)), tuple(ends[1].astype(int)), color, 9, cv2.LINE_AA)
    return image


def poster(rng: np.random.Generator, image: np.ndarray, box: tuple[int, int, int, int]) -> None:
    """Paint a sheet with blocks, rings and lines of writing into an image, in place; box is x, y, width, height."""
    import cv2

    x, y, width, height = box
    sheet = np.full((height, width, 3), rng.integers(200, 250, 3), dtype=np.uint8)
    for _ in range(9):
        color = tuple(int(v) for v in rng.integers(20, 235, 3))
        px, py = int(rng.integers(width)), int(rng.integers(height))
        size = int(rng.integers(6, max(8, width // 4)))
        if rng.random() < 0.5:
            cv2.rectangle(sheet, (px, py), (px + size, py + int(size * rng.uniform(0.4, 1.4))), color, -1)
        else:
            cv2.circle(sheet, (px, py), size // 2, color, int(rng.choice([-1, 3])), cv2.LINE_AA)
    for row in range(14, height - 6, 15):
        text = "".join(rng.choice(list("ORTWINSAFEHANDLE0123456789 -+"), size=max(3, width // 14)))
        cv2.putText(sheet, text, (5, row), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (25, 25, 35), 1, cv2.LINE_AA)
    cv2.rectangle(sheet, (0, 0), (width - 1, height - 1), (40, 40, 48), 2)
    image[y : y + height, x : x + width] = sheet


def wall(rng: np.random.Generator, size_m: tuple[float, float], num_posters: int) -> np.ndarray:
    """(h, w, 3) uint8: a wall with a rail, a dado in another colour, and some sheets; the first row is the top."""
    image = plain(rng, size_m, random_color(rng, (186, 196, 190), (206, 216, 212)), 8.0)
    height, width = image.shape[:2]
    rail = round(height - 0.9 / TEXEL_M)
    if 0 < rail < height:
        image[rail:] = np.clip(image[rail:].astype(np.int16) + rng.integers(-60, -25, 3), 0, 255).astype(np.uint8)
        image[rail - 8 : rail] = (92, 98, 104)
    slots = np.linspace(0, width, num_posters + 1)[:-1]
    for slot in slots:
        poster_width = int(rng.integers(80, 150))
        poster_height = int(rng.integers(90, 160))
        x = int(slot + rng.uniform(0.05, 0.3) * width / max(num_posters, 1))
        y = int(rng.uniform(0.22, 0.42) * height)
        if x + poster_width < width and y + poster_height < height:
            poster(rng, image, (x, y, poster_width, poster_height))
    return image


def ceiling(rng: np.random.Generator, size_m: tuple[float, float]) -> np.ndarray:
    """(h, w, 3) uint8: panels of 0.6 m, some of them lamps."""
    image = plain(rng, size_m, (204, 206, 206), 7.0)
    step = round(0.6 / TEXEL_M)
    for row in range(0, image.shape[0], step):
        for column in range(0, image.shape[1], step):
            if rng.random() < 0.12:
                image[row : row + step, column : column + step] = (248, 250, 252)
            image[row : row + 3, column : column + step] = (150, 154, 156)
            image[row : row + step, column : column + 3] = (150, 154, 156)
    return image


def cloth(rng: np.random.Generator, size_m: tuple[float, float], color_rgb: tuple[int, int, int]) -> np.ndarray:
    """(h, w, 3) uint8: a drape with folds."""
    image = plain(rng, size_m, color_rgb, 16.0).astype(np.float32)
    height, width = image.shape[:2]
    folds = noise(rng, 3, width, 11.0)[1] + 0.4 * noise(rng, height, width, 22.0)
    return np.clip(image * (1 + 0.16 * folds)[..., None], 0, 255).astype(np.uint8)


def device(rng: np.random.Generator, size_m: tuple[float, float]) -> np.ndarray:
    """(h, w, 3) uint8: a housing with a screen, keys and labels."""
    import cv2

    image = plain(rng, size_m, (206, 208, 204), 6.0)
    height, width = image.shape[:2]
    if min(height, width) < 40:
        return image
    poster(rng, image, (width // 8, height // 12, width * 3 // 4, height // 3))
    for _ in range(14):
        x, y = int(rng.integers(width // 10, width * 8 // 10)), int(rng.integers(height // 2, height * 9 // 10))
        color = tuple(int(v) for v in rng.integers(20, 220, 3))
        cv2.rectangle(image, (x, y), (x + int(rng.integers(4, 16)), y + int(rng.integers(3, 10))), color, -1)
    return image


def tray(rng: np.random.Generator, size_m: tuple[float, float], color_rgb: tuple[int, int, int]) -> np.ndarray:
    """(h, w, 3) uint8: a covered table top with instruments drawn on it."""
    import cv2

    image = cloth(rng, size_m, color_rgb)
    height, width = image.shape[:2]
    for _ in range(round(size_m[0] * size_m[1] * 26)):
        x, y = rng.uniform(0.08, 0.88) * width, rng.uniform(0.08, 0.88) * height
        angle, length = rng.uniform(0, np.pi), rng.uniform(12, 42)
        end = (int(x + length * np.cos(angle)), int(y + length * np.sin(angle)))
        shade = int(rng.integers(150, 250)) if rng.random() < 0.7 else int(rng.integers(20, 70))
        cv2.line(
            image, (int(x), int(y)), end, (shade, shade, min(255, shade + 8)), int(rng.integers(2, 6)), cv2.LINE_AA
        )
    return image
