"""Headless Chromium, driven by its DevTools protocol."""

import json
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field

import websocket

from bankmkt.reports.pdf import flags

SECONDS = 30


@dataclass
class Visit:
    """What happened while a page was open."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    error: str = ""


class Browser:
    def __init__(self, chromium, profile):
        self.profile = profile
        command = [chromium, *flags(), f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        command += ["--remote-allow-origins=*", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.number = 0

    def __enter__(self):
        end = time.monotonic() + SECONDS
        port_file = self.profile / "DevToolsActivePort"
        while not (port_file.is_file() and "\n" in port_file.read_text()):
            assert time.monotonic() < end, "Chromium did not start"
            time.sleep(0.05)
        port = port_file.read_text().splitlines()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=SECONDS) as answer:
            page = next(target for target in json.load(answer) if target["type"] == "page")
        self.socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=SECONDS)
        self.events = []
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.terminate()
        self.process.wait(SECONDS)

    def call(self, method, **params):
        """Send a command and return its result; events on the way are kept."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def visit(self, url):
        """Open a page and wait until it is loaded."""
        self.events = []
        error = self.call("Page.navigate", url=url).get("errorText", "")
        while not error and not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(json.loads(self.socket.recv()))
        self.evaluate("1")  # what the page did until now has been reported
        visit = Visit(error=error)
        for event in self.events:
            match event["method"]:
                case "Network.requestWillBeSent":
                    visit.requests.append(event["params"]["request"]["url"])
                case "Log.entryAdded":
                    visit.complaints.append(event["params"]["entry"]["text"])
                case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Network.loadingFailed":
                    visit.complaints.append(json.dumps(event["params"]))
        return visit

    def evaluate(self, script):
        """Return the value of a JavaScript expression in the open page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")
