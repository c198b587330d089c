"""What the data is: schema, roles, validation, rejections; a schema of each use case. Imports: nothing of ours."""
