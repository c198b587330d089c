"""Tests of the tracker, which is a real MLflow server or database."""
