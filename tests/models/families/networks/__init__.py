"""Tests of the room families.networks."""
