"""Take the README's picture of the dashboard from the published site.

Run it after `scripts/bench`: .venv/bin/python evaluations/dashboard_picture.py
Another view is chosen by the part of its address behind the '#'.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from threading import Thread

from playwright.sync_api import sync_playwright

from cryoet_bench.site import build as site

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "dashboard.png"


def main(view: str = "view=explore&bench=read.Codecs.time_volume") -> None:
    """Write the picture of one view of the dashboard."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("no chromium was found: install it")
    with site.serve(ROOT / ".asv" / "html") as server, sync_playwright() as playwright:
        Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 1100})
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/#{view}")
        page.wait_for_load_state("networkidle")
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURE)
        browser.close()
        server.shutdown()
    print(PICTURE)


if __name__ == "__main__":
    main(*sys.argv[1:])
