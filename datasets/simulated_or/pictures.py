"""What is painted on walls, screens and housings: sheets, clocks, vital signs, X-rays, drawers, light panels."""

from __future__ import annotations

import itertools

import numpy as np

from .textures import Color, noise, plain, poster

TEXEL_M = 0.004
WORDS = ("STERILE", "AUTHORISED STAFF", "NO ENTRY", "HAND HYGIENE", "TIME OUT", "SUCTION", "X-RAY IN USE", "ROOM 4")


def texels(*sizes_m: float) -> tuple[int, ...]:
    """Metres in texels."""
    return tuple(max(2, round(size / TEXEL_M)) for size in sizes_m)


def paste(image: np.ndarray, sheet: np.ndarray, left_m: float, top_m: float) -> None:
    """Put a picture into a larger one, in place; what reaches beyond the border is cut off."""
    x, y = round(left_m / TEXEL_M), round(top_m / TEXEL_M)
    cut = sheet[max(0, -y) : image.shape[0] - y, max(0, -x) : image.shape[1] - x]
    image[max(0, y) : max(0, y) + cut.shape[0], max(0, x) : max(0, x) + cut.shape[1]] = cut


def vinyl(rng: np.random.Generator, size_m: tuple[float, float], color_rgb: Color) -> np.ndarray:
    """(h, w, 3) uint8: a vinyl floor with flecks of related colours, seams every two metres and coloured strips."""
    import cv2

    width, height = texels(*size_m)
    image = cv2.resize(plain(rng, size_m, color_rgb, 7.0), (width, height), interpolation=cv2.INTER_CUBIC)
    chance = cv2.GaussianBlur(rng.random((height, width), dtype=np.float32), (0, 0), 1.1)
    edges = np.quantile(chance[::7, ::7], (0.0, 0.028, 0.056, 0.944, 0.972, 1.0))
    for number, shift in ((0, -38), (1, -20), (3, 18), (4, 34)):
        fleck = (chance >= edges[number]) & (chance < edges[number + 1])
        tint = np.array(color_rgb) + shift + rng.integers(-14, 15, 3)
        image[fleck] = (0.55 * tint + 0.45 * image[fleck]).astype(np.uint8)
    for seam in range(texels(rng.uniform(0.4, 1.6))[0], height, texels(2.0)[0]):
        image[seam : seam + 2] = np.clip(image[seam : seam + 2] * 0.8, 0, 255).astype(np.uint8)
    return image


def terrazzo_chips(rng: np.random.Generator, image: np.ndarray, per_m2: float) -> None:
    """Scatter stone chips over a floor, in place."""
    import cv2

    height, width = image.shape[:2]
    for _ in range(round(height * width * TEXEL_M**2 * per_m2)):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(1, 6)), int(rng.integers(1, 4)))
        shade = np.clip(int(rng.integers(90, 215)) + rng.integers(-16, 16, 3), 0, 255)
        cv2.ellipse(image, center, axes, float(rng.uniform(0, 180)), 0, 360, tuple(map(int, shade)), -1, cv2.LINE_AA)


