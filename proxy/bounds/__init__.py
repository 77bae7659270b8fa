"""The most that a call can cost, from its request and from data, before anything is sent. Pure.

Invariants:
- What a call turns out to cost never exceeds what is bounded here: where a fact is missing, the dearest
  case counts.
- One token per byte of JSON is the bound of text. Base64 of images, sound and documents is not text: those
  are bounded by the item, the page or the second. Nor are settings, and the JSON that a text stands in (`aside.py`).
- The body is not walked unless a byte search finds a key that could make it cost more, or that could hide
  one.
- Names of parameters, tools and units are data (`spec.py`); nothing here knows a provider.
- What the bound reads from a request is checked (`fields.py`); the rest of the request is the provider's
  business.
"""
