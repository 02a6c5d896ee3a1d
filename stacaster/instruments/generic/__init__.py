"""Products made from what a file says of itself: who made it and when, its fields, its classes."""
