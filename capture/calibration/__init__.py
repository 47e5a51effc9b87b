"""Calibration with a board: lenses, places, clocks and depth of all cameras, with their uncertainty."""
