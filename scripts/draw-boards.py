#!/usr/bin/env python3
"""Draws the boards of dashboards/ from what a real Prometheus answers: a picture of each.

usage: draw-boards.py PROMETHEUS FOLDER_OF_PICTURES SECONDS CHECKLIST/ITEM

It draws what Grafana would show (places, titles, values, colours, columns), not how Grafana draws
it. Needs chromium. SECONDS is the time range, the item that of the board about one item.
"""

import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLOURS = {
    "green": "#56a64b", "red": "#e02f44", "yellow": "#e5ac0e", "orange": "#ff780a",
    "purple": "#a352cc", "blue": "#3274d9", "#808080": "#808080",
}
LINES = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#e0b400"]
PROMETHEUS, FOLDER, SPAN, ITEM = sys.argv[1].rstrip("/"), pathlib.Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
CHOSEN = {
    "$__rate_interval": "10s", "$__range": f"{SPAN}s", "$checklist/$item": ITEM,
    '="$checklist"': f'="{ITEM.split("/")[0]}"', '="$item"': f'="{ITEM.split("/")[1]}"',
    "$job": ".*", "$checklist": ".*", "$section": ".*", "$priority": ".*", "$team": ".*",
}


def filled_in(expr):
    for variable, value in CHOSEN.items():
        expr = expr.replace(variable, value)
    return expr


def ask(target):
    """The series of a query, each with its labels and its samples."""
    now = int(time.time())
    expr = filled_in(target["expr"])
    if target["instant"]:
        path, parameters = "query", {"query": expr}
    else:
        step = max(1, SPAN // 240)
        path, parameters = "query_range", {"query": expr, "start": now - SPAN, "end": now, "step": step}
    url = f"{PROMETHEUS}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        result = json.load(answer)["data"]["result"]
    series = []
    for one in result:
        samples = one.get("values") or [one["value"]]
        samples = [(float(at), float(value)) for at, value in samples if value != "NaN"]
        if samples:
            series.append((one["metric"], samples, legend(target["legendFormat"], one["metric"])))
    return series


def legend(form, labels):
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), form) or ""


def shown(value, unit):
    """A value as Grafana words it."""
    if unit == "percentunit":
        return f"{value * 100:.0f}%"
    if unit == "dateTimeFromNow":
        return ago(time.time() - value / 1000)
    if unit in ("s", "dtdurations"):
        return f"{value * 1000:.1f} ms" if abs(value) < 1 else span_of(value)
    if unit == "bytes":
        return f"{value / 2**20:.1f} MiB"
    return f"{value:.4g}"


