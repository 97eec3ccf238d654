"""The protocol's messages, made from their field tables: no generated code, and no name in protobuf's common pool.

Source: the protocol's gRPC specification (open-inference-protocol, version 2), package `inference`.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"
METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
_TENSOR = (
    "name string, datatype string, shape *int64, parameters {InferParameter, contents InferTensorContents"
)
# Message -> its fields in the order of their numbers: name and type, * for repeated, { for a map from text. A dot
# names a message inside another one.
_FIELDS = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "live bool",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "ready bool",
    "ModelReadyRequest": "name string, version string",
    "ModelReadyResponse": "ready bool",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "name string, version string, extensions *string",
    "ModelMetadataRequest": "name string, version string",
    "ModelMetadataResponse": "name string, versions *string, platform string, "
    "inputs *ModelMetadataResponse.TensorMetadata, outputs *ModelMetadataResponse.TensorMetadata",
    "ModelMetadataResponse.TensorMetadata": "name string, datatype string, shape *int64",
    "InferParameter": "bool_param bool, int64_param int64, string_param string, double_param double, "
    "uint64_param uint64",
    "InferTensorContents": "bool_contents *bool, int_contents *int32, int64_contents *int64, uint_contents *uint32, "
    "uint64_contents *uint64, fp32_contents *float, fp64_contents *double, bytes_contents *bytes",
    "ModelInferRequest": "model_name string, model_version string, id string, parameters {InferParameter, "
    "inputs *ModelInferRequest.InferInputTensor, outputs *ModelInferRequest.InferRequestedOutputTensor, "
    "raw_input_contents *bytes",
    "ModelInferRequest.InferInputTensor": _TENSOR,
    "ModelInferRequest.InferRequestedOutputTensor": "name string, parameters {InferParameter",
    "ModelInferResponse": "model_name string, model_version string, id string, parameters {InferParameter, "
    "outputs *ModelInferResponse.InferOutputTensor, raw_output_contents *bytes",
    "ModelInferResponse.InferOutputTensor": _TENSOR,
}
_ONE_OF = {"InferParameter": "parameter_choice"}
_Field = descriptor_pb2.FieldDescriptorProto


def _file() -> descriptor_pb2.FileDescriptorProto:
    found = descriptor_pb2.FileDescriptorProto(
        name="gfm_ra/open_inference.proto", package=PACKAGE, syntax="proto3"
    )
    made: dict[str, descriptor_pb2.DescriptorProto] = {}
    for name in sorted(_FIELDS, key=lambda name: name.count(".")):
        outer, _, inner = name.rpartition(".")
        place = made[outer].nested_type if outer else found.message_type
        made[name] = place.add(name=inner)
    for name, fields in _FIELDS.items():
        message = made[name]
        if name in _ONE_OF:
            message.oneof_decl.add(name=_ONE_OF[name])
        for number, told in enumerate(filter(None, fields.split(", ")), 1):
            field = _field(message, name, number, *told.split(" "))
            if name in _ONE_OF:
                field.oneof_index = 0
    return found


def _field(
    message: descriptor_pb2.DescriptorProto, owner: str, number: int, name: str, kind: str
) -> descriptor_pb2.FieldDescriptorProto:
    repeated = kind[0] in "*{"
    label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if kind[0] == "{":
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _field(entry, "", 1, "key", "string")
        _field(entry, "", 2, "value", kind[1:])
        kind = f"{owner}.{entry.name}"
    kind = kind.lstrip("*")
    plain = getattr(_Field, f"TYPE_{kind.upper()}", None)
    field.type = _Field.TYPE_MESSAGE if plain is None else plain
    if plain is None:
        field.type_name = f".{PACKAGE}.{kind}"
    return field


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file())


def message(name: str) -> Any:  # noqa: ANN401 (classes that protobuf makes)
    """The class of a message."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))
