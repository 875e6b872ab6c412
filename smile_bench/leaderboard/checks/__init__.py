"""Checks of entries: consistency, duplicates, replays, reruns, new trainings, fresh sets."""
