// Draws one run's chart with Plotly.react, so that the same chart lives on through every change and its zoom with it.
//   1. Packed arrays become typed arrays; the shared time axis is unpacked once.
//   2. The visible stretch of time is kept; each pane that follows its data is scaled to what is visible.
//   3. A change of the page's theme asks for the chart in its colours.
//   4. A click on a bar sends its date back; the chosen bar is shown by a line.
const BUTTONS_OUT = ["select2d", "lasso2d", "autoScale2d", "zoom2d", "pan2d"];

function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.bdata), (c) => c.charCodeAt(0));
  const kind = { f8: Float64Array, f4: Float32Array }[packed.dtype];
  return new kind(bytes.buffer);
}

function unpackTraces(figure) {
  const when = unpack(figure.when);
  for (const trace of figure.data) {
    trace.x = trace.x === "when" ? when : unpack(trace.x);
    trace.y = unpack(trace.y);
    for (const name of ["text", "hovertext"]) if (trace[name]) trace[name] = trace[name].places.map((i) => trace[name].words[i]);
  }
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
  el.dataset.wanted = data.rev;
  while (!window.Plotly && el.isConnected) await new Promise((resolve) => setTimeout(resolve, 25));
  if (el.dataset.wanted !== data.rev) return; // a newer figure came while the library was loading
  const figure = JSON.parse(data.figure);
  unpackTraces(figure);
  const moved = el.dataset.picked !== String(data.picked);
  const range = inSight(visibleTime(el, figure), figure.layout.xaxis.range, data.picked, moved);
  figure.layout.xaxis.range = range;
  applyRanges(figure.layout, fittedRanges(figure, ...range.map(milliseconds)));
  if (data.picked !== null) figure.layout.shapes.push(pickedLine(data.picked, figure.pickedColor));
  el.style.height = figure.layout.height + "px";
  const config = { displaylogo: false, showSendToCloud: false, showTips: false, responsive: true, displayModeBar: true, modeBarButtonsToRemove: BUTTONS_OUT,
                   toImageButtonOptions: { format: "png", filename: data.filename, scale: 2 } };
  await window.Plotly.react(el, figure.data, figure.layout, config);
  listen(el, figure, setTriggerValue);
  el.dataset.picked = String(data.picked);
  el.dataset.rev = data.rev;
  followTheme(el, figure, setTriggerValue);
}
