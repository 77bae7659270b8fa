"""The documents that the operator API answers and the command line prints: values of the house in, structs out.

Amounts end in their unit: `_nanos` and `_micros` are integers, `_usd` is an exact decimal string.
Times are RFC 3339 in UTC; what is not set is null. The names and docstrings of these structs are those of the
OpenAPI document.
"""
