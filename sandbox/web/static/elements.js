// Builds DOM nodes. Text only ever becomes a text node, so no message can bring markup along.

/**
 * @param {string} tag
 * @param {Object<string, any>} [properties] `class`, `data` (dataset), `on` (listeners), `style` (custom properties too),
 *   `aria-*` and `role` as attributes; all else is set as a property. An undefined value is left out.
 * @param {...(Node|string|null|undefined|false)} children
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined) set(node, name, value);
  }
  node.append(...children.filter((child) => child || child === 0));
  return node;
}

function set(node, name, value) {
  if (name === "class") node.className = value;
  else if (name === "data") Object.assign(node.dataset, value);
  else if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
  else if (name === "style") for (const [key, part] of Object.entries(value)) node.style.setProperty(key, part);
  else if (name === "role" || name.startsWith("aria-")) node.setAttribute(name, String(value));
  else node[name] = value;
}

/** A button that submits nothing. `label` is what a screen reader says when the face is a sign. */
export function button(properties, ...children) {
  const { label, ...others } = properties;
  return element("button", { type: "button", "aria-label": label, title: label, ...others }, ...children);
}

/** A round button with a drawn sign; `label` is its name. */
export function signButton(sign, label, click, kind = "") {
  return button({ class: `round ${kind}`, label, on: { click } }, icon(sign));
}

const SHAPES = {
  attach: "M21.4 11.1 12.2 20.2a6 6 0 0 1-8.5-8.5l9.2-9.2a4 4 0 0 1 5.7 5.7l-9.2 9.2a2 2 0 0 1-2.8-2.8l8.5-8.5",
  send: "M3.4 20.6 21 12 3.4 3.4l2.2 7L14 12l-8.4 1.6z",
  check: "M4 12.5l5 5L20 6.5",
  close: "M6 6l12 12M18 6 6 18",
  down: "M6 9l6 6 6-6",
  pencil: "M4 20l1-4L16.5 4.5l3 3L8 19zM14.5 6.5l3 3",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  more: "M12 5h.01M12 12h.01M12 19h.01",
  menu: "M4 7h16M4 12h16M4 17h16",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20.5c1-4 4-6 8-6s7 2 8 6",
  plus: "M12 5v14M5 12h14",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
};

/** A drawn sign; it says nothing to a screen reader. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}
