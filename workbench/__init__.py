"""Sets a bare machine up: plain standard-library Python that runs before anything is installed."""
