"""Says what the hub costs beside the least that any program could spend on the same, measured in the same
run."""
