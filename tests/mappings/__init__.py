"""How FHIR becomes facts, trap by trap."""
