"""One SQLite file for one process: WAL, `synchronous=FULL`, group commit.

Invariants:
- One connection, on its own thread, does every write and every WAL checkpoint. (SQLite before 3.51.3 can
  corrupt a WAL that two connections reset; and several writers stall one another for seconds.)
- A second process on the same file is refused by a lock that dies with its holder.
- A batch is one transaction. Nothing read in a batch is kept for the next one: the file is the truth.
- What a method returned is on disk. LedgerUnavailable means that nothing was changed.
- Reads go through read-only connections and see only what is committed.

`store.py` puts the doors together; `writer.py` is the thread; `batch.py` is one transaction; `verbs.py` is what
the ledger does in it.
"""
