"""Keeps TorchServe from answering gRPC, which has no setting that switches it off.

Its gRPC management API takes the same orders as the HTTP one, from every user of the machine, and knows no Unix socket.
So its ports are told to speak TLS, and the Java runtime is told that no version of TLS and no kind of key is good
enough: every connection ends in the handshake. TorchServe itself uses TLS for nothing else.
"""

from __future__ import annotations

import base64
from pathlib import Path

# Signed with a key that was thrown away. A certificate and a key must be there for the server to start.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUKVaeBoO+ekt5aDQmKTJACYrjRwcwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGdW51c2VkMCAXDTI2MTEzMDIxMjQ0MFoYDzIxMjYxMTA2MjEy
NDQwWjARMQ8wDQYDVQQDDAZ1bnVzZWQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAQXrMPdSflOYTKrPQbuirCjoYrDctWhJbGhLhcwagFAitzjyRFPjmIUg1I7qvXa
RyFGAmKgiyK343GDF1lXRSkKo1MwUTAdBgNVHQ4EFgQU+LjA5WoBYMKFOd0cRr17
AAnFymYwHwYDVR0jBBgwFoAU+LjA5WoBYMKFOd0cRr17AAnFymYwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAu4XxNLJu3qOyMKQ1FArT98S8waH0
udvqCtauP8OvuG4CIF7e/4JitxRpd+/1Zs/acivVRDdIMp5ZabECK2mH5gg9
-----END CERTIFICATE-----
"""
_P256_KEY = bytes.fromhex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420")
# The private key 1, which is no secret and fits no certificate.
_KIND = "PRIVATE KEY"
KEY = f"""\
-----BEGIN {_KIND}-----
{base64.b64encode(_P256_KEY + (1).to_bytes(32, "big")).decode()}
-----END {_KIND}-----
"""
NO_TLS = (
    "jdk.tls.disabledAlgorithms=SSLv3, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3, RSA, EC, ECDSA, ECDH, ECDHE, DH, DHE, DSA, "
    "EdDSA, anon, NULL\n"
)


def files(state: Path) -> dict[Path, str]:
    """Return the files that a server reads from ``state``, with their texts."""
    return {
        state / "unused-certificate.pem": CERTIFICATE,
        state / "unused-key.pem": KEY,
        state / "no-tls.properties": NO_TLS,
    }


def configuration(state: Path) -> dict[str, str]:
    """Return the lines for ``config.properties``."""
    return {
        "enable_grpc_ssl": "true",
        "certificate_file": str(state / "unused-certificate.pem"),
        "private_key_file": str(state / "unused-key.pem"),
    }


def java_options(state: Path) -> tuple[str, ...]:
    """Return the options of the Java runtime."""
    return (
        f"-Djava.security.properties={state / 'no-tls.properties'}",
        # Otherwise gRPC would speak TLS by a library of its own, which does not read that file.
        "-Dio.grpc.netty.shaded.io.netty.handler.ssl.noOpenSsl=true",
    )
