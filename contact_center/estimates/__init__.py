"""Says how long waiting will take and how many agents are needed, and keeps what it said against what came of it."""
