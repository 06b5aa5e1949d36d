// How the outbox sends: in order, one act a request, one tab at a time, with patience.

import { ApiError } from "./api";
import { newId } from "./outbox";
import type { NewLabel, Outbox } from "./outbox";
import type { Kept, News, Shelf } from "./shelf";

export interface Parts {
  shelf: Shelf;
  /** Send one act; rejects with ApiError where it was not acknowledged. */
  send(labels: NewLabel[]): Promise<void>;
  /** Run alone among the tabs of one reader. */
  alone(run: () => Promise<void>): Promise<void>;
  /** Run later; what it returns calls it off. */
  later(run: () => void, wait_ms: number): () => void;
}

export const LARGEST_REQUEST = 1000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** The server understood and will not take these labels, now or later: they must not block others. */
const REFUSALS = new Set([400, 404, 409, 413, 415, 422]);
const NOT_KEPT =
  "this browser keeps nothing on disk: labels that wait are lost when the page is closed";

export function createOutbox(parts: Parts): Outbox {
  return new Sending(parts);
}

class Sending implements Outbox {
  nSaved = 0;
  lastSavedAt: Date | null = null;
  readonly ready: Promise<void>;
  private readonly kept = new Map<string, Kept>();
  /** Of `kept`, what the shelf could not take. */
  private readonly loose = new Set<string>();
  private readonly isBeingKept = new Set<string>();
  private isDown: string | null = null;
  private nFailures = 0;
  private isBusy = false;
  private isWanted = false;
  private callOff: (() => void) | null = null;
  private lastKey = 0;
  private readonly changes = new Set<() => void>();
  private readonly adds = new Set<(labels: NewLabel[]) => void>();
  private readonly saves = new Set<(labels: NewLabel[]) => void>();

  constructor(private readonly parts: Parts) {
    parts.shelf.hear((news) => this.hear(news));
    this.ready = this.load();
  }

  get nWaiting(): number {
    return this.count((one) => !one.refusal);
  }
  get nRefused(): number {
    return this.count((one) => Boolean(one.refusal));
  }
  get isLasting(): boolean {
    return this.parts.shelf.isLasting && this.loose.size === 0;
  }
  get problem(): string | null {
    return this.isDown ?? (this.isLasting ? null : NOT_KEPT);
  }

  async add(labels: NewLabel[]): Promise<void> {
    if (!labels.length) return;
    for (const run of this.adds) run(labels);
    const entries = acts(labels).map((act) => ({ key: this.nextKey(), labels: act }));
    for (const entry of entries) this.kept.set(entry.key, entry);
    await Promise.all(entries.map((entry) => this.keep(entry)));
    for (const entry of entries) this.parts.shelf.tell({ kind: "added", entry });
    this.changed();
    if (!this.callOff) this.drain();
  }

  waiting(): NewLabel[] {
    return this.inOrder().filter((one) => !one.refusal).flatMap((one) => one.labels);
  }
  refused(): { labels: NewLabel[]; sentence: string }[] {
    const refused = this.inOrder().filter((one) => one.refusal);
    return refused.map(({ labels, refusal }) => ({ labels, sentence: refusal ?? "" }));
  }
  wake(): void {
    this.callOff?.();
    this.callOff = null;
    this.drain();
  }
  async sendRefused(): Promise<void> {
    for (const one of this.inOrder().filter(({ refusal }) => refusal)) {
      const again = { key: one.key, labels: one.labels };
      this.kept.set(one.key, again);
      await this.keep(again);
    }
    this.changed();
    this.wake();
  }
  async dropRefused(): Promise<void> {
    for (const one of this.inOrder().filter(({ refusal }) => refusal)) await this.forget(one.key);
    this.changed();
  }
  onChange(run: () => void): () => void {
    return listen(this.changes, run);
  }
  onAdded(run: (labels: NewLabel[]) => void): () => void {
    return listen(this.adds, run);
  }
  onSaved(run: (labels: NewLabel[]) => void): () => void {
    return listen(this.saves, run);
  }

  private async load(): Promise<void> {
    for (const one of await this.parts.shelf.all().catch(() => [])) {
      // A refusal of an earlier page is tried once more: the reason may be gone.
      if (!this.kept.has(one.key)) this.kept.set(one.key, { key: one.key, labels: one.labels });
      this.follow(one.key);
    }
    this.changed();
    this.drain();
  }

  private drain(): void {
    this.isWanted = true;
    if (this.isBusy) return;
    this.isBusy = true;
    void this.drainAlone()
      .catch((error: unknown) => this.failed(String(error)))
      .finally(() => {
        this.isBusy = false;
        if (this.isWanted) this.drain();
      });
  }

