"""The leaderboard: submitted entries, their checks, the ranking and the page."""
