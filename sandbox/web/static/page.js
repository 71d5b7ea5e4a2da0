// The whole page: who there is, which chats are shown, and whether the sandbox and the bot are there.

import * as api from "./api.js";
import { Chat } from "./chat.js";
import { element } from "./elements.js";
import { People } from "./people.js";
import { language, say } from "./texts.js";

const BOT_CHECK_MS = 4000;
const COLUMN_PX = 360;
const OPEN = "sandbox.open";
const narrow = matchMedia("(max-width: 720px)");

class Page {
  constructor() {
    this.bot = { name: say("title"), connected: true };
    this.chats = new Map();
    this.open = [];
    this.current = null;
    this.people = new People(this);
    this.columns = element("main", { class: "columns" });
    this.lost = false;
    this.banner = element("div", { class: "lost", role: "status" });
    document.documentElement.lang = language;
    document.body.append(this.people.node, this.banner, this.columns);
  }

  /** Reads everything anew: at the start and after the connection was lost. */
  async load() {
    await Promise.all([this.readBot(), this.readPeople()]);
    if (this.chats.size === 0) await this.add(say("firstPerson"), language);
    if (this.open.length === 0) this.#choose();
    for (const chat of this.chats.values()) chat.loaded = false;
    this.show();
    await Promise.all(this.open.map((id) => this.chats.get(id).load()));
  }

  async readBot() {
    const bot = await api.bot();
    if (JSON.stringify(bot) === this.known) return;
    this.known = JSON.stringify(bot);
    this.bot = bot;
    document.title = bot.name;
    for (const chat of this.chats.values()) chat.changed();
    this.people.draw();
  }

  async readPeople() {
    const people = await api.people();
    const ids = new Set(people.map(({ id }) => id));
    for (const id of this.chats.keys()) if (!ids.has(id)) this.chats.delete(id);
    this.open = this.open.filter((id) => ids.has(id));
    if (!ids.has(this.current)) this.current = this.open[0] ?? null;
    for (const person of people) this.#put(person);
  }

  #put(person) {
    const known = this.chats.get(person.id);
    if (known) known.changed(person);
    else this.chats.set(person.id, new Chat(person, this));
    return this.chats.get(person.id);
  }

  /** The chats that were open last time, else as many as there is room for. */
  #choose() {
    const remembered = JSON.parse(sessionStorage.getItem(OPEN) ?? "[]").filter((id) => this.chats.has(id));
    const room = Math.max(1, Math.min(3, Math.floor(innerWidth / COLUMN_PX)));
    this.open = remembered.length ? remembered : [...this.chats.keys()].slice(0, room);
    this.current = this.open[0];
  }

  /** A new pretend user, shown at once. */
  async add(name, code) {
    const chat = this.#put(await api.addPerson(name, code));
    await this.openChat(chat.person.id);
  }

  /** A press on a name: shows the chat; on a wide screen a second press hides it again. */
  toggle(id) {
    if (!this.open.includes(id)) this.openChat(id);
    else if (this.canHide) this.hide(id);
    else this.openChat(id);
  }

  async openChat(id) {
    if (!this.open.includes(id)) this.open.push(id);
    this.current = id;
    this.show();
    this.people.reveal(id);
    const chat = this.chats.get(id);
    chat.node.scrollIntoView({ inline: "nearest" });
    if (!chat.loaded) await chat.load();
    chat.toEnd();
    if (!narrow.matches) chat.composer.input.focus();
  }

  /** Whether there is more than one column. */
  get canHide() {
    return this.open.length > 1 && !narrow.matches;
  }

  hide(id) {
    this.open = this.open.filter((other) => other !== id);
    if (this.current === id) this.current = this.open.at(-1);
    this.show();
  }

  /** Whether a press on the name would find its chat on the screen. */
  isShown(id) {
    return narrow.matches ? id === this.current : this.open.includes(id);
  }

  /** Puts the open chats side by side; on a phone the style sheet leaves the current one. */
  show() {
    for (const [id, chat] of this.chats) {
      chat.node.classList.toggle("current", id === this.current);
      if (this.isShown(id)) chat.unread = 0;
    }
    // A column that stays is left where it is: one that is put in anew forgets how far it was scrolled.
    const wanted = this.open.map((id) => this.chats.get(id).node);
    for (const column of [...this.columns.children]) if (!wanted.includes(column)) column.remove();
    this.columns.append(...wanted.filter((column) => !column.isConnected));
    sessionStorage.setItem(OPEN, JSON.stringify(this.open));
    this.people.draw();
  }

  unread() {
    this.people.draw();
  }

  async happened(name, user, data) {
    if (name === "commands") await Promise.all(this.open.map((id) => this.chats.get(id).readCommands()));
    else if (name === "user") this.#known(data);
    else if (this.chats.has(user)) this.chats.get(user).happened(name, data);
    else if (user !== null) await this.#stranger(user, name, data);
  }

  /** A person who is new or changed, here or on another page. */
  #known(person) {
    this.#put(person);
    this.people.draw();
  }

  /** Somebody who was not there when the page was read. */
  async #stranger(user, name, data) {
    await this.readPeople();
    this.people.draw();
    this.chats.get(user)?.happened(name, data);
  }

  tellLost(lost) {
    if (lost === this.lost) return;
    this.lost = lost;
    this.banner.textContent = lost ? say("lost") : "";
    for (const chat of this.chats.values()) chat.changed();
    this.people.draw();
  }
}

function start() {
  const page = new Page();
  narrow.addEventListener("change", () => page.show());
  api.listen({
    opened: () => page.load().then(() => page.tellLost(false), () => page.tellLost(true)),
    lost: () => page.tellLost(true),
    happened: (...event) => page.happened(...event),
  });
  setInterval(() => document.hidden || page.readBot().catch(() => undefined), BOT_CHECK_MS);
}

start();
