"""The web and the command line: composes what hooks and fhir_mappings decide and read, and decides nothing itself."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("spine-cds")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
