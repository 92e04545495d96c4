"""A real gateway as a process that comes, dies and comes back."""

import json
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]
_NODE = _REPOSITORY / "node_modules/.bin/node"


class Gateway:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self._folder = tempfile.TemporaryDirectory()
        self._config = Path(self._folder.name) / "gateway.yaml"
        # Nothing serves requests here: experts are all that is asked about.
        self._config.write_text(
            f"http: {{ port: {port}, logLevel: silent }}\n"
            "pools:\n  - { name: chat, kind: openai, models: [m], urls: ['http://127.0.0.1:9'] }\n"
            "  - name: experts\n    kind: openai\n    models: [large]\n    urls: ['http://127.0.0.1:10']\n"
            "    experts: { model: deepseek-v3, topology: ep32 }\n"
        )
        self._process = None

    def start(self):
        command = [_NODE, "src/main.ts", "serve", "--config", self._config]
        self._process = subprocess.Popen(
            command, cwd=_REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError("the gateway did not start")

    def die(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def rows_of(path):
    """Tokens `[layers][experts]` of a file of loads, without its idle layers."""
    said = json.loads(Path(path).read_text())
    rows = said["logical_count"] if "logical_count" in said else said["load_history"][0]["logical_expert_load"]
    return [row for row in rows if any(row)]
