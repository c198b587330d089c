"""Tests of the room families.boosting."""
