"""What a call costs: rates and margins as data, one formula, one rounding. Pure.

Invariants:
- `charge = upstream_unit_cost x quantity x (1 + margin_pct / 100)` per line, summed exactly, rounded once.
- A rate card and a margin table are values with a version; a call keeps the versions it was held with.
- The narrowest margin level that is set decides alone.
- The hold's estimate and the settlement use the same function.
"""
