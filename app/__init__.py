"""The live loop: capture, matting, tracking, sky and blending, recording, viewer."""
