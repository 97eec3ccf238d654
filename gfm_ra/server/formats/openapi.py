"""What the server takes and answers, as an OpenAPI 3.1 document and as a page that needs no network."""

import html
import json
from importlib.metadata import version
from typing import Any

from gfm_ra.energy import KINDS
from gfm_ra.inference.comparison import EFFORTS
from gfm_ra.server.formats.body import JSON, NPY
from gfm_ra.server.formats.inference_protocol import INPUTS, OUTPUTS, PARAMETERS
from gfm_ra.server.question import DEFAULT_EFFORT
from gfm_ra.server.settings import Limits

_NUMBERS: dict[str, Any] = {"type": "array", "items": {"type": ["number", "null"]}}
_MATRIX: dict[str, Any] = {"type": "array", "items": _NUMBERS}
_OPTIONS: dict[str, Any] = {
    "goal": {
        "type": "string",
        "default": "sum-rate",
        "description": "sum-rate, proportional-fair, alpha-fair, qos or energy-efficiency",
    },
    "alpha": {"type": "number", "description": "fairness of alpha-fair"},
    "min_rate": {"type": "number", "description": "least rate of qos, bit/s/Hz"},
    "penalty": {"type": "number", "description": "what a missing bit/s/Hz costs under qos"},
    "circuit_power": {
        "type": "number",
        "minimum": 0,
        "description": "of energy-efficiency, which needs it: of one link, in units of its full power",
    },
    "amplifier_efficiency": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1,
        "description": "of energy-efficiency (0.35 unless given)",
    },
    "energy_kind": {
        "type": "string",
        "enum": list(KINDS),
        "description": "of energy-efficiency: one ratio (global, unless given) or the sum of the links' own",
    },
    "effort": {"type": "string", "enum": list(EFFORTS), "default": DEFAULT_EFFORT},
    "seed": {"type": "integer", "default": 0, "minimum": 0},
}
_ERRORS = {
    "400": "malformed, or something in it would not be used", "401": "no or a wrong token",
    "404": "no such path, model or version", "408": "sent too slowly", "413": "larger than the limits",
    "415": "another media type, charset or encoding", "422": "well formed, but no gains or goal that make sense",
    "429": "too many requests of one client; Retry-After says when", "500": "a fault of the server",
    "503": "too busy or ending; Retry-After says when",
}  # fmt: skip


