"""Clips of known camera rotation, trackers to compare, and what their errors are."""
