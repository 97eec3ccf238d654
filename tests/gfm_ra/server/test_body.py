"""What a body is said to be: JSON or .npy by any of its names, anything else and everything compressed is refused."""

import pytest

from gfm_ra.server.errors import HTTPError
from gfm_ra.server.formats.body import check_encoding, is_npy, numbers, read_json


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


@pytest.mark.parametrize("charset", ["charset*=utf-8''x; charset*0*=y", "charset*" + "1" * 5000 + "*=y"])
def test_a_charset_that_cannot_be_read_is_refused(charset: str) -> None:
    with pytest.raises(HTTPError) as refused:
        is_npy(f"application/json; {charset}")
    assert refused.value.status == 415


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


def test_bytes_of_no_kind_are_told_what_they_may_be() -> None:
    with pytest.raises(
        HTTPError, match=r"says nothing of what it holds: send a \.npy file as application/x-npy"
    ):
        is_npy("application/octet-stream")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"), (b"\xff\xfe\x00", "not UTF-8"), (b"[" * 200_000, "no JSON"), (b"[1, 2]", "must be an object"),
        (b'{"a": 1} x', "no JSON: Extra data at character 9"), (b'{"goal": "fu\xfcr"}', "byte 12 is not UTF-8"),
        (b'{"a": 1, "a": 1}', "a: more than once"), (b'{"a": 1, "\\u0061": 1}', "a: more than once"),
        (b'{"a": [[{"b": 1, "b": 2}]]}', "b: more than once"), (b'{"a": {"b": {"c": 1, "c": 2}}}', "c: more than once"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "nested|no JSON"),
        (b'{"\\ud800": 1}', "an escape stands for no character"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_object_or_has_a_name_twice_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(HTTPError, match=said) as refused:
        read_json(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"a": "x:y:z", "b": {"c": [1, {"d": ":"}]}}', {"a": "x:y:z", "b": {"c": [1, {"d": ":"}]}}),
        (b'{"a": [[1.5, -2e3], [null, 4]]}', {"a": [[1.5, -2000.0], [None, 4]]}),
        (b'{"a": -Infinity}', {"a": float("-inf")}), (b" {} ", {}),
    ],
)  # fmt: skip
def test_json_is_read_as_it_is(body: bytes, found: dict[str, object]) -> None:
    assert read_json(body) == found


def test_not_a_number_is_read_as_python_writes_it() -> None:
    (value,) = read_json(b'{"a": NaN}').values()
    assert value != value


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([[1, 2], [3]], r"x\[1\] has 1 entries, the rows before it 2"),
        ([[[1, 2], [3, 4]], [[1, 2], 3]], r"x\[1\]\[1\] is 3 where a row of 2 numbers is expected"),
        ([[1, "b"], [1, 2]], r"x\[0\]\[1\] is text: numbers only"),
        ([[1, {}], [1, 2]], r"x\[0\]\[1\] is an object"), ([[1, True], [1, 2]], r"x\[0\]\[1\] is true or false"),
        ([[[[1.0]]]], "nested more than 3 deep"),
        (7, "x must be nested lists of numbers, got 7"), (None, "got null"),
    ],
)  # fmt: skip
def test_what_is_no_matrix_is_named_by_its_place(given: object, said: str) -> None:
    with pytest.raises(HTTPError, match=said) as refused:
        numbers("x", given, flags=True)
    assert refused.value.status == 422


def test_null_is_not_a_number() -> None:
    assert str(numbers("x", [[1, None], [2.5, 3]]).tolist()) == "[[1.0, nan], [2.5, 3.0]]"
