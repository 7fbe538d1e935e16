"""What outlives a request: answered calls, feedback, overrides, tokens seen. SQLite, or PostgreSQL for replicas.

Nothing here names a patient: identity is a keyed hash (identity.py), resources are ids and dates, texts are our own.
"""
