// Labels that the server has not acknowledged: kept in the browser until it has, sent in order.

export type Expression = "negative" | "weak" | "moderate" | "strong" | "other" | "cannot_judge";
export type Mode = "slide" | "queue" | "grid" | "review";

export interface CellRef {
  cell_id: string;
  slide_id: string;
  x_l0: number;
  y_l0: number;
}

/** One label as the reader gave it; `expression` null takes the reader's own label back (undo). */
export interface NewLabel {
  label_id: string;
  cell: CellRef;
  expression: Expression | null;
  made_at: string;
  mode: Mode;
  /** Of one act: a key on one cell, or one key on many selected cells. */
  act_id: string;
  /** The act that this one undoes or does again. */
  undoes?: string;
  assignment_id?: number;
  place?: number;
  /** The reader's own label before this one; known in the browser only, never sent. */
  before?: Expression | null;
}

export interface Outbox {
  /** Labels that wait for the server. */
  readonly nWaiting: number;
  /** Labels that the server acknowledged since the page was opened. */
  readonly nSaved: number;
  /** Labels that the server will not take; kept until the reader sends or drops them. */
  readonly nRefused: number;
  readonly lastSavedAt: Date | null;
  /** Why nothing is being saved, or null. */
  readonly problem: string | null;
  /** Whether labels that wait outlast a reload; false where the browser keeps nothing. */
  readonly isLasting: boolean;
  /** Done once what an earlier page left is known. */
  readonly ready: Promise<void>;
  /** Keep labels in the browser and send them; returns when they are kept, not when sent. */
  add(labels: NewLabel[]): Promise<void>;
  /** Labels that wait, in the order in which they were given. */
  waiting(): NewLabel[];
  refused(): { labels: NewLabel[]; sentence: string }[];
  /** Send now: the server may answer again, or somebody has signed in. */
  wake(): void;
  sendRefused(): Promise<void>;
  dropRefused(): Promise<void>;
  /** Called with every change of what waits, what is saved, or whether the server answers. */
  onChange(run: () => void): () => void;
  /** Called at once with labels as they are given, here or in another tab of the same reader. */
  onAdded(run: (labels: NewLabel[]) => void): () => void;
  /** Called with labels that the server has just acknowledged. */
  onSaved(run: (labels: NewLabel[]) => void): () => void;
}

/** A random id; also where the page is not served over TLS, which crypto.randomUUID asks for. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [8, 12, 16, 20].reduceRight((id, at) => `${id.slice(0, at)}-${id.slice(at)}`, hex);
}
