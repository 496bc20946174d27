"""Says what a new case seems to be about, how sure that is and which words said so; and decides no more than the
house lets it, and only what it was measured to be right about."""
