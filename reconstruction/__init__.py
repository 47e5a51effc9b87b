"""What stands in the room, and what moves in it."""
