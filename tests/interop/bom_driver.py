# SPDX-License-Identifier: Apache-2.0
"""Bills of materials by libraries not ours.
usage: bom_driver.py make FORMAT DIGEST FILE     writes one of a model with this SHA-256, trained on a data set
       bom_driver.py check FORMAT FILE           whether they take one for valid
FORMAT: cyclonedx-1.6, cyclonedx-1.7, spdx-3.0.1"""
import datetime
import io
import json
import sys
import warnings

warnings.simplefilter("ignore")


def make_cyclonedx(version, digest):
    from cyclonedx.factory.license import LicenseFactory
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    licenses = LicenseFactory()
    bom = Bom()
    model = Component(name="ocr", version="5", type=ComponentType.MACHINE_LEARNING_MODEL, bom_ref="model",
                      hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
                      licenses=[licenses.make_from_string("Apache-2.0 OR MIT")])
    data = Component(name="tessdata", version="4.1", type=ComponentType.DATA, bom_ref="data",
                     licenses=[licenses.make_from_string("MIT")])
    bom.metadata.component = model
    bom.components.add(data)
    bom.register_dependency(model, [data])
    schema = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}[version]
    return make_outputter(bom, OutputFormat.JSON, schema).output_as_string()


def check_cyclonedx(version, text):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    schema = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}[version]
    fault = JsonStrictValidator(schema).validate_str(text)
    if fault:
        sys.exit(str(fault)[:500])


def make_spdx(digest):
    from spdx_python_model import v3_0_1 as spdx

    base = "https://bank.example/bom/"
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    objects = spdx.SHACLObjectSet()
    who = spdx.Organization(_id=base + "who", name="bank")
    info = spdx.CreationInfo(specVersion="3.0.1", created=now, createdBy=[who])
    who.creationInfo = info
    model = spdx.ai_AIPackage(
        _id=base + "model", creationInfo=info, name="ocr", software_packageVersion="5", releaseTime=now, suppliedBy=who,
        software_downloadLocation="https://bank.example/ocr", software_primaryPurpose=spdx.software_SoftwarePurpose.model,
        verifiedUsing=[spdx.Hash(algorithm=spdx.HashAlgorithm.sha256, hashValue=digest)])
    data = spdx.dataset_DatasetPackage(
        _id=base + "data", creationInfo=info, name="tessdata", software_packageVersion="4.1", releaseTime=now, builtTime=now,
        originatedBy=[who], software_downloadLocation="https://bank.example/data",
        software_primaryPurpose=spdx.software_SoftwarePurpose.data, dataset_datasetType=[spdx.dataset_DatasetType.image])
    licence = spdx.simplelicensing_LicenseExpression(
        _id=base + "licence", creationInfo=info, simplelicensing_licenseExpression="Apache-2.0 OR MIT")
    sbom = spdx.software_Sbom(_id=base + "sbom", creationInfo=info, rootElement=[model], element=[model, data, licence])
    document = spdx.SpdxDocument(
        _id=base + "document", creationInfo=info, rootElement=[sbom],
        profileConformance=[spdx.ProfileIdentifierType.core, spdx.ProfileIdentifierType.ai, spdx.ProfileIdentifierType.dataset])
    kinds = spdx.RelationshipType
    relations = [
        spdx.Relationship(_id=base + "r1", creationInfo=info, from_=model, to=[data], relationshipType=kinds.trainedOn),
        spdx.Relationship(_id=base + "r2", creationInfo=info, from_=model, to=[licence], relationshipType=kinds.hasConcludedLicense),
        spdx.Relationship(_id=base + "r3", creationInfo=info, from_=data, to=[licence], relationshipType=kinds.hasDeclaredLicense)]
    for one in [who, info, model, data, licence, sbom, document, *relations]:
        objects.add(one)
    out = io.BytesIO()
    spdx.JSONLDSerializer().write(objects, out)
    return out.getvalue().decode()


def check_spdx(text):
    """Their reader refuses members, types and words that SPDX has not."""
    from spdx_python_model import v3_0_1 as spdx

    objects = spdx.SHACLObjectSet()
    spdx.JSONLDDeserializer().read(io.BytesIO(text.encode()), objects)
    models = list(objects.foreach_type(spdx.ai_AIPackage))
    if len(models) != 1 or objects.link() is None:
        sys.exit("no model in it")


if __name__ == "__main__":
    action, (family, version) = sys.argv[1], sys.argv[2].split("-")
    if action == "make":
        text = make_cyclonedx(version, sys.argv[3]) if family == "cyclonedx" else make_spdx(sys.argv[3])
        with open(sys.argv[4], "w", encoding="utf-8") as f:
            f.write(text)
    else:
        with open(sys.argv[3], encoding="utf-8") as f:
            text = f.read()
        json.loads(text)
        if family == "cyclonedx":
            check_cyclonedx(version, text)
        else:
            check_spdx(text)
