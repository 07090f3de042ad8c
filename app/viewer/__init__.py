"""The window. The only folder that imports PyQt6."""
