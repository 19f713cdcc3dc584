// A row of pictures to choose one of. props: title, names, empty, chosen, of, wanted. value: {name: src}. Event: select.
// Pictures of another person than is wanted are faint until theirs come, and empty places are then awaited.
const row = element.querySelector(".thumbs"), buttons = new Map();
const none = element.querySelector(".none");
row.ariaLabel = props.title; none.textContent = props.empty;
row.classList.toggle("strip", props.names.length > 0); // always the same: one row, on a telephone too

function build(names) {
  row.replaceChildren(); buttons.clear();
  for (const name of names) {
    const button = document.createElement("button"), picture = new Image(), words = document.createElement("span");
    button.type = "button"; button.role = "radio"; picture.alt = ""; words.textContent = name;
    button.append(picture, words);
    button.addEventListener("click", () => { mark(name); trigger("select", { name }); });
    buttons.set(name, button); row.append(button);
  }
}
function mark(name) {
  const known = buttons.has(name) ? name : buttons.keys().next().value;
  for (const [own, button] of buttons) {
    button.ariaChecked = String(own === name); button.tabIndex = own === known ? 0 : -1;
  }
  const one = buttons.get(name); // in sight, where the row is longer than the screen
  if (one && row.scrollWidth > row.clientWidth) row.scrollTo({ left: one.offsetLeft - (row.clientWidth - one.offsetWidth) / 2, behavior: "smooth" });
}
function wait() { row.classList.toggle("old", Boolean(props.wanted) && props.wanted !== props.of); }
function show() {
  const pictures = props.value ?? {}, names = props.names.length ? props.names : Object.keys(pictures);
  const now = [...buttons].find(([, button]) => button.ariaChecked === "true")?.[0] ?? props.chosen;
  none.hidden = names.length > 0 || !props.empty;
  if (names.join() !== [...buttons.keys()].join()) build(names);
  for (const [name, button] of buttons) {
    const source = pictures[name], picture = button.firstChild;
    button.classList.toggle("bare", !source);
    if (!source) picture.removeAttribute("src");
    else { const next = new Image(); next.src = source; next.decode().then(() => { if ((props.value ?? {})[name] === source) picture.src = source; }); }
  }
  mark(now); wait();
}
row.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const all = [...buttons.values()], next = all[(all.indexOf(event.target.closest("button")) + step + all.length) % all.length];
  next.focus(); next.click();
});
watch("value", show);
watch(["of", "wanted"], wait);
watch("chosen", () => mark(props.chosen));
build(props.names); show(); mark(props.chosen);
