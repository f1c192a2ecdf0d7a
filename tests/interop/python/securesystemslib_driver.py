# SPDX-License-Identifier: Apache-2.0
"""Signs and verifies DSSE envelopes with securesystemslib; statements are made and read with in-toto-attestation.

verify ENVELOPE PUBLIC-KEY…: every key must have signed.
sign KIND ENVELOPE PRIVATE-KEY SUBJECT WORD: a statement of that kind about the file.
"""
import hashlib
import json
import sys

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.scai.v0 import scai_pb2
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.predicates.vsa.v1 import vsa_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

TYPE = "application/vnd.in-toto+json"


def read(path):
    with open(path, "rb") as file:
        return file.read()


def verify(envelope, *keys):
    opened = Envelope.from_dict(json.loads(read(envelope)))
    # They match keys by the id in the envelope: ours is SHA-256 of the key's SubjectPublicKeyInfo.
    trusted = []
    for path in keys:
        key = load_pem_public_key(read(path))
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        trusted.append(SSlibKey.from_crypto(key, keyid=hashlib.sha256(der).hexdigest()))
    opened.verify(trusted, len(trusted))
    if opened.payload_type != TYPE:
        raise ValueError(opened.payload_type)
    # Ours must be a Statement by their schema too.
    statement = json_format.Parse(opened.payload, statement_pb2.Statement())
    Statement.copy_from_pb(statement).validate()
    print("verified", statement.predicate_type)


def descriptor(path):
    digest = hashlib.sha256(read(path)).hexdigest()
    made = ResourceDescriptor(name=path, digest={"sha256": digest})
    made.validate()
    return made.pb


def provenance(subject, builder):
    made = provenance_pb2.Provenance()
    made.build_definition.build_type = "https://example.com/agent-release/v1"
    made.build_definition.external_parameters.update({"ref": "refs/tags/v1", "nested": {"n": 1.5}})
    made.build_definition.internal_parameters.CopyFrom(Struct())
    source = made.build_definition.resolved_dependencies.add()
    source.uri = "git+https://git.example/agent@refs/tags/v1"
    source.digest["gitCommit"] = "%040x" % 7
    made.build_definition.resolved_dependencies.add().CopyFrom(subject)
    made.run_details.builder.id = builder
    made.run_details.metadata.invocation_id = "run-1"
    made.run_details.metadata.started_on.FromJsonString("2026-08-01T10:00:00Z")
    made.run_details.metadata.finished_on.FromJsonString("2026-08-01T10:04:10Z")
    return "https://slsa.dev/provenance/v1", json_format.MessageToDict(made)


def tests(subject, result):
    made = test_result_pb2.TestResult()
    made.result = result
    made.configuration.add().CopyFrom(subject)
    made.passed_tests.append("reads-invoices")
    if result == "FAILED":
        made.failed_tests.append("reads-receipts")
    return "https://in-toto.io/attestation/test-result/v0.1", json_format.MessageToDict(made)


def vsa(subject, result):
    made = vsa_pb2.VerificationSummary()
    made.verifier.id = "https://verifier.example"
    made.time_verified.FromJsonString("2026-08-01T11:00:00Z")
    made.resource_uri = "https://registry.example/agent"
    made.policy.uri = "https://policy.example/1"
    made.policy.digest["sha256"] = "%064x" % 1
    made.verification_result = result
    made.slsa_version = "1.0"
    written = json_format.MessageToDict(made)
    written["verifiedLevels"] = ["SLSA_BUILD_LEVEL_3"]  # their schema has one text, against SLSA
    return "https://slsa.dev/verification_summary/v1", written


def scai(subject, _):
    made = scai_pb2.AttributeReport()
    attribute = made.attributes.add()
    attribute.attribute = "HAS_MODEL"
    attribute.target.CopyFrom(subject)
    return "https://in-toto.io/attestation/scai/attribute-report/v0.2", json_format.MessageToDict(made)


KINDS = {"provenance": provenance, "tests": tests, "vsa": vsa, "scai": scai}


def sign(kind, envelope, key, subject, word):
    about = descriptor(subject)
    predicate_type, predicate = KINDS[kind](about, word)
    statement = Statement([about], predicate_type, predicate)
    statement.validate()
    payload = json_format.MessageToJson(statement.pb).encode()
    made = Envelope(payload, TYPE, {})
    made.sign(CryptoSigner(load_pem_private_key(read(key), None)))
    with open(envelope, "w") as file:
        json.dump(made.to_dict(), file)


if __name__ == "__main__":
    {"verify": verify, "sign": sign}[sys.argv[1]](*sys.argv[2:])
