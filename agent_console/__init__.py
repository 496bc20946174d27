"""The agents' and supervisors' web app: be ready, be offered, talk, wrap up; supervise."""

from pathlib import Path

DIST = Path(__file__).resolve().parent / "dist"
