"""A ChArUco board that is carried through the room: what a calibration looks at, with the true pose at any moment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...capture.errors import ConfigError
from ...capture.geometry import SE3
from .blocks import Block
from .line_of_sight import LineOfSight
from .meshes import TexturedMesh, box, merge, panel
from .performance import FIRST_THING, Performance, Phase, PictureBook, StandingRoom
from .room import RoomConfig, furnish

LABEL = "charuco_board"
SQUARE_PX, MARGIN_SHARE = 96, 0.25
THICKNESS_M, HANDLE_M = 0.012, 0.25
#: The board is held still for so long, and is carried from one place to the next in so long.
HOLD_S, CARRY_S = 0.8, 1.2
#: Where it is held: about the table, within arm's reach of somebody who walks around it.
NEAREST_M, FARTHEST_M, LOWEST_M, HIGHEST_M = 0.2, 1.6, 0.65, 1.6
#: Every point of the board keeps this distance from all surfaces.
CLEAR_M = 0.1
#: How far its print looks up: steep enough that cameras on all sides of a ceiling read it at once.
ELEVATION_RAD = (0.75, 1.45)
TRIALS = 400


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """A ChArUco board.

    Args:
        squares_x, squares_y: squares along x and y; the upper left one is black.
        square_m, marker_m: edges of a square and of a marker, metres.
        dictionary: of cv2.aruco.

    Raises:
        ConfigError: there is no such board.
    """

    squares_x: int = 5
    squares_y: int = 4
    square_m: float = 0.2
    marker_m: float = 0.15
    dictionary: str = "DICT_4X4_50"

    def __post_init__(self) -> None:
        if min(self.squares_x, self.squares_y) < 2 or not 0 < self.marker_m < self.square_m:
            raise ConfigError(
                f"there is no board of {self.squares_x} x {self.squares_y} squares of {self.square_m} m "
                f"with markers of {self.marker_m} m"
            )

    @property
    def size_m(self) -> np.ndarray:
        """(2,) metres: the printed squares, without the white margin."""
        return np.array([self.squares_x, self.squares_y]) * self.square_m

    def corners_m(self) -> np.ndarray:
        """(n, 3) metres: the inner corners in the board's frame, in OpenCV's order of ids."""
        y, x = np.meshgrid(np.arange(1, self.squares_y), np.arange(1, self.squares_x), indexing="ij")
        return np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3) * self.square_m

    def to_toml(self) -> str:
        """The text of board.toml."""
        return (
            f'type = "charuco"\nsquares_x = {self.squares_x}\nsquares_y = {self.squares_y}\n'
            f'square_m = {self.square_m}\nmarker_m = {self.marker_m}\ndictionary = "{self.dictionary}"\n'
            "inverted = false\nlegacy_pattern = false\n"
        )


def board_picture(board: BoardConfig) -> np.ndarray:
    """(h, w, 3) uint8: the print with its white margin of a quarter of a square.

    Raises:
        ConfigError: OpenCV knows no such dictionary, or it has too few markers.
    """
    import cv2

    number = getattr(cv2.aruco, board.dictionary, None)
    dictionary = None if number is None else cv2.aruco.getPredefinedDictionary(number)
    if dictionary is None or board.squares_x * board.squares_y // 2 > len(dictionary.bytesList):
        raise ConfigError(f"the dictionary {board.dictionary} has no markers for this board", todo="DICT_4X4_1000 has")
    size = (board.squares_x, board.squares_y)
    printed = cv2.aruco.CharucoBoard(size, board.square_m, board.marker_m, dictionary)
    margin = round(MARGIN_SHARE * SQUARE_PX)
    pixels = (size[0] * SQUARE_PX + 2 * margin, size[1] * SQUARE_PX + 2 * margin)
    return np.repeat(printed.generateImage(pixels, marginSize=margin)[..., None], 3, axis=2)


def board_mesh(board: BoardConfig, book: PictureBook) -> TexturedMesh:
    """The board in its own frame: OpenCV's, origin at the outer corner of the first square, x to the right, y down, z
    away from who reads it; a plate with a white back, and a handle below.
    """
    margin_m = MARGIN_SHARE * board.square_m
    width_m, height_m = board.size_m + 2 * margin_m
    front, white, gray = book(board_picture(board)), *(book(np.full((8, 8, 3), v, np.uint8)) for v in (225, 90))
    middle_m = board.size_m / 2
    plate_m = np.array([*middle_m, THICKNESS_M / 2 + 0.0005])
    handle_m = np.array([middle_m[0], middle_m[1] + (height_m + HANDLE_M) / 2, plate_m[2]])
    return merge(
        [
            panel(np.array([-margin_m, -margin_m, 0.0]), np.array([width_m, 0, 0]), np.array([0, height_m, 0]), front),
            box(plate_m, np.eye(3), np.array([width_m, height_m, THICKNESS_M]), white),
            box(handle_m, np.eye(3), np.array([0.03, HANDLE_M, 0.02]), gray),
        ]
    )


class Carried:
    """A way through places: held still at each, carried smoothly between them.

    Args:
        places: world_from_board of each.
    """

    def __init__(self, places: list[SE3]) -> None:
        self.places = places

    def pose(self, time_s: float) -> SE3:
        """world_from_board."""
        number, since_s = divmod(max(time_s, 0.0), HOLD_S + CARRY_S)
        here = self.places[min(int(number), len(self.places) - 1)]
        there = self.places[min(int(number) + 1, len(self.places) - 1)]
        share = min(max(since_s - HOLD_S, 0.0) / CARRY_S, 1.0)
        share = share**3 * (10 - 15 * share + 6 * share**2)
        turn = SE3(here.rotation.T @ there.rotation, np.zeros(3)).log() * share
        place_m = (1 - share) * here.translation_m + share * there.translation_m
        return SE3(here.rotation @ SE3.exp(turn).rotation, place_m)

    @property
    def rests(self) -> tuple[tuple[float, float], ...]:
        """The spans in which it is held still; it is held from ever before to ever after."""
        begins = [number * (HOLD_S + CARRY_S) for number in range(len(self.places))]
        spans = [(begin_s, begin_s + HOLD_S) for begin_s in begins]
        spans[0], spans[-1] = (-np.inf, spans[0][1]), (spans[-1][0], np.inf)
        return ((-np.inf, np.inf),) if len(spans) == 1 else tuple(spans)


def board_performance(
    seed: int, seconds: float = 30.0, board: BoardConfig | None = None, room: RoomConfig | None = None
) -> Performance:
    """A board is carried about the operating table; at each stop it faces up and outwards, all around in turn.

    Its pose in the truth is world_from_board in OpenCV's frame of the board. `board.to_toml()` describes the board.

    Args:
        seed: draws the room and the way.
        seconds: how long it lasts.
        board, room: None = their defaults.

    Raises:
        ConfigError: the room leaves no way for the board.
    """
    board, pictures = board or BoardConfig(), []

    def book(picture: np.ndarray) -> int:
        pictures.append(picture)
        return len(pictures) - 1

    standing = furnish(room or RoomConfig(), np.random.default_rng([seed, 50]), book)
    own = board_mesh(board, book).owned_by(FIRST_THING)
    num_places = max(1, int(np.ceil(seconds / (HOLD_S + CARRY_S))))
    way = Carried(_places(standing, board, num_places, np.random.default_rng([seed, 51])))
    mesh = replace(own, vertices_m=way.pose(0.0) @ own.vertices_m)
    actor = Block(f"{LABEL}_1", LABEL, mesh, own.vertices_m, way.pose, way.rests)
    phases = (Phase("calibration", 0.0, seconds),)
    return Performance("charuco", seconds, standing, {actor.name: actor}, pictures, phases=phases)


def _places(room: StandingRoom, board: BoardConfig, number: int, rng: np.random.Generator) -> list[SE3]:
    """Free places for the board, and free straight ways between them."""
    sight = LineOfSight(room.mesh.vertices_m, room.mesh.faces)
    body_m = _body_points_m(board)
    places: list[SE3] = []
    for _ in range(TRIALS * number):
        if len(places) == number:
            break
        middle_m = np.array([*_around(rng), rng.uniform(LOWEST_M, HIGHEST_M)])
        azimuth = 2 * np.pi * (len(places) * 0.382 + rng.uniform(-0.1, 0.1))
        towards = _facing(azimuth, rng.uniform(*ELEVATION_RAD), rng.uniform(-0.45, 0.45))
        place = SE3(towards, middle_m - towards @ np.array([*board.size_m / 2, 0.0]))
        way = Carried([*places[-1:], place])
        steps = np.linspace(0, 1, 16) if places else (1.0,)
        swept_m = np.concatenate([way.pose(HOLD_S + CARRY_S * step) @ body_m for step in steps])
        inside = any(solid.box.contains(swept_m).any() for solid in room.solids)
        if not inside and (sight.distance_m(swept_m) >= CLEAR_M).all():
            places.append(place)
    if len(places) < number:
        raise ConfigError("the room leaves no way for the board", todo="give another seed, or a room with less in it")
    return places


def _body_points_m(board: BoardConfig) -> np.ndarray:
    """(n, 3) points spread over the plate and the handle, in the board's frame."""
    margin_m = MARGIN_SHARE * board.square_m
    x, y = (np.linspace(-margin_m, size_m + margin_m, 5) for size_m in board.size_m)
    plate_m = np.stack(np.broadcast_arrays(x, y[:, None], 0.0), axis=-1).reshape(-1, 3)
    grip_m = np.array([board.size_m[0] / 2, board.size_m[1] + margin_m + HANDLE_M, 0.0])
    return np.vstack([plate_m, grip_m])


def _around(rng: np.random.Generator) -> np.ndarray:
    angle, radius_m = rng.uniform(0, 2 * np.pi), rng.uniform(NEAREST_M, FARTHEST_M)
    return radius_m * np.array([np.cos(angle), np.sin(angle)])


def _facing(azimuth_rad: float, elevation_rad: float, roll_rad: float) -> np.ndarray:
    """(3, 3) rotation of a board whose print looks to an azimuth and up by an elevation, turned in its own plane."""
    print_looks = np.array([*(np.cos(elevation_rad) * np.array([np.cos(azimuth_rad), np.sin(azimuth_rad)])), 0.0])
    print_looks[2] = np.sin(elevation_rad)
    right = np.cross(-print_looks, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    upright = np.stack([right, np.cross(-print_looks, right), -print_looks], axis=1)
    return upright @ SE3.exp(np.array([0.0, 0.0, roll_rad, 0.0, 0.0, 0.0])).rotation
