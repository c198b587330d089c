"""What of Beam's classes is changed, each by a call. Imports: nothing of ours."""
