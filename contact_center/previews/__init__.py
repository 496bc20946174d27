"""Makes pictures of files that strangers sent, in a process of its own that may be killed."""
