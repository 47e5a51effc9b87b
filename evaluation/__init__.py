"""How right a twin is: truth tables and metrics."""
