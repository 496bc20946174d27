"""The commands for routing: ``python -m contact_center routing --help``."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Decide a day again, try a policy out, and explain what was decided.")
