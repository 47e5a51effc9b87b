"""What the neighbours of a return say about whether it flies: a small network, laid out as a table.

Found by logistic regression with hidden units on returns of simulated operations, whose truth says which fly (each
picture turned and mirrored at random). A unit adds up, over the 48 neighbours within 7x7 pixels, three numbers per
place: one for how alike the depths are, one for how much nearer or farther the neighbour is, one where it gave no
return. Differences count in gates (of noise), so that the weights belong to no depth and no sensor; how often edges
fly and how clean surfaces are is that of the simulated sensor.
"""

from __future__ import annotations

import functools
from importlib.resources import files

import numpy as np

#: Quarter gates; beyond five gates it does not matter how far.
STEPS_PER_GATE, MOST_STEPS = 4, 20
#: A difference of so many gates counts as one in the slope.
GATES_PER_SIDE, MOST_GATES = 2.0, 5.0


@functools.cache
def flying_network() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The network as the compiled test takes it.

    Returns:
        (48, 43, 16) float32 by neighbour of a return, row by row, and by quarter gates from -21 to 20, last: no return;
        (16,) biases of the units; (17,) their weights in the sum, last its bias.
    """
    with (files(__name__.rpartition(".")[0]) / "flying_pixels.npz").open("rb") as file:
        stored = dict(np.load(file))
    alike, side, missing = stored["neighbours"].astype(np.float32)  # each (48, 16), row by row without the middle
    gates = (np.arange(-MOST_STEPS - 1, MOST_STEPS + 1, dtype=np.float32) + np.float32(0.5)) / STEPS_PER_GATE
    near = np.maximum(1 - np.abs(gates), 0)[None, :, None]
    apart = (np.clip(gates, -MOST_GATES, MOST_GATES) / GATES_PER_SIDE)[None, :, None]
    says = np.concatenate([near * alike[:, None] + apart * side[:, None], missing[:, None]], axis=1)
    network = (
        np.ascontiguousarray(says, np.float32),
        stored["bias"].astype(np.float32), stored["joined"].astype(np.float32),
    )  # fmt: skip
    for part in network:
        part.flags.writeable = False
    return network
