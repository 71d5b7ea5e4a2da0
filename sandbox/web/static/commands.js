// The bot's commands above the input: all of them from the menu button, or those that fit what was typed.

import { element } from "./elements.js";
import { say } from "./texts.js";

export class Commands {
  /** @param {(text: string) => void} send */
  constructor(send) {
    this.send = send;
    this.chosen = -1;
    this.shown = [];
    this.node = element("ul", { class: "commands", role: "listbox", "aria-label": say("commands"), hidden: true });
  }

  /** Shows the commands that begin as the typed text does; none when it is no beginning of a command. */
  offer(commands, typed) {
    const fits = typed.startsWith("/") ? commands.filter(({ command }) => `/${command}`.startsWith(typed)) : [];
    this.#show(fits, typed === "/" ? -1 : 0);
  }

  /** The menu button: all commands, or none. */
  toggle(commands) {
    this.#show(this.shown.length ? [] : commands, -1);
  }

  close() {
    this.#show([], -1);
  }

  /** Arrows choose, Enter and Tab send what is chosen, Escape closes. True when the key was for the list. */
  key(event) {
    if (!this.shown.length) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const takes = (event.key === "Enter" || event.key === "Tab") && this.shown[this.chosen];
    if (step) this.#choose((this.chosen + step + this.shown.length) % this.shown.length);
    else if (takes) this.#take(takes);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  #show(commands, chosen) {
    this.shown = commands;
    this.node.hidden = commands.length === 0;
    this.node.replaceChildren(...commands.map((command) => this.#line(command)));
    this.#choose(commands.length ? chosen : -1);
  }

  #choose(place) {
    this.chosen = Math.max(-1, place);
    [...this.node.children].forEach((line, at) => line.setAttribute("aria-selected", String(at === this.chosen)));
    this.node.children[this.chosen]?.scrollIntoView({ block: "nearest" });
  }

  #line(command) {
    const words = [element("b", {}, `/${command.command}`), element("span", {}, command.description)];
    const line = element("li", { role: "option" }, ...words);
    // The press must not take the focus from the input.
    line.addEventListener("pointerdown", (event) => event.preventDefault());
    line.addEventListener("click", () => this.#take(command));
    return line;
  }

  #take({ command }) {
    this.close();
    this.send(`/${command}`);
  }
}
