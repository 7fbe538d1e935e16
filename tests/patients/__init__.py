"""Whole patients: charts that others wrote, and the riskiest combinations from FHIR to cards."""
