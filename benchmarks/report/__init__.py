"""What becomes of the figures: a record, tables, plots and the pages that show them."""

from __future__ import annotations

__all__ = ()
