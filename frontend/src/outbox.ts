// Labels that the server has not acknowledged: kept in the browser until it has, sent in order.

export type Expression = "negative" | "weak" | "moderate" | "strong" | "other" | "cannot_judge";
export type Mode = "slide" | "queue" | "grid";

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
}

export interface Outbox {
  /** Labels that wait for the server. */
  readonly nWaiting: number;
  /** Labels that the server acknowledged since the page was opened. */
  readonly nSaved: number;
  /** Why nothing is being saved, or null. */
  readonly problem: string | null;
  /** Keep labels in the browser and send them; returns when they are kept, not when sent. */
  add(labels: NewLabel[]): Promise<void>;
  /** Called with every change of what waits, what is saved, or whether the server answers. */
  onChange(run: () => void): () => void;
  /** Called with labels that the server has just acknowledged. */
  onSaved(run: (labels: NewLabel[]) => void): () => void;
}
