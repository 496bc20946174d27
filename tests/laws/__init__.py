"""The laws of routing, tried by machine: ``python -m tests.laws`` runs as much of it as it is told to.

I1  nothing is lost: whatever came in waits, rings, is in hand, is parked, or is over
I2  an interaction is in exactly one of these states, and the tables agree about which
I3  one live offer at most for each interaction (or one group that rings together); its epoch only grows
I4  nobody is given more than their capacity, also right after it was lowered; nothing is taken away from them
I5  nothing is offered to who is away, doesn't belong there, lacks a skill, or has just missed it
I6  nothing waits that somebody could take
I7  first come, first served among equals; nobody is overtaken beyond the head start that priority gives
I8  the place in the queue survives everything
I9  a deadline is acted upon once, and not before its time
"""
