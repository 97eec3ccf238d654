"""What a body is said to be: JSON or .npy by any of its names, anything else and everything compressed is refused."""

import pytest

from pipelines.serving.content import check_encoding, is_npy
from pipelines.serving.errors import HTTPError


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json ; profile=x; charset=US-ASCII",
        "text/json",
        "application/vnd.api+json",
        "application/geo+JSON; charset=utf8",
        "application/x-www-form-urlencoded",  # what `curl -d` says
    ],
)
def test_json_is_json_by_every_name(kind: str) -> None:
    assert is_npy(kind) is False


@pytest.mark.parametrize("kind", ["application/x-npy", "APPLICATION/X-NPY", "application/x-npy; version=1.0"])
def test_npy_is_npy_by_every_name(kind: str) -> None:
    assert is_npy(kind) is True


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/csv; charset=utf-8",
        "application/octet-stream",
        "application/x-npyz",
        "application/jsonp",
        "application/+json",
        "text/x+json",
        "multipart/form-data; boundary=x",
        "application/xml",
        "json",
        ";charset=utf-8x",
    ],
)
def test_anything_else_is_refused(kind: str) -> None:
    with pytest.raises(HTTPError) as refused:
        is_npy(kind)
    assert refused.value.status == 415
    assert "\n" not in str(refused.value)


def test_a_refusal_says_what_is_taken() -> None:
    with pytest.raises(HTTPError, match="'text/csv': send application/json") as refused:
        is_npy("Text/CSV")
    assert refused.value.headers == {"accept-post": "application/json, application/x-npy"}


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "windows-1252"])
def test_json_in_another_charset_is_refused(charset: str) -> None:
    with pytest.raises(HTTPError, match=f"JSON in {charset}: send it in UTF-8"):
        is_npy(f"application/json; charset={charset}")


@pytest.mark.parametrize("values", [[], [""], ["identity"], ["Identity", " identity , identity"]])
def test_a_body_as_it_is_may_say_so(values: list[str]) -> None:
    check_encoding(values)


@pytest.mark.parametrize(
    "values", [["gzip"], ["GZIP"], ["br"], ["identity, zstd"], ["identity", "deflate"], ["x"]]
)
def test_a_compressed_body_is_refused(values: list[str]) -> None:
    with pytest.raises(HTTPError, match="compressed") as refused:
        check_encoding(values)
    assert refused.value.status == 415
    assert refused.value.headers == {"accept-encoding": "identity"}
