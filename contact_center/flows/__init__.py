"""Publishes flows, goes back to earlier ones, and has every version at hand that a call may be in."""
