// Draws one run's chart with Plotly.react, so that the same chart lives on through every change and its zoom with it.
//   1. The bytes that come are read as text and typed arrays. A figure that is drawn already is not drawn again.
//   2. The visible stretch of time is kept; each pane that follows its data is scaled to what is visible.
//   3. A change of the page's theme asks for the chart in its colours.
//   4. A click on a bar sends its date back; the chosen bar is shown by a line.
//   5. A run's chart is as high as its window leaves room for. Above it a line says all numbers of the bar under the mouse, else
//      of the chosen bar, else of the last one; at the cursor stand those of its pane.
//   6. What is in sight is sent to the page once it stands still, and stands in its link.
const LEAST_WIDTH_OF_BUTTONS = 600; // on a narrower chart they would lie on the legend
const DAY_MS = 86_400_000;
const BUTTONS_OUT = ["select2d", "lasso2d", "autoScale2d", "zoom2d", "pan2d"];

const KINDS = { f8: Float64Array, f4: Float32Array, i8: BigInt64Array, i4: Int32Array, i2: Int16Array, i1: Int8Array,
                u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };
const decoder = new TextDecoder();

// A part that begins with its length: its text, and where it ends.
function sizedText(bytes, start) {
  const end = start + 4 + new DataView(bytes.buffer, bytes.byteOffset + start, 4).getUint32(0, true);
  return [JSON.parse(decoder.decode(bytes.subarray(start + 4, end))), end];
}

// What pairkit/ui/chart.py sends: see there.
function unpackMessage(bytes) {
  const [about, begin] = sizedText(bytes, 0);
  return { about, body: bytes.slice(begin) }; // a copy of its own, so that arrays lie at multiples of 8
}

function unpackFigure(body) {
  const [figure, arraysAt] = sizedText(body, 0);
  const unpack = (packed) => {
    const flat = new KINDS[packed.dtype](body.buffer, arraysAt + packed.at, packed.length);
    if (!packed.width) return flat;
    return Array.from({ length: packed.length / packed.width }, (_, i) => flat.subarray(i * packed.width, (i + 1) * packed.width));
  };
  const when = unpack(figure.when);
  for (const trace of figure.data) {
    for (const [name, value] of Object.entries(trace)) {
      if (value === "when") trace[name] = when;
      else if (value && value.dtype) trace[name] = unpack(value);
      else if (value && value.words) trace[name] = Array.from(unpack(value.places), (place) => value.words[place]);
    }
  }
  return figure;
}

function milliseconds(value) {
  return typeof value === "number" ? value : Date.parse(value.replace(" ", "T") + (value.length > 10 ? "Z" : ""));
}

function visibleTime(el, figure) {
  const axis = el._fullLayout && el._fullLayout.xaxis;
  const same = el._fullLayout && el._fullLayout.uirevision === figure.layout.uirevision;
  return same ? axis.range : figure.layout.xaxis.range;
}

// The range that shows all of a pane's lines between two instants, with a margin; null where there is nothing.
function fitted(traces, from, to) {
  let low = Infinity, high = -Infinity;
  for (const trace of traces) {
    for (let i = 0; i < trace.y.length; i++) {
      if (trace.x[i] < from || trace.x[i] > to) continue;
      if (trace.y[i] < low) low = trace.y[i];
      if (trace.y[i] > high) high = trace.y[i];
    }
  }
  if (low > high) return null;
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.01 || 1;
  return [low - margin, high + margin];
}

function fittedRanges(figure, from, to) {
  const ranges = {};
  for (const name of figure.follows) {
    const traces = figure.data.filter((t) => "yaxis" + t.yaxis.slice(1) === name && t.mode === "lines");
    ranges[name] = fitted(traces, from, to);
  }
  return ranges;
}

function applyRanges(layout, ranges) {
  for (const [name, range] of Object.entries(ranges)) if (range) layout[name].range = range;
}

function pickedLine(picked, color) {
  return { type: "line", name: "picked", xref: "x", yref: "paper", x0: picked, x1: picked, y0: 0, y1: 1,
           line: { color, width: 1.5 } };
}

