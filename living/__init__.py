"""Skies that move: photos whose clouds drift, and skies computed from the sun, with their tools."""
