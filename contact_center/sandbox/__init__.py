"""Plays the outside world (carrier, mail servers, customers) for a machine with no accounts. Reaches the hub
through its public doors alone; the hub doesn't know it."""
