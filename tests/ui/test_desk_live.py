"""The rescue desk in real browsers, on a database that the centre's own ingest fills."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from central import queries
from central.store import reader
from model.bodies import Car
from support.browsing import Tab, tab
from support.context import until
from support.desks import NAME, PIN, SECOND, Desk, desk_process
from support.lift_calls import MINUTE, Call

pytestmark = pytest.mark.asyncio(loop_scope="session")

CAR = Car(mode=1, moving=False, door_zone=False, door_closed=True, passenger=True, floor=12)
FILE = {
    "rescue": "310221",
    "registration": "R1",
    "name": "Tower lift",
    "address": "88 Harbour Road",
    "maintainer": "Acme",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One for all tests that leave no call open."""
    async with desk_process(tmp_path_factory.mktemp("desk")) as running:
        yield running


def incident(desk: Desk, call: Call) -> dict[str, Any]:
    return next(one for one in queries.incidents(reader(desk.data), 300) if call.id in one["alarms"])


@asynccontextmanager
async def logged_in(browser: Browser, desk: Desk, name: str = NAME, width: int = 1366) -> AsyncIterator[Tab]:
    async with tab(browser, desk.url, width) as opened:
        await log_in(opened.page, name)
        yield opened


async def log_in(page: Page, name: str = NAME, pin: str = PIN) -> None:
    await page.locator("[name=name]").fill(name)
    await page.locator("[name=pin]").fill(pin)
    async with page.expect_navigation(wait_until="domcontentloaded"):  # the page's script runs then
        await page.keyboard.press("Enter")


async def test_a_call_is_shown_and_sounds_until_somebody_answers(browser: Browser, desk: Desk) -> None:
    """It comes without a reload; answered in one browser it is in the other at once, with name and time; later the end."""
    async with AsyncExitStack() as stack:
        one = (await stack.enter_async_context(logged_in(browser, desk))).page
        two = (await stack.enter_async_context(logged_in(browser, desk, SECOND))).page
        await expect(one.locator(".none")).to_have_text("No open calls")
        await expect(one.locator("html")).not_to_have_attribute("data-sound", "alarm")
        await one.evaluate("window.here = true")
        first, second = desk.lifts.gateway("gw-1"), desk.lifts.gateway("gw-2")
        first.file("L1", **FILE)
        second.file("lift-1", **FILE)
        call = first.call("L1", age_us=12_000_000, car=CAR)
        twin = second.call("lift-1", age_us=10_000_000, car=CAR)
        for page in (one, two):
            card = page.locator(".card")
            await expect(card).to_have_count(1)
            for words in (
                "310221",
                "Tower lift",
                "88 Harbour Road",
                "Acme",
                "UNANSWERED",
                "alarm button pressed",
                "gw-1 + gw-2 heard",
            ):
                await expect(card).to_contain_text(words)
            for words in ("Floor 12", "between landings", "standing still", "door closed", "person in the car"):
                await expect(card.locator(".car")).to_contain_text(words)
            await expect(page.locator("html")).to_have_attribute("data-sound", "alarm")
        await expect(one).to_have_title("⬣ UNANSWERED 1")
        await one.get_by_role("button", name="Acknowledge").click()
        await expect(one.locator("#said")).to_have_text(re.compile(rf"^Acknowledged by {NAME} at \d\d:\d\d:\d\d$"))
        for page in (one, two):
            await expect(page.locator(".state")).to_have_text(re.compile(rf"acknowledged by {NAME} at \d\d:\d\d:\d\d"))
            await expect(page.locator(".state")).to_contain_text("on its way to the gateway")
            await expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
            await expect(page.locator("html")).to_have_attribute("data-sound", "")
        call.step("acked", "acked", by=NAME, via="centre")
        await expect(two.locator(".state")).not_to_contain_text("on its way")
        call.step("ended", "closed", by="Zhang", via="key")
        twin.step("ended", "closed", by="Zhang", via="remote", reason="ended_at gw-1 key")
        await expect(two.locator(".card")).to_have_count(0)
        await expect(two.locator("#closed")).to_contain_text("closed by Zhang")
        assert await one.evaluate("window.here")


