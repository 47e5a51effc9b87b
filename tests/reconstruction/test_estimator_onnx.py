"""The ONNX estimator: the way of a pixel into a network and back, with networks that read dots; and a real one."""

import dataclasses

import numpy as np
import pytest
from ortwin.capture.errors import ConfigError, InputError
from ortwin.reconstruction import estimator_onnx
from ortwin.reconstruction.detections import Detection
from ortwin.reconstruction.estimator_onnx import Network, OnnxConfig, OnnxEstimator, Seen, open_onnx, similarity
from ortwin.reconstruction.estimators import EstimatorRequest, Picture, Region
from ortwin.reconstruction.keypoint_cache import KeptAnswers
from ortwin.reconstruction.model_cards import FAMILIES, ModelCard
from ortwin.reconstruction.picture_crops import Crop, Halves, box_crop, joined, whole_crop
from ortwin.reconstruction.pose_networks import read
from ortwin.reconstruction.skeleton import JOINT_NAMES, OTHER_SIDE

FIGURE = np.array(
    [(50, 10), (60, 0), (40, 0), (70, 12), (30, 12), (74, 40), (26, 40), (86, 66), (14, 66), (94, 92), (6, 92),
     (64, 98), (36, 98), (66, 136), (34, 136), (68, 174), (32, 174)], dtype=np.float64,
)  # fmt: skip
"""Somebody who faces the camera: his left is on the right of the picture."""

CARDS = {
    "movenet": ModelCard("dots-m", "0" * 64, "movenet"),
    "rtmo": ModelCard("dots-o", "1" * 64, "rtmo", (320, 320)),
    "rtmpose": ModelCard("dots-p", "2" * 64, "rtmpose"),
}


