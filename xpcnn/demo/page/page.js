"use strict";

const element = id => document.getElementById(id);
const paper = element("paper"), pen = element("pen"), zone = element("zone"), preview = element("preview");
const ink = paper.getContext("2d");
const STEP = 8, WIDTH = 26; // pixels of the paper: a press of an arrow key, and a stroke

let strokes = []; // each a list of points [x, y]
let stroke = null; // the one that is being drawn
let drawn = false; // whether the model takes drawings
let at = [140, 60], down = false; // the pen that keys move

// ---- drawing

function redraw() {
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, paper.width, paper.height);
  ink.lineWidth = WIDTH;
  ink.lineCap = ink.lineJoin = "round";
  ink.strokeStyle = "#000";
  for (const points of strokes) {
    ink.beginPath();
    ink.moveTo(...points[0]);
    for (const point of points) ink.lineTo(...point);
    ink.stroke();
  }
}

function begin(point) {
  stroke = [point];
  strokes.push(stroke);
  preview.hidden = true;
  change();
}

function extend(point) {
  stroke.push(point);
  change();
}

function change() {
  redraw();
  ask(() => new Promise(resolve => paper.toBlob(resolve, "image/png")));
}

function point(event) {
  const box = paper.getBoundingClientRect();
  return [(event.clientX - box.left) * paper.width / box.width, (event.clientY - box.top) * paper.height / box.height];
}

paper.addEventListener("pointerdown", event => {
  if (event.button !== 0) return;
  paper.setPointerCapture(event.pointerId);
  begin(point(event));
});
paper.addEventListener("pointermove", event => {
  if (!stroke || !paper.hasPointerCapture(event.pointerId)) return;
  for (const part of event.getCoalescedEvents?.() ?? [event]) stroke.push(point(part));
  change();
});
for (const name of ["pointerup", "pointercancel"]) paper.addEventListener(name, () => { if (!down) stroke = null; });

// ---- drawing with keys

const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

function showPen() {
  pen.hidden = false;
  pen.classList.toggle("down", down);
  pen.style.left = `${100 * at[0] / paper.width}%`;
  pen.style.top = `${100 * at[1] / paper.height}%`;
}

paper.addEventListener("keydown", event => {
  const move = MOVES[event.key];
  if (move) {
    at = at.map((value, axis) => Math.min(Math.max(value + move[axis], 0), 280));
    if (down) extend(at);
  } else if (event.key === " ") {
    down = !down;
    if (down) begin(at);
    else stroke = null;
  } else if (event.key === "Escape" || event.key === "Delete") clear();
  else if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
  else return;
  event.preventDefault();
  showPen();
});
for (const name of ["blur", "pointerdown"]) paper.addEventListener(name, () => { pen.hidden = true; });

// ---- pictures

function open(file) {
  if (!file) return;
  strokes = [];
  redraw();
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(file);
  preview.hidden = false;
  ask(async () => file);
}

element("file").addEventListener("change", event => { open(event.target.files[0]); event.target.value = ""; });
document.addEventListener("dragover", event => { event.preventDefault(); zone.classList.add("over"); });
document.addEventListener("dragleave", () => zone.classList.remove("over"));
document.addEventListener("drop", event => {
  event.preventDefault();
  zone.classList.remove("over");
  open(event.dataTransfer.files[0]);
});
document.addEventListener("paste", event => open(event.clipboardData.files[0]));

function clear() {
  strokes = [];
  stroke = null;
  down = false;
  redraw();
  preview.hidden = true;
  waiting = null;
  turn += 1; // an answer that is under way is of no interest any more
  say(drawn ? "Draw something" : "Open a picture", "quiet");
}

function undo() {
  strokes.pop();
  stroke = null;
  down = false;
  if (strokes.length) change();
  else clear();
}

element("clear").addEventListener("click", clear);
element("undo").addEventListener("click", undo);

// ---- asking: one request at a time, and the newest picture next

let busy = false, waiting = null, turn = 0;

async function ask(picture) {
  waiting = picture;
  if (busy) return;
  busy = true;
  while (waiting) {
    const next = waiting, mine = turn;
    waiting = null;
    const late = setTimeout(() => { if (mine === turn && element("classes").hidden) say("Computing …", "quiet"); }, 300);
    let found;
    try {
      const response = await fetch("answer", { method: "POST", body: await next() });
      found = await response.json();
    } catch (error) {
      found = { error: "The server does not answer. Is `xpcnn demo` still running?" };
    }
    clearTimeout(late);
    if (mine === turn) show(found);
  }
  busy = false;
}

// ---- the answer

function say(text, kind = "") {
  element("answer").textContent = text;
  element("answer").className = kind;
  element("done").textContent = "";
  element("classes").hidden = element("seen").hidden = true;
}

function show(found) {
  if (found.error) return say(found.error, "error");
  if (found.blank) return say("Nothing is drawn on it", "quiet");
  say(found.class);
  const done = ["framed", "inverted"].filter(mark => found[mark]);
  element("done").textContent = done.length ? `The picture was ${done.join(" and ")}, as the model's own samples are.` : "";
  element("classes").hidden = element("seen").hidden = false;
  element("classes").tBodies[0].replaceChildren(...found.classes.map(row));
  element("sample").src = found.sample;
  if (found.maps) {
    const [channels, height, width] = found.maps.shape;
    element("layer").textContent = `Output of ${found.maps.layer}: ${channels} maps of ${height} × ${width}, each from its lowest number in black to its highest in white`;
    element("maps").replaceChildren(...found.maps.pictures.map((source, i) => {
      const map = new Image();
      map.src = source;
      map.alt = `map ${i}`;
      return map;
    }));
  }
}

function row(entry) {
  const line = document.createElement("tr"), name = document.createElement("th");
  const middle = document.createElement("td"), bar = document.createElement("div"), value = document.createElement("td");
  name.scope = "row";
  name.textContent = entry.name;
  if (entry.number === undefined) {
    bar.className = "bar";
    bar.style.width = `${100 * entry.probability}%`;
    middle.append(bar);
  }
  value.textContent = entry.number?.toPrecision(6) ?? `${(100 * entry.probability).toFixed(1)} %`;
  line.className = entry.chosen ? "best" : "";
  line.append(name, middle, value);
  return line;
}

// ---- the model

async function start() {
  const model = await (await fetch("model")).json();
  drawn = model.drawn;
  const [c, h, w] = model.shape;
  const [kind, plural] = { regression: ["number", "numbers"], "multi-label": ["label", "labels"] }[model.task] ?? ["class", "classes"];
  const trained = model.data ? `trained on ${model.data}, ` : "";
  element("about").textContent = `${model.name}: ${trained}${model.parameters.toLocaleString("en")} parameters, ${model.classes.length} ${plural}`;
  element("classes").caption.textContent = model.task === "regression" ? "Numbers" : `Probability of each ${kind}`;
  const letters = Math.max(...model.classes.map(name => name.length));
  element("classes").style.setProperty("--names", `${Math.min(0.6 * letters, 9)}rem`);
  element("size").textContent = `${h} × ${w} pixels${c === 3 ? ", in colour" : ""}`;
  element("sample").alt = `The picture at ${h} by ${w} pixels, as the network gets it`;
  for (const id of ["paper", "undo"]) element(id).hidden = !drawn;
  element("drop").hidden = drawn;
  element("keys").textContent = drawn
    ? "Draw with mouse, pen or finger. With keys: arrows move the pen, space sets it down and lifts it, Escape clears. Or drop or paste a picture."
    : "Drop or paste a picture, or open a file.";
  clear();
}

start();
