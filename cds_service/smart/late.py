"""The page for a clinician whose request to the companion was not answered in time: can anything have been sent?"""

from __future__ import annotations

from cds_service.config import Settings
from cds_service.smart import settings as smart_settings
from cds_service.smart.refusals import NOT_SENT, OPEN_AGAIN

WRITE = "/smart/write"
NOT_BEGUN = f"The service is busy and has not begun with it. {NOT_SENT} Go back and try again in a moment."
UNDER_WAY = (
    "It took too long, and goes on: it is not known yet whether your results were written. Look in the chart. What you "
    f"have filled in is kept. {OPEN_AGAIN} What is on its way is not sent a second time."
)
TOO_LONG = f"It took too long. {NOT_SENT} Whether your last change was saved is not known. Go back and try again."
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {}"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not answered in time</title>
<link rel="stylesheet" href="{base}/static/pages.css">
<link rel="icon" href="{base}/static/companion/sins-posterolateral-0.svg">
</head>
<body class="companion">
<main>
<h1>Not answered in time</h1>
<p class="notice" role="alert">{said}</p>
</main>
</body>
</html>
"""


def page(settings: Settings, path: str, begun: bool) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and content; it needs no thread and no template engine, which are what is short."""
    said = NOT_BEGUN if not begun else UNDER_WAY if path.endswith(WRITE) else TOO_LONG
    tenant = settings.tenant
    frames = smart_settings.frames(tenant.smart, tenant.is_sandbox) if tenant.smart else "'none'"
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", POLICY.format(frames))]
    return headers, PAGE.format(base=settings.public_base_url, said=said).encode()
