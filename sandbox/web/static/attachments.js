// Files that wait to be sent: chosen, dropped or pasted; previews with removal; photos or files.

import { element, icon, signButton } from "./elements.js";
import { say, sizeOf } from "./texts.js";

const PICTURE = /^image\/(jpeg|png|webp|gif|bmp)$/;
const ALBUM = 10;
/** What the sandbox takes. */
const LARGEST_MB = 30;

export class Attachments {
  /**
   * @param {() => void} changed called after every change
   * @param {(text: string) => void} tell shows a note
   */
  constructor(changed, tell) {
    this.changed = changed;
    this.tell = tell;
    this.files = [];
    this.previews = new Map();
    this.input = element("input", { type: "file", multiple: true, hidden: true, "aria-label": say("attach") });
    this.input.addEventListener("change", () => this.#picked());
    this.strip = element("ul", { class: "strip", "aria-label": say("attachments") });
    this.asFiles = element("input", { type: "checkbox" });
    this.choice = element("label", { class: "as-files" }, this.asFiles, say("asFiles"));
    this.node = element("div", { class: "attachments", hidden: true }, this.strip, this.choice, this.input);
  }

  /** Opens the browser's choice of files. */
  pick() {
    this.input.click();
  }

  #picked() {
    this.add([...this.input.files]);
    this.input.value = "";
  }

  add(files) {
    const fitting = files.filter(({ size }) => size > 0 && size <= LARGEST_MB * 2 ** 20);
    const refused = files.find((file) => !fitting.includes(file));
    if (refused) this.tell(say("badSize", { name: refused.name, limit: LARGEST_MB }));
    this.files.push(...fitting);
    this.#draw();
  }

  remove(file) {
    this.files = this.files.filter((other) => other !== file);
    this.#draw();
  }

  clear() {
    this.files = [];
    this.asFiles.checked = false;
    this.#draw();
  }

  /** What is sent together, as Telegram groups it: albums of up to ten photos, or of files; each GIF by itself. */
  batches() {
    const compress = (file) => PICTURE.test(file.type) && !this.asFiles.checked;
    const photos = this.files.filter((file) => compress(file) && file.type !== "image/gif");
    const films = this.files.filter((file) => compress(file) && file.type === "image/gif");
    const others = this.files.filter((file) => !compress(file));
    return [
      ...albums(photos, "photo"),
      ...films.map((file) => ({ files: [file], as: "photo" })),
      ...albums(others, "document"),
    ];
  }

  #draw() {
    for (const [file, item] of this.previews) if (!this.files.includes(file)) this.#forget(file, item);
    for (const file of this.files) if (!this.previews.has(file)) this.#preview(file);
    this.node.hidden = this.files.length === 0;
    this.choice.hidden = !this.files.some((file) => PICTURE.test(file.type));
    this.changed();
  }

  #forget(file, item) {
    const source = item.querySelector("img")?.src;
    if (source) URL.revokeObjectURL(source);
    item.remove();
    this.previews.delete(file);
  }

  #preview(file) {
    const off = signButton("close", say("remove", { name: file.name }), () => this.remove(file), "small off");
    const face = PICTURE.test(file.type) ? pictureFace(file) : fileFace(file);
    const item = element("li", {}, face, off);
    this.previews.set(file, item);
    this.strip.append(item);
    item.scrollIntoView?.({ block: "nearest", inline: "end" });
  }
}

function pictureFace(file) {
  return element("img", { src: URL.createObjectURL(file), alt: file.name });
}

function fileFace(file) {
  const words = [element("span", {}, file.name), element("small", {}, sizeOf(file.size))];
  return element("span", { class: "file-face" }, icon("file"), ...words);
}

function albums(files, as) {
  const count = Math.ceil(files.length / ALBUM);
  return Array.from({ length: count }, (_, place) => ({ files: files.slice(place * ALBUM, (place + 1) * ALBUM), as }));
}
