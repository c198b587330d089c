"""Tests of the published results' protocols."""
