"""What is wrong with this machine, its files and its surroundings, and what to do about it: `faregate doctor`.

Invariants:
- A check changes nothing, and sends no tenant's data and no metered call anywhere.
- It never opens the database of a running server; it asks the server instead.
- A check ends in one line: ok, warning, failed or skipped; the last three say why, and what to do.
- Checks that need nothing of one another run at the same time, each within a time limit.
"""
