"""The skies: one interface, a file per kind, and the player that fades from one to the next."""
