"""A server of gRPC by the library of its makers: health, reflection, and methods that answer as told.

    grpc_server.py CONFIG.json

The configuration is read at the start: port; tls (key, cert, client_ca) or null; health (status by
service) or null; reflection; services (methods by name, with package), which answer nothing;
agents and patterns (names) for the two methods of a control plane; codes (by path), with which a
method is refused.
"""

import json
import signal
import sys
import threading
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection

Field = descriptor_pb2.FieldDescriptorProto


def described(pool, package, service, methods):
    """Adds a file for one service, whose methods take and give a message of its own."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.{service}.proto", package=package, syntax="proto3")
    item = file.message_type.add(name=f"{service}Item")
    item.field.add(name="id", number=1, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL)
    item.field.add(name="name", number=2, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL)
    request = file.message_type.add(name=f"{service}Request")
    request.field.add(name="limit", number=3, type=Field.TYPE_INT32, label=Field.LABEL_OPTIONAL)
    answer = file.message_type.add(name=f"{service}Answer")
    answer.field.add(name="items", number=1, type=Field.TYPE_MESSAGE, label=Field.LABEL_REPEATED,
                     type_name=f".{package}.{service}Item")
    answer.field.add(name="total_count", number=3, type=Field.TYPE_INT32, label=Field.LABEL_OPTIONAL)
    definition = file.service.add(name=service)
    for method in methods:
        definition.method.add(name=method, input_type=f".{package}.{service}Request",
                              output_type=f".{package}.{service}Answer")
    pool.Add(file)
    answers = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{service}Answer"))
    requests = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{service}Request"))
    return requests, answers


def answering(config, path, kinds, items, counted):
    requests, answers = kinds

    def answer(request, context):
        code = config.get("codes", {}).get(path)
        if code:
            context.abort(getattr(grpc.StatusCode, code), "refused on purpose")
        field = answers.DESCRIPTOR.fields_by_name["items"].message_type
        kind = message_factory.GetMessageClass(field)
        shown = items[: request.limit] if request.limit else items
        return answers(items=[kind(id=item, name=item) for item in shown],
                       total_count=len(items) if counted else 0)

    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=requests.FromString, response_serializer=answers.SerializeToString)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=[("grpc.so_reuseport", 0)])
    pool = descriptor_pool.DescriptorPool()
    services = {name: ([], methods, False) for name, methods in config.get("services", {}).items()}
    if config.get("agents") is not None:
        services["parallax.registry.Registry"] = (config["agents"], ["ListAgents"], True)
    if config.get("patterns") is not None:
        services["parallax.patterns.PatternService"] = (config["patterns"], ["ListPatterns"], False)
    for name, (items, methods, counted) in services.items():
        package, _, service = name.rpartition(".")
        kinds = described(pool, package, service, methods)
        handlers = {method: answering(config, f"/{name}/{method}", kinds, items, counted) for method in methods}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, handlers)])
    # The control plane does not reflect what it serves.
    names = list(config.get("services", {}))
    if config.get("health") is not None:
        servicer = health.HealthServicer()
        for service, status in config["health"].items():
            servicer.set(service, health_pb2.HealthCheckResponse.ServingStatus.Value(status))
        from grpc_health.v1 import health_pb2_grpc
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        names.append(health.SERVICE_NAME)
        pool.AddSerializedFile(health_pb2.DESCRIPTOR.serialized_pb)
    if config.get("reflection"):
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server, pool)
    address = f"127.0.0.1:{config['port']}"
    if config.get("tls"):
        def read(name):
            with open(config["tls"][name], "rb") as file:
                return file.read()
        ca = read("client_ca") if config["tls"].get("client_ca") else None
        server.add_secure_port(address, grpc.ssl_server_credentials(
            [(read("key"), read("cert"))], root_certificates=ca, require_client_auth=ca is not None))
    else:
        server.add_insecure_port(address)
    server.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()
    server.stop(0)


main()
