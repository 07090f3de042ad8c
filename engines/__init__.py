"""Engines run networks; they know nothing of skies or video."""
