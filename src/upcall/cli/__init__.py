"""The `upcall` command."""

__all__ = ()
