// The bar at the top: what this is, whether the bot is there, and the pretend users to choose from.

import { button, element, icon } from "./elements.js";
import { chooseLanguage, language, say } from "./texts.js";
import { modal } from "./viewer.js";

const HUES = 7;

export class People {
  constructor(page) {
    this.page = page;
    this.state = element("span", { class: "bot-state", role: "status" });
    this.names = element("nav", { class: "people", "aria-label": say("people") });
    // A mouse has no other way to the names that do not fit.
    this.names.addEventListener("wheel", ({ deltaY }) => (this.names.scrollLeft += deltaY), { passive: true });
    const title = element("h1", {}, say("title"));
    const notice = element("p", { class: "notice" }, title, element("span", {}, say("notice")));
    const add = button({ class: "chip add", label: say("addPerson"), on: { click: () => this.#ask() } }, icon("plus"));
    const switcher = element("div", { class: "switcher" }, this.names, add);
    this.node = element("header", { class: "top" }, notice, switcher, this.state, languages());
  }

  draw() {
    const connected = this.page.bot.connected && !this.page.lost;
    const state = say(connected ? "botOnline" : "botOffline");
    if (this.state.textContent !== state) this.state.replaceChildren(state);
    this.state.classList.toggle("online", connected);
    const focused = this.names.contains(document.activeElement) && document.activeElement.dataset.focus;
    this.names.replaceChildren(...[...this.page.chats.values()].map((chat) => this.#chip(chat)));
    if (focused) this.names.querySelector(`[data-focus="${focused}"]`)?.focus();
  }

  /** Brings a name into sight. */
  reveal(id) {
    this.names.querySelector(`[data-focus="${id}"]`).scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #chip({ person, unread }) {
    const face = element("span", { class: `avatar hue-${person.id % HUES}`, "aria-hidden": true }, [...person.name][0]);
    const news = { class: "unread", "aria-label": say("unread", { count: unread }) };
    const count = unread > 0 && element("span", news, String(unread));
    const name = element("span", { class: "person" }, person.name);
    const on = { click: () => this.page.toggle(person.id) };
    const pressed = this.page.isShown(person.id);
    return button({ class: "chip", data: { focus: String(person.id) }, "aria-pressed": pressed, on }, face, name, count);
  }

  /** The dialog for a new pretend user. */
  #ask() {
    const name = element("input", { name: "name", required: true, maxLength: 64, autocomplete: "off" });
    const code = element("select", { name: "language" }, ...options(language));
    const cancel = button({ class: "plain quiet", on: { click: () => dialog.close() } }, say("cancel"));
    const add = element("button", { class: "plain" }, say("add"));
    const form = element(
      "form",
      { method: "dialog" },
      element("h2", {}, say("addPerson")),
      element("label", {}, say("personName"), name),
      element("label", {}, say("personLanguage"), code),
      element("div", { class: "choices" }, cancel, add),
    );
    form.addEventListener("submit", () => this.page.add(name.value.trim(), code.value));
    const dialog = modal("form", say("addPerson"), form);
  }
}

function options(chosen) {
  return ["ru", "en"].map((code) => element("option", { value: code, selected: code === chosen }, say(code)));
}

function languages() {
  const choice = element("select", { class: "language", "aria-label": say("language") });
  const faces = { ru: "RU", en: "EN" };
  for (const [value, face] of Object.entries(faces)) {
    choice.append(element("option", { value, selected: value === language }, face));
  }
  choice.addEventListener("change", () => chooseLanguage(choice.value));
  return choice;
}
