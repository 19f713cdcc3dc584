// Named amounts. props: title, top, rows: [{name, title, sides: [suffix]}]. value: {name + suffix: amount}, at rest
// left out. Event: input. What has two sides shows one slider for both, until a switch shows each side's own.
const box = element.querySelector(".mixer"), inputs = new Map(), pairs = [];
const SIDE = { "": "", _L: "left", _R: "right" };

const heading = document.createElement("header"), title = document.createElement("h2"), apart = document.createElement("input");
title.textContent = box.ariaLabel = props.title; heading.append(title); box.append(heading);
apart.type = "checkbox";
if (props.rows.some((row) => row.sides.length > 1)) {
  const label = document.createElement("label");
  label.append(apart, "Left and right apart"); heading.append(label);
}

function tell() {
  const value = {};
  for (const [name, { input }] of inputs) if (Number(input.value) > 0) value[name] = Number(input.value);
  props.value = value; trigger("input");
}
function paint({ input, number }) {
  number.textContent = Number(input.value) ? Number(input.value).toFixed(2) : "";
}
function set(name, amount) {
  const one = inputs.get(name);
  one.input.value = amount; paint(one);
}
for (const row of props.rows) {
  const line = document.createElement("div"), words = document.createElement("span");
  line.className = "row"; words.textContent = row.title; line.append(words);
  const mine = row.sides.map((side) => {
    const name = row.name + side, label = document.createElement("label"), word = document.createElement("small");
    const input = document.createElement("input"), number = document.createElement("output");
    Object.assign(input, { type: "range", min: 0, max: props.top, step: 0.05, value: 0 });
    word.textContent = SIDE[side]; word.ariaHidden = "true";
    label.append(word, input, number); line.append(label);
    inputs.set(name, { input, number, title: row.title, side: SIDE[side] });
    return name;
  });
  for (const name of mine) inputs.get(name).input.addEventListener("input", (event) => {
    for (const own of apart.checked ? [name] : mine) set(own, event.target.value);
    tell();
  });
  if (mine.length > 1) pairs.push(mine);
  box.append(line);
}
function split() { // one slider for both sides, or each its own
  box.classList.toggle("apart", apart.checked);
  for (const { input, title, side } of inputs.values()) input.ariaLabel = apart.checked && side ? `${title}, ${side}` : title;
}
apart.addEventListener("change", () => {
  if (!apart.checked) {
    for (const pair of pairs) {
      const most = Math.max(...pair.map((name) => Number(inputs.get(name).input.value)));
      for (const name of pair) set(name, most);
    }
    tell();
  }
  split();
});
function show() {
  for (const name of inputs.keys()) set(name, (props.value ?? {})[name] ?? 0);
  if (pairs.some(([one, other]) => inputs.get(one).input.value !== inputs.get(other).input.value)) apart.checked = true;
  split();
}
watch("value", show);
show();
