"""What each neighbour of a return says about whether it flies: log-odds by distance and difference of depth.

Found by logistic regression on returns of two simulated operations, whose truth says which fly. The numbers say what
one expects: a neighbour that reads the same depth speaks against flying, the more the closer it is, and one that reads
another depth speaks for it. Differences count in gates (of noise), so that the weights belong to no depth and no
sensor; how often edges fly and how clean surfaces are is that of the simulated sensor.
"""

from __future__ import annotations

import numpy as np

#: Squared distances, pixels, of the neighbours within 5x5: one row of weights each.
RINGS = (1, 2, 4, 5, 8)
#: Bounds of the classes of (depth of the neighbour - own depth) / gate; they are whole quarters.
BOUNDS = (-5.0, -2.5, -1.5, -1.0, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0)
WEIGHTS = (
    (0.58, 0.77, 0.78, 0.54, -0.52, -0.66, -1.18, -1.82, -0.97, -0.60, -0.70, 0.33, 0.47, 0.61, 0.49),
    (0.61, 0.65, 0.49, 0.03, -0.60, -0.64, -0.94, -1.44, -0.66, -0.33, -0.64, 0.11, 0.38, 0.51, 0.49),
    (0.34, 0.48, 0.13, 0.05, -0.39, -0.57, -0.88, -1.10, -0.63, -0.42, -0.55, 0.22, 0.50, 0.48, 0.33),
    (0.12, 0.13, -0.11, -0.24, -0.54, -0.55, -0.83, -1.06, -0.63, -0.42, -0.48, 0.08, 0.26, 0.25, 0.07),
    (-0.13, -0.24, -0.31, -0.13, -0.43, -0.24, -0.22, -0.14, -0.08, 0.01, -0.09, 0.02, 0.21, 0.07, -0.20),
)
#: What a neighbour that gave no return says.
MISSING = (-0.09, -0.01, 0.00, -0.05, -0.09)
STEPS_PER_GATE, MOST_STEPS = 4, 20


def _evidence() -> np.ndarray:
    """(5, 5, 43) float32 by row and column around a return and by quarter gates from -21 to 20; last: no return."""
    found = np.zeros((5, 5, 2 * MOST_STEPS + 3), np.float32)
    middles = (np.arange(-MOST_STEPS - 1, MOST_STEPS + 1) + 0.5) / STEPS_PER_GATE
    classes = np.digitize(middles, BOUNDS)
    for down, right in np.ndindex(5, 5):
        square = (down - 2) ** 2 + (right - 2) ** 2
        if square:
            ring = RINGS.index(square)
            found[down, right, :-1] = np.array(WEIGHTS[ring], np.float32)[classes]
            found[down, right, -1] = MISSING[ring]
    found.flags.writeable = False
    return found


EVIDENCE = _evidence()
