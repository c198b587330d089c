"""When and where: jobs, in rooms; the command line's entry. Imports: nothing of ours."""
