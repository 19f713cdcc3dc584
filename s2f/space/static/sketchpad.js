// The page to draw on. Lines are kept as lines, so that undo is drawing all but the last again.
// value: the drawing as a PNG data URL, "" while nothing is drawn. Events: input, photo, shadow.
const SIDE = 512, LARGEST_FILE = 20 * 2 ** 20, LARGEST_PHOTO = 1280;
const find = (what) => element.querySelector(what);
const canvas = find("canvas"), pen = canvas.getContext("2d");
const cursor = find(".cursor"), width = find(".width input"), word = find(".word");
let done = [], undone = [], stroke = null, begun = 0, tool = "brush", spot = { x: 256, y: 256 };
const sizes = { brush: 4, eraser: 20 };

const say = (text) => { word.textContent = text; };
const drawn = () => done.slice(done.findLastIndex((step) => step.clear) + 1);

function ink(step, from = 1) {
  if (step.picture) return pen.drawImage(step.picture, 0, 0, SIDE, SIDE);
  if (step.clear) return pen.clearRect(0, 0, SIDE, SIDE);
  pen.globalCompositeOperation = step.tool === "eraser" ? "destination-out" : "source-over";
  pen.strokeStyle = pen.fillStyle = "#141414";
  pen.lineCap = pen.lineJoin = "round";
  pen.lineWidth = step.size;
  const p = step.points;
  if (p.length === 1) {
    pen.beginPath(); pen.arc(p[0].x, p[0].y, step.size / 2, 0, 7); pen.fill();
  }
  for (let n = Math.max(1, from); n < p.length; n++) {
    const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
    const start = n > 1 ? middle(p[n - 2], p[n - 1]) : p[0];
    const end = middle(p[n - 1], p[n]);
    pen.beginPath(); pen.moveTo(start.x, start.y);
    pen.quadraticCurveTo(p[n - 1].x, p[n - 1].y, end.x, end.y); pen.stroke();
  }
  pen.globalCompositeOperation = "source-over";
}

function finish(step) { // the curve stops half way to the last point
  const p = step.points;
  if (p.length > 1) { p.push({ ...p[p.length - 1] }); ink(step, p.length - 1); }
}

function redraw() {
  pen.clearRect(0, 0, SIDE, SIDE);
  for (const step of drawn()) ink(step);
}

function refresh() {
  const empty = drawn().length === 0;
  find("[data-do=undo]").disabled = !done.length;
  find("[data-do=redo]").disabled = !undone.length;
  find("[data-do=clear]").disabled = empty;
  find(".invitation").hidden = !empty;
  find(".pad").classList.toggle("drawn", !empty);
}

function tell() {
  refresh();
  const page = document.createElement("canvas");
  page.width = page.height = SIDE;
  const paper = page.getContext("2d");
  paper.fillStyle = "#fff"; paper.fillRect(0, 0, SIDE, SIDE);
  paper.drawImage(canvas, 0, 0);
  props.value = drawn().length ? page.toDataURL("image/png") : "";
  trigger("input");
  if (find("[data-show=shadow]").ariaPressed === "true") trigger("shadow");
}

function add(step) { done.push(step); undone = []; redraw(); tell(); }

function place(event) {
  const box = canvas.getBoundingClientRect();
  return { x: (event.clientX - box.left) * SIDE / box.width, y: (event.clientY - box.top) * SIDE / box.height };
}

function begin(point) {
  say("");
  stroke = { tool, size: sizes[tool], points: [point] };
  ink(stroke); find(".invitation").hidden = true;
}

function follow(points) {
  for (const point of points) {
    const last = stroke.points[stroke.points.length - 1];
    if (Math.hypot(point.x - last.x, point.y - last.y) < 1.5) continue;
    stroke.points.push(point); ink(stroke, stroke.points.length - 1);
  }
}

function end() {
  if (!stroke) return;
  const last = stroke;
  stroke = null; finish(last); add(last); // drawn anew, so that undo gives the same picture to the bit
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button || !event.isPrimary) return; // a second finger or the palm draws nothing
  event.preventDefault(); canvas.focus({ preventScroll: true });
  end(); canvas.setPointerCapture(event.pointerId); cursor.hidden = true;
  begin(place(event));
});
canvas.addEventListener("pointermove", (event) => {
  if (!stroke || !canvas.hasPointerCapture(event.pointerId)) return;
  const all = event.getCoalescedEvents?.() ?? [];
  follow((all.length ? all : [event]).map(place));
});
for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => { if (event.isPrimary) end(); });

canvas.addEventListener("keydown", (event) => {
  const step = event.shiftKey ? 32 : 8;
  const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
  if (move) {
    spot = { x: Math.min(SIDE, Math.max(0, spot.x + move[0])), y: Math.min(SIDE, Math.max(0, spot.y + move[1])) };
    if (stroke) follow([spot]);
  } else if (event.key === " ") {
    stroke ? end() : begin({ ...spot });
  } else if (event.key === "b" || event.key === "e") {
    if (!event.ctrlKey && !event.metaKey) choose(event.key === "b" ? "brush" : "eraser");
    return;
  } else return;
  event.preventDefault();
  cursor.hidden = false; cursor.classList.toggle("down", Boolean(stroke));
  cursor.style.left = `${100 * spot.x / SIDE}%`; cursor.style.top = `${100 * spot.y / SIDE}%`;
});
canvas.addEventListener("blur", () => { end(); cursor.hidden = true; });
document.addEventListener("keydown", (event) => { // wherever the page has the keys, but where somebody writes
  const writing = event.target.closest?.("textarea, [contenteditable], input:not([type=range], [type=radio], [type=checkbox])");
  if (!(event.ctrlKey || event.metaKey) || writing || !canvas.offsetParent) return;
  const key = event.key.toLowerCase();
  const wanted = key === "z" ? (event.shiftKey ? "redo" : "undo") : key === "y" ? "redo" : null;
  if (wanted) { event.preventDefault(); actions[wanted](); }
});

