"""The SQL, as text: one folder for each database, one file of named queries for each noun.

Invariants:
- Every query has a name and a comment; Python never puts SQL together from pieces.
- `schema.sql` is what a new database gets; `migrations/NNNN_what.sql` brings version NNNN - 1 to NNNN.
- A released migration is never edited, and `schema.sql` equals the sum of all migrations.
"""
