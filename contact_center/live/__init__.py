"""Who is connected, and what reaches them: presence, push, and the bus between nodes. Nothing here is the truth."""
