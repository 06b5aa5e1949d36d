// Where the outbox keeps labels: the IndexedDB of this browser, shared by the tabs of one reader.

import { createStore, del, entries, set } from "idb-keyval";
import type { NewLabel } from "./outbox";

/** The labels of one act; `refusal` is why the server will not take them. */
export interface Kept {
  key: string;
  labels: NewLabel[];
  refusal?: string;
}

export interface News {
  kind: "added" | "saved" | "refused";
  entry: Kept;
}

export interface Shelf {
  /** Whether what is kept outlasts the page. */
  readonly isLasting: boolean;
  /** What is kept, in the order of its keys. */
  all(): Promise<Kept[]>;
  put(entry: Kept): Promise<void>;
  drop(key: string): Promise<void>;
  /** Tell the other tabs, and hear them. */
  tell(news: News): void;
  hear(run: (news: News) => void): void;
}

/** The shelf of one reader of one study in this browser. */
export function openShelf(name: string): Shelf {
  const store = createStore(name, "labels");
  const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(name) : null;
  let isLasting = "indexedDB" in globalThis;
  const tried = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      const done = await soon(work());
      isLasting = true;
      return done;
    } catch (error) {
      isLasting = false;
      throw error;
    }
  };
  return {
    get isLasting() {
      return isLasting;
    },
    all: () =>
      tried(async () => {
        const found = await entries<string, Kept>(store);
        return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
      }),
    put: (entry) => tried(() => set(entry.key, entry, store)),
    drop: (key) => tried(() => del(key, store)),
    tell: (news) => channel?.postMessage(news),
    hear: (run) => channel?.addEventListener("message", (event) => run(event.data as News)),
  };
}

const PATIENCE_MS = 5000;

/** A browser that blocks its storage may never answer; that counts as a failure. */
function soon<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the browser does not keep")), PATIENCE_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
