import pickle

import pytest

from reliseg.remote.addresses import Address
from reliseg.remote.errors import AbsentError, FetchError, explained

S3, WEB = Address.of("s3://bucket/x"), Address.of("https://host/x")


def named(name: str, **values: object) -> Exception:
    error = type(name, (Exception,), {})("said so")
    for key, value in values.items():
        setattr(error, key, value)
    return error


@pytest.mark.parametrize(
    ("error", "address", "line", "may_pass"),
    [
        (named("NoCredentialsError"), S3, "no credentials are known; set AWS_PROFILE", False),
        (PermissionError("Forbidden"), S3, "access is denied (Forbidden); check the rights, or set AWS_PROFILE", False),
        (named("ClientResponseError", status=403), WEB, "access is denied; check the rights, or write a name", False),
        (FileNotFoundError("The specified bucket does not exist"), S3, "there is no bucket bucket; correct", False),
        (FileNotFoundError("bucket/x"), S3, "there is no such file; correct", False),
        (named("ClientResponseError", status=404), WEB, "there is no such file; correct", False),
        (named("ClientResponseError", status=503), WEB, "the server answers with status 503; run again later", True),
        (named("ClientResponseError", status=429), WEB, "the server answers with status 429; run again later", True),
        (named("ClientResponseError", status=400), WEB, "the server answers with status 400; correct", False),
        (OSError(121, "Internal Server Error"), S3, "the store answers: Internal Server Error; run again later", True),
        (OSError(22, "Bad Request"), S3, "the store answers: Bad Request; check the address", False),
        (named("ReadTimeoutError"), S3, "no answer within 7 s; try again later, or set RELISEG_TIMEOUT", True),
        (TimeoutError(), WEB, "no answer within 7 s; try again later, or set RELISEG_TIMEOUT", True),
        (named("ClientConnectorDNSError"), WEB, "nobody knows this host; correct the address", True),
        (named("ClientConnectorError"), WEB, "the server cannot be reached; check the network", True),
        (named("ClientConnectorCertificateError"), WEB, "its certificate is not trusted (said so); check", False),
        (named("ClientPayloadError"), WEB, "the connection broke off; run again", True),
        (named("FlexibleChecksumError"), S3, "other bytes arrived than its checksum says; run again", True),
        (named("ProfileNotFound"), S3, "ProfileNotFound: said so; check the address", False),
    ],
)
def test_each_failure_is_one_line_with_the_next_step(error, address, line, may_pass):
    found = explained(error, address, 7.0)
    assert str(found).startswith(f"{address}: {line}")
    assert found.may_pass is may_pass
    assert "\n" not in str(found)


def test_an_unreachable_server_is_named():
    error = named("EndpointConnectionError", kwargs={"endpoint_url": "http://127.0.0.1:9/bucket?list-type=2"})
    assert "http://127.0.0.1:9 cannot be reached; check the network, and AWS_ENDPOINT_URL" in str(
        explained(error, S3, 7)
    )


def test_what_is_explained_stays_as_it_is_and_goes_to_other_processes():
    error = AbsentError("s3://b/x", "there is no such file", "add it")
    assert explained(error, S3, 7) is error
    again = pickle.loads(pickle.dumps(FetchError("s3://b/x", "a reason", "do", may_pass=True)))
    assert (str(again), again.may_pass) == ("s3://b/x: a reason; do", True)
