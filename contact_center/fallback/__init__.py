"""Stands in for a hub that is down: believes only what is signed, writes it down, and hands it over once the hub is
back. It needs no database and knows no business."""
