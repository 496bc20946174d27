"""Turns one outside world into our events, and our messages into that world. Decides nothing.

Every folder in here is one channel; the hub finds it by being here. ``contract.py`` says what it must offer.
"""
