"""Frame -> Matted: the network, and its alpha brought to the frame's size."""
