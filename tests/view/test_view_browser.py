"""`modeleval view` in a real browser: from the list to a run, a sample, a comparison, and a run under way."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval._support.file_lock import try_file_lock
from pytest_modeleval.metrics import mean
from pytest_modeleval.plan import declared_to_json
from pytest_modeleval.records import ItemKey, Kind
from pytest_modeleval.store.journal import JournalWriter
from tests.support.browsers import chromium, has_dialog, serious_faults
from tests.support.page_cases import hostile_answers
from tests.support.run_folders import RUN, grade, plan, quiz_run, repeated_run, response, write_run
from tests.support.waiting import until

LATER = {"started": "2026-11-28T08:00:00.000Z", "finished": "2026-11-28T08:10:00.000Z"}
LIVE: dict[str, Any] = {"finished": None, "complete": False, "started": "2026-11-29T08:00:00.000Z"}


class Viewer:
    """A browser at a `modeleval view` that runs as a user starts it."""

    def __init__(self, browser: Any, url: str) -> None:
        self.browser = browser
        self.url = url

    def open(self, path: str) -> None:
        """Open an address of the server."""
        self.browser.get(self.url + path)

    def js(self, code: str) -> Any:
        """Run a line of script, as the browser's own console does."""
        return self.browser.execute_script(code)

    def text(self, selector: str) -> str:
        """The text of all such elements."""
        return str(
            self.js(f"return [...document.querySelectorAll({selector!r})].map(node => node.textContent).join('|')")
        )

    def waits_for(self, selector: str, text: str) -> None:
        """Wait until an element has a text."""
        until(lambda: text in self.text(selector))

    def changes(self, selector: str, before: str) -> None:
        """Wait until the text of the elements is another one."""
        until(lambda: self.text(selector) != before)

    def click(self, selector: str) -> None:
        """Click on the first such element."""
        self.js(f"document.querySelector({selector!r}).click()")

    def key(self, name: str) -> str:
        """The key of a run of the list."""
        read = "return fetch('/api/runs').then(answer => answer.json())"
        until(lambda: self.js(read)["pending"] == 0)
        return next(str(run["key"]) for run in self.js(read)["runs"] if run["name"] == name)

    def compare(self, *names: str) -> None:
        """Open the comparison of runs."""
        self.open("")
        self.open("compare?" + "&".join(f"run={self.key(name)}" for name in names))

    def errors(self) -> list[str]:
        """What the console has got since it was last asked."""
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two runs to compare, two with repeats, two of hostile answers, one of hostile names, and one under way."""
    folder = tmp_path_factory.mktemp("view") / "runs"
    quiz_run(folder / "one", wrong=[1, 3])
    quiz_run(folder / "two", wrong=[1, 2, 7], **LATER)
    quiz_run(folder / "<img src=x onerror=document.title='owned'>", model="<script>document.title='owned'</script>")
    repeated_run(folder / "before", 4, wrong=0)
    repeated_run(folder / "after", 3, wrong=2, **LATER)
    # The checkpoint of step 20 was evaluated before that of step 3.
    quiz_run(folder / "trained" / "step-20", model="trained", caller={"step": 20})
    quiz_run(folder / "trained" / "step-3", wrong=[1, 2, 7], model="trained", caller={"step": 3}, **LATER)
    for name, kind in (("then", Kind.RIGHT), ("now", Kind.WRONG)):
        hostile_run(folder / "hostile" / name, kind)
    write_run(folder / "live", [plan({"easy": [f"easy-{n}" for n in range(3)]})], **LIVE)
    # Its lock says that it is under way, however long the tests take.
    held = try_file_lock(folder / "live" / "run.lock")
    assert held is not None
    yield folder
    held.release()


def hostile_run(folder: Path, kind: Kind) -> None:
    """The 200 hostile answers as 50 questions; names of benchmark, subsets, samples, measures and models too."""
    answers = [text.replace("\ud800", "") for text in hostile_answers("http://127.0.0.1:9")]
    names = [f"{number}{text[:300]}" for number, text in enumerate(answers[:50])]
    benchmark = answers[1][:300]
    made = plan({answers[0]: names[:5], "plain": names[5:]}, benchmark=benchmark)
    lines = [{**made, "measures": declared_to_json([mean(answers[2], unit=answers[3])])}]
    for number, name in enumerate(names):
        key = ItemKey(benchmark, answers[0] if number < 5 else "plain", name)
        said = answers[number::50]
        calls = [{"name": said[1], "arguments": said[2], "id": said[3]}]
        lines.append(response(key, said[0], question=said[2], reasoning=said[3], model=said[1], tool_calls=calls))
        more = {"answer": said[1], "target": said[2], "cause": said[3], "explanation": said[3]}
        lines.append(grade(key, kind, measures={answers[2]: number / 50}, **more))
    write_run(folder, lines, model=answers[4][:300])


@pytest.fixture(scope="module")
def viewer(runs: Path) -> Iterator[Viewer]:
    """The command on a free port, and the browser."""
    pytest.importorskip("starlette", reason="starlette (the extra view) is not installed")
    pytest.importorskip("uvicorn", reason="uvicorn (the extra view) is not installed")
    command = [sys.executable, "-m", "pytest_modeleval.cli", "view", str(runs), "--port", "0"]
    with chromium() as browser, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
            assert found is not None
            yield Viewer(browser, found.group())
        finally:
            server.terminate()


def answer(writer: JournalWriter, sample: str) -> None:
    """Write a reply and its grade, as a run does."""
    item = ItemKey("quiz", "easy", sample)
    writer.write(response(item, "ANSWER: A"))
    writer.write(grade(item, Kind.RIGHT))


def test_from_the_list_to_a_run_a_sample_a_comparison_and_a_run_under_way(viewer: Viewer, runs: Path) -> None:
    """Every view opens with no error in the console; a run under way shows new samples and leaves the open one."""
    viewer.open("")
    viewer.waits_for("table.runs", "two")
    assert ": 10" in viewer.text("#sub")
    assert "under way" in viewer.text("tr.live")
    viewer.open("#q=hard+two")
    viewer.waits_for("#runs tbody", "two")
    viewer.click("td.change button")
    viewer.waits_for("#trend figcaption", "quiz hard on test-model")
    until(lambda: bool(viewer.js("return document.querySelector('#trend canvas').width > 100")))
    viewer.open("#q=trained+hard")
    viewer.waits_for("#runs tbody", "trained")
    viewer.click("td.change button")
    viewer.waits_for("#trend figcaption", "quiz hard on trained")
    steps = "return [...document.querySelectorAll('#trend tbody tr')].map(row => row.firstChild.textContent)"
    assert viewer.js(steps) == ["3", "20"]
    viewer.open("#q=quiz+test-model")
    for name in ("one", "two"):
        viewer.js(
            "[...document.querySelectorAll('#runs tr')].find(row => row.querySelector('td.name')?.textContent.trim() "
            f"=== {name!r}).querySelector('input').click()"
        )
    viewer.waits_for("#compare-runs", "Compare 2 runs")
    viewer.click("#compare-runs")
    viewer.waits_for("#scores", "quiz hard")
    viewer.waits_for(".changes", "easy/easy-2")
    viewer.click(".changes tbody a")
    viewer.waits_for("#answers", "Q easy-2")
    assert "ANSWER: A" in viewer.text(".side:nth-child(1)")
    assert "ANSWER: B" in viewer.text(".side:nth-child(2)")
    assert "easy/easy-2" in viewer.text("#changes tr[aria-current=true]")
    viewer.js("location.hash = 'benchmark=quiz&subset=hard&sample=hard-1&repeat=0'")
    viewer.waits_for("#answers", "Q hard-1")
    assert "hard/hard-1" in viewer.text("#changes tr[aria-current=true]")
    viewer.click("#changes tbody a")
    viewer.waits_for("#answers", "Q easy-2")
    viewer.click(".side:nth-child(2) p:last-child a")
    viewer.waits_for("#sample", "Q easy-2")
    assert viewer.errors() == []

    viewer.open("")
    viewer.waits_for("tr.live", "live")
    viewer.click("tr.live td.name a")
    until(lambda: viewer.js("return location.pathname.startsWith('/runs/')") is True)
    viewer.js("location.hash = 'samples'")
    viewer.waits_for("#sample-count", "0 of 0")
    writer = JournalWriter(runs / "live" / "journal.jsonl")
    answer(writer, "easy-1")
    viewer.waits_for("#sample-count", "1 of 1")
    viewer.js("location.hash = 'samples?s=quiz/easy/easy-1'")
    viewer.waits_for("#sample", "Q easy-1")
    viewer.js("document.querySelector('#sample').firstElementChild.dataset.same = 'yes'")
    answer(writer, "easy-0")
    viewer.waits_for("#sample-count", "2 of 2")
    assert viewer.js("return document.querySelector('#sample').firstElementChild.dataset.same") == "yes"
    viewer.js("location.hash = 'overview'")
    viewer.waits_for(".old-note", "2 more samples since these figures were computed.")
    viewer.click(".old-note button")
    until(lambda: viewer.js("return document.querySelector('.old-note')") is None)
    viewer.waits_for("table", "2")
    viewer.js("location.hash = 'samples'")
    viewer.waits_for("#sample-count", "2 of 2")
    writer.close()
    (runs / "live" / "run.json").write_text(json.dumps({**RUN, **LIVE, "finished": "2026-11-29T09:00:00.000Z"}))
    viewer.waits_for("#sample-count", "3 of 3")
    assert viewer.js("return document.title") != "owned"
    assert viewer.errors() == []


def test_list_and_comparison_are_accessible_fit_a_phone_and_speak_chinese(viewer: Viewer) -> None:
    """No serious finding of axe-core, light and dark; 360 pixels are wide enough; the switch changes the language."""
    viewer.open("")
    compared = f"compare?run={viewer.key('one')}&run={viewer.key('two')}"
    for address, ready in (("", "table.runs"), (compared, "#scores")):
        viewer.open(address)
        viewer.waits_for(ready, "quiz")
        for theme in ("light", "dark"):
            viewer.js(f"document.documentElement.dataset.theme = {theme!r}")
            assert serious_faults(viewer.browser) == [], (address, theme)
        before = viewer.text("main")
        assert viewer.js("return document.querySelector('[data-language-switch]').offsetWidth") > 0
        viewer.click("[data-language-switch]")
        viewer.changes("main", before)
        viewer.click("[data-language-switch]")
        viewer.waits_for("main", "quiz")
        viewer.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True},
        )
        assert viewer.js("return document.documentElement.scrollWidth") <= 360, address
        # On paper, from the dark theme: light colours, and nothing that would be scrolled.
        viewer.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        size = {"width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        viewer.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        assert viewer.js("return getComputedStyle(document.body).backgroundColor") == "rgb(251, 251, 249)"
        scrolled = (
            "return [...document.querySelectorAll('.wide, html')]"
            ".filter(node => node.scrollWidth > node.clientWidth || node.scrollHeight > node.clientHeight + 2)"
            ".map(node => node.tagName + node.className)"
        )
        assert set(viewer.js(scrolled)) <= {"HTML"}, address
        assert viewer.js("return document.documentElement.scrollWidth") <= 718
        viewer.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        viewer.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert viewer.errors() == []


def test_two_clicks_lead_from_the_list_to_the_answer_of_a_question_that_became_wrong(viewer: Viewer) -> None:
    """The change of a score opens the comparison with the run before; a question there shows its answers in sight."""
    viewer.open("#q=hard+two")
    viewer.waits_for("#runs tbody", "two")
    change = viewer.js(
        "const link = document.querySelector('#runs td.change a'); return [link.textContent, link.title]"
    )
    assert re.fullmatch("−[0-9]+[.][0-9] pp", change[0])
    assert re.match("from [01][.][0-9]{4} in .*one; since the last comparable run", change[1])
    viewer.click("#runs td.change a")
    viewer.waits_for("#changes", "easy/easy-2")
    assert " pp (" in viewer.text("#scores tbody")
    assert "Holm's method" in viewer.js("return document.querySelector('#scores th:last-child').title")
    assert viewer.text("#changes thead") == "IdA oneB two"
    viewer.click("#changes tbody a")
    viewer.waits_for("#answers", "ANSWER: B")
    sight = "const box = document.querySelector('.sides').getBoundingClientRect();"
    until(lambda: bool(viewer.js(f"{sight} return box.top >= 0 && box.bottom <= innerHeight + 1")))
    assert viewer.text(".side:nth-child(2) h3").startswith("B two")


def test_a_comparison_shows_measures_indexes_and_all_repeats(viewer: Viewer) -> None:
    """Figures with their differences; each repeat of a side is a fold, and the first that is not right is open."""
    viewer.compare("before", "after")
    viewer.waits_for("#measures", "steps main steps ↑")
    assert "1.0000|0.7500|−0.2500" in viewer.text("#measures tbody tr:first-child td:not(:first-child)")
    assert "1.5 s" in viewer.text("#measures tbody")
    assert "0.5000–1.0000" in viewer.text("#indexes tbody tr:first-child")
    assert "steps chat-512-128@c16 ttft_p50" in viewer.text("#points tbody")
    assert "expected at least 200 requests" in viewer.text("#points tbody")
    viewer.click(".changes tbody a")
    viewer.waits_for("#answers", "Q a")
    assert viewer.text(".side:nth-child(2) .repeat summary") == "r0 wrong answer 0|r1 wrong answer 1|r2 right answer 2"
    assert "1 of 3 right" in viewer.text(".side:nth-child(2) h3")
    assert "reply 0 to a" in viewer.text(".side:nth-child(2) .repeat[open]")
    viewer.js("document.querySelector('.side:nth-child(2) .repeat:last-child').open = true")
    viewer.waits_for(".side:nth-child(2) .repeat:last-child", "reply 2 to a")
    assert viewer.errors() == []


def test_hostile_answers_run_nothing_in_a_comparison(viewer: Viewer) -> None:
    """Every changed question found by its number, opened with all folds: no script, no request, no wide page."""
    viewer.compare("hostile/then", "hostile/now")
    viewer.waits_for("[data-is=wrong]", "newly wrong 50")
    viewer.js("document.querySelector('#change-search').value = '49'")
    viewer.js("document.querySelector('#change-search').dispatchEvent(new Event('input'))")
    viewer.waits_for("[data-is=wrong]", "newly wrong 1")
    viewer.js("document.querySelector('#change-search').value = ''")
    viewer.js("document.querySelector('#change-search').dispatchEvent(new Event('input'))")
    viewer.waits_for("[data-is=wrong]", "newly wrong 50")
    before = viewer.js("return document.scripts.length")
    for width in (1200, 360):
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        viewer.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        viewer.browser.set_script_timeout(120)
        wide = viewer.browser.execute_async_script(
            """
            const done = arguments[2];
            const answers = document.getElementById('answers');
            (async () => {
              const wide = [];
              for (const link of [...document.querySelectorAll('.changes tbody a')].slice(0, arguments[0])) {
                answers.replaceChildren();
                link.click();
                while (!answers.querySelector('.side')) await new Promise((resolve) => setTimeout(resolve, 2));
                for (const fold of answers.querySelectorAll('details')) fold.open = true;
                if (document.documentElement.scrollWidth > arguments[1]) wide.push(link.textContent.slice(0, 40));
              }
              done(wide);
            })();
            """,
            50 if width > 1000 else 10,
            width,
        )
        assert wide == []
    viewer.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert not has_dialog(viewer.browser)
    assert viewer.browser.title == "Comparison"
    assert viewer.js("return document.scripts.length") == before
    bad = "main img, main iframe, main object, main form, main script, main style, main [style], main [onclick]"
    assert viewer.js(f"return [...document.querySelectorAll({bad!r})].map((node) => node.outerHTML)") == []
    addresses = viewer.js("return [...document.querySelectorAll('a')].map((link) => link.getAttribute('href')[0])")
    assert set(addresses) <= {"/", "#"}
    asked = viewer.js("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert all(address.startswith(viewer.url) or address.startswith("data:") for address in asked)
    assert viewer.errors() == []


def test_a_long_list_of_changes_is_drawn_in_steps_and_walked_by_keys(viewer: Viewer, runs: Path) -> None:
    """200 rows at once, more on demand; the key j goes on where the drawn ones end."""
    ids = [f"q{number:04}" for number in range(450)]
    for name, kind in (("long-then", Kind.RIGHT), ("long-now", Kind.WRONG)):
        graded = [grade(ItemKey("long", "main", sample), kind, answer="A") for sample in ids]
        write_run(runs / name, [plan({"main": ids}, benchmark="long"), *graded])
    viewer.open("")
    until(lambda: "long-now" in str(viewer.js("return fetch('/api/runs').then(answer => answer.text())")))
    viewer.compare("long-then", "long-now")
    viewer.waits_for("#changes", "200 of 450 shown")
    count = "return document.querySelectorAll('#changes tbody tr').length"
    viewer.click("#changes tbody tr:nth-child(200) a")
    viewer.js("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}))")
    until(lambda: "q0200" in str(viewer.js("return location.hash")))
    assert viewer.js(count) == 400
    viewer.click("#changes p button:last-child")
    assert viewer.js(count) == 450
    assert viewer.errors() == []