// A chosen bar outside the visible stretch moves that stretch there, its length kept, and no further than there are bars.
function inSight(range, whole, picked, moved) {
  const [from, to] = range.map(milliseconds);
  if (picked === null || !moved || (picked >= from && picked <= to)) return range;
  const length = Math.min(to - from, whole[1] - whole[0]);
  const start = Math.round(Math.min(Math.max(picked - length / 2, whole[0]), whole[1] - length));
  return [start, start + Math.round(length)]; // whole milliseconds: plotly writes fractions of one that no Date reads
}

// A stretch as far as there are bars; null where there is none, or no bar in it.
function within(stretch, whole) {
  if (!stretch) return null;
  const from = Math.max(stretch[0], whole[0]), to = Math.min(stretch[1], whole[1]);
  return from < to ? [from, to] : null;
}

// --- the window's height ------------------------------------------------------------------------------------------
// Each pane's share of the height under a title of its own, as pairkit/charts/figure.py lays them out.
function domainsOf(fit, plot) {
  const title = fit.title / plot;
  const room = 1 - title * fit.panes.length;
  const total = fit.panes.reduce((sum, pane) => sum + pane.share, 0);
  let top = 1;
  return fit.panes.map((pane) => {
    const low = top - title - (room * pane.share) / total;
    const domain = [Math.max(low, 0), top - title];
    top = low;
    return domain;
  });
}

function windowHeight(el, fit) {
  const scrolled = el.closest("[data-testid=stMain]");
  const top = el.getBoundingClientRect().top + (scrolled ? scrolled.scrollTop : 0);
  return Math.max(fit.least, Math.floor(window.innerHeight - top - 10));
}

function fitHeight(figure, height) {
  const { fit, layout } = figure;
  const domains = domainsOf(fit, height - layout.margin.t - layout.margin.b);
  const middles = {}, tops = {};
  fit.panes.forEach((pane, at) => {
    layout[at ? "yaxis" + (at + 1) : "yaxis"].domain = domains[at];
    tops["title " + pane.name] = domains[at][1];
    middles["note " + pane.name] = (domains[at][0] + domains[at][1]) / 2;
  });
  for (const words of layout.annotations) {
    if (words.name in tops) words.y = tops[words.name];
    else if (words.name && words.name.startsWith("note ")) words.y = middles[words.name] ?? middles["note z"];
  }
  layout.height = height;
  figure.domains = domains;
}

// --- the readout ----------------------------------------------------------------------------------------------------
const NUMBERS = {
  price: new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 }),
  short: new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 }),
  ratio: new Intl.NumberFormat("en-US", { minimumFractionDigits: 4, maximumFractionDigits: 4 }),
  z: new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 }),
  lots: new Intl.NumberFormat("en-US", { signDisplay: "exceptZero", maximumSignificantDigits: 6 }),
  money: new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 }),
  percent: new Intl.NumberFormat("en-US", { style: "percent", minimumFractionDigits: 2 }),
};
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "2-digit", month: "short", year: "numeric", timeZone: "UTC" });

function written(value, style) {
  return Number.isFinite(value) ? NUMBERS[style].format(value) : "–";
}

function span(text, style = "", name = "") {
  const made = document.createElement("span");
  made.textContent = text;
  if (style) made.style.color = style;
  if (name) made.className = name;
  return made;
}

function decoded(words) {
  const box = document.createElement("textarea"); // the chart's texts are HTML; a line of the page shows them as they are meant
  box.innerHTML = words;
  return box.value;
}

// The numbers of one bar that belong to a pane, or of all panes.
function numbersOf(figure, row, pane) {
  const carrier = figure.data[figure.data.length - 1];
  const values = carrier.customdata[row];
  const parts = [];
  for (const field of figure.readout) {
    if (pane ? field.pane !== pane : field.pane === "gates") continue;
    const part = document.createElement("span");
    part.append(span(field.label + " ", field.color, "pk-label"), span(written(values[field.at], field.as), "", "pk-number"));
    parts.push(part);
  }
  if (!pane || pane === "gates") parts.push(span(decoded(carrier.hovertext[row])));
  return parts;
}

