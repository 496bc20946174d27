"""Given a flow, a position and what the caller did, says what to play and do next. No I/O."""
