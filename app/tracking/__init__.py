"""Matted -> Tracked: the camera's motion, and the alpha steadied along it."""
