"""Composited -> files: the recording with its sound, and dumps of pictures."""