async def test_two_desks_at_once_give_one_answer(browser: Browser, desk: Desk) -> None:
    """Both have sent it before either is told; one has done it, the other learns who and when."""
    async with AsyncExitStack() as stack:
        pages = [(await stack.enter_async_context(logged_in(browser, desk, name))).page for name in (NAME, SECOND)]
        call = desk.lifts.gateway("gw-3").call("L3")
        waiting: list[Route] = []

        async def hold(route: Route) -> None:
            waiting.append(route)

        for page in pages:
            await page.route("**/order", hold)
            # with or without the script: a form that goes out by itself is held too, and not waited for here
            await page.get_by_role("button", name="Acknowledge").click(no_wait_after=True)
        await until(lambda: len(waiting) == 2)
        for route in waiting:
            await route.continue_()
        said = []
        for page in pages:
            await expect(page.locator("#said")).to_contain_text("cknowledged by")
            said.append(str(await page.locator("#said").text_content()))
        winner = NAME if f"Acknowledged by {NAME}" in " ".join(said) else SECOND
        assert sorted(text.partition(" at ")[0] for text in said) == [
            f"Acknowledged by {winner}", f"Already acknowledged by {winner}",
        ]  # fmt: skip
        assert [(order["what"], order["person"]) for order in incident(desk, call)["orders"]] == [("ack", winner)]
        call.step("ended", "closed", via="key")


async def test_clocks_turn_with_the_time_and_typing_is_kept(browser: Browser, desk: Desk) -> None:
    """Green, amber, red by the server's time, without a word from it; what is typed stays when something changes."""
    async with logged_in(browser, desk) as opened:
        page = opened.page
        await expect(page.locator(".none")).to_be_visible()
        calls = [desk.lifts.gateway("gw-4").call("L4", age_us=MINUTE)]
        answer, arrival = page.locator(".clock").nth(0), page.locator(".clock").last
        await expect(answer).to_have_attribute("data-level", "bad")
        await expect(arrival).to_have_attribute("data-level", "ok")
        for minutes, colour in ((23, "warn"), (31, "bad")):
            calls.append(desk.lifts.gateway(f"gw-{minutes}").call(f"L{minutes}", age_us=minutes * MINUTE))
            row = page.locator(".card").filter(has_text=f"L{minutes}").locator(".clock").last
            await expect(row).to_have_attribute("data-level", colour)
            await expect(row.locator("b")).to_contain_text(f"{minutes}:0")
        calls[0].step("acked", "acked", by=NAME)
        card = page.locator(".card").filter(has_text="Acknowledged")
        await card.locator("[name=persons]").fill("3")
        await card.locator("summary").click()
        await card.locator("[name=reason]").fill("nobody in")
        calls[0].step("dispatched", "dispatched", by=NAME, team="Acme", tier=2)
        await expect(card.locator(".state")).to_contain_text("team Acme (tier 2) sent")
        await expect(card.locator("[name=tier]")).to_have_value("3")
        await expect(card.locator("[name=persons]")).to_have_value("3")
        await expect(card.locator("[name=reason]")).to_have_value("nobody in")
        await expect(card.locator("[name=reason]")).to_be_focused()
        for call in calls:
            call.step("ended", "closed", via="key")


async def test_a_call_of_any_id_has_its_own_card(browser: Browser, desk: Desk) -> None:
    """What a gateway calls it leads into no other's card, and its order goes to itself."""
    async with logged_in(browser, desk) as opened:
        page = opened.page
        gateway = desk.lifts.gateway("gw-8")
        calls = [gateway.call("L81"), Call(gateway, "L82"), Call(gateway, "L83")]
        calls[1].id, calls[2].id = f"{calls[0].id}/x", "facts/__proto__"
        for other in calls[1:]:
            other.step("raised", "raised")
        for call in calls:
            card = page.locator(f'[data-incident^="{call.id}"]').first
            await expect(card.locator(".number")).to_have_text(call.lift)
        await page.locator(".card").last.get_by_role("button", name="Acknowledge").click()
        await expect(page.locator(".state").last).to_contain_text(f"acknowledged by {NAME}")
        assert [bool(incident(desk, call)["acked"]) for call in calls] == [False, False, True]
        for call in calls:
            call.step("ended", "closed", via="key")


async def test_a_whole_rescue_by_keyboard(browser: Browser, desk: Desk) -> None:
    """Acknowledge, dispatch, arrived, released, close: each under the name that has logged in."""
    async with logged_in(browser, desk) as opened:
        page = opened.page
        call = desk.lifts.gateway("gw-5").call("L5", suspected="non_level", maintenance=True)
        await expect(page.locator(".marks")).to_contain_text("SUSPECTED: stopped between landings")
        await expect(page.locator(".marks")).to_contain_text("under maintenance")
        await page.get_by_role("button", name="Acknowledge").press("Enter")
        await page.locator("[name=team]").fill("Acme")
        await page.keyboard.press("Enter")
        await expect(page.locator(".state b")).to_have_text("dispatched")
        await expect(page.locator(".marks")).to_contain_text("dispatch: on its way to gw-5")
        await page.get_by_role("button", name="Arrived").press("Enter")
        await expect(page.locator(".state b")).to_have_text("on site")
        await page.evaluate(
            "c = document.querySelector('.clock'); c.after(c.cloneNode(true))"
        )  # where a city has four targets
        for width in (390, 1100, 1920):
            await page.set_viewport_size({"width": width, "height": 900})
            assert await page.evaluate(
                "[...document.querySelectorAll('.clock')].every(c => c.scrollWidth <= c.clientWidth)"
            )
        await page.locator("[name=persons]").fill("2")
        await page.locator("[name=injured]").fill("1")
        await page.keyboard.press("Enter")
        await expect(page.locator(".state")).to_contain_text("released: 2 persons, 1 injured")
        await page.locator("summary").press("Enter")
        await page.locator("[name=reason]").fill("gateway broken")
        await page.locator("[name=sure]").press("Space")
        await page.get_by_role("button", name="Close", exact=True).press("Enter")
        await expect(page.locator(".state")).to_contain_text(f"close ordered by {NAME}")
        orders = incident(desk, call)["orders"]
        assert [order["what"] for order in orders] == ["ack", "dispatch", "arrive", "release", "close"]
        assert {order["person"] for order in orders} == {NAME}
        call.step("ended", "closed", by=NAME, via="remote")
        assert opened.complaints == []


