#!/usr/bin/env python3
"""What lies in ops/ is right as far as can be told here.

  check_ops.py                 the dashboard is JSON with what Grafana wants, manifests fit together,
                               the unit passes `systemd-analyze verify` where that is installed
  check_ops.py --metrics FILE  and every metric of the dashboard is in FILE, the text of /metrics
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

OPS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "ops")
faults = []
notes = []


def fault(text):
    faults.append(text)


def check_dashboard():
    """The metrics that it asks for."""
    with open(os.path.join(OPS, "grafana.json"), encoding="utf-8") as file:
        board = json.load(file)
    names, ids, places = set(), set(), set()
    for panel in board["panels"]:
        where = f"grafana.json: panel {panel.get('title')!r}"
        if panel["id"] in ids:
            fault(f"{where}: its id is another's")
        ids.add(panel["id"])
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if at["x"] + at["w"] > 24 or cells & places:
            fault(f"{where}: does not fit on the grid")
        places |= cells
        for target in panel["targets"]:
            found = set(re.findall(r"\bsartor_[a-z_]+", target["expr"]))
            if not found:
                fault(f"{where}: no metric of ours in {target['expr']!r}")
            if target["expr"].count("(") != target["expr"].count(")"):
                fault(f"{where}: brackets in {target['expr']!r}")
            names |= found
    return names


def check_metrics(names, path):
    with open(path, encoding="utf-8") as file:
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", file.read(), re.M))
    for name in sorted(names):
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        if types.get(name) is None and types.get(family) != "histogram":
            fault(f"grafana.json: {name} is not in /metrics")
    for name in sorted(types):
        if name not in names and not any(n.startswith(name + "_") for n in names):
            fault(f"grafana.json: shows nothing of {name}")


def check_manifests():
    try:
        import yaml
    except ImportError:
        notes.append("no PyYAML: the Kubernetes manifests were not read")
        return
    with open(os.path.join(OPS, "kubernetes", "sartor.yaml"), encoding="utf-8") as file:
        parts = {part["kind"]: part for part in yaml.safe_load_all(file)}
    pod = parts["Deployment"]["spec"]["template"]
    selector = parts["Deployment"]["spec"]["selector"]["matchLabels"]
    if not selector.items() <= pod["metadata"]["labels"].items():
        fault("sartor.yaml: the deployment does not select its pods")
    if not parts["Service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items():
        fault("sartor.yaml: the service does not select the pods")
    if parts["Deployment"]["spec"]["replicas"] != 1 or parts["Deployment"]["spec"]["strategy"]["type"] != "Recreate":
        fault("sartor.yaml: one server at a time writes a workspace's log")
    container = pod["spec"]["containers"][0]
    ports = {port["name"] for port in container["ports"]}
    for port in parts["Service"]["spec"]["ports"]:
        if port["targetPort"] not in ports:
            fault(f"sartor.yaml: the service's port {port['targetPort']} is not the container's")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if container[probe]["httpGet"]["port"] not in ports:
            fault(f"sartor.yaml: {probe}: no such port")
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    for mount in container["volumeMounts"]:
        if mount["name"] not in volumes:
            fault(f"sartor.yaml: no volume {mount['name']}")
    claim = volumes["workspace"]["persistentVolumeClaim"]["claimName"]
    if claim != parts["PersistentVolumeClaim"]["metadata"]["name"]:
        fault(f"sartor.yaml: no claim {claim}")


def check_unit():
    if shutil.which("systemd-analyze") is None:
        notes.append("no systemd-analyze: the unit was not verified")
        return
    with open(os.path.join(OPS, "sartor.service"), encoding="utf-8") as file:
        unit = file.read()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sartor.service")
        with open(path, "w", encoding="utf-8") as file:  # the program is not installed here
            file.write(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", unit))
        told = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, check=False)
        ours = [line for line in (told.stdout + told.stderr).splitlines() if "sartor.service" in line]
        if ours:
            fault("sartor.service: " + "; ".join(ours))


def main():
    names = check_dashboard()
    if len(sys.argv) == 3 and sys.argv[1] == "--metrics":
        check_metrics(names, sys.argv[2])
    else:
        check_manifests()
        check_unit()
        notes.append("no hadolint, no kubeconform, no promtool: nothing of theirs was checked")
    for text in faults:
        print(f"check_ops: {text}")
    for text in notes:
        print(f"check_ops: note: {text}")
    if not faults:
        print("check_ops: all is well")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
