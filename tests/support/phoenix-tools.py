#!/usr/bin/env python3
"""A double of the tools that look at a checkout of Phoenix, by the name it is called with: as far as the rows need
them, with the exit codes of the real ones."""
import glob, json, os, re, sys, time


def fail(text, code=1):
    print("Error: " + text, file=sys.stderr)
    sys.exit(code)


def values_of(chart, arguments):
    values = {}
    files = [os.path.join(chart, "values.yaml")] + [arguments[at + 1] for at, word in enumerate(arguments) if word == "-f"]
    for path in files:
        if not os.path.isfile(path):
            fail("open %s: no such file or directory" % path)
        values.update(re.findall(r"^(\w+): *(.*?) *$", open(path).read(), re.M))
    for at, word in enumerate(arguments):
        if word == "--set":
            values.update([arguments[at + 1].split("=", 1)])
    schema = os.path.join(chart, "values.schema.json")
    for name, rule in (json.load(open(schema))["properties"] if os.path.isfile(schema) else {}).items():
        if rule["type"] == "integer" and not re.fullmatch("-?[0-9]+", values.get(name, "0")):
            fail("values don't meet the specifications of the schema(s) in the following chart(s):\nphoenix:\n- %s: Invalid type. Expected: integer" % name)
    return values


def helm(arguments):
    command, rest = arguments[0], arguments[1:]
    if command == "dependency":
        return
    chart = [word for word in rest if os.path.isdir(word)][0]
    values = values_of(chart, rest)
    documents = []
    for path in sorted(glob.glob(os.path.join(chart, "templates", "*.yaml"))):
        text = open(path).read()
        wrong = re.search(r"{{(?! *\.Values\.\w+ *}})(.*?)}}", text)
        if wrong:
            fail("parse error at (%s): function or variable \"%s\" not defined" % (path, wrong.group(1).strip()))
        documents.append(re.sub(r"{{ *\.Values\.(\w+) *}}", lambda found: values.get(found.group(1), ""), text))
    print("\n---\n".join(documents) if command == "template" else "1 chart(s) linted, 0 chart(s) failed")


def kubeconform(arguments):
    for document in open(arguments[-1]).read().split("\n---\n"):
        if not re.search("^apiVersion: ", document, re.M) or re.search("^kind: (Bogus)?$", document, re.M):
            fail("%s - problem validating schema. Check JSON formatting" % arguments[-1])


def kustomize(arguments):
    directory = arguments[-1]
    plan = os.path.join(directory, "kustomization.yaml")
    if not os.path.isfile(plan):
        fail("unable to find one of 'kustomization.yaml' in directory '%s'" % directory)
    for name in re.findall(r"^- (\S+)$", open(plan).read(), re.M):
        path = os.path.join(directory, name)
        if not os.path.isfile(path):
            fail("accumulating resources: accumulation err='accumulating resources from '%s': no such file'" % name)
        print(open(path).read().strip() + "\n---")


def otelcol(arguments):
    text = open(arguments[1].split("=", 1)[1]).read()
    if "service:" not in text:
        fail("service::pipelines config validation failed: service must have at least one pipeline")


def phoenix_api(_):
    if len(os.environ.get("JWT_SECRET", "")) < 32:
        fail("JWT_SECRET must have at least 32 characters")
    time.sleep(60)


TOOLS = {"helm": helm, "kubeconform": kubeconform, "kustomize": kustomize, "otelcol": otelcol, "phoenix-api": phoenix_api}
TOOLS[os.path.basename(sys.argv[0])](sys.argv[1:])
