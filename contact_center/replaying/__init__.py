"""Decides a day again: keeps what routing was told, proves what it decided, and shows what it would have decided
otherwise. Never offers anything to anybody."""
