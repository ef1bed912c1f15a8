"""The page in a real browser: what is shown, and that it stays true."""

import re
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from playwright.async_api import Browser, expect

from gateway.projection.follow import ViewsError
from gateway.status import Problem, StoreNow, StreamNow
from support.browsing import get, served, tab
from support.cold_room import alarm, measure

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = ".device:has(.id:text-is('room1'))"
TEMPERATURE = f"{ROOM} .measure >> nth=0"


async def test_live_value_arrives_without_reload(browser: Browser) -> None:
    """A new value shows by the event stream, with its unit and its age."""
    async with served() as server, tab(browser, server.url) as opened:
        value = opened.page.locator(TEMPERATURE)
        await expect(value.locator(".value")).to_have_text("4.2 °C")
        documents = len(opened.requests)
        server.room.show_device("room1", points=[measure("temperature", -7.0, "Cel", age_s=90)])
        await expect(value.locator(".value")).to_have_text("−7.0 °C")
        await expect(value.locator(".age")).to_have_text("1分钟前")
        assert not [url for url in opened.requests[documents:] if "/api/" not in url]


async def test_faulty_value_is_a_word_and_never_a_number(browser: Browser) -> None:
    """A value that is not good has no digit, even where the snapshot still carries a number; the last one is gone."""
    words = {"stale": "已过时", "comm_error": "通信失败", "sensor_fault": "传感器故障", "implausible": "数值不合理"}
    async with served() as server, tab(browser, server.url) as opened:
        value = opened.page.locator(TEMPERATURE)
        for quality, shown in words.items():
            server.room.show_device("room1", points=[measure("temperature", 4.2, "Cel")])
            await expect(value.locator(".value")).to_have_text("4.2 °C")
            server.room.show_device("room1", points=[measure("temperature", 4.2, "Cel", quality)])
            await expect(value.locator(".value")).to_have_text(shown)
            await expect(value).to_contain_class("unknown")


async def test_alarm_appears_and_goes_without_reload(browser: Browser) -> None:
    """An alarm shows what, where, value, state and whether the centre knows, open ones first; then it is gone."""
    async with served() as server, tab(browser, server.url) as opened:
        page = opened.page
        await expect(page.locator("#alarms .none")).to_be_visible()
        known = alarm(
            id="a0", what="sensor_fault", state="acked", acked_by="王芳", at_centre=True, value=None, unit=None
        )
        server.room.show(alarms=[known, alarm()])
        first, second = page.locator(".alarm").nth(0), page.locator(".alarm").nth(1)
        for words in ("温度过高", "9.4 °C", "room1 · 温度", "3分钟前", "未确认", "中心尚未收到"):
            await expect(first).to_contain_text(words)
        for words in ("传感器故障", "已由王芳确认", "中心已收到"):
            await expect(second).to_contain_text(words)
        await expect(page.locator("#summary li").first).to_have_text("有 1 条报警尚未确认")
        await expect(page).to_have_title("⬣ gw-demo-1")
        server.room.show(alarms=[])
        await expect(page.locator(".alarm")).to_have_count(0)


async def test_offline_device_says_why_and_what_to_do(browser: Browser) -> None:
    """A device's problem stands in words with the hint of the catalogue, in the language of the page."""
    async with served(lang="en") as server, tab(browser, server.url) as opened:
        busy = Problem("port_busy", {"port": "/dev/ttyUSB0"})
        server.room.show_device("room1", health="offline", problem=busy)
        card = opened.page.locator(ROOM)
        await expect(card.locator(".health")).to_have_text("offline")
        await expect(card.locator(".problem")).to_have_text("Another program is using /dev/ttyUSB0")
        await expect(card.locator(".todo")).to_contain_text("Close the other program")
        await expect(card.locator("h3 .light")).to_have_attribute("data-is", "bad")


async def test_language_switch_stays(browser: Browser) -> None:
    """The switch changes all words, the choice survives a reload, and words that come later are in it too."""
    async with served() as server, tab(browser, server.url) as opened:
        page = opened.page
        await expect(page.locator("#h-devices")).to_have_text("设备")
        await page.get_by_role("link", name="English").click()
        await expect(page.locator("#h-devices")).to_have_text("Devices")
        await page.goto(server.url)
        await expect(page.locator("#h-devices")).to_have_text("Devices")
        server.room.show(alarms=[alarm()])
        await expect(page.locator(".alarm .what")).to_contain_text("Temperature too high")