async def test_a_lost_server_is_told_and_a_new_one_asks_for_the_pin(browser: Browser, tmp_path: Path) -> None:
    """In big words and with a sound of its own; nothing looks alive. A server that has forgotten the session says so."""
    async with desk_process(tmp_path) as desk, logged_in(browser, desk) as opened:
        page = opened.page
        await expect(page.locator(".none")).to_be_visible()
        await expect(page.locator("#trouble")).to_contain_text("centre's server is not running")
        await page.locator("#silent").click()  # only then a browser lets it sound
        await expect(page.locator("#silent")).to_be_hidden()
        await expect(page.locator("#tone")).to_be_visible()
        await desk.stop()
        await expect(page.locator("#lost")).to_be_visible()
        await expect(page.locator("html")).to_have_attribute("data-sound", "lost")
        await expect(page).to_have_title("⚠ Rescue desk")
        async with desk_process(tmp_path / "other", desk.url.removeprefix("http://").rstrip("/")):
            await expect(page.locator("#ended")).to_be_visible()
            await expect(page.locator("html")).to_have_attribute("data-sound", "lost")
            await page.locator("#ended a").click()
            await expect(page.locator("[name=pin]")).to_be_visible()


async def test_a_server_that_does_not_answer_is_not_waited_for(browser: Browser, desk: Desk) -> None:
    """On a line that is half open: an order that stays without an answer is said to be in doubt, and can be given again;
    and a page that has lost the stream of events asks anew.
    """
    async with tab(browser, desk.url) as opened:
        page, held = opened.page, list[Route]()
        await page.add_init_script(
            "const timeout = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = (ms) => timeout(ms * patience);"
            "window.patience = 0.01"
        )

        async def hold(route: Route) -> None:
            if route.request.resource_type == "fetch":
                held.append(route)
            else:
                await route.fallback()

        await page.route(desk.url, hold)
        await page.route("**/events?*", lambda route: route.abort())
        await log_in(page)
        await expect(page.locator("#lost")).to_be_visible()
        await page.unroute("**/events?*")
        await expect(page.locator("#lost")).to_be_hidden()
        assert held
        call = desk.lifts.gateway("gw-7").call("L7")
        await page.route("**/order", hold)
        answer = page.get_by_role("button", name="Acknowledge")
        await answer.click()
        await expect(page.locator("#said")).to_contain_text("give it again")
        await expect(answer).to_be_enabled()
        await page.unroute("**/order")
        await page.evaluate("window.patience = 1")
        await answer.click()
        await expect(page.locator("#said")).to_contain_text(f"Acknowledged by {NAME}")
        call.step("ended", "closed", via="key")


async def test_wrong_pin_then_the_other_language(browser: Browser, desk: Desk) -> None:
    """A wrong PIN is a sentence; the language is kept; words that come later are in it too."""
    async with tab(browser, desk.url, 390) as opened:
        page = opened.page
        await log_in(page, pin="0000")
        await expect(page.locator(".banner")).to_contain_text("could not be authenticated")
        await expect(page.locator("[name=name]")).to_have_value(NAME)
        await page.get_by_role("link", name="中文").click()
        await log_in(page)
        await expect(page.locator("h1")).to_have_text("电梯应急处置台")
        gateway = desk.lifts.gateway("gw-6")
        call = gateway.call("L6", car=CAR)
        await expect(page.locator(".card")).to_contain_text("已按报警按钮")
        await expect(page.locator(".car")).to_contain_text("12 层")
        gateway.gone()
        await expect(page.locator(".marks")).to_contain_text("网关 gw-6 失联")
        await expect(page.locator("#gateways")).to_contain_text("gw-6 失联自")
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        assert "desk." not in await page.locator("body").inner_text()
        assert [url for url in opened.requests if not url.startswith(desk.url)] == []
        call.step("ended", "closed", via="key")
