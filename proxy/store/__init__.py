"""The door to what is kept. `doors.py` says what the house may ask for; each folder beside it is one database.

Invariants:
- A method that returns has committed, unless its docstring says that it does not wait.
- LedgerUnavailable means that nothing was changed.
"""