def tiled_wall(rng: np.random.Generator, size_m: tuple[float, float], tile_rgb: Color) -> np.ndarray:
    """(h, w, 3) uint8: tiles up to 2.1 m, paint above, a skirting and a bumper rail; the first row is the top."""
    import cv2

    width, height = texels(*size_m)
    image = cv2.resize(plain(rng, size_m, (226, 228, 224), 5.0), (width, height), interpolation=cv2.INTER_CUBIC)
    top, (tile_w, tile_h) = height - texels(2.1)[0], texels(0.30, 0.20)
    for row, y in enumerate(range(top, height, tile_h)):
        for x in range(-(tile_w // 2) * (row % 2), width, tile_w):
            shade = np.clip(np.array(tile_rgb) + rng.normal(0, 4.5) + rng.normal(0, 1.2, 3), 0, 255)
            part = image[y : y + tile_h, max(x, 0) : max(x, 0) + tile_w + min(x, 0)]
            part[:] = (shade + 3 * (np.linspace(1, -1, part.shape[0])[:, None, None])).astype(np.uint8)
            image[y : y + tile_h, max(x, 0)] = np.array(tile_rgb) * 0.82
        image[y] = np.array(tile_rgb) * 0.82
    image[max(top - 5, 0) : top] = (122, 130, 134)
    skirting, rail = texels(0.1)[0], height - texels(0.95)[0]
    image[-skirting:] = np.array(tile_rgb) * 0.55
    image[rail - texels(0.16)[0] : rail] = (150, 156, 158)
    image[rail - 5 : rail - 3] = (96, 102, 106)
    return image


def sheet(rng: np.random.Generator, width_m: float, height_m: float) -> np.ndarray:
    """(h, w, 3) uint8: a poster or a form."""
    width, height = texels(width_m, height_m)
    image = np.zeros((height, width, 3), np.uint8)
    poster(rng, image, (0, 0, width, height))
    return image


def sign(rng: np.random.Generator, width_m: float, height_m: float, color_rgb: Color) -> np.ndarray:
    """(h, w, 3) uint8: a coloured sign with a word."""
    import cv2

    width, height = texels(width_m, height_m)
    image = np.full((height, width, 3), color_rgb, np.uint8)
    cv2.rectangle(image, (2, 2), (width - 3, height - 3), (245, 245, 245), 1)
    word = str(rng.choice(WORDS))
    (text_width, text_height), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
    size = min((width - 10) / text_width, (height - 8) / text_height)
    place = (round((width - size * text_width) / 2), round((height + size * text_height) / 2))
    cv2.putText(image, word, place, cv2.FONT_HERSHEY_SIMPLEX, size, (250, 250, 250), 2, cv2.LINE_AA)
    return image


def whiteboard(rng: np.random.Generator, width_m: float, height_m: float) -> np.ndarray:
    """(h, w, 3) uint8: a board with a table of counts, notes in several pens and some magnets."""
    import cv2

    width, height = texels(width_m, height_m)
    image = cv2.resize(plain(rng, (width_m, height_m), (240, 242, 242), 4.0), (width, height))
    pens = ((30, 40, 130), (150, 30, 36), (24, 96, 60), (30, 30, 34))
    for y in np.linspace(0.1, 0.92, 9):
        cv2.line(image, (8, int(y * height)), (int(0.55 * width), int(y * height)), (176, 180, 186), 1)
        words = "".join(rng.choice(list("abcdefghiklmnoprstuw  0123456789"), size=14))
        cv2.putText(image, words, (12, int(y * height) - 5), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 0.6,
                    pens[int(rng.integers(4))], 1, cv2.LINE_AA)  # fmt: skip
    for x in (0.3, 0.42):
        cv2.line(image, (int(x * width), 8), (int(x * width), height - 8), (176, 180, 186), 1)
    for _ in range(7):
        x, y = int(rng.uniform(0.6, 0.95) * width), int(rng.uniform(0.1, 0.9) * height)
        cv2.circle(image, (x, y), 4, tuple(int(v) for v in rng.integers(30, 220, 3)), -1, cv2.LINE_AA)
        end = (x + int(rng.integers(-40, 40)), y + int(rng.integers(-25, 25)))
        cv2.line(image, (x, y), end, pens[int(rng.integers(4))], 2, cv2.LINE_AA)
    return image


def clock_face(rng: np.random.Generator, diameter_m: float) -> np.ndarray:
    """(h, w, 3) uint8: a clock that shows some time."""
    import cv2

    (size,) = texels(diameter_m * 2)
    image = np.full((size, size, 3), (40, 44, 50), np.uint8)
    middle, radius = size // 2, size // 2 - 2
    cv2.circle(image, (middle, middle), radius - 6, (246, 246, 242), -1, cv2.LINE_AA)
    turns = [(hour / 12, 0.74, 0.88, 3) for hour in range(12)]
    turns += [(rng.random(), -0.12, 0.5, 5), (rng.random(), -0.15, 0.78, 3)]
    for share, near, far, thickness in turns:
        across = np.array([np.sin(2 * np.pi * share), -np.cos(2 * np.pi * share)])
        ends = [tuple((middle + radius * part * across).astype(int)) for part in (near, far)]
        cv2.line(image, ends[0], ends[1], (24, 24, 28), thickness, cv2.LINE_AA)
    return image


def vital_signs(rng: np.random.Generator, width_m: float, height_m: float) -> np.ndarray:
    """(h, w, 3) uint8: a patient monitor with curves and numbers."""
    import cv2

    width, height = texels(width_m * 2, height_m * 2)
    image = np.full((height, width, 3), (10, 14, 20), np.uint8)
    colors = ((70, 220, 90), (230, 70, 70), (80, 190, 235), (235, 220, 90), (225, 225, 225))
    rows = len(colors)
    x = np.arange(int(0.68 * width))
    for row, color in enumerate(colors):
        phase = x / width * rng.uniform(30, 80) + rng.uniform(0, 6)
        curve = np.exp(-8 * (1 - np.cos(phase))) + 0.25 * np.sin(phase * rng.integers(1, 4))
        y = (row + 0.7 - 0.45 * curve) * height / rows
        cv2.polylines(image, [np.stack([x, y], 1).astype(np.int32)], False, color, 2, cv2.LINE_AA)
        place = (int(0.72 * width), int((row + 0.78) * height / rows))
        cv2.putText(
            image, str(rng.integers(36, 180)), place, cv2.FONT_HERSHEY_SIMPLEX, height / 260, color, 2, cv2.LINE_AA
        )
    image[: max(4, height // 24)] = (60, 76, 104)
    return image


def radiograph(rng: np.random.Generator, width_m: float, height_m: float) -> np.ndarray:
    """(h, w, 3) uint8: a spine in grey on a screen."""
    import cv2

    width, height = texels(width_m * 2, height_m * 2)
    image = 34 + 22 * noise(rng, height, width, height / 5)
    middle = width / 2 + 0.05 * width * np.sin(np.linspace(0, 2.2, 8) + rng.uniform(0, 3))
    for row, x in enumerate(middle):
        y = (row + 0.5) * height / 8
        size = (int(0.085 * width), int(0.42 * height / 8))
        cv2.ellipse(image, (int(x), int(y)), size, 0, 0, 360, 168.0 + float(rng.uniform(-20, 20)), -1, cv2.LINE_AA)
        for side in (-1, 1):
            begin, end = (int(x + side * size[0]), int(y)), (int(x + side * 0.19 * width), int(y + 0.02 * height))
            cv2.line(image, begin, end, 130.0, 5, cv2.LINE_AA)
    grey = np.clip(cv2.GaussianBlur(image, (0, 0), 2.0) + rng.normal(0, 5, image.shape), 0, 255)
    picture = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    picture[: max(4, height // 22)] = (34, 56, 90)
    return picture


def front(rng: np.random.Generator, width_m: float, height_m: float, color_rgb: Color, rows: int) -> np.ndarray:
    """(h, w, 3) uint8: the front of a housing with drawers, handles and labels."""
    import cv2

    width, height = texels(width_m, height_m)
    image = cv2.resize(plain(rng, (width_m, height_m), color_rgb, 5.0), (width, height))
    edges = np.linspace(0, height, rows + 1).astype(int)
    for top, bottom in itertools.pairwise(edges):
        image[max(top - 1, 0) : top + 1] = (84, 88, 92)
        middle = (top + bottom) // 2
        image[middle - 3 : middle + 1, width * 7 // 20 : width * 13 // 20] = (70, 74, 80)
        label = (int(rng.uniform(0.05, 0.7) * width), top + 4)
        cv2.rectangle(
            image, label, (label[0] + width // 5, label[1] + 6), tuple(map(int, rng.integers(30, 240, 3))), -1
        )
    return image


def shelves(rng: np.random.Generator, width_m: float, height_m: float, rows: int) -> np.ndarray:
    """(h, w, 3) uint8: packets, boxes and bottles on shelves, as seen through a glazed door."""
    width, height = texels(width_m, height_m)
    image = np.full((height, width, 3), (92, 104, 108), np.uint8)
    edges = np.linspace(0, height, rows + 1).astype(int)
    for top, bottom in itertools.pairwise(edges):
        x = int(rng.integers(1, 6))
        while x < width - 6:
            wide, tall = int(rng.integers(6, 26)), int((bottom - top) * rng.uniform(0.35, 0.85))
            color = np.clip(rng.integers(120, 250) + rng.integers(-70, 60, 3), 20, 250)
            packet = image[bottom - tall : bottom, x : min(x + wide, width)]
            packet[:] = color
            packet[tall // 4 : tall // 4 + 4] = np.clip(color - rng.integers(60, 120), 0, 255)
            packet[:, :1] = color * 0.6
            x += wide + int(rng.integers(0, 5))
        image[bottom - 3 : bottom] = (198, 204, 206)
    return np.clip(image * 0.86 + 20, 0, 255).astype(np.uint8)


def light_panels(rng: np.random.Generator, size_m: tuple[float, float], lit: list[tuple[int, int]]) -> np.ndarray:
    """(h, w, 3) uint8: a ceiling of 0.6 m panels, those of column and row `lit` shining, with grilles for air."""
    import cv2

    width, height = texels(*size_m)
    image = cv2.resize(plain(rng, size_m, (214, 216, 216), 4.0), (width, height))
    (step,) = texels(0.6)
    for row, y in enumerate(range(0, height, step)):
        for column, x in enumerate(range(0, width, step)):
            panel = image[y : y + step, x : x + step]
            if (column, row) in lit:
                panel[:] = (252, 253, 255)
            elif rng.random() < 0.1:
                panel[::6] = (120, 124, 126)
            panel[:2], panel[:, :2] = (158, 162, 164), (158, 162, 164)
    return image


def gas_rail(rng: np.random.Generator, width_m: float, height_m: float) -> np.ndarray:
    """(h, w, 3) uint8: a supply rail with sockets and coloured gas outlets."""
    import cv2

    width, height = texels(width_m, height_m)
    image = np.full((height, width, 3), (208, 212, 212), np.uint8)
    for x in range(14, width - 14, 26):
        if rng.random() < 0.5:
            cv2.rectangle(image, (x - 9, height // 2 - 9), (x + 9, height // 2 + 9), (240, 240, 238), -1)
            cv2.circle(image, (x, height // 2), 6, (70, 74, 78), -1, cv2.LINE_AA)
        else:
            ring = ((240, 240, 240), (30, 30, 34), (230, 200, 40), (40, 90, 170))[int(rng.integers(4))]
            cv2.circle(image, (x, height // 2), 9, ring, -1, cv2.LINE_AA)
            cv2.circle(image, (x, height // 2), 4, (120, 124, 128), -1, cv2.LINE_AA)
    image[:2], image[-2:] = (120, 124, 128), (120, 124, 128)
    return image


def glove_boxes(rng: np.random.Generator, width_m: float, height_m: float) -> np.ndarray:
    """(h, w, 3) uint8: three boxes of gloves above each other."""
    import cv2

    width, height = texels(width_m, height_m)
    image = np.full((height, width, 3), (206, 208, 206), np.uint8)
    for row in range(3):
        top, bottom = row * height // 3 + 2, (row + 1) * height // 3 - 2
        image[top:bottom, 3:-3] = rng.integers(60, 230, 3)
        cv2.ellipse(
            image, (width // 2, (top + bottom) // 2), (width // 4, 5), 0, 0, 360, (236, 238, 240), -1, cv2.LINE_AA
        )
        image[top + 2 : top + 5, 6 : width // 2] = (246, 246, 246)
    return image
