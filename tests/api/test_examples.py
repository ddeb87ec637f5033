"""The examples of the description are what the description allows."""

import jsonschema_rs
import pytest

from api.openapi import build_openapi

DOCUMENT = build_openapi()


def list_examples():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [answer.get("content", {}) for answer in operation["responses"].values()]
            for content in contents:
                for media in content.values():
                    if "example" in media:
                        yield pytest.param(media, id=f"{method} {path}")
            for parameter in operation["parameters"]:
                if "example" in parameter:
                    yield pytest.param(parameter, id=f"{method} {path} {parameter['name']}")
    for name, methods in DOCUMENT["webhooks"].items():
        yield pytest.param(methods["post"]["requestBody"]["content"]["application/json"], id=name)


@pytest.mark.parametrize("media", list(list_examples()))
def test_an_example_fits_its_schema(media):
    schema = {**media["schema"], "components": DOCUMENT["components"]}
    if media["example"] is None and media.get("in") == "query" and not media["required"]:
        return
    assert [error.message for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(media["example"])] == []


def test_every_endpoint_with_a_json_body_shows_one():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            assert content is None or content["example"], f"{method} {path}"
