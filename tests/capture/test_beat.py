"""The beat of a camera across a break; tolerances from the scatter of its exposures about it."""

import numpy as np
import pytest
from ortwin.capture.beat import beat_at

STEP_S, JITTER_S = 0.1001, 0.0002


def stamps(rng, jump_s, *, drop_share=0.1, jitter_s=JITTER_S, gap_s=0.7):
    """Times of frames whose clock jumps at 30 s, in a gap, and a time in the break as the clock tells it."""
    ticks = np.arange(600)[rng.random(600) > drop_share]
    true_s = 0.03 + STEP_S * ticks + rng.normal(0, jitter_s, len(ticks))
    kept = true_s[(true_s < 30) | (true_s > 30 + gap_s)]
    later = kept > 30
    told = kept + jump_s * later
    return told, float((told[~later][-1] + told[later][0]) / 2)


@pytest.mark.parametrize("jump_s", [0.5, 0.0, 1.234, -0.3])
def test_the_size_of_a_jump_is_known_but_for_whole_steps(jump_s):
    off_s, sigma_s = [], []
    for seed in range(40):
        told, at_s = stamps(np.random.default_rng(seed), jump_s)
        beat = beat_at(told, at_s)
        assert beat is not None and abs(beat.step_s - STEP_S) < JITTER_S / 4
        off_s.append(beat.nearest_s(-jump_s + 0.012) + jump_s)
        sigma_s.append(beat.sigma_s)
    # Mean of 40 squares in units of the claimed variance: 1 +- 0.22.
    assert 0.35 < np.mean(np.square(off_s) / np.square(sigma_s)) < 1.9
    assert max(sigma_s) < JITTER_S


def test_who_keeps_no_beat_tells_nothing():
    rng = np.random.default_rng(1)
    told, at_s = stamps(rng, 0.5, jitter_s=0.01)
    assert beat_at(told, at_s) is None
    assert beat_at(told[:5], float(told[3])) is None
