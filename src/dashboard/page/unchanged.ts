import type { Component, ComponentChild, FunctionComponent } from "preact";

/** The component, which is drawn again only where one of its properties is another than before. */
export function redrawnOnChange<P extends object>(
  draw: (properties: P) => ComponentChild,
): FunctionComponent<P> {
  return function (this: Component<P>, properties: P) {
    this.shouldComponentUpdate = (next) =>
      Object.keys(next).some((name) => next[name as keyof P] !== this.props[name as keyof P]);
    return draw(properties);
  } as FunctionComponent<P>;
}
