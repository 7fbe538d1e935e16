"""Published scores: every item enumerated, a missing item gives a range and never a zero."""