function dayOf(figure, row) {
  return DAY.format(figure.data[figure.data.length - 1].x[row]).replaceAll(",", "");
}

function sayBar(el, figure, row) {
  const line = el.parentElement.querySelector(".pk-readout");
  if (!figure.readout || !line) return;
  const carrier = figure.data[figure.data.length - 1];
  if (!carrier.x.length) return;
  const head = document.createElement("span");
  head.append(span(dayOf(figure, row), "", "pk-day"), span(decoded(carrier.text[row])));
  line.replaceChildren(head, ...numbersOf(figure, row, null));
  line.dataset.day = new Date(carrier.x[row]).toISOString().slice(0, 10);
}

// The bar that is shown while the mouse is elsewhere: the chosen one, else the last.
function restingRow(el, figure) {
  const when = figure.data[figure.data.length - 1].x;
  const picked = Number(el.dataset.picked);
  const at = el.dataset.picked === "null" ? -1 : when.indexOf(picked);
  return at < 0 ? when.length - 1 : at;
}

function paneAt(el, figure, clientY) {
  const size = el._fullLayout._size;
  const height = 1 - (clientY - el.getBoundingClientRect().top - size.t) / size.h;
  const at = figure.domains.findIndex(([low]) => height >= low);
  return figure.fit.panes[at < 0 ? figure.fit.panes.length - 1 : at].name;
}

function tipAt(el, figure, row, mouse) {
  const tip = el.parentElement.querySelector(".pk-tip");
  tip.replaceChildren(span(dayOf(figure, row), "", "pk-day"), ...numbersOf(figure, row, paneAt(el, figure, mouse.clientY)));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const right = mouse.clientX + 14 + width < window.innerWidth;
  tip.style.left = (right ? mouse.clientX + 14 : mouse.clientX - 14 - width) + "px";
  tip.style.top = Math.min(mouse.clientY + 14, window.innerHeight - height - 4) + "px";
}

function listen(el, figure, component) {
  const { setTriggerValue } = component;
  for (const name of ["plotly_click", "plotly_relayout", "plotly_hover", "plotly_unhover"]) el.removeAllListeners(name);
  el.on("plotly_click", (event) => {
    const point = event.points.find((p) => p.data.name === "readout");
    if (point) setTriggerValue("picked", new Date(point.data.x[point.pointIndex]).toISOString().slice(0, 10));
  });
  el.on("plotly_relayout", (change) => {
    if (!Object.keys(change).some((key) => key.startsWith("xaxis."))) return;
    const update = {};
    const [from, to] = el._fullLayout.xaxis.range.map(milliseconds);
    for (const [name, range] of Object.entries(fittedRanges(figure, from, to))) if (range) update[name + ".range"] = range;
    window.Plotly.relayout(el, update);
    tellZoom(el, figure, component);
  });
  if (!figure.readout) return;
  el.on("plotly_hover", (event) => {
    const point = event.points.find((p) => p.data.name === "readout");
    if (!point) return;
    sayBar(el, figure, point.pointIndex);
    tipAt(el, figure, point.pointIndex, event.event);
  });
  el.on("plotly_unhover", () => {
    el.parentElement.querySelector(".pk-tip").hidden = true;
    sayBar(el, figure, restingRow(el, figure));
  });
}

// What is in sight, for the page: null where it is all.
// Not while the page is at work: what it asks for would carry the widgets as they were before that work.
function tellZoom(el, figure, component) {
  if (!figure.readout) return;
  clearTimeout(el.pairkitTelling);
  el.pairkitTelling = setTimeout(() => {
    const app = document.querySelector("[data-testid=stApp]");
    if (app && app.dataset.testScriptState !== "notRunning") return tellZoom(el, figure, component);
    const carrier = figure.data[figure.data.length - 1];
    const [from, to] = el._fullLayout.xaxis.range.map(milliseconds);
    if (!Number.isFinite(from + to)) return;
    const whole = from <= carrier.x[0] && to >= carrier.x[carrier.x.length - 1];
    const zoom = whole ? null : [Math.round(from), Math.round(to)];
    linkZoom(zoom);
    if (JSON.stringify(zoom) === (el.dataset.zoom ?? "null")) return;
    el.dataset.zoom = JSON.stringify(zoom);
    component.setStateValue("zoom", zoom);
  }, 300);
}

