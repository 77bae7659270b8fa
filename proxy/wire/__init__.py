"""The wire: bytes in, values out. Nothing here waits, opens or knows a provider.

`sse`, `lines` and `elements` cut a stream into its documents at any chunk boundary; `decoding` undoes content
encodings on a copy; `slim` leaves out what is only ballast; `paths` and `tree` say where in a document a value
stands. All of it is incremental (`feed`, then `finish`), and bad input is a state or a smaller result, never an
exception.
"""
