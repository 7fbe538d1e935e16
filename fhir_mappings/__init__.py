"""FHIR to facts, and proposed orders to FHIR; no HTTP and no Flask in here."""
