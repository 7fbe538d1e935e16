"""The specification, as tests: clinical vignettes, mappings, whole patients, the service over HTTP."""
