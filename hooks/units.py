"""The unit in which the rules read each measurement; the mapping converts or refuses."""

UNITS = {
    "calcium": "mg/dL",
    "calcium_corrected": "mg/dL",
    "calcium_ionised": "mmol/L",
    "albumin": "g/dL",
    "creatinine": "mg/dL",
    "creatinine_clearance": "mL/min",
    "alp": "U/L",
    "vitamin_d": "ng/mL",
    "body_weight": "kg",
    "body_height": "cm",
    "pain_score": "of 10",
    "ecog": "ECOG",
    "kps": "KPS",
    "life_expectancy": "months",
    "radiation_dose": "cGy",
}
