#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pages of tcpinfo-dump plot in Debian's chromium: drawn in both themes, with one connection, with
several and with 100,000 records; hover, zoom, keys and switches, driven as a person would. And the
page of tcpinfo-dump summary: its tables and bars, in both themes, on a wide and a narrow screen.

usage: check_pages.py TCPINFO-DUMP [FOLDER]

FOLDER keeps pages and pictures, to be looked at. Times are told, and judged by nobody.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/cli"))

# pylint: disable=wrong-import-position
from checks import check, finish
from drawn_archives import write_drawn

try:
    from selenium import webdriver
    from selenium.webdriver import ActionChains, Chrome
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SECOND = 1e9
# How long until the next frame is on its way, for each of so many movements: median and longest.
TIMES = """
const done = arguments[0], over = document.querySelector("#panel-rtt .u-over");
const box = over.getBoundingClientRect(), hover = [], zoom = [];
const frame = () => new Promise((r) => requestAnimationFrame(() => setTimeout(r, 0)));
const told = (all) => {
  all.sort((a, b) => a - b);
  return [all[all.length >> 1], all[all.length - 1]];
};
(async () => {
  for (let i = 0; i < 40; ++i) {
    const at = performance.now();
    over.dispatchEvent(new MouseEvent("mousemove", {bubbles: true, clientX: box.left + 10 + 8 * i,
      clientY: box.top + 20}));
    await frame();
    hover.push(performance.now() - at);
  }
  for (let i = 0; i < 20; ++i) {
    const at = performance.now();
    over.dispatchEvent(new WheelEvent("wheel", {bubbles: true, cancelable: true, ctrlKey: true,
      deltaY: i < 10 ? -1 : 1, clientX: box.left + box.width / 3, clientY: box.top + 20}));
    await frame();
    zoom.push(performance.now() - at);
  }
  done({hover: told(hover), zoom: told(zoom)});
})();
"""
# Pixels of a canvas that are drawn, and how many colours they have.
DRAWN = """
const canvas = document.querySelector(arguments[0] + " .uplot canvas");
const copy = new OffscreenCanvas(canvas.width, canvas.height);
const context = copy.getContext("2d", {willReadFrequently: true});
context.drawImage(canvas, 0, 0);
const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
const colours = new Set();
let drawn = 0;
for (let i = 0; i < data.length; i += 4)
  if (data[i + 3] > 200) { ++drawn; colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]); }
return [drawn, colours.size];
"""
# Colours of text and page, and their contrasts as the WCAG reckon them: of text, and of bars, for
# which 3 would do.
LOOK = """
const numbers = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
const light = (colour) => {
  const [r, g, b] = numbers(colour).map((v) => v / 255).map(
    (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [less, more] = [light(a), light(b)].sort((x, y) => x - y);
  return (more + 0.05) / (less + 0.05);
};
const page = getComputedStyle(document.body);
const bar = getComputedStyle(document.querySelector("td.bar span"));
return [page.backgroundColor + page.color,
  [page.color, bar.backgroundColor].map((one) => contrast(one, page.backgroundColor))];
"""
# Of each row with a bar the table's number, the share that the style asks for, and how much of its
# cell the bar fills.
BARS = """
const rows = [];
document.querySelectorAll("table").forEach((table, number) => {
  table.querySelectorAll("td.bar").forEach((cell) => {
    const bar = cell.firstElementChild, style = getComputedStyle(cell);
    const room = cell.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const filled = bar.getBoundingClientRect().width / room;
    rows.push([number, parseFloat(bar.style.width) / 100, filled]);
  });
});
return rows;
"""


def browser(folder: pathlib.Path) -> Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--window-size=1400,2600", "--hide-scrollbars",
                 f"--user-data-dir={folder}/profile"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_script_timeout(120)
    return driver


