// Named amounts. props: title, top, rows: [{name, title, sides: [suffix]}]. value: {name + suffix: amount}, at rest
// left out. Event: input. Two sides move together while their link is on.
const box = element.querySelector(".mixer"), inputs = new Map();
const heading = document.createElement("h2");
heading.textContent = box.ariaLabel = props.title; box.append(heading);
const SIDE = { "": "", _L: ", left", _R: ", right" };

function tell() {
  const value = {};
  for (const [name, { input }] of inputs) if (Number(input.value) > 0) value[name] = Number(input.value);
  props.value = value; trigger("input");
}
function paint({ input, number }) {
  number.textContent = Number(input.value) ? Number(input.value).toFixed(2) : "";
  input.style.setProperty("--share", `${100 * input.value / props.top}%`);
}
for (const row of props.rows) {
  const line = document.createElement("div"), words = document.createElement("span");
  line.className = "row"; words.textContent = row.title; line.append(words);
  const linked = { on: row.sides.length > 1 };
  const mine = row.sides.map((side) => {
    const name = row.name + side, label = document.createElement("label"), input = document.createElement("input"), number = document.createElement("output");
    Object.assign(input, { type: "range", min: 0, max: props.top, step: 0.05, value: 0 });
    input.title = row.title + SIDE[side]; input.setAttribute("aria-label", input.title);
    label.append(input, number); line.append(label);
    inputs.set(name, { input, number });
    return name;
  });
  for (const name of mine) inputs.get(name).input.addEventListener("input", (event) => {
    for (const own of linked.on ? mine : [name]) { inputs.get(own).input.value = event.target.value; paint(inputs.get(own)); }
    tell();
  });
  if (mine.length > 1) {
    const link = document.createElement("button");
    link.type = "button"; link.ariaPressed = "true"; link.className = "link";
    link.ariaLabel = `${row.title}: both sides together`; link.title = "both sides together";
    link.addEventListener("click", () => { linked.on = !linked.on; link.ariaPressed = String(linked.on); });
    line.insertBefore(link, line.lastChild);
  }
  line.classList.toggle("sided", mine.length > 1); box.append(line);
}
function show() {
  for (const [name, one] of inputs) { one.input.value = (props.value ?? {})[name] ?? 0; paint(one); }
}
watch("value", show);
show();