def painted(places, size=(480, 360), radius=3):
    """A picture in which every joint of everyone is a dot: its red says which joint, its green says who."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    for person, keypoints_px in enumerate(places):
        for joint, (u, v) in enumerate(keypoints_px):
            inside = (columns - u) ** 2 + (rows - v) ** 2 <= radius**2
            image[inside] = (100 + 8 * joint, 60 + 60 * person, 200)
    return image


def dots(image):
    """Keypoints of every painted person of an image, NaN where a dot is not there: the perfect network."""
    people = []
    blue = np.maximum(image[..., 2], 1.0)
    who, which = (image[..., 1] / blue - 0.3) / 0.3, (image[..., 0] / blue - 0.5) / 0.04  # edges keep their hue
    for person in range(3):
        keypoints_px = np.full((17, 2), np.nan)
        for joint in range(17):
            rows, columns = np.nonzero((image[..., 2] > 110) & (abs(who - person) < 0.3) & (abs(which - joint) < 0.4))
            if len(rows):
                keypoints_px[joint] = columns.mean(), rows.mean()
        if np.isfinite(keypoints_px).any():
            people.append(keypoints_px)
    return people


def movenet(images):
    """As MoveNet answers: a mirrored dot is taken for the joint of its colour, whose name is then that of the side."""
    out = np.zeros((1, 6, 56), np.float32)
    height, width = images.shape[1:3]
    for row, keypoints_px in zip(out[0], _named(images[0].astype(np.uint8)), strict=False):
        table = np.column_stack([(keypoints_px[:, 1] + 0.5) / height, (keypoints_px[:, 0] + 0.5) / width, np.ones(17)])
        row[:51] = np.where(np.isfinite(table), table, 0.0).ravel()
        row[55] = np.isfinite(keypoints_px).all(1).mean()
    return [out]


def rtmo(images):
    image = np.rint(images[0].transpose(1, 2, 0)[..., ::-1]).astype(np.uint8)
    people = _named(image)
    keypoints = np.array([np.column_stack([np.nan_to_num(k), np.isfinite(k).all(1)]) for k in people])
    keypoints = keypoints.reshape(1, -1, 17, 3).astype(np.float32)
    boxes = np.ones((1, len(people), 5), np.float32)
    return [boxes, keypoints]


def rtmpose(images):
    family = FAMILIES["rtmpose"]
    image = images[0].transpose(1, 2, 0) * np.array(family.deviation) + np.array(family.mean)
    people = _named(np.clip(np.rint(image), 0, 255).astype(np.uint8))
    middle = (np.array(images.shape[:1:-1]) - 1) / 2
    along = [np.zeros((1, 17, 2 * size), np.float32) for size in images.shape[:1:-1]]
    if people:
        best = min(people, key=lambda k: np.linalg.norm(np.nanmean(k, axis=0) - middle))
        for joint in np.flatnonzero(np.isfinite(best).all(axis=1)):
            for axis in range(2):
                along[axis][0, joint, round(2 * best[joint, axis])] = 0.9
    return along


def _named(image):
    """A network cannot know that it looks into a mirror: it says "left" of whatever looks so."""
    people = dots(image)
    return [k[list(OTHER_SIDE)] if k[5, 0] < k[6, 0] else k for k in people]


NETWORKS = {
    name: Network(CARDS[name], run) for name, run in (("movenet", movenet), ("rtmo", rtmo), ("rtmpose", rtmpose))
}
PLACES = [FIGURE + np.array([40, 60]), 0.7 * FIGURE + np.array([280, 100])]


def estimator(finder="movenet", refiner=None, **config):
    return OnnxEstimator(NETWORKS[finder], NETWORKS[refiner or finder], OnnxConfig(**config))


@pytest.mark.parametrize("turn_rad", [0.0, 0.6])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("scale", [0.23, 0.5, 1.7])
def test_a_crop_shows_a_point_where_it_says(turn_rad, mirrored, scale):
    image = np.zeros((200, 300, 3), np.uint8)
    u, v = 140.0, 90.0
    rows, columns = np.mgrid[:200, :300]
    image[(columns - u) ** 2 + (rows - v) ** 2 <= 6**2] = 255
    crop = Crop((150.0, 100.0), scale, (160, 128), turn_rad, mirrored)
    taken = Halves(image).take(crop, 0)[..., 0].astype(float)
    rows, columns = np.mgrid[:128, :160]
    seen_px = np.array([(taken * columns).sum(), (taken * rows).sum()]) / taken.sum()
    np.testing.assert_allclose(crop.to_picture(seen_px), (u, v), atol=0.25)


def test_what_lies_beyond_a_picture_is_grey():
    taken = Halves(np.zeros((50, 50, 3), np.uint8)).take(whole_crop(50, 50, (64, 32)), 114)
    assert (taken[:, 0] == 114).all()
    assert (taken[16, 32] == 0).all()


@pytest.mark.parametrize(
    ("finder", "refiner"), [("movenet", None), ("rtmo", None), ("rtmo", "rtmpose"), ("movenet", "rtmpose")]
)
def test_people_are_found_where_they_are(finder, refiner):
    (people,) = estimator(finder, refiner).estimate([Picture("cam_1", painted(PLACES))])
    assert len(people) == 2
    for true_px in PLACES:
        off_px = [np.abs(person.keypoints_px - true_px).max() for person in people]
        assert min(off_px) < 1.0  # half a pixel of an input that shows a picture pixel as half a pixel or more


def test_without_the_mirror_left_is_left_too():
    for mirror in (False, True):
        (people,) = estimator(mirror=mirror).estimate([Picture("cam_1", painted(PLACES[:1]))])
        (person,) = people
        assert person.keypoints_px[JOINT_NAMES.index("left_wrist"), 0] > 100


def test_small_people_are_seen_in_the_region_where_something_moves():
    small = 0.14 * FIGURE + np.array([900, 400])
    image = painted([small], (1920, 1080), radius=1)
    for regions, count in ((None, 0), ((Region(860, 370, 960, 460),), 1), ((Region(10, 10, 100, 100),), 0), ((), 0)):
        (people,) = estimator(whole_px=256).estimate([Picture("cam_1", image, regions)])
        assert len(people) == count
        assert all(np.abs(person.keypoints_px - small).max() < 1.0 for person in people)


def test_the_same_pictures_give_the_same_answer_however_batched():
    pictures = [Picture("cam_1", painted(PLACES[:1])), Picture("cam_2", painted(PLACES))]
    both, alone = estimator().estimate(pictures), [estimator().estimate([one])[0] for one in pictures]
    for first, second in zip(both, alone, strict=True):
        assert_same(first, second)


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.keypoints_px, other.keypoints_px)
        np.testing.assert_array_equal(one.scores, other.scores)
        assert one.score == other.score


def test_two_answers_that_show_one_person_are_one():
    seen = Seen(FIGURE, np.ones(17), 0.9)
    assert similarity(seen, seen) == 1.0
    assert similarity(seen, Seen(FIGURE + 1.5, np.ones(17), 0.5)) > 0.8
    assert similarity(seen, Seen(FIGURE + np.array([90, 0]), np.ones(17), 0.5)) < 0.05


def test_numbers_that_are_none_count_as_not_seen():
    table = np.full((1, 6, 56), np.nan, np.float32)
    answers = read([table], 0, (256, 256), CARDS["movenet"])
    assert (answers.scores == 0).all()
    assert (answers.person_scores == 0).all()


@pytest.mark.parametrize("family", sorted(CARDS))
def test_an_output_of_another_shape_is_refused_by_name(family):
    with pytest.raises(InputError) as caught:
        read([np.zeros((1, 7, 9))], 0, (192, 256), CARDS[family])
    assert CARDS[family].name in str(caught.value)
    assert "(1, 7, 9)" in str(caught.value)


def test_regions_that_touch_are_looked_at_together():
    apart = [Region(0, 0, 10, 10), Region(50, 0, 60, 10)]
    assert joined(apart, 5) == apart
    assert joined([*apart, Region(12, 2, 48, 8)], 5) == [Region(0, 0, 60, 10)]
    assert box_crop((0, 0, 100, 50), (64, 64), 1.0).scale == pytest.approx(0.64)


class Counting:
    key = "counting"

    def __init__(self):
        self.asked = 0

    def estimate(self, pictures):
        self.asked += len(pictures)
        return [(Detection(np.where(FIGURE > 80, np.nan, FIGURE), np.full(17, 0.5), 0.25),) for _ in pictures]


def test_an_answer_is_kept_and_a_damaged_one_is_asked_for_again(tmp_path):
    inner = Counting()
    image = np.zeros((4, 4, 3), np.uint8)
    pictures = [Picture("c", image, None, "a"), Picture("c", image, (Region(0, 0, 2, 2),), "a"), Picture("c", image)]
    first = KeptAnswers(inner, tmp_path / "kept").estimate(pictures)
    again = KeptAnswers(inner, tmp_path / "kept")
    second = again.estimate(pictures)
    assert (inner.asked, again.num_kept) == (4, 2)
    for one, other in zip(first, second, strict=True):
        assert_same(one, other)
    files = sorted((tmp_path / "kept").rglob("*.npy"))
    files[0].write_bytes(b"cut off")
    files[1].write_bytes(b"")
    KeptAnswers(inner, tmp_path / "kept").estimate(pictures)
    assert inner.asked == 7
    other = Counting()
    other.key = "another model"
    KeptAnswers(other, tmp_path / "kept").estimate(pictures)
    assert other.asked == 3


def test_the_key_tells_models_and_settings_apart():
    keys = {estimator(*names, **config).key for names, config in (
        (("movenet",), {}), (("rtmo",), {}), (("movenet", "rtmpose"), {}), (("movenet",), {"zoom": 0}))}  # fmt: skip
    assert len(keys) == 4
    assert estimator().key == estimator().key


def test_a_model_that_finds_nobody_needs_one_that_does(monkeypatch):
    monkeypatch.setattr(estimator_onnx, "load_model", lambda name, folder: (CARDS[name], b""))
    monkeypatch.setattr(estimator_onnx, "session", lambda card, data, threads: movenet)
    with pytest.raises(ConfigError, match="finds nobody"):
        open_onnx(EstimatorRequest("rtmpose"))
    with pytest.raises(ConfigError, match="not 3"):
        open_onnx(EstimatorRequest("movenet+rtmpose+rtmpose"))
    assert open_onnx(EstimatorRequest("movenet+rtmpose")).key == estimator("movenet", "rtmpose").key


def test_a_file_that_is_no_network_is_refused():
    with pytest.raises(InputError, match="cannot be run"):
        estimator_onnx.session(dataclasses.replace(CARDS["rtmo"]), b"no network", 1)


def test_a_real_network_sees_the_people_of_a_real_picture_in_the_mirror_too(test_data):
    import av

    estimator = open_onnx(EstimatorRequest(str(test_data / "models" / "movenet_multipose.onnx")))
    with av.open(str(test_data / "pose2sim" / "MultiPerson" / "videos" / "cam04.mp4")) as film:
        image = next(film.decode(video=0)).to_ndarray(format="rgb24")
    straight, mirrored = estimator.estimate(
        [Picture("cam04", image), Picture("cam04", np.ascontiguousarray(image[:, ::-1]))]
    )
    assert len(straight) == len(mirrored) == 2
    for person in straight:
        assert person.seen.sum() >= 14
        height_px = np.ptp(person.keypoints_px[person.seen][:, 1])
        off_px = []
        for other in mirrored:
            back_px = other.keypoints_px[list(OTHER_SIDE)]
            back_px = np.column_stack([image.shape[1] - 1 - back_px[:, 0], back_px[:, 1]])
            off_px.append(np.nanmedian(np.linalg.norm(back_px - person.keypoints_px, axis=1)))
        assert min(off_px) < 0.03 * height_px  # what COCO's annotators differ by is 0.025 to 0.1 of a person's size