class Shown:
    """A page in the browser."""

    def __init__(self, driver: Chrome, path: pathlib.Path) -> None:
        self.driver, self.path = driver, path
        driver.get(path.as_uri())
        self.settle()

    def settle(self) -> None:
        """Two frames later all that was asked for is drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0]; "
            "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0)));")

    def text(self, selector: str) -> str:
        return self.driver.find_element("css selector", selector).text

    def picture(self, name: str) -> None:
        self.driver.save_screenshot(str(self.path.with_name(f"{self.path.stem}-{name}.png")))

    def choose(self, name: str, value: str) -> None:
        self.driver.find_element("css selector", f"input[name={name}][value={value}]").click()
        self.settle()

    def over(self, share: float) -> ActionChains:
        """The mouse over the chart of round-trip times, at that part of its width."""
        chart = self.driver.find_element("css selector", "#panel-rtt .u-over")
        left = int(chart.size["width"] * (share - 0.5))
        return ActionChains(self.driver).move_to_element_with_offset(chart, left, 0)

    def hover(self, share: float) -> None:
        self.over(share).perform()
        self.settle()

    def faults(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


def seconds_of(moment: str) -> float:
    """Of "22:13:27.306987 UTC"."""
    hours, minutes, seconds = moment.split()[0].split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def width_of(page: Shown) -> str:
    return page.text("#range").rsplit(", ", 1)[1]


def check_look(page: Shown, name: str) -> None:
    """All charts are drawn, in either theme, and nothing is refused or complained of."""
    looks = {}
    for theme in ("light", "dark"):
        page.choose("Theme", theme)
        page.picture(theme)
        looks[theme] = page.driver.execute_script(
            "const s = getComputedStyle(document.body); return s.backgroundColor + s.color;")
        for panel in ("causes", "limits", "states", "rtt", "cwnd", "rate", "bytes", "losses",
                      "windows"):
            drawn, colours = page.driver.execute_script(DRAWN, f"#panel-{panel}")
            check(drawn > 500 and colours >= 3, f"{name} {theme} {panel}: {drawn}, {colours}")
    check(looks["light"] != looks["dark"], f"{name}: {looks}")
    page.choose("Theme", "light")
    faults = page.faults()
    check(not faults, f"{name}: {faults}")
    wide = page.driver.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 0, f"{name}: wider than the window by {wide}")


def check_hover(page: Shown) -> None:
    """Values stand in all charts at once, and are those of the record at that moment."""
    page.hover(0.25)
    moment = seconds_of(page.text("#moment"))
    page.picture("hover")
    number = int((moment - seconds_of("22:13:20")) / 0.05)
    saw = (number * 0.05 * 0.7 + 1) % 8
    rtt = 25_000 + int(saw * 3000) + number % 11
    check(f"smoothed {rtt / 1000:.1f}" in page.text("#panel-rtt .values"),
          f"{page.text('#panel-rtt .values')}, not {rtt}")
    check(str(int(10 + saw * 20)) in page.text("#panel-cwnd .values"), "congestion window")
    check("ESTABLISHED" in page.text("#panel-states .values"), "state")
    check("busy" in page.text("#panel-limits .values"), "limits")
    check(":" in page.text("#panel-causes .values"), "causes")


def check_zoom(page: Shown) -> None:
    whole = page.text("#range")
    page.over(0.25).click_and_hold().move_by_offset(100, 0).release().perform()
    page.settle()
    page.picture("zoom")
    chart = page.driver.find_element("css selector", "#panel-rtt .u-over").size["width"]
    seen = float(width_of(page).split()[0])
    # 2 % of margin on either side of the recorded time.
    expected = 29.95 * 1.02 * 100 / chart
    check(abs(seen - expected) < 0.05 * expected, f"dragging: {seen}, not {expected}")
    page.over(0.5).double_click().perform()
    page.settle()
    check(page.text("#range") == whole, "double-click shows all")
    for label, changes in (("Zoom in", True), ("Later", True), ("Show all", True)):
        before = page.text("#range")
        page.driver.find_element("css selector", f"button[aria-label='{label}']").click()
        page.settle()
        check((page.text("#range") != before) == changes, label)
    check(page.text("#range") == whole, "Show all")


def check_keys(page: Shown) -> None:
    """All of it without a mouse."""
    plot = page.driver.find_element("css selector", "#panel-rtt .plot")
    page.driver.execute_script("arguments[0].focus()", plot)
    for keys, number in ((Keys.HOME, 0), (Keys.ARROW_RIGHT, 1), (Keys.SHIFT + Keys.ARROW_RIGHT, 11),
                         (Keys.NULL + Keys.ARROW_LEFT, 10), (Keys.END, 599)):
        plot.send_keys(keys)
        page.settle()
        page.settle()
        seen = seconds_of(page.text("#moment")) - seconds_of("22:13:20")
        check(abs(seen - number * 0.05) < 1e-5, f"record {number}: {seen}")
    whole = page.text("#range")
    plot.send_keys("+")
    page.settle()
    check(page.text("#range") != whole, "+ zooms")
    plot.send_keys("0")
    page.settle()
    check(page.text("#range") == whole, "0 shows all")
    chip = page.driver.find_element("css selector", "#panel-cwnd .chip")
    page.driver.execute_script("arguments[0].focus()", chip)
    chip.send_keys(" ")
    page.settle()
    check(chip.get_attribute("aria-pressed") == "false"
          and "congestion window" not in page.text("#panel-cwnd .values"), "a line switched off")
    chip.send_keys(" ")
    page.settle()


def check_several(page: Shown) -> None:
    check(page.text("#panel-rtt .values").count("smoothed") == 4, "a line for each")
    page.driver.find_element("id", "show-2").click()
    page.settle()
    check(page.text("#panel-rtt .values").count("smoothed") == 3, "one switched off")
    page.driver.find_element("id", "show-2").click()
    picture = "return document.querySelector('#panel-rtt .uplot canvas').toDataURL()"
    by_clock = page.driver.execute_script(picture)
    page.choose("Time", "since")
    check(page.driver.execute_script(picture) != by_clock, "the axis has other texts")
    check("after each began" in page.text("#range"), page.text("#range"))
    page.hover(0.5)
    page.picture("since")
    faults = page.faults()
    check(not faults, f"{faults}")


def check_narrow(page: Shown) -> None:
    page.driver.set_window_size(420, 900)
    page.settle()
    page.settle()
    page.picture("narrow")
    wide = page.driver.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 0, f"narrow: wider than the window by {wide}")
    page.driver.set_window_size(1400, 2600)


def tell_times(page: Shown, name: str) -> None:
    times = page.driver.execute_async_script(TIMES)
    for what, (median, longest) in times.items():
        print(f"{name}: {what} {median:.0f} ms, the longest {longest:.0f} ms")


def check_summary(dump: str, folder: pathlib.Path, driver: Chrome) -> None:
    recorded = folder / "summary"
    recorded.mkdir(exist_ok=True)
    for number in range(1, 25):
        write_drawn(recorded, number, 40 * number)
    path = folder / "summary.html"
    with path.open("wb") as page_file:
        subprocess.run([dump, "summary", "--html", "--why", recorded], check=True, timeout=120,
                       stdout=page_file)
    page = Shown(driver, path)
    looks = {}
    for theme in ("light", "dark"):
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": theme}]})
        page.settle()
        page.picture(theme)
        looks[theme], contrasts = driver.execute_script(LOOK)
        check(min(contrasts) >= 4.5, f"{theme}: text and page are too alike: {contrasts}")
    check(looks["light"] != looks["dark"], f"{looks}")
    check("24 connections" in page.text("body > p"), page.text("body > p"))
    titles = [one.text for one in driver.find_elements("css selector", "h2")]
    check(any(title.startswith("By port") for title in titles) and len(titles) > 5, f"{titles}")
    rows = driver.execute_script(BARS)
    check(len(rows) > 20, f"{len(rows)} bars")
    # The longest bar of a table fills its cell, and each is as long as its row says.
    for table, wanted, got in rows:
        check(abs(wanted - got) < 0.02, f"a bar of table {table} is {got:.3f} long, not {wanted}")
    check(max(wanted for _, wanted, _ in rows) == 1, "no bar is whole")
    driver.set_window_size(420, 900)
    page.settle()
    page.settle()
    page.picture("narrow")
    wide = driver.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 0, f"summary, narrow: wider than the window by {wide}")
    driver.set_window_size(1400, 2600)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    faults = page.faults()
    check(not faults, f"summary: {faults}")


def check_all(dump: str, folder: pathlib.Path, driver: Chrome) -> None:
    def made(name: str, connections: int, records: int, interval: float) -> pathlib.Path:
        recorded = folder / name
        recorded.mkdir(exist_ok=True)
        for number in range(1, connections + 1):
            write_drawn(recorded, number, records, interval)
        page = folder / f"{name}.html"
        subprocess.run([dump, "plot", recorded, "-o", page], check=True, timeout=120)
        return page

    page = Shown(driver, made("one", 1, 600, 0.05))
    check_look(page, "one")
    check_hover(page)
    check_zoom(page)
    check_keys(page)
    tell_times(page, "one connection, 600 records")
    check_narrow(page)
    page = Shown(driver, made("several", 4, 800, 0.05))
    check_look(page, "several")
    check_several(page)
    tell_times(page, "four connections, 800 records each")
    page = Shown(driver, made("large", 1, 100_000, 0.01))
    loaded = driver.execute_script(
        "const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd")
    print(f"100,000 records: loaded and drawn within {loaded:.0f} ms")
    check_look(page, "large")
    tell_times(page, "100,000 records")
    check_summary(dump, folder, driver)


def main() -> None:
    dump = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(sys.argv[2]).resolve() if sys.argv[2:] and sys.argv[2] \
            else pathlib.Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        driver = browser(pathlib.Path(made))
        try:
            check_all(dump, folder, driver)
        finally:
            driver.quit()
    finish()


main()
