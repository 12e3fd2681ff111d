/** The little that the page needs of a view library. Text goes in as text nodes: nothing of a data file is parsed as HTML. */
type Child = Node | string | number | null | false | undefined;
type Attributes = Record<string, string | number | boolean | EventListener | undefined>;

/** An element with attributes, `onclick`-style listeners and children; `false` and `undefined` leave an attribute out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...present(children));
  return element;
}

function present(children: Child[]): (Node | string)[] {
  return children
    .filter(
      (child): child is Node | string | number =>
        child !== null && child !== undefined && child !== false,
    )
    .map((child) => (typeof child === "number" ? String(child) : child));
}

export function replace(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...present(children));
}

/** The element that index.html has under this id. A missing one is a fault of the page. */
// The caller knows what kind of element it put there.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export function byId<T extends Element = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no #${id}`);
  return element as unknown as T;
}

/** One of the icons that index.html defines as symbols. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** Has a screen reader say this, when it is done with what it is saying. */
export function announce(text: string): void {
  byId("announcer").textContent = text;
}

/** Offers bytes as a download. */
export function download(
  name: string,
  type: string,
  content: Uint8Array<ArrayBuffer> | string,
): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  h("a", { href: url, download: name }).click();
  // The browser has taken the bytes over by the next turn of its event loop; a minute is generous.
  setTimeout(() => {
    URL.revokeObjectURL(url);
  }, 60_000);
}

/** A message of the engine as a sentence among others. */
export function sentence(message: string): string {
  const text = message.trim();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

const integers = new Intl.NumberFormat("en");

export function count(value: number): string {
  return integers.format(value);
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Seconds with as many digits as mean something: 0.043, 1.24, 31. */
export function seconds(milliseconds: number): string {
  const value = milliseconds / 1000;
  return value < 0.1 ? value.toFixed(3) : value < 10 ? value.toFixed(2) : value.toFixed(0);
}
