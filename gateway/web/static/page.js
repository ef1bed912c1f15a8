// The page's only script: fills the templates of page.html from the event stream. All words come from the server.
"use strict";

const LOST_AFTER_MS = 15000; // three of the server's heartbeats
const RECONNECT_MS = 2000;
const PLOT_EVERY_MS = 10000;
const DAY_EVERY_MS = 60000;
const HOUR_S = 3600;

const $ = (selector) => document.querySelector(selector);
const lang = document.documentElement.lang;
const zone = new Intl.DateTimeFormat(lang, { timeZoneName: "shortOffset" });
const iso = new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "medium" }); // 2026-11-21 08:30:00
const ago = new Intl.RelativeTimeFormat(lang, { style: "short" });

const state = {};
let received = 0; // performance.now() of the newest event
let lost = false;

// --- time: all on the gateway's clock, which counts on here between two events -------------------------------------

const gatewayNow = () => state.now + (performance.now() - received) * 1000;

function age(us) {
  const s = Math.max(0, Math.round((gatewayNow() - us) / 1e6));
  if (s < 60) return ago.format(-s, "second");
  if (s < 3600) return ago.format(-Math.floor(s / 60), "minute");
  if (s < 172800) return ago.format(-Math.floor(s / 3600), "hour");
  return ago.format(-Math.floor(s / 86400), "day");
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // an unchanged node keeps its selection
}

function tick() {
  if (performance.now() - received > LOST_AFTER_MS) lose();
  if (state.now === undefined) return;
  if (!lost) setText($("#clock"), iso.format(gatewayNow() / 1000));
  for (const element of document.querySelectorAll("[data-us]")) setText(element, age(Number(element.dataset.us)));
  if (lost) setText($("#lost-age"), age(state.now));
}

// --- templates: data-text, data-level and so on name a field of the data ------------------------------

const bindings = new WeakMap();
const field = (data, path) => path.split(".").reduce((value, key) => value?.[key], data);

function bind(root) {
  const bound = [root, ...root.querySelectorAll("*")].filter((element) => Object.keys(element.dataset).length);
  bindings.set(root, bound);
  return bound;
}

function fill(root, data) {
  for (const element of bindings.get(root) ?? bind(root)) {
    const { text, code, level, good, point, age, stamp, list } = element.dataset;
    if (text) setText(element, String(field(data, text) ?? ""));
    if (code) setCode(element, data[code]);
    if (level) element.dataset.is = field(data, level);
    if (good) element.classList.toggle("unknown", !data[good]);
    if (point) element.value = data[point];
    if (age && data[age]) element.dataset.us = data[age];
    if (stamp) setText(element, data[stamp] ? iso.format(data[stamp] / 1000) : "");
    if (list) fillList(element, data[list]);
  }
}

function fillList(container, items) {
  const template = document.getElementById(container.dataset.of);
  while (container.children.length > items.length) container.lastElementChild.remove();
  items.forEach((item, place) => {
    let element = container.children[place];
    if (!element) {
      element = template.content.firstElementChild.cloneNode(true);
      bind(element); // before its lists are filled: what is in them is theirs
      container.append(element);
    }
    fill(element, item);
  });
}

// Few fonts have pictures of control characters, so these show as boxed letters; what is copied stays the picture.
const CONTROLS = { "␝": "GS", "␞": "RS", "␄": "EOT" };

function setCode(element, code) {
  if (element.textContent === code) return;
  const parts = code.split(/([␝␞␄])/).map((part) => {
    if (!CONTROLS[part]) return part;
    const box = document.createElement("span");
    box.className = "control";
    box.dataset.letters = CONTROLS[part];
    box.textContent = part;
    return box;
  });
  element.replaceChildren(...parts);
}

// --- the event stream ---------------------------------------------------------------------------------------------

function show(changed) {
  Object.assign(state, changed);
  if (state.version !== document.documentElement.dataset.version) return location.reload();
  if (changed.time) fill($("#time"), state.time);
  if (changed.summary) {
    fill($("#summary"), state.summary);
    document.title = { ok: "", warn: "▲ ", bad: "⬣ " }[state.summary.level] + state.gateway;
  }
  for (const part of ["links", "store"]) if (changed[part]) fillList($(`#${part}`), state[part]);
  for (const part of ["alarms", "devices", "streams", "scans"]) {
    if (!changed[part]) continue;
    const section = document.getElementById(part);
    fillList(section.querySelector("[data-of]"), state[part]);
    section.classList.toggle("empty", state[part].length === 0);
  }
  if (changed.devices) choosePlot();
  tick();
}

function setLost(now) {
  lost = now;
  $("#lost").hidden = !lost;
  document.body.classList.toggle("lost", lost);
}

function lose() {
  if (!lost) setLost(true);
}

async function ask(path) {
  const response = await fetch(path).catch(() => null); // no network: the banner tells it
  if (response?.status === 401) location.reload(); // the session has ended: the server asks for a code
  return response?.ok ? response : null;
}

