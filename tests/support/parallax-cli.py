#!/usr/bin/env python3
"""A double of Parallax's command line tool: its commands, tables and messages, as its source has
them, over the API named by PARALLAX_API_URL. Like the tool it ends with 0 when the API failed.
The file `mode` beside it says how it behaves; `complete` has the commands that the tool lacks."""
import json, os, sys, time, urllib.error, urllib.request

MODE = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "mode")).read().strip()
SHIPPED = MODE == "shipped"


def call(path, body=None):
    request = urllib.request.Request(os.environ["PARALLAX_API_URL"] + path, body and json.dumps(body).encode())
    key = os.environ.get("PARALLAX_API_KEY")
    if key:
        name, value = ("X-API-Key", key) if SHIPPED else ("Authorization", "ApiKey " + key)
        request.add_header(name, value)
    try:
        return json.load(urllib.request.urlopen(request, timeout=5))
    except urllib.error.HTTPError as error:
        raise SystemError("API Error (%d): %s" % (error.code, error.reason))
    except OSError as error:
        raise SystemError("API Error: %s" % error)


def table(heading, rows):
    if MODE == "forgetful":
        rows = rows[:-1]
    if MODE == "inventive":
        rows = rows + [["invented"] + ["x"] * (len(heading) - 1)]
    if MODE == "colourful":
        rows = [["\x1b[36m%s\x1b[39m" % row[0]] + row[1:] for row in rows]
    print("╔══════╗")
    for row in [heading] + rows:
        print("║ " + " │ ".join(row) + " ║")
    print("╚══════╝")


def run(arguments):
    match arguments:
        case ["pattern", "list"]:
            patterns = call("/api/patterns")["patterns"]
            table(["Name", "Version", "Description", "Min Agents"], [[p["name"], "1.0.0", "A...", "-"] for p in patterns])
        case ["agent", "list"]:
            agents = call("/api/agents")["agents"]
            if not agents:
                return print("No agents found")
            table(["ID", "Name", "Capabilities", "Status", "Endpoint"], [[a["id"], a["name"], "", "●", "local"] for a in agents])
            print("Total agents: %d" % len(agents))
        case ["agent", "status", agent]:
            seen = call("/api/agents/" + agent)
            health = call("/api/agents/%s/health" % agent)["status"]
            online = (health == "healthy") != (MODE == "confused")
            print("\nAgent: %s\nID: %s\nStatus: %s" % (seen["name"], seen["id"], "Online" if online else "Offline"))
        case ["pattern", "execute", name, "-i", text]:
            done = call("/api/patterns/%s/execute" % name, {"input": json.loads(text)})
            print("\nExecution Result:\nPattern: %s\nStatus: %s" % (name, done["status"]))
        case ["execution", "list"] if not SHIPPED:
            found = call("/api/executions?limit=20")["executions"]
            if not found:
                return print("No executions found")
            table(["ID", "Pattern", "Status"], [[e["id"], "p", e["status"]] for e in found])
        case ["execution", "status", execution] if not SHIPPED:
            seen = call("/api/executions/" + execution)
            status = "pending" if MODE == "confused" else seen["status"]
            print("Execution: %s\nStatus: %s" % (seen["id"], status))
        case ["login", "--help"] if not SHIPPED:
            print("Usage: parallax login [options]\n\nLog in to a control plane")
        case ["--help"]:
            print("Usage: parallax [options] [command]\n\nCommands:\n  agent            Manage Parallax agents")
            print("  pattern          Manage coordination patterns" + ("" if SHIPPED else "\n  login            Log in"))
        case _:
            print("error: unknown command '%s'" % (arguments or [""])[0], file=sys.stderr)
            sys.exit(1)


if MODE == "hanging":
    time.sleep(600)
if MODE == "endless":
    for _ in range(200_000):
        print("x" * 100)
try:
    run(sys.argv[1:])
except SystemError as error:
    print("✖ Failed\nError: %s" % error, file=sys.stderr)
