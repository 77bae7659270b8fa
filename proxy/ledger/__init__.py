"""The rules of money as pure transitions: a wallet in, a wallet out. Stores load, call these, and write.

Invariants:
- A wallet's balance is the sum of its entries; entries are gap-free, chained by hash, and never change.
- `held` is the sum of the wallet's open holds; a hold ends exactly once, settled or released.
- Admission never lets `balance - held` fall below `minimum`; a charge is never paid from others' holds.
- A call is admitted only where wallet and every spend cap that covers it have room, all in one transition.
- A cap's window is what its calls were charged or waived, and what those that run hold on it.
- What no tenant paid of the upstream cost is booked as exposure in the same transaction.
"""