function choose(name) {
  tool = name; width.value = sizes[tool];
  for (const button of element.querySelectorAll("[data-tool]")) button.ariaPressed = String(button.dataset.tool === tool);
  showWidth();
}
function showWidth() {
  sizes[tool] = Number(width.value);
  find(".dot").style.setProperty("--dot", `${Math.min(20, sizes[tool] * 0.9 + 2)}px`);
  canvas.style.cursor = tool === "eraser" ? "cell" : "crosshair";
}
const actions = {
  undo() { end(); if (done.length) { undone.push(done.pop()); redraw(); tell(); } },
  redo() { if (undone.length) { done.push(undone.pop()); redraw(); tell(); } },
  clear() { if (drawn().length) add({ clear: true }); },
};

function show(name, on) {
  find(`[data-show=${name}]`).ariaPressed = String(on);
  if (name === "guide") find(".guide").toggleAttribute("hidden", !on);
  else { find(".shadow").hidden = !on || !props.shadow; if (on) trigger("shadow"); }
}

async function decode(source) {
  const picture = new Image();
  picture.src = source;
  await picture.decode();
  return picture;
}

async function begin_with(source) { // fitted into the page, on white
  const mine = ++begun, given = await decode(source);
  if (mine !== begun) return; // another was chosen meanwhile
  const page = document.createElement("canvas"), paper = page.getContext("2d");
  page.width = page.height = SIDE;
  const zoom = SIDE / Math.max(given.width, given.height);
  paper.fillStyle = "#fff"; paper.fillRect(0, 0, SIDE, SIDE);
  paper.drawImage(given, (SIDE - given.width * zoom) / 2, (SIDE - given.height * zoom) / 2, given.width * zoom, given.height * zoom);
  // As ink that lets through what lies under it: the lighter, the clearer.
  const pixels = paper.getImageData(0, 0, SIDE, SIDE), bytes = pixels.data;
  for (let n = 0; n < bytes.length; n += 4) {
    bytes[n + 3] = 255 - (0.299 * bytes[n] + 0.587 * bytes[n + 1] + 0.114 * bytes[n + 2]);
    bytes[n] = bytes[n + 1] = bytes[n + 2] = 0;
  }
  paper.putImageData(pixels, 0, 0);
  if (drawn().length) done.push({ clear: true });
  add({ picture: page });
}

async function take(kind, file) {
  if (!file) return;
  if (file.size > LARGEST_FILE) return say("That file is larger than 20 MB. Choose a smaller one.");
  const address = URL.createObjectURL(file);
  try {
    if (kind === "drawing") { await begin_with(address); return say(""); }
    const photo = await decode(address), page = document.createElement("canvas");
    const zoom = Math.min(1, LARGEST_PHOTO / Math.max(photo.width, photo.height));
    page.width = Math.round(photo.width * zoom); page.height = Math.round(photo.height * zoom);
    page.getContext("2d").drawImage(photo, 0, 0, page.width, page.height);
    say("Turning the photo into a drawing …");
    trigger("photo", { photo: page.toDataURL("image/jpeg", 0.9) });
  } catch {
    say("That file is not a picture this browser can read. Choose a PNG or JPEG.");
  } finally {
    URL.revokeObjectURL(address);
  }
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { tool: name, do: action, show: layer, pick } = button.dataset;
  if (name) choose(name);
  if (action) actions[action]();
  if (layer) show(layer, button.ariaPressed !== "true");
  if (pick) find(`[data-file=${pick}]`).click();
  if (button.dataset.example) { say(""); begin_with(props.examples[button.dataset.example].src); }
});
for (const input of element.querySelectorAll("[data-file]")) {
  input.addEventListener("change", () => { take(input.dataset.file, input.files[0]); input.value = ""; });
}
width.addEventListener("input", showWidth);
element.addEventListener("dragover", (event) => event.preventDefault());
element.addEventListener("drop", (event) => { event.preventDefault(); take("drawing", event.dataTransfer.files[0]); });
document.addEventListener("paste", (event) => {
  const file = event.clipboardData?.files[0];
  if (file && canvas.offsetParent) { event.preventDefault(); take("drawing", file); }
});

const list = find(".examples");
props.examples.forEach((example, n) => {
  const item = document.createElement("li"), button = document.createElement("button"), picture = new Image();
  button.type = "button"; button.dataset.example = n; button.ariaLabel = `Example drawing: ${example.name}`;
  button.title = example.name; picture.src = example.src; picture.alt = "";
  button.append(picture); item.append(button); list.append(item);
});
watch("value", () => { if (props.value) { say(""); begin_with(props.value); } else if (drawn().length) actions.clear(); });
watch("word", () => say(props.word ?? ""));
watch("shadow", () => {
  const shadow = find(".shadow");
  if (props.shadow) shadow.src = props.shadow;
  shadow.hidden = !props.shadow || find("[data-show=shadow]").ariaPressed !== "true";
});
choose("brush"); refresh();