def document(limits: Limits) -> dict[str, Any]:
    """The OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GFM-RA", "version": version("gfm-ra"),
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Powers for links that share a band. gain_db[k][j] is what transmitter j gives at full "
            "power at receiver k, in dB over the receiver's noise; null or NaN off the diagonal is an unknown gain. "
            f"At most {limits.max_links} links, {limits.max_batch} networks and {limits.max_body} bytes a request.",
        },
        "paths": {
            "/allocate": {"post": _allocate()},
            "/v2/models/{name}/infer": {"post": _infer()},
            "/v2/models/{name}": {"get": _get("The model's tensors", "Metadata", _NAME)},
            "/v2/models/{name}/ready": {"get": _get("Whether the model answers", "Ready", _NAME)},
            "/v2": {"get": _get("What this server is", "Server")},
            "/v2/health/live": {"get": _get("Whether the process runs", "Live")},
            "/v2/health/ready": {"get": _get("Whether it takes requests; 503 while it ends", "Ready")},
            "/health": {"get": _get("Model and limits; 503 while it ends", "Health")},
            "/metrics": {"get": _get("Measurements for Prometheus", "Metrics", kind="text/plain")},
        },
        "components": {"schemas": _schemas(), "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],
    }  # fmt: skip


def page(limits: Limits) -> str:
    """The document as HTML: every path with what it takes and answers."""
    found = document(limits)
    parts = [
        f"<h1>{found['info']['title']} {found['info']['version']}</h1>",
        f"<p>{_text(found['info']['description'])}</p>",
    ]
    for path, methods in found["paths"].items():
        for method, told in methods.items():
            parts.append(
                f"<h2><code>{method.upper()} {_text(path)}</code></h2><p>{_text(told['summary'])}</p>"
            )
            for kind, content in told.get("requestBody", {}).get("content", {}).items():
                if "example" in content:
                    parts.append(f"<h3>{_text(kind)}</h3><pre>{_text(json.dumps(content['example']))}</pre>")
            rows = "".join(
                f"<tr><td>{code}</td><td>{_text(answer['description'])}</td></tr>"
                for code, answer in told["responses"].items()
            )
            parts.append(f"<table>{rows}</table>")
    parts.append("<h2>Schemas</h2>")
    for name, schema in found["components"]["schemas"].items():
        parts.append(f"<h3>{_text(name)}</h3><pre>{_text(json.dumps(schema, indent=1))}</pre>")
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
        "pre{background:#f4f4f4;padding:.8rem;overflow:auto}td{padding:.1rem .8rem .1rem 0;vertical-align:top}"
        "h2{margin-top:2.2rem;border-top:1px solid #ddd;padding-top:1rem}"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>GFM-RA: powers over HTTP</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{style}</style></head><body>{''.join(parts)}"
        '<p>The same as JSON: <a href="/openapi.json">/openapi.json</a></p></body></html>'
    )


def _text(given: str) -> str:
    return html.escape(given)


def _allocate() -> dict[str, Any]:
    example = {"gain_db": [[40.0, 10.0], [5.0, 30.0]], "goal": "qos", "min_rate": 0.5}
    query = [
        {"name": name, "in": "query", "schema": schema, "description": "beside a .npy body only"}
        for name, schema in (
            _OPTIONS | {"weights": {"type": "string", "description": "numbers between commas"}}
        ).items()
    ]
    body = {
        JSON: {"schema": {"$ref": "#/components/schemas/Allocate"}, "example": example},
        NPY: {
            "schema": {
                "type": "string",
                "format": "binary",
                "description": "gains in dB, [K, K] or [B, K, K]",
            }
        },
    }
    answers = {
        JSON: {"schema": {"$ref": "#/components/schemas/Powers"}},
        NPY: {"schema": {"type": "string", "format": "binary", "description": "powers float32 [B, K]"}},
    }
    return {
        "operationId": "allocate", "summary": "Powers for the gains of one network or of many of the same size",
        "parameters": query, "requestBody": {"required": True, "content": body},
        "responses": {"200": {"description": "powers, in the format of the request", "content": answers}} | _errors(),
    }  # fmt: skip


def _infer() -> dict[str, Any]:
    tensor = {"name": "gain_db", "shape": [1, 2, 2], "datatype": "FP32", "data": [40.0, 10.0, 5.0, 30.0]}
    example = {"inputs": [tensor], "parameters": {"goal": "proportional-fair"}}
    return {
        "operationId": "infer",
        "summary": "The same by the Open Inference Protocol v2, with its binary tensor extension",
        "parameters": [_NAME],
        "requestBody": {"required": True, "content": {
            JSON: {"schema": {"$ref": "#/components/schemas/InferenceRequest"}, "example": example},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        }},
        "responses": {"200": {"description": "powers", "content": {
            JSON: {"schema": {"$ref": "#/components/schemas/InferenceResponse"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        }}} | _errors(),
    }  # fmt: skip


_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}


def _get(summary: str, name: str, *parameters: dict[str, Any], kind: str = JSON) -> dict[str, Any]:
    content = {kind: {"schema": {"type": "object" if kind == JSON else "string", "title": name}}}
    return {
        "summary": summary, "parameters": list(parameters),
        "responses": {"200": {"description": summary, "content": content}},
    }  # fmt: skip


def _errors() -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {code: {"description": text, "content": content} for code, text in _ERRORS.items()}


def _schemas() -> dict[str, Any]:
    gains = {"anyOf": [_MATRIX, {"type": "array", "items": _MATRIX}]}
    tensor = {
        "type": "object", "required": ["name", "shape", "datatype"],
        "properties": {
            "name": {"enum": [each["name"] for each in INPUTS]},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"type": "string"}, "data": {"type": "array"}, "parameters": {"type": "object"},
        },
    }  # fmt: skip
    parameters = {"type": "object", "properties": {name: _OPTIONS[name] for name in PARAMETERS}}
    return {
        "Allocate": {
            "type": "object", "additionalProperties": False,
            "properties": {
                "gain_db": gains, "gain": gains | {"description": "linear, instead of gain_db"},
                "hidden": {"type": "array", "description": "true where a gain is unknown"},
                "weights": {"anyOf": [_NUMBERS, _MATRIX]}, **_OPTIONS,
            },
        },
        "Powers": {
            "type": "object", "required": ["power", "model", "notes"],
            "properties": {
                "power": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
                "model": {"type": "string"}, "notes": {"type": "array", "items": {"type": "string"}},
            },
        },
        "InferenceRequest": {
            "type": "object", "required": ["inputs"],
            "properties": {
                "id": {"type": "string"}, "inputs": {"type": "array", "items": tensor}, "parameters": parameters,
            },
        },
        "InferenceResponse": {
            "type": "object", "required": ["model_name", "outputs"],
            "properties": {
                "model_name": {"type": "string"}, "model_version": {"type": "string"}, "id": {"type": "string"},
                "outputs": {"type": "array", "items": {"type": "object", "properties": {
                    "name": {"enum": [each["name"] for each in OUTPUTS]}, "datatype": {"const": "FP32"},
                    "shape": {"type": "array", "items": {"type": "integer"}}, "data": {"type": "array"},
                }}},
            },
        },
        "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
    }  # fmt: skip
