// props: title; empty, hint: what stands where no face is. value: {src, alt, file, report, before, moved, key, wrong}; src is
// null while there is no face to show. The old face stays until the new one is decoded, and an answer that was
// overtaken while decoding is dropped: no flicker, nothing stale.
const find = (what) => element.querySelector(what);
const picture = find(".now"), before = find(".before"), split = find(".split"), line = split.querySelector("input");
const save = find(".save"), compare = find(".compare"), frame = find(".frame"), waiting = find(".waiting");
let newest = 0;
find(".face").ariaLabel = props.title; find(".empty p").textContent = props.empty; find(".empty small").textContent = props.hint;

async function decoded(source) {
  const next = new Image();
  next.src = source;
  await next.decode();
}

function offer(file, name) { // a file of many megabytes is no address
  URL.revokeObjectURL(save.href);
  if (file) { save.href = URL.createObjectURL(file); save.download = name; save.tabIndex = 0; }
  else { save.removeAttribute("href"); save.tabIndex = -1; }
  save.ariaDisabled = String(!file);
}

async function show() {
  const wanted = ++newest, face = props.value ?? {};
  if (face.src) {
    try {
      const [file] = await Promise.all([fetch(face.src).then((one) => one.blob()), ...[face.src, face.before].filter(Boolean).map(decoded)]);
      if (wanted !== newest) return;
      picture.src = face.src; picture.alt = face.alt;
      offer(file, face.file);
    } catch { return; }
  } else if (!face.keep) {
    picture.removeAttribute("src"); picture.alt = "";
    offer(null);
  }
  const shown = picture.hasAttribute("src");
  picture.hidden = !shown;
  find(".empty").hidden = shown;
  find(".made").hidden = !shown || (face.src && !face.made);
  frame.classList.toggle("old", Boolean(face.keep && shown));
  find(".report").textContent = face.report ?? "";
  find(".report").classList.toggle("wrong", Boolean(face.wrong));
  find(".moved").textContent = face.moved ?? "";
  if (face.before) before.src = face.before;
  else before.removeAttribute("src");
  compare.hidden = !face.before;
  divide();
}

function divide() { // as it was on the left of a line, as it is on the right
  const on = !compare.hidden && compare.ariaPressed === "true";
  before.hidden = split.hidden = !on;
  frame.style.setProperty("--split", `${line.value}%`);
}
compare.addEventListener("click", () => { compare.ariaPressed = String(compare.ariaPressed !== "true"); divide(); });
line.addEventListener("input", divide);

// Gradio's own line on the queue, in words; the style sheet shows it to those alone who wait longer than a moment.
// Where the queue was full the question is put again, a few times.
let again = 0, tries = 0;
function place() {
  const status = element.closest(".block")?.querySelector("[data-testid=status-tracker]");
  const told = status && !status.classList.contains("hide") ? status.textContent : "";
  const [, at] = told.match(/queue: (\d+)\/\d+/) ?? [], [, gone, whole] = told.match(/([\d.]+)\/([\d.]+)s/) ?? [];
  const left = Math.ceil(whole - gone), failed = Boolean(status?.querySelector(".error"));
  const ahead = at > 1 ? `${at - 1} before you` : at ? "You are next" : "Working on it";
  const text = failed ? "Too busy just now" + (again ? ", trying again soon" : "") : left > 0 ? `${ahead}, about ${left} s` : `${ahead} …`;
  if (failed && !again && tries < 6) {
    tries += 1;
    again = setTimeout(() => { again = 0; trigger("submit"); }, 3000 * tries + 2000 * Math.random());
    return place();
  }
  if (waiting.textContent !== text) waiting.textContent = text; // else it would be told of itself for ever
  waiting.hidden = !failed && !/queue|processing/.test(told);
}
new MutationObserver(place).observe(element.closest(".block") ?? element, { subtree: true, childList: true, characterData: true, attributeFilter: ["class"] });

watch("value", () => { clearTimeout(again); again = tries = 0; show(); });
show();