function connect() {
  const source = new EventSource(`/events?lang=${lang}`);
  const timer = setInterval(() => {
    if (performance.now() - received > LOST_AFTER_MS) retry(); // half open: nobody will tell us
  }, LOST_AFTER_MS);
  function retry() {
    clearInterval(timer);
    source.close();
    lose();
    ask("/");
    setTimeout(connect, RECONNECT_MS);
  }
  source.onmessage = (event) => {
    received = performance.now();
    if (lost) setLost(false);
    show(JSON.parse(event.data));
  };
  source.onerror = retry;
}

// --- plot: the last hour of one point, or a day of it, gaps as gaps -----------------------------------------------

let plotted = null; // {device, point, unit, label}
let day = ""; // as the date field has it: in the zone of whoever looks; empty for the last hour
let chart = null;
let drawn = -Infinity; // performance.now()

function choosePlot() {
  const device = state.devices.find((d) => d.measures.length);
  if (!plotted && device) plot(device.id, device.measures[0]);
}

function plot(device, point) {
  plotted = { device, point: point.name, unit: point.unit, label: point.label, state: !point.unit };
  $("#plot").hidden = false;
  setText($("#plotted"), `${device} · ${point.label}`);
  markPlotted();
  redraw();
}

function markPlotted() {
  document.querySelectorAll(".device").forEach((card, place) => {
    for (const button of card.querySelectorAll(".point")) {
      const chosen = state.devices[place].id === plotted.device && button.value === plotted.point;
      button.setAttribute("aria-pressed", String(chosen));
    }
  });
}

function span() {
  if (!day) return [gatewayNow() / 1e6 - HOUR_S, gatewayNow() / 1e6];
  const end = new Date(`${day}T00:00`);
  const start = end / 1000;
  end.setDate(end.getDate() + 1); // where clocks are changed a day has not 24 hours
  return [start, end / 1000];
}

async function drawPlot() {
  if (!plotted || document.hidden) return;
  const wanted = plotted;
  const of = day;
  const query = new URLSearchParams({ device: wanted.device, point: wanted.point });
  if (of) span().forEach((s, i) => query.set(["since", "until"][i], Math.round(s * 1e6)));
  const response = await ask(`/api/${of ? "plot" : "series"}?${query}`);
  if (!response || wanted !== plotted || of !== day) return;
  drawn = performance.now();
  const { t, v, last, low, high, notes = [] } = await response.json();
  chart ??= makeChart(wanted);
  chart.setData(of ? [t, last, low, high] : [t, v]);
  setText($("#plot-notes"), notes.join(" "));
}

function redraw() {
  chart?.destroy(); // a canvas has its colours and its series from when it was made
  chart = null;
  drawPlot();
}

function chooseDay(chosen) {
  day = $("#day").value = chosen;
  $("#hour").hidden = !day;
  setText($("#span"), day || $("#span").dataset.hour);
  redraw();
}

function makeChart({ unit, label, state: steps }) {
  const element = $("#chart");
  const css = getComputedStyle(element);
  const ink = css.color;
  const grid = { stroke: css.getPropertyValue("--line"), width: 1 };
  const font = `13px ${css.fontFamily}`;
  const clock = (s) => iso.format(s * 1000);
  const axis = { stroke: ink, grid, ticks: grid, font };
  const accent = css.getPropertyValue("--accent").trim();
  const line = {
    points: { show: false },
    paths: steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
    value: (_, v) => (v === null ? "" : `${v} ${unit}`),
  };
  const edges = [element.dataset.low, element.dataset.high].map((name) => ({ ...line, label: name, width: 0 }));
  return new uPlot(
    {
      width: element.clientWidth,
      height: 260,
      cursor: { drag: { x: false } },
      scales: { x: { range: span } },
      axes: [
        { ...axis, values: (_, splits) => splits.map((s) => clock(s).slice(11, 16)) },
        { ...axis, size: 56 },
      ],
      series: [
        { label: element.dataset.time, value: (_, s) => (s === null ? "" : clock(s).slice(11)) },
        { ...line, label, stroke: accent, width: 2 },
        ...(day ? edges : []),
      ],
      bands: day ? [{ series: [3, 2], fill: `${accent}33` }] : [],
    },
    day ? [[], [], [], []] : [[], []],
    element,
  );
}

$("#devices").addEventListener("click", (event) => {
  const button = event.target.closest(".point");
  if (!button) return;
  const cards = [...document.querySelectorAll(".device")];
  const device = state.devices[cards.indexOf(button.closest(".device"))];
  plot(device.id, [...device.measures, ...device.states].find((point) => point.name === button.value));
});
new ResizeObserver(() => chart?.setSize({ width: $("#chart").clientWidth, height: 260 })).observe($("#chart"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
$("#day").addEventListener("change", (event) => chooseDay(event.target.value));
$("#hour").addEventListener("click", () => chooseDay(""));

setText($("#zone"), zone.formatToParts().find((part) => part.type === "timeZoneName").value);
setInterval(tick, 500);
setInterval(() => {
  if (!day || performance.now() - drawn > DAY_EVERY_MS) drawPlot();
}, PLOT_EVERY_MS);
connect();
