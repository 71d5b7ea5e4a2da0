// What lies over the page: a photo at full size, the bot's alerts, short notes.

import { button, element, signButton } from "./elements.js";
import { say } from "./texts.js";

/** Shows pictures at full size, beginning with one of them; arrow keys and presses walk through. */
export function open(sources, first) {
  let at = first;
  const picture = element("img", { class: "full", alt: say("photo") });
  const place = element("span", { class: "place", "aria-live": "polite" });
  const show = (step) => {
    at = (at + step + sources.length) % sources.length;
    picture.src = sources[at];
    place.textContent = sources.length > 1 ? say("photoOf", { number: at + 1, count: sources.length }) : "";
  };
  const close = signButton("close", say("close"), () => dialog.close(), "close");
  const dialog = modal("viewer", say("photo"), picture, place, close);
  dialog.addEventListener("click", ({ target }) => {
    if (target === picture && sources.length > 1) show(1);
    else dialog.close();
  });
  dialog.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowRight") show(1);
    if (key === "ArrowLeft") show(-1);
  });
  show(0);
}

/** The answer to a press that wants to be read: stays until it is closed. */
export function alertBox(text) {
  const ok = button({ class: "plain", on: { click: () => dialog.close() } }, say("ok"));
  const dialog = modal("alert", text, element("p", {}, text), element("div", { class: "choices" }, ok));
}

/** A dialog that leaves the page when it is closed. */
export function modal(kind, label, ...children) {
  const dialog = element("dialog", { class: kind, "aria-label": label }, ...children);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

const TOAST_MS = 3500;

/** A short note over one chat; it goes away by itself. `place` is a live region. */
export function toast(place, text) {
  const note = element("div", { class: "toast" }, text);
  place.replaceChildren(note);
  setTimeout(() => note.remove(), TOAST_MS);
}