def span_of(seconds):
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = round(seconds / size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "0 seconds"


def ago(seconds):
    return f"in {span_of(-seconds)}" if seconds < 0 else f"{span_of(seconds)} ago"


def mapped(value, mappings):
    """Text and colour that a mapping gives a value, if one does."""
    for mapping in mappings or []:
        if mapping["type"] == "value":
            key = f"{value:g}" if isinstance(value, float) else value
            if key in mapping["options"]:
                option = mapping["options"][key]
                return option["text"], COLOURS.get(option.get("color"), "")
        elif mapping["type"] == "regex" and re.match(mapping["options"]["pattern"], str(value)):
            return mapping["options"]["result"]["text"], ""
    return None


def coloured(value, defaults):
    colour = "#6e7687"
    for step in (defaults.get("thresholds") or {}).get("steps", []):
        if step["value"] <= value or step["value"] == 0:
            colour = COLOURS.get(step["color"], step["color"])
    return colour


def named_colour(panel, name):
    """The colour that an override gives a series by its name."""
    for one in panel["fieldConfig"]["overrides"]:
        if one["matcher"]["id"] == "byRegexp" and re.search(one["matcher"]["options"].strip("/"), name):
            colour = one["properties"][0]["value"]["fixedColor"]
            return COLOURS.get(colour, colour)
    return None


def stat(panel, series):
    defaults = panel["fieldConfig"]["defaults"]
    tiles = []
    for labels, samples, name in series:
        value = samples[-1][1]
        found = mapped(value, defaults.get("mappings"))
        text, colour = found or (shown(value, defaults.get("unit")), coloured(value, defaults))
        if panel["options"].get("textMode") == "name":
            text, name = name, ""
        caption = f"<small>{html.escape(name)}</small>" if len(series) > 1 or name not in ("", "ready", "accepted") else ""
        plain = panel["options"]["colorMode"] == "none"
        look = "color:var(--text)" if plain else f"background:{colour}"
        tiles.append(f'<div class="tile" style="{look}">{caption}<b>{html.escape(text)}</b></div>')
    return f'<div class="tiles">{"".join(tiles)}</div>'


def bars(panel, series):
    defaults = panel["fieldConfig"]["defaults"]
    top = defaults.get("max") or max((samples[-1][1] for _, samples, _ in series), default=1) or 1
    lines = []
    for _, samples, name in series:
        value = samples[-1][1]
        share = max(0.5, 100 * value / top)
        lines.append(
            f'<div class="bar"><span>{html.escape(name)}</span><i><u style="width:{share:.1f}%;'
            f'background:{named_colour(panel, name) or coloured(value, defaults)}"></u></i><em>{shown(value, defaults.get("unit"))}</em></div>'
        )
    return "".join(lines)


def table(panel, series):
    order = panel["transformations"][1]["options"]
    columns = sorted(order["indexByName"], key=order["indexByName"].get)
    titles = order["renameByName"]
    looks = {one["matcher"]["options"]: {p["id"]: p["value"] for p in one["properties"]}
             for one in panel["fieldConfig"]["overrides"]}
    rows = []
    for labels, samples, _ in series:
        cells = []
        for column in columns:
            look = looks.get(titles[column], {})
            raw = samples[-1][1] if column == "Value" else labels.get(column, "")
            found = mapped(raw, look.get("mappings")) if raw != "" else None
            text = found[0] if found else shown(raw, look.get("unit")) if column == "Value" else raw
            style = f' style="background:{found[1]};color:#fff"' if found and found[1] else ""
            is_link = ' class="link"' if "links" in look and text else ""
            cells.append(f"<td{style}><span{is_link}>{html.escape(text)}</span></td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f"<th>{titles[column]}</th>" for column in columns)
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def lines(panel, series, box):
    width, height = box
    width, height = width - 90, height - 90
    now = time.time()
    values = [value for _, samples, _ in series for _, value in samples] or [0]
    low, high = min(0, *values), max(values) or 1
    unit = panel["fieldConfig"]["defaults"].get("unit")
    paths, names = [], []
    for n, (_, samples, name) in enumerate(series):
        colour = named_colour(panel, name) or LINES[n % len(LINES)]
        points = " ".join(
            f"{60 + width * (1 - (now - at) / SPAN):.1f},{8 + height * (1 - (value - low) / (high - low or 1)):.1f}"
            for at, value in samples
        )
        paths.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if n < 10:
            names.append(f'<span><i style="background:{colour}"></i>{html.escape(name)}</span>')
    axis = "".join(
        f'<text x="54" y="{12 + height * (1 - part):.0f}" text-anchor="end">{shown(low + (high - low) * part, unit)}</text>'
        f'<line x1="60" x2="{60 + width}" y1="{8 + height * (1 - part):.0f}" y2="{8 + height * (1 - part):.0f}"/>'
        for part in (0, 0.5, 1)
    )
    return f'<svg width="{width + 70}" height="{height + 16}">{axis}{"".join(paths)}</svg><div class="names">{"".join(names)}</div>'


def timeline(panel, series, box):
    width = box[0] - 230
    now = time.time()
    mappings = panel["fieldConfig"]["defaults"]["mappings"]
    rows = []
    room = max(10, min(24, (box[1] - 50) // max(1, len(series))))
    for n, (_, samples, name) in enumerate(series):
        y = 4 + n * room
        runs = []
        for at, value in samples:
            if runs and runs[-1][2] == value:
                runs[-1][1] = at
            else:
                if runs:
                    runs[-1][1] = at
                runs.append([at, at, value])
        for begin, end, value in runs:
            text, colour = mapped(value, mappings) or (str(value), "#808080")
            x = 200 + width * max(0, 1 - (now - begin) / SPAN)
            wide = max(2, width * (end - begin) / SPAN)
            word = f'<text class="in" x="{x + 5:.1f}" y="{y + room - 8}">{text}</text>' if wide > 60 else ""
            rows.append(f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{room - 3}" fill="{colour}"/>{word}')
        rows.append(f'<text x="194" y="{y + room - 8}" text-anchor="end">{html.escape(name)}</text>')
    return f'<svg width="{box[0] - 24}" height="{len(series) * room + 10}">{"".join(rows)}</svg>'


def drawn(panel, box):
    series = [one for target in panel["targets"] for one in ask(target)]
    if not series:
        return '<p class="none">No data</p>'
    kinds = {"stat": stat, "bargauge": bars, "table": table}
    if panel["type"] in kinds:
        return kinds[panel["type"]](panel, series)
    return {"timeseries": lines, "state-timeline": timeline}[panel["type"]](panel, series, box)


STYLE = """
:root { --page:#111217; --panel:#181b1f; --line:#2c3035; --text:#ccccdc; --muted:#8e8e99; --unfilled:#22252b }
.light { --page:#f4f5f5; --panel:#fff; --line:#dcdde0; --text:#24292e; --muted:#6a737d; --unfilled:#eceef0 }
body { margin:0; background:var(--page); color:var(--text); font:13px Inter,Helvetica,Arial,sans-serif }
.panel { position:absolute; box-sizing:border-box; background:var(--panel); border:1px solid var(--line); border-radius:2px; padding:6px 10px; overflow:hidden }
.row { position:absolute; font-weight:600; font-size:15px; padding:6px 10px } h1 { font-size:20px; margin:14px 18px }
h2 { font-size:14px; margin:0 0 6px; font-weight:500 } .tiles { display:flex; gap:4px; height:calc(100% - 26px) }
.tile { flex:1; color:#fff; display:flex; flex-direction:column; align-items:center; justify-content:center; border-radius:2px; min-width:0 }
.tile b { font-size:24px; white-space:nowrap } .tile small { font-size:12px } table { border-collapse:collapse; width:100% }
th { text-align:left; color:#6e9fff; font-weight:500; border-bottom:1px solid var(--line); padding:4px 6px; white-space:nowrap }
td { padding:4px 6px; border-bottom:1px solid var(--line); white-space:nowrap; overflow:hidden; max-width:330px; text-overflow:ellipsis }
.link { text-decoration:underline } .bar { display:flex; align-items:center; gap:8px; margin:3px 0; height:22px } .bar span { width:36%; text-align:right; overflow:hidden; white-space:nowrap; text-overflow:ellipsis }
.bar i { flex:1; background:var(--unfilled); height:100%; display:block } .bar u { display:block; height:100% } .bar em { width:86px; font-style:normal; font-weight:600; white-space:nowrap }
svg text { fill:var(--muted); font-size:11px } svg text.in { fill:#fff } svg line { stroke:var(--line) } .names { display:flex; flex-wrap:wrap; gap:2px 12px; font-size:11px } .names i { display:inline-block; width:12px; height:4px; margin-right:5px; vertical-align:middle }
.none { color:var(--muted); text-align:center; margin-top:30px }
"""


def page(board, theme):
    unit_x, unit_y = 1480 / 24, 38
    parts = [f"<h1>{html.escape(board['title'])}</h1>"]
    for panel in board["panels"]:
        place = panel["gridPos"]
        x, y, w, h = 10 + place["x"] * unit_x, 50 + place["y"] * unit_y, place["w"] * unit_x - 6, place["h"] * unit_y - 6
        style = f'style="left:{x:.0f}px;top:{y:.0f}px;width:{w:.0f}px;height:{h:.0f}px"'
        if panel["type"] == "row":
            parts.append(f'<div class="row" {style}>{html.escape(panel["title"])}</div>')
            continue
        body = drawn(panel, (w, h))
        parts.append(f'<div class="panel" {style}><h2>{html.escape(panel["title"])}</h2>{body}</div>')
    bottom = 60 + max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"]) * unit_y
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><body class="{theme}">{"".join(parts)}', int(bottom)


def main():
    for path in sorted((ROOT / "dashboards").glob("*.json")):
        for theme in ("dark", "light") if path.stem == "overview" else ("dark",):
            text, height = page(json.loads(path.read_text()), theme)
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
                source = pathlib.Path(place) / "board.html"
                source.write_text(text)
                picture = FOLDER / f"grafana-{path.stem}{'-light' if theme == 'light' else ''}.png"
                subprocess.run(
                    ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                     f"--user-data-dir={place}/profile", f"--screenshot={picture}", f"--window-size=1500,{height}", source.as_uri()],
                    check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                )
            print(f"{picture.name} {picture.stat().st_size // 1024} KiB")


main()
