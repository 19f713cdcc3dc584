// Colours of a face's parts, each open until chosen. props.parts: [{part, title, colours: [[name, hex]]}].
// value: {part: hex}. Event: input.
const box = element.querySelector(".look"), rows = new Map();

function set(part, colour) {
  const chosen = { ...props.value };
  if (colour) chosen[part] = colour; else delete chosen[part];
  props.value = chosen; show(); trigger("input");
}
function button(part, name, colour, title) {
  const one = document.createElement("button");
  one.type = "button"; one.role = "radio"; one.dataset.colour = colour;
  one.ariaLabel = one.title = name;
  if (colour) one.style.setProperty("--colour", colour); else one.textContent = "any";
  one.classList.toggle("any", !colour);
  one.addEventListener("click", () => set(part, colour));
  return one;
}
for (const { part, title, colours } of props.parts) {
  const row = document.createElement("div"), words = document.createElement("span"), group = document.createElement("div");
  words.textContent = title; words.id = `look-${part}`; row.className = "row";
  group.role = "radiogroup"; group.setAttribute("aria-labelledby", words.id);
  group.append(button(part, `any ${title.toLowerCase()}`, ""), ...colours.map(([name, colour]) => button(part, name, colour)));
  const own = document.createElement("label"), input = document.createElement("input");
  own.className = "own"; own.title = "another colour"; input.type = "color"; input.value = colours[0][1];
  input.setAttribute("aria-label", `${title}: another colour`);
  input.addEventListener("change", () => set(part, input.value));
  own.append(input); row.append(words, group, own); box.append(row); rows.set(part, { group, own, input });
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...group.children], next = all[(all.indexOf(event.target) + step + all.length) % all.length];
    next.focus(); next.click();
  });
}
function show() {
  for (const [part, { group, own, input }] of rows) {
    const now = (props.value ?? {})[part] ?? "", all = [...group.children];
    const known = all.some((one) => one.dataset.colour === now);
    for (const one of all) {
      one.ariaChecked = String(one.dataset.colour === now);
      one.tabIndex = one.dataset.colour === now || (!known && one === all[0]) ? 0 : -1;
    }
    own.classList.toggle("on", !known);
    if (now) { input.value = now; own.style.setProperty("--colour", now); }
  }
}
watch("value", show);
show();