  private async drainAlone(): Promise<void> {
    while (this.isWanted) {
      this.isWanted = false;
      if (!this.nWaiting) return;
      await this.parts.alone(() => this.sendAll());
    }
  }

  private async sendAll(): Promise<void> {
    for (const entry of await this.toSend()) {
      try {
        await this.parts.send(entry.labels);
      } catch (error) {
        const { status, message } = error instanceof ApiError ? error : { status: 0, message: String(error) };
        if (!REFUSALS.has(status)) return this.failed(message);
        await this.refuse(entry, message);
        continue;
      }
      await this.forget(entry.key);
      this.saved(entry.labels);
      this.parts.shelf.tell({ kind: "saved", entry });
    }
    if (this.nWaiting) this.isWanted = true;
  }

  /** What waits on the shelf of all tabs; another tab may have sent what this one remembers. */
  private async toSend(): Promise<Kept[]> {
    const known = [...this.kept.keys()].filter((key) => !this.loose.has(key) && !this.isBeingKept.has(key));
    const shelved = await this.parts.shelf.all().catch(() => null);
    if (shelved) {
      const there = new Set(shelved.map(({ key }) => key));
      for (const key of known) if (!there.has(key)) this.kept.delete(key);
      for (const one of shelved) if (!this.kept.has(one.key)) this.kept.set(one.key, one);
      this.changed();
    }
    return this.inOrder().filter((one) => !one.refusal && !this.isBeingKept.has(one.key));
  }

  private async keep(entry: Kept): Promise<void> {
    this.isBeingKept.add(entry.key);
    try {
      await this.parts.shelf.put(entry);
      this.loose.delete(entry.key);
    } catch {
      this.loose.add(entry.key);
    } finally {
      this.isBeingKept.delete(entry.key);
    }
  }

  private async forget(key: string): Promise<void> {
    this.kept.delete(key);
    this.loose.delete(key);
    // Where the shelf cannot forget it, it is sent again, and the server stores it once.
    await this.parts.shelf.drop(key).catch(() => {});
  }

  private async refuse(entry: Kept, refusal: string): Promise<void> {
    const refused = { ...entry, refusal };
    this.kept.set(entry.key, refused);
    await this.keep(refused);
    this.nFailures = 0;
    this.isDown = null;
    this.parts.shelf.tell({ kind: "refused", entry: refused });
    this.changed();
  }

  private failed(sentence: string): void {
    this.isDown = sentence;
    this.isWanted = false;
    const wait_ms = Math.min(FIRST_WAIT_MS * 2 ** this.nFailures, LONGEST_WAIT_MS);
    this.nFailures += 1;
    this.callOff?.();
    this.callOff = this.parts.later(() => this.wake(), wait_ms);
    this.changed();
  }

  private saved(labels: NewLabel[]): void {
    this.nSaved += labels.length;
    this.lastSavedAt = new Date();
    this.nFailures = 0;
    this.isDown = null;
    for (const run of this.saves) run(labels);
    this.changed();
  }

  private hear({ kind, entry }: News): void {
    if (kind === "added") {
      if (this.kept.has(entry.key)) return;
      this.kept.set(entry.key, entry);
      this.follow(entry.key);
      for (const run of this.adds) run(entry.labels);
    } else if (kind === "refused") this.kept.set(entry.key, entry);
    else {
      this.kept.delete(entry.key);
      this.saved(entry.labels);
    }
    this.changed();
  }

  private inOrder(): Kept[] {
    return [...this.kept.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }
  private count(which: (one: Kept) => boolean): number {
    let n = 0;
    for (const one of this.kept.values()) if (which(one)) n += one.labels.length;
    return n;
  }
  /** Keys sort by the time of the act, over tabs and reloads; never backwards in one tab. */
  private nextKey(): string {
    this.lastKey = Math.max(Date.now() * 1000, this.lastKey + 1);
    return `${String(this.lastKey).padStart(17, "0")}-${newId().slice(0, 8)}`;
  }
  private follow(key: string): void {
    this.lastKey = Math.max(this.lastKey, Number(key.split("-")[0]) || 0);
  }
  private changed(): void {
    for (const run of this.changes) run();
  }
}

/** One request an act; a very large act in several of the same name. */
function acts(labels: NewLabel[]): NewLabel[][] {
  const parts: NewLabel[][] = [];
  for (const label of labels) {
    const last = parts.at(-1);
    const isSame = last?.[0]?.act_id === label.act_id && last.length < LARGEST_REQUEST;
    if (last && isSame) last.push(label);
    else parts.push([label]);
  }
  return parts;
}

function listen<T>(all: Set<T>, run: T): () => void {
  all.add(run);
  return () => all.delete(run);
}
