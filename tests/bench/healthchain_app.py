"""HealthChain, the Python peer, with a service that looks for one diagnosis code and answers with one card.

Runs in an environment of its own (healthchain.txt) and imports nothing of this project.
"""

from healthchain.gateway import CDSHooksService, HealthChainAPI
from healthchain.models.requests.cdsrequest import CDSRequest
from healthchain.models.responses.cdsresponse import CDSResponse

service = CDSHooksService()


def _bone_metastasis(prefetch: dict) -> bool:
    for answer in prefetch.values():
        for entry in answer.get("entry", ()):
            for coding in entry["resource"].get("code", {}).get("coding", ()):
                if coding.get("code", "").startswith("C79.5"):
                    return True
    return False


@service.hook("patient-view", id="bench")
def bench(request: CDSRequest) -> CDSResponse:
    found = _bone_metastasis(request.prefetch or {})
    summary = "Bone metastasis" if found else "No bone metastasis"
    return CDSResponse(cards=[{"summary": summary, "indicator": "info", "source": {"label": "bench"}}])


app = HealthChainAPI()
app.register_service(service)