async def test_lost_stream_greys_the_page_until_it_is_back(browser: Browser) -> None:
    """When the gateway is gone the page says so and nothing on it looks alive; when it is back, so is the page."""
    async with served() as server, tab(browser, server.url) as opened:
        page = opened.page
        await expect(page.locator(ROOM)).to_be_visible()
        await server.stop()
        await expect(page.locator("#lost")).to_be_visible()
        await expect(page.locator("#summary")).to_be_hidden()
        filtered = await page.locator("#devices").evaluate("element => getComputedStyle(element).filter")
        assert filtered == "grayscale(1)"
        port = server.url.rstrip("/").rpartition(":")[2]
        async with served(f"127.0.0.1:{port}"):
            await expect(page.locator("#lost")).to_be_hidden()
            await expect(page.locator("#summary")).to_be_visible()


async def test_new_version_reloads_the_page(browser: Browser) -> None:
    """A page left open is replaced by the one that belongs to the running version."""
    async with served() as server, tab(browser, server.url) as opened:
        await expect(opened.page.locator(ROOM)).to_be_visible()
        server.room.show(version="0.2.0")
        await expect(opened.page.locator("html")).to_have_attribute("data-version", "0.2.0")


async def test_scan_shows_separators_and_carrier(browser: Browser) -> None:
    """GS is visible as ␝, so that nobody takes two fields for one, and the carrier has its common name."""
    async with served() as server, tab(browser, server.url) as opened:
        row = opened.page.locator(".scans tbody tr").first
        await expect(row.locator(".code")).to_have_text("0106901234567892␝21A0001")
        await expect(row).to_contain_text("GS1 DataMatrix")


async def test_sum_that_does_not_close_is_told(browser: Browser) -> None:
    """The check is calculated for each stream; a missing record shows."""
    async with served() as server, tab(browser, server.url) as opened:
        check = opened.page.locator(".streams tbody tr").first.locator(".check")
        await expect(check).to_contain_text("相符")
        await expect(check).to_contain_text("4 + 0 + 0 + 0 = 4")
        server.room.show(streams=[StreamNow("7f3a", "alarm", 5, 4, 0, 0, 0)])
        await expect(check).to_contain_text("不相符")
        await expect(check.locator(".light")).to_have_attribute("data-is", "bad")


async def test_plot_shows_the_chosen_point(browser: Browser) -> None:
    """The first measured value is plotted; another is chosen by keyboard."""
    async with served() as server, tab(browser, server.url) as opened:
        page = opened.page
        await expect(page.locator("#plotted")).to_have_text("room1 · 温度")
        await expect(page.locator("#chart canvas")).to_be_visible()
        state = page.locator(".state").first
        await state.focus()
        async with page.expect_response("**/api/series?device=io1&point=di1"):
            await page.keyboard.press("Enter")
        await expect(page.locator("#plotted")).to_have_text("io1 · 输入 1")
        await expect(state).to_have_attribute("aria-pressed", "true")


async def test_a_day_is_plotted_and_the_hour_again(browser: Browser) -> None:
    """A day in the zone of whoever looks, with what has to be said about it; one button leads back to the hour."""
    async with served() as server, tab(browser, server.url) as opened:
        page = opened.page
        await expect(page.locator("#chart canvas")).to_be_visible()
        async with page.expect_response("**/api/plot?*") as answered:
            await page.get_by_label("查看某一天").fill("2026-11-20")
        query = parse_qs(urlsplit((await answered.value).url).query)
        midnight = datetime(2026, 11, 20, tzinfo=timezone(timedelta(hours=8))).timestamp()
        assert [int(query[edge][0]) / 1e6 for edge in ("since", "until")] == [midnight, midnight + 86_400]
        await expect(page.locator("#h-plot")).to_have_text("2026-11-20 · room1 · 温度")
        await expect(page.locator(".u-legend")).to_contain_text("最低")
        async with page.expect_response("**/api/plot?*"):
            server.room.behind = 7
            await page.locator(".state").first.click()
        await expect(page.locator("#plot-notes")).to_contain_text("还有 7 条未处理")
        async with page.expect_response("**/api/series?*"):
            await page.get_by_role("button", name="最近一小时").click()
        await expect(page.locator("#h-plot")).to_have_text("最近一小时 · io1 · 输入 1")
        await expect(page.locator("#plot-notes")).to_be_hidden()
        assert opened.complaints == []


