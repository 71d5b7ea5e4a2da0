// Photos, films and files of a message, or of all messages of one album.

import { button, element, icon } from "./elements.js";
import { open } from "./viewer.js";
import { say, sizeOf } from "./texts.js";

/** Photos per row of a mosaic, by how many there are. */
const ROWS = [[], [1], [2], [1, 2], [2, 2], [2, 3], [3, 3], [2, 2, 3], [2, 3, 3], [3, 3, 3], [3, 3, 4]];
/** The narrowest and the widest shape (width / height) that a picture is shown in; what stands out is cut off. */
const IN_ALBUM = [0.7, 1.9];
const ALONE = [0.5, 2.6];
const ALONE_IN_ROW = [1.3, 2.6];
const IMAGE = /^image\/(jpeg|png|webp|gif|avif|bmp)$/;

/** Where the page finds a file. */
export function address(fileId) {
  return `sandbox/files/${encodeURIComponent(fileId)}`;
}

/** The media of the messages of one bubble: a mosaic, then the documents, each with its own caption (`captionOf`). */
export function media(messages, captionOf) {
  const seen = messages.filter((message) => message.photo || message.animation || message.video);
  const files = messages.filter((message) => message.document && !message.animation);
  return [seen.length > 0 && mosaic(seen), ...files.flatMap((message) => [fileLine(message), captionOf(message)])];
}

function mosaic(messages) {
  const pictures = messages.filter((message) => message.photo).map((message) => largest(message.photo));
  const rows = ROWS[messages.length] ?? rowsOf(messages.length);
  const lines = rows.map((count, line) => {
    const first = rows.slice(0, line).reduce((sum, one) => sum + one, 0);
    return row(messages.slice(first, first + count), first, messages.length, pictures);
  });
  const style = { "--aspect": aspect(messages[0], ALONE).toFixed(3) };
  return element("div", { class: `mosaic of-${messages.length}`, style }, ...lines);
}

function rowsOf(count) {
  return Array.from({ length: Math.ceil(count / 3) }, (_, line) => Math.min(3, count - line * 3));
}

/** One line of equal height: each tile is as wide as its aspect, the line as high as that makes it. */
function row(messages, first, count, pictures) {
  const bounds = count === 1 ? ALONE : messages.length === 1 ? ALONE_IN_ROW : IN_ALBUM;
  const shapes = messages.map((message) => aspect(message, bounds));
  const whole = shapes.reduce((sum, shape) => sum + shape, 0);
  const tiles = messages.map((message, place) => tile(message, shapes[place], first + place, count, pictures));
  return element("div", { class: "row", style: { "--aspect": whole.toFixed(3) } }, ...tiles);
}

function aspect(message, [low, high]) {
  const { width = 4, height = 3 } = message.photo ? message.photo.at(-1) : (message.animation ?? message.video);
  return Math.min(high, Math.max(low, width / height));
}

function tile(message, shape, place, count, pictures) {
  // In hundredths: flex-grow below 1 would leave room.
  const style = { "--shape": (shape * 100).toFixed(0) };
  if (!message.photo) return film(message.animation ?? message.video, style);
  const label = count > 1 ? say("photoOf", { number: place + 1, count }) : say("photo");
  const chosen = message.photo.find((size) => size.width >= 700) ?? largest(message.photo);
  const picture = element("img", { src: address(chosen.file_id), alt: message.caption || label, draggable: false });
  const at = pictures.findIndex((size) => size.file_id === largest(message.photo).file_id);
  const show = () => open(pictures.map((size) => address(size.file_id)), at);
  return button({ class: "tile", label, style, on: { click: show } }, picture);
}

function largest(sizes) {
  return sizes.reduce((best, size) => (size.width > best.width ? size : best));
}

function film(animation, style) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const source = address(animation.file_id);
  const poster = animation.thumbnail && address(animation.thumbnail.file_id);
  const playing = { loop: true, playsInline: true, controls: still, autoplay: !still };
  const video = element("video", { src: source, poster, ...playing });
  video.muted = true;
  video.setAttribute("aria-label", say("animation"));
  return element("div", { class: "tile", style }, video, element("span", { class: "badge" }, "GIF"));
}

function fileLine({ document: file }) {
  const name = file.file_name ?? say("file");
  const source = address(file.file_id);
  const details = element("span", { class: "details" }, sizeOf(file.file_size ?? 0));
  const words = element("span", { class: "words" }, element("span", { class: "name" }, name), details);
  if (!IMAGE.test(file.mime_type ?? "")) {
    const label = say("download", { name });
    return element("a", { class: "document", href: source, download: name, "aria-label": label }, badge(name), words);
  }
  const picture = element("img", { src: file.thumbnail ? address(file.thumbnail.file_id) : source, alt: "" });
  const face = element("span", { class: "face" }, picture);
  picture.addEventListener("error", () => face.replaceWith(badge(name)));
  return button({ class: "document", on: { click: () => open([source], 0) } }, face, words);
}

function badge(name) {
  const ending = name.includes(".") ? name.split(".").at(-1).slice(0, 4) : "";
  return element("span", { class: "face", "aria-hidden": true }, ending || icon("file"));
}
