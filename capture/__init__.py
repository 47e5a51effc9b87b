"""What the cameras saw, from where, and when."""
