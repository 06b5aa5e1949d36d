// What every page of the workbench is given, and what it gives back.

import type { Api } from "./api";
import type { Keys } from "./keys";
import type { Outbox } from "./outbox";
import type { components } from "./openapi";

export type Session = components["schemas"]["SessionOut"];
export type Slide = components["schemas"]["SlideOut"];

export interface App {
  readonly api: Api;
  readonly session: Session;
  readonly keys: Keys;
  readonly outbox: Outbox;
  /** Say something to the person: shown for a moment, and read out by a screen reader. */
  say(text: string, kind?: "done" | "problem"): void;
  /** Show a page: its name and its parameters stand in the URL, so that a view is a link. */
  go(page: string, params?: Record<string, string | number>): void;
  /** Change parameters of the present page in the URL without leaving it. */
  note(params: Record<string, string | number | null>): void;
}

/** Fills `root`; what it returns is called when the page is left. */
export type Page = (
  root: HTMLElement,
  app: App,
  params: URLSearchParams,
) => (() => void) | Promise<() => void>;
