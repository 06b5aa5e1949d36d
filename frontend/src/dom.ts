// Elements made by code: text enters the page as text only, never as markup.

type Child = Node | string | null | undefined | false;
type Props<K extends keyof HTMLElementTagNameMap> = Partial<
  Omit<HTMLElementTagNameMap[K], "style" | "dataset">
> & { aria?: Record<string, string>; data?: Record<string, string> };

/** Make an element; `aria` and `data` become attributes, everything else a property. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props<K> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const { aria = {}, data = {}, ...rest } = props;
  Object.assign(element, rest);
  for (const [name, value] of Object.entries(aria)) {
    element.setAttribute(name === "role" ? "role" : `aria-${name}`, value);
  }
  for (const [name, value] of Object.entries(data)) element.dataset[name] = value;
  for (const child of children) if (child) element.append(child);
  return element;
}

/** Put new children in the place of the old ones. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
}