// First and last day of what is in sight, so that a copied link shows the same stretch; nothing where it is all.
function linkZoom(zoom) {
  const link = new URL(window.location.href), before = link.href;
  const day = (instant) => new Date(instant).toISOString().slice(0, 10);
  if (zoom) link.searchParams.set("zoom", day(zoom[0]) + ".." + day(Math.ceil(zoom[1] / DAY_MS) * DAY_MS));
  else link.searchParams.delete("zoom");
  if (link.href !== before) window.history.replaceState(window.history.state, "", link);
}

// A window of another height, or a page that has grown above the chart, gives it another height.
function followWindow(el) {
  if (el.pairkitFollows) return;
  el.pairkitFollows = true;
  let waiting = 0;
  const fit = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const figure = el.pairkitFigure;
      if (!el.isConnected || !el._fullLayout || !figure.fit) return;
      const height = windowHeight(el, figure.fit);
      if (Math.abs(height - figure.layout.height) < 3) return;
      const range = el._fullLayout.xaxis.range;
      fitHeight(figure, height);
      figure.layout.xaxis.range = range;
      el.style.height = height + "px";
      window.Plotly.react(el, figure.data, figure.layout);
    }, 120);
  };
  window.addEventListener("resize", fit);
  const above = el.closest("[data-testid=stMainBlockContainer]");
  if (above) new ResizeObserver(fit).observe(above);
}

// The menu changes the page's theme without a rerun; ask for one, so that the chart follows. Once for each colour.
function followTheme(el, figure, setTriggerValue) {
  const page = getComputedStyle(el).getPropertyValue("--st-background-color").trim().toLowerCase();
  if (!page || page === figure.layout.paper_bgcolor.toLowerCase() || page === el.dataset.asked) return;
  el.dataset.asked = page;
  setTriggerValue("theme", page);
}

export default async function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const el = parentElement.querySelector(".pk-chart");
  const { about, body } = unpackMessage(data);
  el.dataset.wanted = about.rev;
  if (!window.Plotly) await import(new URL(el.dataset.plotly, window.location.href));
  if (el.dataset.wanted !== about.rev) return; // a newer figure came while the library was loading
  if (el.pairkitRev !== about.rev) await draw(el, about, body);
  else if (about.stretch) await window.Plotly.relayout(el, { "xaxis.range": about.stretch });
  listen(el, el.pairkitFigure, component);
  if (el.pairkitFigure.readout) {
    sayBar(el, el.pairkitFigure, restingRow(el, el.pairkitFigure));
    tellZoom(el, el.pairkitFigure, component);
    followWindow(el);
  }
  followTheme(el, el.pairkitFigure, setTriggerValue);
}

async function draw(el, about, body) {
  const figure = unpackFigure(body);
  const moved = el.dataset.picked !== String(about.picked);
  const seen = inSight(visibleTime(el, figure), figure.layout.xaxis.range, about.picked, moved);
  const range = within(about.stretch, figure.layout.xaxis.range) ?? seen;
  figure.layout.xaxis.range = range;
  applyRanges(figure.layout, fittedRanges(figure, ...range.map(milliseconds)));
  if (figure.fit) fitHeight(figure, windowHeight(el, figure.fit));
  if (about.picked !== null) figure.layout.shapes.push(pickedLine(about.picked, figure.pickedColor));
  el.style.height = figure.layout.height + "px";
  const config = { displaylogo: false, showSendToCloud: false, showTips: false, responsive: true, displayModeBar: el.clientWidth >= LEAST_WIDTH_OF_BUTTONS,
                   modeBarButtonsToRemove: BUTTONS_OUT,
                   toImageButtonOptions: { format: "png", filename: about.filename, scale: 2 } };
  el.pairkitFigure = figure;
  el.pairkitRev = about.rev; // what is being drawn; data-rev is what is drawn
  await window.Plotly.react(el, figure.data, figure.layout, config);
  el.dataset.picked = String(about.picked);
  el.dataset.rev = about.rev;
}
