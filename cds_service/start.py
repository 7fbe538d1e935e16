"""The entry point: a knowledge file or value set that cannot be relied on ends it with one line, not a traceback."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command line. The rules read their knowledge when they are imported, so that is guarded here."""
    try:
        from cds_service import cli
    except ValueError as error:  # KnowledgeError among them; each names the file and the key
        print(f"cds-service: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
