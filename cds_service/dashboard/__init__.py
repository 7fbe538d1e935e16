"""What users did with the cards, counted for an alert committee. Small numbers are hidden; it proposes, never acts."""
