"""Families over one MuJoCo body."""
