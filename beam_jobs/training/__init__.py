"""Processes that train one model together, on this machine or several. Imports: models, process, schemas."""
