"""The software bill of materials: CycloneDX 1.5, as JSON."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from os import environ

from builds.components import Component
from builds.product import NAME, version


def bill(components: list[Component]) -> str:
    """The bill of a bundle of these components; the same components give the same text."""
    ours = f"pkg:pypi/{NAME}@{version()}"
    listed = [
        {
            "type": "library",
            "bom-ref": component.purl,
            "name": component.name,
            "version": component.version,
            "purl": component.purl,
            "licenses": [{"expression": component.licence}],
        }
        for component in components
    ]
    made = datetime.fromtimestamp(int(environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([ours, made.isoformat(), listed]))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": NAME,
                "version": version(),
                "purl": ours,
                "licenses": [{"expression": "MIT"}],
            },
        },
        "components": listed,
        "dependencies": [{"ref": ours, "dependsOn": [component.purl for component in components]}],
    }
    return json.dumps(document, indent=2) + "\n"
