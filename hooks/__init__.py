"""The medicine, as plain values: what is known about a patient goes in, what to do about it comes out.

Contract of this folder: standard library only. No FHIR, no HTTP, no clock, no file written. Every function maps values
to values; the date of evaluation is part of the facts. One rule is one function, one knowledge file and one file of
vignettes, all with one name. A thing that nobody recorded is never taken for a "no".
"""
