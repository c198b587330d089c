"""A pipeline run from this process, with workers in it. Imports: process, runners, runners.patches."""
