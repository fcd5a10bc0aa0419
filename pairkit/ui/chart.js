// Draws one run's chart with Plotly.react, so that the same chart lives on through every change and its zoom with it.
//   1. The bytes that come are read as text and typed arrays. A figure that is drawn already is not drawn again.
//   2. The visible stretch of time is kept; each pane that follows its data is scaled to what is visible.
//   3. A change of the page's theme asks for the chart in its colours.
//   4. A click on a bar sends its date back; the chosen bar is shown by a line.
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
  const start = Math.min(Math.max(picked - length / 2, whole[0]), whole[1] - length);
  return [start, start + length];
}

function listen(el, figure, setTriggerValue) {
  el.removeAllListeners("plotly_click");
  el.removeAllListeners("plotly_relayout");
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
  });
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
  while (!window.Plotly && el.isConnected) await new Promise((resolve) => setTimeout(resolve, 25));
  if (el.dataset.wanted !== about.rev) return; // a newer figure came while the library was loading
  if (el.pairkitRev !== about.rev) await draw(el, about, body);
  listen(el, el.pairkitFigure, setTriggerValue);
  followTheme(el, el.pairkitFigure, setTriggerValue);
}

async function draw(el, about, body) {
  const figure = unpackFigure(body);
  const moved = el.dataset.picked !== String(about.picked);
  const range = inSight(visibleTime(el, figure), figure.layout.xaxis.range, about.picked, moved);
  figure.layout.xaxis.range = range;
  applyRanges(figure.layout, fittedRanges(figure, ...range.map(milliseconds)));
  if (about.picked !== null) figure.layout.shapes.push(pickedLine(about.picked, figure.pickedColor));
  el.style.height = figure.layout.height + "px";
  const config = { displaylogo: false, showSendToCloud: false, showTips: false, responsive: true, displayModeBar: true,
                   modeBarButtonsToRemove: BUTTONS_OUT,
                   toImageButtonOptions: { format: "png", filename: about.filename, scale: 2 } };
  el.pairkitFigure = figure;
  el.pairkitRev = about.rev; // what is being drawn; data-rev is what is drawn
  await window.Plotly.react(el, figure.data, figure.layout, config);
  el.dataset.picked = String(about.picked);
  el.dataset.rev = about.rev;
}
