"""Tracked -> Composited: the sky behind the foreground, its light, halo and weather."""
