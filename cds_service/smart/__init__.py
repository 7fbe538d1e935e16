"""The SMART companion: launched from the EHR in a patient's context, it fills what the chart lacks and writes it."""
