"""Price lists that others keep: what they say that providers ask, in our units, for holding our rates against.

Invariants:
- A list is read from an installed package or a file, never from the network.
- Which of its names, prices and tiers is which of ours is data: `config/price_lists/`.
- A list is somebody's word: whatever it says is judged before anything is written.
- Rates are appended, never edited, and only in the operator's folder.

`mapping` and `differences` are that data; `listing` is what any list answers; `genai_prices` and `litellm` read them.
`judge` says what is to be made of one price, `compare` holds a whole card against both, `sync` does it with the files
and writes what is accepted (`synced`), `report` tells it. `draft` makes a first rates file of an integration.
"""
