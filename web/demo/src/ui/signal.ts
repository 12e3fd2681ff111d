/** A value that tells who is interested when it changes. */
export class Signal<T> {
  #value: T;
  readonly #listeners = new Set<(value: T, before: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    const before = this.#value;
    this.#value = value;
    for (const listener of this.#listeners) listener(value, before);
  }

  /** Calls `listener` now and after every change. */
  follow(listener: (value: T, before: T) => void): void {
    this.#listeners.add(listener);
    listener(this.#value, this.#value);
  }
}
