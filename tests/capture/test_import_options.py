"""What all importers are asked: moments, spans, rules for depth, and what an import would cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.capture.errors import ConfigError, ResourceError
from ortwin.capture.import_options import DepthPolicy, ImportOptions, Moment, TimeSpan, parse_moment
from ortwin.capture.import_report import ImportEstimate, estimate_import, require_disk
from ortwin.capture.packets import encode_depth

SECOND = 1_000_000_000
NEW_YEAR_2025_NS = 1_735_689_600 * SECOND


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("0", Moment(0)),
        ("90", Moment(90 * SECOND)),
        ("12.5", Moment(12_500_000_000)),
        ("1:30", Moment(90 * SECOND)),
        ("01:02:03.25", Moment(3_723_250_000_000)),
        ("2025-01-01", Moment(NEW_YEAR_2025_NS, absolute=True)),
        ("2025-01-01T01:00:00+01:00", Moment(NEW_YEAR_2025_NS, absolute=True)),
        ("2025-01-01T00:00:00.000250Z", Moment(NEW_YEAR_2025_NS + 250_000, absolute=True)),
    ],
)
def test_a_moment_is_read_as_it_is_typed(text, moment):
    assert parse_moment(text, "--from") == moment


@pytest.mark.parametrize("text", ["", "soon", "-3", "nan", "inf", "1:99", "99:61:00", "2025-13-01", "2025-01-01T99:00"])
def test_what_is_no_moment_is_refused_with_what_to_type(text):
    with pytest.raises(ConfigError, match=r"--to: .* is no moment") as error:
        parse_moment(text, "--to")
    assert "00:01:30" in error.value.todo


@given(st.integers(0, 10**15), st.integers(0, 10**12), st.integers(1, 10**12))
def test_a_span_counts_from_the_start(start_ns, begin_ns, length_ns):
    span = TimeSpan(Moment(begin_ns), Moment(begin_ns + length_ns))
    assert span.bounds_ns(start_ns) == (start_ns + begin_ns, start_ns + begin_ns + length_ns)


def test_a_date_needs_a_clock_that_knows_dates():
    span = TimeSpan(Moment(NEW_YEAR_2025_NS, absolute=True))
    assert span.bounds_ns(NEW_YEAR_2025_NS)[0] == NEW_YEAR_2025_NS
    assert span.bounds_ns(5 * SECOND, 5 * SECOND - NEW_YEAR_2025_NS)[0] == 5 * SECOND
    for unknown in (0, None):
        with pytest.raises(ConfigError, match="knows no dates"):
            span.bounds_ns(5 * SECOND, unknown)


def test_an_empty_span_is_refused_and_an_open_one_leaves_nothing_out():
    with pytest.raises(ConfigError, match="leaves nothing"):
        TimeSpan.parse("10", "00:00:10")
    begin_ns, end_ns = TimeSpan.parse(None, None).bounds_ns(NEW_YEAR_2025_NS)
    assert begin_ns < 0
    assert end_ns > 2 * NEW_YEAR_2025_NS
    assert ImportOptions().to_json() == {}


@pytest.mark.parametrize("text", ["deep", "3", "5:1", "2:2", "nan:3", "-1:3", ":x"])
def test_what_is_no_rule_for_depth_is_refused(text):
    with pytest.raises(ConfigError, match="no rule for depth"):
        DepthPolicy.parse(text)


def test_depth_outside_the_range_becomes_no_return_and_the_rest_stays_count_by_count():
    raw = np.arange(0, 60_000, 100, dtype=np.uint16).reshape(20, 30)
    kept = DepthPolicy.parse("0.5:3").apply(raw, 0.001)
    expected = np.where((raw >= 500) & (raw <= 3000), raw, 0)
    assert np.array_equal(kept, expected)
    assert DepthPolicy.parse("keep").apply(raw, 0.001) is raw
    assert DepthPolicy.parse("none").apply(raw, 0.001) is None
    assert np.array_equal(DepthPolicy.parse("0.5:").apply(raw, 0.001), np.where(raw >= 500, raw, 0))
    assert np.array_equal(DepthPolicy.parse(":3").apply(raw, 0.001), np.where(raw <= 3000, raw, 0))


def test_an_estimate_is_what_the_images_take_once_encoded(tmp_path):
    raw = np.random.default_rng(3).integers(0, 4000, (288, 320), dtype=np.uint16)
    estimate = estimate_import(
        tmp_path / "x.recording", num_frames=1000, media_s=33.3, other_bytes=5_000_000, depth_samples=[raw],
        num_depth=900,
    )  # fmt: skip
    least = 900 * len(encode_depth(raw)) + 5_000_000
    assert least < estimate.disk_bytes < 1.2 * least
    assert estimate.work_s > 0
    assert estimate.free_bytes > 0
    assert not any(tmp_path.iterdir())


def test_a_disk_that_is_too_small_is_refused_before_the_work(tmp_path):
    fits = ImportEstimate(10, 1.0, 1_000_000, 2_000_000, 1, 1.0)
    require_disk(tmp_path / "x.recording", fits)
    with pytest.raises(ResourceError, match="would not suffice") as error:
        require_disk(tmp_path / "x.recording", ImportEstimate(10, 1.0, 2_000_001, 2_000_000, 1, 1.0))
    assert "--from" in error.value.todo
