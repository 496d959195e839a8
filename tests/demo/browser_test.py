"""The page in a real browser: what a user does, on a desk and on a phone.

One browser, one server, one classifier of five colours. Skipped where there is
no Chromium: `apt-get install chromium`.
"""

import os
import shutil
import threading

import pytest

from gmn_tf.demo import page
from tests.demo.conftest import COLOURS, picture, png

playwright = pytest.importorskip("playwright.sync_api")
BROWSERS = "chromium", "chromium-browser", "google-chrome"
PHONE = {"width": 360, "height": 740}
PATIENCE = 60_000  # milliseconds, on a machine that does much else


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as started:
        found = found or started.chromium.executable_path
        if not os.path.exists(found):
            pytest.skip("there is no Chromium; apt-get install chromium")
        browser = started.chromium.launch(
            executable_path=found, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(colours):
    server = page.make_server(page.make_app(colours, "colours"), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}/"
    server.close()


@pytest.fixture
def opened(browser, address):
    """The page, on a desk; fails if the browser complains about anything."""
    context = browser.new_context(color_scheme="dark")
    shown = context.new_page()
    shown.set_default_timeout(PATIENCE)
    complaints = []
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            # The browser also lists each refused file as an error.
            if said.type == "error" and "400" not in said.text
            else None
        ),
    )
    elsewhere = []
    shown.on(
        "request",
        lambda request: (
            elsewhere.append(request.url)
            if not request.url.startswith((address, "blob:"))
            else None
        ),
    )
    shown.goto(address)
    yield shown
    context.close()
    assert not complaints
    assert not elsewhere


def upload(shown, name: str, content: bytes):
    """Chooses a file, and waits for its card."""
    file = {"name": name, "mimeType": "image/png", "buffer": content}
    shown.set_input_files("#files", [file])
    card = shown.locator(".result", has_text=name)
    card.locator(".bars, .error").first.wait_for()
    return card


def percent_of(bar) -> str:
    return bar.locator(".number").inner_text()


def test_a_photograph_is_answered_and_a_class_added(opened):
    card = upload(opened, "a red one.png", png(picture(COLOURS[0], 9)))
    bars = card.locator(".bars li")

    assert bars.count() == 5
    assert "Red one" in bars.first.inner_text()
    assert bars.first.locator(".kind").inner_text() == "seen"
    assert card.locator(".kind.unseen").count() == 1
    assert card.locator("img").evaluate("image => image.naturalWidth") == 24
    news = opened.locator("#news").text_content()
    assert news == f"a red one.png: Red one, {percent_of(bars.first)}"

    opened.fill("#new-name", "Crimson")
    opened.select_option("#like", "001.Red_one")
    # Evaluating code in the page is forbidden by its policy; words are not.
    opened.locator("#sliders output", has_text="0.863").wait_for()
    # The keyboard moves the strongest attribute.
    slider = opened.get_by_label("has colour: red")
    slider.focus()
    slider.press("End")
    opened.click("#add button[type=submit]")
    opened.locator(".bars .kind.added, .error:visible").first.wait_for()
    assert opened.locator("#add-error").inner_text() == ""
    crimson = bars.filter(has_text="Crimson")
    assert float(percent_of(crimson).rstrip(" %")) > 1.0
    opened.click("#added button")
    opened.locator(".bars .kind.added").wait_for(state="detached")
    assert bars.count() == 5
    assert opened.evaluate("document.activeElement.id") == "new-name"
    opened.get_by_label("Remove a red one.png").press("Enter")
    assert opened.evaluate("document.activeElement.id") == "files"
    # Without a sample too, a class is refused at once.
    opened.fill("#new-name", "green")
    opened.press("#new-name", "Enter")
    opened.locator("#add-error", has_text="'green'").wait_for()
    assert not opened.locator("#added li").count()


def test_a_bad_file_says_what_is_wrong(opened):
    card = upload(opened, "letter.png", b"Dear reader,")
    said = card.inner_text()

    assert "letter.png cannot be read." in said
    assert "a photograph, such as JPEG" in said
    assert "Traceback" not in said
    # A good one beside it is answered all the same.
    good = upload(opened, "green.png", png(picture(COLOURS[1], 5)))
    assert "green" in good.locator(".bars li").first.inner_text()
    opened.click("#clear")
    assert not opened.locator(".result").count()


def test_a_class_is_looked_at(opened):
    opened.fill("#filter", "unseen")
    assert opened.locator("#classes li:visible").count() == 1
    opened.click("#classes li:visible button")
    look = opened.locator("#look")
    look.wait_for()
    text = look.inner_text()
    assert "50 % of its samples" in text
    assert "has colour: blue" in text
    assert "Taken for" in text and "37.5 %" in text
    opened.keyboard.press("Escape")
    look.wait_for(state="hidden")


def test_it_fits_a_phone(opened):
    opened.set_viewport_size(PHONE)
    card = upload(opened, "x" * 60 + ".png", png(picture(COLOURS[1])))
    width = opened.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    assert card.bounding_box()["width"] > 300
    opened.locator("#classes button").first.click()
    box = opened.locator("#look").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
