"""Confine untrusted programs under Landlock and seccomp, without root.

The Python interface is not written yet; this package holds its place.
"""

from ._native import __version__

__all__ = ["__version__"]
