// value: {src, alt, file, report}; src is null while there is no face to show. The old face stays until the
// new one is decoded, and an answer that was overtaken while decoding is dropped: no flicker, nothing stale.
const picture = element.querySelector("img"), save = element.querySelector(".save");
const report = element.querySelector(".report"), frame = element.querySelector(".frame");
let newest = 0;

async function show() {
  const wanted = ++newest, face = props.value ?? {};
  if (face.src) {
    const next = new Image();
    next.src = face.src;
    try { await next.decode(); } catch { return; }
    if (wanted !== newest) return;
    picture.src = face.src; picture.alt = face.alt;
    save.href = face.src; save.download = face.file; save.ariaDisabled = "false"; save.tabIndex = 0;
  } else if (!face.keep) {
    picture.removeAttribute("src"); picture.alt = "";
    save.removeAttribute("href"); save.ariaDisabled = "true"; save.tabIndex = -1;
  }
  if (wanted !== newest) return;
  const shown = picture.hasAttribute("src");
  picture.hidden = !shown;
  element.querySelector(".empty").hidden = shown;
  element.querySelector(".made").hidden = !shown || (face.src && !face.made);
  frame.classList.toggle("old", Boolean(face.keep && shown));
  report.textContent = face.report ?? "";
}
watch("value", show);
show();
