// Text and its entities (offsets in UTF-16 units, as JavaScript counts) to DOM nodes.

import { button, element } from "./elements.js";
import { say } from "./texts.js";

const SAFE_LINK = /^(https?|tg|mailto|tel):/i;
const PLAIN = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  blockquote: "blockquote",
};

/**
 * @param {string} text
 * @param {Array<object>} entities sorted or not; one that crosses another is cut at the outer one's end
 * @param {{command: (text: string) => void, copy: (text: string) => void, unfolded: Set<string>, key: string}} doors
 *   what a press on a command or on code does; which expandable quotes stand open
 */
export function formatted(text, entities = [], doors) {
  const ordered = entities.map((entity) => ({ ...entity })).sort((a, b) => a.offset - b.offset || b.length - a.length);
  const body = element("div", { class: "text", dir: "auto" });
  // An edit may move a quote; its number stays.
  ordered.filter(({ type }) => type === "expandable_blockquote").forEach((quote, number) => (quote.number = number));
  fill(body, text, 0, text.length, ordered, doors);
  return body;
}

function fill(parent, text, from, to, entities, doors) {
  let place = from;
  let next = 0;
  while (next < entities.length) {
    const entity = entities[next];
    const end = Math.min(entity.offset + entity.length, to);
    if (entity.offset > place) parent.append(text.slice(place, entity.offset));
    let after = next + 1;
    while (after < entities.length && entities[after].offset < end) after += 1;
    const node = marked(entity, text.slice(entity.offset, end), doors);
    fill(node.inside ?? node, text, entity.offset, end, entities.slice(next + 1, after), doors);
    parent.append(node);
    place = end;
    next = after;
  }
  if (place < to) parent.append(text.slice(place, to));
}

/** The element of one entity, still empty; `inside` is where its text goes when that is not the element itself. */
function marked(entity, covered, doors) {
  const { type } = entity;
  if (type in PLAIN) return element(PLAIN[type]);
  if (type === "code" || type === "pre") return code(entity, covered, doors);
  if (type === "expandable_blockquote") return foldedQuote(entity, doors);
  if (type === "spoiler") return spoiler();
  if (type === "bot_command") return pressable("command", () => doors.command(covered));
  return link(target(entity, covered));
}

function target({ type, url }, covered) {
  if (type === "text_link") return url;
  if (type === "url") return SAFE_LINK.test(covered) ? covered : `https://${covered}`;
  if (type === "email") return `mailto:${covered}`;
  if (type === "phone_number") return `tel:${covered}`;
  return "";
}

function link(url) {
  if (!SAFE_LINK.test(url)) return element("span");
  return element("a", { href: url, target: "_blank", rel: "noopener noreferrer" });
}

function code({ type, language }, covered, doors) {
  const node = pressable(type === "pre" ? "code block" : "code", () => doors.copy(covered));
  node.title = say("copy");
  if (language) node.dataset.language = language;
  return node;
}

function spoiler() {
  const node = pressable("spoiler", () => node.classList.add("open"));
  return node;
}

/** Inline text that can be pressed; a real <button> would not wrap with the text around it. */
function pressable(kind, press) {
  const onKey = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    press();
  };
  return element("span", { class: kind, role: "button", tabIndex: 0, on: { click: press, keydown: onKey } });
}

/** Three lines until it is pressed. A press that ends a selection of text does not fold it. */
function foldedQuote({ number }, { unfolded, key }) {
  const name = `${key}:${number}`;
  const inside = element("div", { class: "quoted" });
  const sign = button({ class: "unfold", data: { focus: name } });
  const quote = element("blockquote", { class: "expandable" }, inside, sign);
  const show = () => {
    quote.classList.toggle("unfolded", unfolded.has(name));
    sign.setAttribute("aria-expanded", String(unfolded.has(name)));
    sign.setAttribute("aria-label", say(unfolded.has(name) ? "fold" : "unfold"));
  };
  quote.addEventListener("click", (event) => {
    if (quote.classList.contains("short") || event.target.closest("a")) return;
    if (!getSelection().isCollapsed) return;
    unfolded.delete(name) || unfolded.add(name);
    show();
  });
  show();
  quote.inside = inside;
  return quote;
}

/** Marks the quotes that have nothing to unfold; call it when they are on the page. */
export function measureQuotes(node) {
  for (const quote of node.querySelectorAll(".expandable:not(.unfolded)")) {
    const inside = quote.firstElementChild;
    quote.classList.toggle("short", inside.scrollHeight <= inside.clientHeight + 1);
  }
}
