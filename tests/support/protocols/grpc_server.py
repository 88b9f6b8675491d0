"""A server of gRPC by the library of its makers: health, reflection, and methods that answer as told.

    grpc_server.py CONFIG.json

The configuration is read at the start: port; tls (key, cert, client_ca) or null; health (status by
service) or null; reflection; services (methods by name, with package), which answer nothing;
agents and patterns (names) for the two methods of a control plane; codes (by path), with which a
method is refused; keeps (etcdctl, list, key), with which the registry takes agents and writes them to
etcd: `list` and `key` are `lease` (gone when the time of an agent is up), `stays` or `never`.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, message_factory
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


class Registry:
    """Takes agents with a time to live, lists them, and has a key for each in etcd."""

    def __init__(self, pool, config):
        self.config, self.listed = config, {name: None for name in config["agents"] or []}
        pool.AddSerializedFile(duration_pb2.DESCRIPTOR.serialized_pb)
        name = "parallax.registry"
        file = descriptor_pb2.FileDescriptorProto(
            name="registry.proto", package=name, syntax="proto3", dependency=["google/protobuf/duration.proto"])

        def message(title, *fields):
            made = file.message_type.add(name=title)
            for number, (field, kind, repeated) in enumerate(fields, 1):
                label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
                if isinstance(kind, str):
                    made.field.add(name=field, number=number, type=Field.TYPE_MESSAGE, type_name=kind, label=label)
                else:
                    made.field.add(name=field, number=number, type=kind, label=label)

        text = Field.TYPE_STRING
        message("Agent", ("id", text, False), ("name", text, False), ("endpoint", text, False),
                ("ttl", ".google.protobuf.Duration", False))
        message("Agents", ("agents", f".{name}.Agent", True), ("next", text, False),
                ("total_count", Field.TYPE_INT32, False))
        message("Registration", ("agent", f".{name}.Agent", False))
        message("Id", ("id", text, False))
        message("Nothing")
        pool.Add(file)
        self.kind = {title: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{name}.{title}"))
                     for title in ("Agent", "Agents", "Registration", "Id", "Nothing")}

    def ctl(self, *arguments):
        told = self.config["keeps"]["etcdctl"]
        env = {"PATH": os.environ["PATH"], "ETCDCTL_API": "3", **told}
        return subprocess.run(["etcdctl", *arguments], env=env, check=True, capture_output=True, text=True).stdout

    def register(self, request, context):
        agent, keeps = request.agent, self.config["keeps"]
        key = "/parallax/services/agent/" + agent.id
        value = json.dumps({"id": agent.id, "name": agent.name, "endpoint": agent.endpoint, "type": "agent"})
        if keeps["key"] == "lease":
            lease = self.ctl("lease", "grant", str(agent.ttl.seconds)).split()[1]
            self.ctl("put", "--lease", lease, key, value)
        elif keeps["key"] == "stays":
            self.ctl("put", key, value)
        if keeps["list"] != "never":
            ends = time.monotonic() + agent.ttl.seconds if keeps["list"] == "lease" else None
            self.listed[agent.id] = ends
        return self.kind["Nothing"]()

    def unregister(self, request, context):
        if self.listed.pop(request.id, 0) == 0:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such agent")
        self.ctl("del", "/parallax/services/agent/" + request.id)
        return self.kind["Nothing"]()

    def agents(self, request, context):
        there = [name for name, ends in self.listed.items() if ends is None or ends > time.monotonic()]
        return self.kind["Agents"](agents=[self.kind["Agent"](id=name) for name in there], total_count=len(there))

    def handlers(self):
        methods = {"Register": (self.register, "Registration"), "Unregister": (self.unregister, "Id"),
                   "ListAgents": (self.agents, "Nothing")}

        def handler(method, answer, taken):
            def asked(request, context):
                code = self.config.get("codes", {}).get(f"/parallax.registry.Registry/{method}")
                if code:
                    context.abort(getattr(grpc.StatusCode, code), "refused on purpose")
                return answer(request, context)

            return grpc.unary_unary_rpc_method_handler(
                asked, request_deserializer=self.kind[taken].FromString,
                response_serializer=lambda said: said.SerializeToString())

        return {name: handler(name, *told) for name, told in methods.items()}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=[("grpc.so_reuseport", 0)])
    pool = descriptor_pool.DescriptorPool()
    services = {name: ([], methods, False) for name, methods in config.get("services", {}).items()}
    if config.get("keeps"):
        handlers = Registry(pool, config).handlers()
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("parallax.registry.Registry", handlers)])
    elif config.get("agents") is not None:
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
