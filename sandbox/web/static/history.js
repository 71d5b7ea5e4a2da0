// The messages of one chat in order, and how they fall into bubbles. Knows nothing of the page.

export class History {
  #messages = new Map();

  /** All messages anew. */
  replace(messages) {
    this.#messages = new Map(messages.map((message) => [message.message_id, message]));
  }

  put(message) {
    this.#messages.set(message.message_id, message);
  }

  remove(messageId) {
    this.#messages.delete(messageId);
  }

  has(messageId) {
    return this.#messages.has(messageId);
  }

  get size() {
    return this.#messages.size;
  }

  /** The user's newest message that can be edited. */
  get lastEditable() {
    return [...this.#messages.values()].filter(isEditable).sort(byId).at(-1);
  }

  /** Lists of messages, one a bubble: the parts of an album stand together where its first part is. */
  get bubbles() {
    const groups = new Map();
    for (const message of [...this.#messages.values()].sort(byId)) {
      const key = message.media_group_id ? `album-${message.media_group_id}` : `message-${message.message_id}`;
      groups.set(key, [...(groups.get(key) ?? []), message]);
    }
    return [...groups];
  }
}

export const isMine = (message) => !message.from?.is_bot;
export const isEditable = (message) => isMine(message) && Boolean(message.text || message.caption);
const byId = (one, other) => one.message_id - other.message_id;