async def test_an_alarm_of_an_unset_clock_has_no_time(browser: Browser) -> None:
    """Nobody knows when that was: neither a date of 1970 nor an age is made up."""
    async with served() as server, tab(browser, server.url) as opened:
        server.room.show(alarms=[alarm(raised=60_000_000, raised_source="unknown")])
        one = opened.page.locator(".alarm")
        await expect(one).to_contain_text("当时网关时钟未设置")
        await expect(one.locator("time")).to_be_empty()
        await expect(one.locator(".age")).to_be_empty()


async def test_a_plot_that_cannot_be(browser: Browser) -> None:
    """What nobody has, nonsense, and more than two days at once are refused; a disk's trouble is told in words."""
    async with served() as server:
        of = f"{server.url}api/plot?device=room1&point=temperature"
        assert (await get(f"{of}&since=0&until=60000000"))[0] == 200
        for wrong in (
            "&since=0",
            "&since=x&until=1",
            "&since=2&until=1",
            "&since=-1&until=1",
            f"&since=0&until={10**15}",
        ):
            assert (await get(of + wrong))[0] == (404 if wrong == "&since=0" else 400), wrong
        assert (await get(f"{server.url}api/plot?device=room9&point=x&since=0&until=1"))[0] == 404
        server.room.failing = ViewsError("views_failed", path="views.db", why="disk full")
        body = msgspec.json.decode((await get(f"{of}&since=0&until=1"))[2])
        assert body == {
            "t": [],
            "low": [],
            "high": [],
            "last": [],
            "notes": ["暂时无法保存或读取曲线数据：views.db：disk full"],
        }


@pytest.mark.parametrize(("width", "lang"), [(375, "zh-CN"), (375, "en"), (1280, "zh-CN"), (1280, "en")])
async def test_page_fits_and_asks_nobody_else(browser: Browser, width: int, lang: str) -> None:
    """No sideways scrolling, no request off this host, nothing on the console, no text missing in the catalogue."""
    async with served(lang=lang) as server, tab(browser, server.url, width) as opened:
        page = opened.page
        await expect(page.locator("#chart canvas")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        assert [url for url in opened.requests if not url.startswith(server.url)] == []
        assert opened.complaints == []
        assert "page." not in await page.locator("body").inner_text()


async def test_ages_count_on_between_events(browser: Browser) -> None:
    """With no news at all, an age still grows: the browser counts on by the gateway's clock."""
    async with served() as server, tab(browser, server.url) as opened:
        await opened.page.clock.install()
        await opened.page.reload()
        age = opened.page.locator(TEMPERATURE).locator(".age")
        await expect(age).to_have_text(re.compile("^[0-9]{1,2}秒前$"))
        before = await age.text_content() or ""
        await opened.page.clock.fast_forward(9_000)
        await expect(age).not_to_have_text(before)
        assert "秒前" in (await age.text_content() or "")


async def test_snapshot_is_there_for_programs(browser: Browser) -> None:
    """The snapshot is served as it is, for programs."""
    async with served() as server, tab(browser, server.url + "api/snapshot") as opened:
        shown = msgspec.json.decode(await opened.page.locator("body").inner_text())
        assert shown["gateway"] == "gw-demo-1"
        assert shown["now"] <= time.time_ns() // 1000


async def test_the_store_says_how_full_it_is(browser: Browser) -> None:
    """Below the counts, live; when readings are refused it is said on top."""
    async with served() as server, tab(browser, server.url) as opened:
        store = opened.page.locator("#store")
        await expect(store).to_contain_text("1.2 GiB")
        server.room.show(store=StoreNow(3_900_000_000, 4_026_531_840, 0.97, True))
        await expect(store).to_contain_text("97%")
        await expect(opened.page.locator("#summary li").first).to_contain_text("存储已满")
