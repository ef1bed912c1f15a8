// Puts the blocks that the server sends into the page, runs the clocks, sounds. All words come from the server.
"use strict";

const LOST_AFTER_MS = 8000; // the server says something every three seconds
const RECONNECT_MS = 1000;
const ANSWER_MS = 10000; // on a line that is half open there never is one
const TICK_MS = 250;
const SAID_MS = 10000;
const AMBER = 0.7;

// a root that is not there is an error, and never the whole document
const $ = (selector, ...root) => (root.length ? root[0] : document).querySelector(selector);
const $$ = (selector, ...root) => (root.length ? root[0] : document).querySelectorAll(selector);
const lang = document.documentElement.lang;
const title = document.title;
const day = new Intl.DateTimeFormat("sv", { dateStyle: "short" });
const time = new Intl.DateTimeFormat("sv", { timeStyle: "medium" });
const zone = new Intl.DateTimeFormat(lang, { timeZoneName: "shortOffset" });

let now = Number($("#open").dataset.now); // the server's, in us, when the newest event came
let received = performance.now();
let unanswered = 0;
let lost = false;
let ended = false; // there is no session any more

const serverNow = () => now + (performance.now() - received) * 1000;

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// --- clocks -------------------------------------------------------------------------------------------------------

function duration(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function runClocks() {
  for (const clock of $$(".clock")) {
    const { since, limit, until, reached } = clock.dataset;
    const seconds = Math.max(0, (Number(until ?? serverNow()) - since) / 1e6);
    const over = until !== undefined && reached === undefined; // what it waited for has been overtaken
    clock.dataset.level = over ? "" : seconds < AMBER * limit ? "ok" : seconds <= limit ? "warn" : "bad";
    setText($("b", clock), over ? "–" : duration(seconds));
  }
}

function writeTimes(root) {
  for (const element of $$("time[data-us]", root)) {
    const at = Number(element.dataset.us || NaN) / 1000;
    if (Number.isNaN(new Date(at).getTime())) continue; // none, or one that no calendar holds
    const date = day.format(at) === day.format(serverNow() / 1000) ? "" : `${day.format(at)} `;
    setText(element, date + time.format(at));
  }
}

function tick() {
  if (!ended && performance.now() - received > LOST_AFTER_MS) setLost(true);
  if (!lost && !ended) {
    setText($("#clock"), `${time.format(serverNow() / 1000)} ${zone.formatToParts(serverNow() / 1000).at(-1).value}`);
    runClocks();
  }
  setText($("#lost-for"), duration((performance.now() - received) / 1000));
  const alert = `${$("#open").dataset.alert} ${unanswered}`;
  const blink = unanswered && Math.floor(Date.now() / 1000) % 2;
  document.title = lost || ended ? "⚠ " + title : blink ? `⬣ ${alert}` : unanswered ? `(${unanswered}) ${title}` : title;
  Sound.repeat(lost || ended ? "lost" : unanswered ? "alarm" : "");
  $("#silent").hidden = Sound.on();
  $("#tone").hidden = !Sound.on();
}

// --- blocks: what somebody is typing or has opened stays --------------------------------------------------------------

let composing = null; // the block in which a character is being composed, as Chinese ones are
const waiting = new Map();

function put(block, html) {
  if (composing === block) return waiting.set(block, html);
  const typed = [...$$("[name]:not([type=hidden])", block)].filter((field) => field.dataset.touched);
  const opened = [...$$("details[open]", block)].map((one) => one.dataset.keep);
  const sent = [...$$("button:disabled", block)].map(key);
  const focus = block.contains(document.activeElement) ? key(document.activeElement) : null;
  block.innerHTML = html;
  for (const button of $$("button", block)) button.disabled = sent.includes(key(button));
  for (const old of typed) {
    const fresh = find(block, key(old));
    if (!fresh) continue;
    fresh.value = old.value;
    fresh.checked = old.checked;
    fresh.dataset.touched = "yes";
  }
  for (const one of $$("details", block)) one.open = opened.includes(one.dataset.keep);
  if (focus) find(block, focus)?.focus();
  writeTimes(block);
}

const key = (field) => [field.closest("form")?.dataset.step, field.name ?? "", field.localName].join(" ");
const find = (block, wanted) => [...$$("input, select, button, summary", block)].find((one) => key(one) === wanted);

document.addEventListener("input", (event) => (event.target.dataset.touched = "yes"));
document.addEventListener("compositionstart", (event) => (composing = event.target.closest(".steps")));
document.addEventListener("compositionend", () => {
  composing = null;
  for (const [block, html] of waiting) put(block, html);
  waiting.clear();
});

const cards = new Map([...$$(".card")].map((card) => [card.dataset.incident, card]));

function arrange(order) {
  for (const [incident, card] of cards) {
    if (order.includes(incident)) continue;
    card.remove();
    cards.delete(incident);
  }
  order.forEach((incident, place) => {
    if (!cards.has(incident)) {
      const card = $("#card").content.firstElementChild.cloneNode(true);
      card.dataset.incident = incident;
      cards.set(incident, card);
    }
    const there = $("#open").children[place];
    // one that is moved loses the focus, so the others are moved around it
    if (there !== cards.get(incident)) $("#open").insertBefore(cards.get(incident), there ?? null);
  });
}

function show(fresh) {
  if (fresh.order) arrange(fresh.order);
  for (const part of ["facts", "steps"]) {
    for (const [incident, html] of Object.entries(fresh[part] ?? {})) put($(`.${part}`, cards.get(incident)), html);
  }
  for (const part of ["trouble", "closed", "lifts", "gateways"]) {
    if (part in fresh) put($(`#${part}`), fresh[part]);
  }
  unanswered = fresh.unanswered ?? unanswered;
  tick();
}

// --- orders -------------------------------------------------------------------------------------------------------

let saying = 0;

function say(text, level) {
  const said = $("#said");
  said.hidden = !text;
  said.dataset.level = level;
  setText(said, text);
  clearTimeout(saying);
  saying = setTimeout(() => (said.hidden = true), SAID_MS);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.getAttribute("action") !== "/order") return;
  event.preventDefault();
  const block = form.closest(".steps") ?? document.body;
  const button = key($("button", form)); // which may be drawn anew before there is an answer
  find(block, button).disabled = true;
  const body = new URLSearchParams(new FormData(form));
  body.set("form", $(".who [name=form]").value); // cards are the same for all sessions
  try {
    const response = await fetch("/order", {
      method: "POST",
      headers: { accept: "application/json" },
      body,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const { done, text, at } = await response.json();
    if (response.status === 401) setEnded();
    say(text.replace("{at}", at ? time.format(at / 1000) : ""), done ? "ok" : "bad");
  } catch {
    say($("#said").dataset.unsure, "bad");
  } finally {
    const again = find(block, button);
    if (again) again.disabled = false;
  }
});

// --- the event stream -----------------------------------------------------------------------------------------------

function setLost(is) {
  lost = is;
  $("#lost").hidden = !lost;
  document.body.classList.toggle("dead", lost || ended);
}

function setEnded() {
  ended = true;
  setLost(false);
  $("#ended").hidden = false;
  tick();
}

function connect() {
  const source = new EventSource(`/events?lang=${lang}`);
  const timer = setInterval(() => performance.now() - received > LOST_AFTER_MS && retry(), LOST_AFTER_MS);
  async function retry() {
    clearInterval(timer); // half open: nobody will tell us
    source.close();
    setLost(true);
    tick();
    const response = await fetch("/", { headers: { accept: "application/json" }, signal: AbortSignal.timeout(ANSWER_MS) }).catch(
      () => null,
    );
    if (response?.status === 401) return setEnded();
    setTimeout(connect, RECONNECT_MS);
  }
  source.onmessage = (event) => {
    const said = JSON.parse(event.data);
    received = performance.now();
    now = said.now;
    if (lost) setLost(false);
    show(said.fresh);
  };
  source.onerror = retry;
}

$("#silent").onclick = () => Sound.start().then(() => Sound.play("test")).then(tick);
$("#tone").onclick = () => Sound.play("test");
document.addEventListener("pointerdown", Sound.start, { once: true });
document.addEventListener("keydown", Sound.start, { once: true });
writeTimes(document);
setInterval(tick, TICK_MS);
connect();
