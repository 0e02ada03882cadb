"""What the OpenAPI document says about tests."""

from drf_spectacular.utils import OpenApiParameter

from monitors import api_schema
from monitors.api_schema import A_MOMENT, FLAG, TEXT, TIME, WHOLE, ref, refusal
from monitors.probes.reasons import Reason

STATES = ["checking", "up", "down", "nodata", "offline", "off", "unsent", "silent"]
MONITOR_ID = {
    **TEXT,
    "description": "Test this monitor as it is stored, from its regions; everything else is then ignored. Left out: "
    "the settings of the body are tested.",
}
NUMBER = {"type": "number", "nullable": True}
PHASES = ["dns", "connect", "tls", "first_byte", "transfer"]
OUTCOME = {
    "region": {**TEXT, "description": "The short name of the region."},
    "status": {
        **TEXT,
        "enum": STATES,
        "description": "`checking`: the answer has not come yet. `offline`, `off`, `unsent`: the region was not asked. "
        "`silent`: it was asked, and no answer came in time.",
    },
    "degraded": {**FLAG, "description": "It is up, and worse than the settings ask for."},
    "reason": {**TEXT, "nullable": True, "enum": [reason.value for reason in Reason]},
    "detail": {**TEXT, "nullable": True, "description": "What was seen, as a sentence."},
    "status_code": {**WHOLE, "nullable": True},
    "address": {**TEXT, "nullable": True, "description": "The IP address last connected to."},
    "attempts": {**WHOLE, "nullable": True},
    "response_ms": NUMBER,
    "phases": {
        "type": "object",
        "nullable": True,
        "description": "Where the time of the last attempt went, in milliseconds.",
        "properties": dict.fromkeys(PHASES, NUMBER),
    },
    "expires_at": {**TIME, "description": "When what was presented runs out: a certificate or a domain."},
    "evidence": {"type": "object", "nullable": True, "description": "What was seen in full."},
}
EXAMPLE = {
    "id": "12",
    "type": "test",
    "attributes": {
        "monitor_id": None,
        "monitor_type": "http",
        "url": "https://example.com/",
        "created_at": A_MOMENT,
        "expires_at": A_MOMENT,
        "done": True,
        "outcomes": [
            {
                "region": "local",
                "status": "up",
                "degraded": False,
                "reason": None,
                "detail": None,
                "status_code": 200,
                "address": "192.0.2.10",
                "attempts": 1,
                "response_ms": 128.4,
                "phases": {"dns": 2.1, "connect": 20.4, "tls": 31.2, "first_byte": 70.1, "transfer": 4.6},
                "expires_at": None,
                "evidence": None,
            }
        ],
    },
}


def components():
    """The objects of this API, by name."""
    common = api_schema.components()
    return common | {
        "TestSettings": {
            "type": "object",
            "description": "A monitor, or settings as in creating one.",
            "properties": {"monitor_id": MONITOR_ID, **common["MonitorSettings"]["properties"]},
            "example": {"url": "https://example.com"},
        },
        "Test": {
            "type": "object",
            "example": EXAMPLE,
            "properties": {
                "id": TEXT,
                "type": {**TEXT, "enum": ["test"]},
                "attributes": {
                    "type": "object",
                    "properties": {
                        "monitor_id": {**TEXT, "nullable": True, "description": "Whose settings were tested."},
                        "monitor_type": TEXT,
                        "url": {**TEXT, "description": "What is checked; the values of a query are left out."},
                        "created_at": TIME,
                        "expires_at": {**TIME, "description": "From then on the test is gone."},
                        "done": {**FLAG, "description": "Nothing more is waited for."},
                        "outcomes": {"type": "array", "items": ref("TestOutcome")},
                    },
                },
            },
        },
        "TestOutcome": {"type": "object", "properties": OUTCOME},
    }


class TestSchema(api_schema.MonitorSchema):
    components = staticmethod(components)


BODY = {"application/json": ref("TestSettings")}
ONE = {"type": "object", "properties": {"data": ref("Test")}}
ID = OpenApiParameter("id", str, OpenApiParameter.PATH, description="The test's `id`.")
MISSING = refusal(
    "There is none with this id, it is not yours, or it has expired.", "Resource type test with id = 7 was not found"
)
