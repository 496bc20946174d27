"""The sandbox's own door: the *try it* page and its live state, the same for automation, and the shop page.

Everything under ``/sandbox/`` is JSON; docs/sandbox.md describes it.
"""

from contact_center.sandbox.web.door import Door

__all__ = ["Door"]
