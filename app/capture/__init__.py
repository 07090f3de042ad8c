"""Sources of frames: files, folders of pictures, the built-in demo scene."""
