"""A simulated operating room with full truth: people, tools, cameras with faults, and scripts that they play."""
