"""The agents' and supervisors' web app, by the agent's moment: be ready, be offered, talk, wrap up; supervise."""

from pathlib import Path

DIST = Path(__file__).resolve().parent / "dist"
