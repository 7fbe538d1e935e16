"""Why the companion cannot go on, in words for the clinician in front of it: what happened, and what to do."""

from __future__ import annotations

NOT_SENT = "Nothing was written to the chart."
OPEN_AGAIN = "Open it again from the patient's chart."


class Refusal(Exception):
    """A page instead of the one that was asked for. No text of it may hold a value that came from outside."""

    status = 400

    def __init__(self, title: str, what_to_do: str, status: int = 400) -> None:
        super().__init__(title)
        self.title, self.what_to_do, self.status = title, what_to_do, status
