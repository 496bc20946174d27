"""What each command does at a terminal: says something, stops with a reason, reads settings, shows how far it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from contact_center.config.environment import Settings

T = TypeVar("T")
_BAR = 40


def say(text: str = "") -> None:
    typer.echo(text)


def stop(text: str, code: int = 2) -> typer.Exit:
    """What to raise to end the command with ``code``, having said why."""
    typer.echo(text, err=True)
    return typer.Exit(code)


def settings() -> Settings:
    """The hub's settings, of the environment. Ends the command where they are wrong."""
    from contact_center.config.environment import Settings

    return checked(Settings)


def checked(read: Callable[[], T]) -> T:
    """What ``read`` makes of the environment. Ends the command with each variable that is wrong."""
    from pydantic import ValidationError  # costs what `--help` does not need

    from contact_center.config.environment import PREFIX

    try:
        return read()
    except ValidationError as error:
        problems = [f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()]
        raise stop("\n".join(problems)) from error


def bar(done: int, whole: int) -> None:
    """How far it is, on one line that ends when it is whole; a log that nobody watches gets none of it."""
    if not sys.stderr.isatty():
        return
    full = _BAR if whole <= 0 else min(_BAR, _BAR * done // whole)
    percent = 100 if whole <= 0 else min(100, 100 * done // whole)
    typer.echo(f"\r[{'#' * full}{'.' * (_BAR - full)}] {percent:3} %", nl=done >= whole, err=True)
