"""Starts the dashboard by a command, opens it in a headless Chromium and waits for its first chart: first_chart.py COMMAND..."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request

from playwright.sync_api import sync_playwright

WITHIN_S = 120


def main(command: list[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    app = subprocess.Popen([*command, "--port", str(port), "--no-browser"])
    try:
        until = time.monotonic() + WITHIN_S
        while not answers(url):
            if app.poll() is not None or time.monotonic() > until:
                sys.exit(f"{' '.join(command)} does not answer")
            time.sleep(0.2)
        with sync_playwright() as driver:
            chromium = driver.chromium.launch(
                executable_path=shutil.which("chromium-headless-shell"),
                args=["--no-sandbox", "--disable-gpu"],
            )
            page = chromium.new_page()
            page.goto(url)
            page.wait_for_selector(".pk-chart[data-rev] .main-svg", timeout=1000 * WITHIN_S)
            if page.get_by_test_id("stException").count():
                sys.exit("the first page shows an exception")
            chromium.close()
    finally:
        app.terminate()
        app.wait(10)
    print("app: starts, answers, draws its first chart")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return answer.read() == b"ok"
    except OSError:
        return False


if __name__ == "__main__":
    main(sys.argv[1:])
